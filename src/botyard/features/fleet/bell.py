"""Wakes the long-polls of a bot when a command of it may be ready, or its credential may have ended."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from botyard.core.accounts.events import KeyRevoked, SessionEnded, UserChanged
from botyard.core.accounts.types import Principal
from botyard.core.bots.events import BotDeleted, BotTokenChanged
from botyard.core.ingest.reader import StreamReader
from botyard.core.ingest.writer import Writer
from botyard.core.realtime.events import Event
from botyard.core.realtime.hub import Hub
from botyard.core.realtime.listening import listen
from botyard.core.realtime.subscription import Delivery
from botyard.features.fleet import commands
from botyard.features.fleet.events import CommandChanged
from botyard.features.fleet.types import CommandRecord, CommandState
from botyard.kit import clock

_OF_BOTS = (BotTokenChanged, BotDeleted)
_OF_ACCOUNTS = (SessionEnded, KeyRevoked, UserChanged)
_HEARD = frozenset(kind.name for kind in (CommandChanged, *_OF_BOTS, *_OF_ACCOUNTS))


class Recheck(Protocol):
    """Raises when the caller is no longer admitted; `fresh` looks past every cache."""

    def __call__(self, *, fresh: bool) -> Awaitable[None]: ...


@dataclass(eq=False, slots=True)
class _Waiter:
    user_id: int
    rung: asyncio.Event = field(default_factory=asyncio.Event)
    doubted: bool = False  # something was said about the credential


class CommandBell:
    """One subscription to the hub for every waiting bot of this process, whichever process queued."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._waiting: dict[str, set[_Waiter]] = defaultdict(set)
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    async def start(self) -> None:
        """Listen from now on."""
        hearing = listen(self._hub, owner_id=None, names=_HEARD, begin=self._begin, hear=self._heard)
        self._task = asyncio.create_task(hearing, name="command-bell")

    def close(self) -> None:
        """Let every waiting call answer at once, with what there is."""
        self._closing = True
        self._ring_all()

    async def stop(self) -> None:
        """Close, and listen no more."""
        self.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @property
    def waiting(self) -> int:
        """How many calls wait."""
        return sum(len(waiters) for waiters in self._waiting.values())

    async def _begin(self) -> None:
        self._ring_all()  # something may have come while nobody listened

    async def _heard(self, news: Sequence[Delivery]) -> None:
        for delivery in news:
            self._hear(delivery.event)

    def _hear(self, event: Event) -> None:
        if isinstance(event, CommandChanged):
            if event.state == CommandState.queued:
                self._ring(self._waiting.get(event.bot_id, ()))
        elif isinstance(event, _OF_BOTS):
            self._doubt(self._waiting.get(event.bot_id, ()))
        else:
            self._doubt([waiter for waiter in self._everyone() if waiter.user_id == event.owner_id])

    def _everyone(self) -> list[_Waiter]:
        return [waiter for waiters in self._waiting.values() for waiter in waiters]

    def _ring_all(self) -> None:
        self._ring(self._everyone())

    def _doubt(self, waiters: Iterable[_Waiter]) -> None:
        for waiter in waiters:
            waiter.doubted = True
            waiter.rung.set()

    @staticmethod
    def _ring(waiters: Iterable[_Waiter]) -> None:
        for waiter in waiters:
            waiter.rung.set()

    async def lease_waiting(
        self,
        writer: Writer,
        reader: StreamReader,
        *,
        bot_id: str,
        caller: Principal,
        recheck: Recheck,
        limit: int,
        lease_s: float | None,
        wait_s: float,
    ) -> list[CommandRecord]:
        """Commands of a bot as soon as there are any, or none after `wait_s` seconds.

        Without `lease_s` nothing is taken away. Raises what `recheck` raises as soon as the caller's
        credential ends, so that nothing is handed to whoever holds a token that was replaced meanwhile.
        """
        deadline = clock.monotonic() + wait_s
        waiter = _Waiter(caller.user_id)
        self._waiting[bot_id].add(waiter)
        try:
            while True:
                waiter.rung.clear()
                now_us = clock.now_us()
                due = await commands.next_due_us(reader, bot_id=bot_id, now_us=now_us)
                if due is not None and (due <= now_us or lease_s is None):
                    found = await self._take(writer, reader, bot_id, limit, lease_s)
                    if found:
                        return found
                left = deadline - clock.monotonic()
                if left <= 0 or self._closing:
                    return []
                await self._rest(waiter.rung, left, due)
                fresh, waiter.doubted = waiter.doubted, False
                await recheck(fresh=fresh)
        finally:
            self._waiting[bot_id].discard(waiter)
            if not self._waiting[bot_id]:
                del self._waiting[bot_id]

    @staticmethod
    async def _take(
        writer: Writer, reader: StreamReader, bot_id: str, limit: int, lease_s: float | None
    ) -> list[CommandRecord]:
        if lease_s is None:
            return await commands.pending(reader, bot_id=bot_id, limit=limit, now_us=clock.now_us())
        return await commands.lease(writer, bot_id=bot_id, limit=limit, lease_s=lease_s)

    @staticmethod
    async def _rest(bell: asyncio.Event, left_s: float, due_us: int | None) -> None:
        """Wait for the bell, but not past the moment when a delayed or leased command becomes ready."""
        if due_us is not None:
            left_s = min(left_s, max((due_us - clock.now_us()) / 1e6, 0.05))
        try:
            async with asyncio.timeout(left_s):
                await bell.wait()
        except TimeoutError:
            return
