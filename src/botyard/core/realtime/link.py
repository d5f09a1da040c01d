"""A bus over a connection that may break: reconnects, says what may have been missed, merges what waits."""

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import structlog

from botyard.core.realtime import cursor, metrics
from botyard.core.realtime.cursor import CursorInvalid, Positions
from botyard.kit import clock, ids

CHANNEL = "botyard_events"
_PAUSE_S = (0.1, 5.0)  # first and longest pause before the next try to connect
_PING_S = 10.0
_ANSWER_S = 5.0

_log = structlog.get_logger(__name__)


class LinkLost(ConnectionError):
    """The connection of the bus ended."""


class Link(Protocol):
    """A connection that listens; `LinkedBus.lose` is called when it ends."""

    async def send(self, payload: str) -> None:
        """Publish to everyone on the channel, this process included."""
        ...

    async def ping(self) -> None:
        """Fail when the other side is gone."""
        ...


class LinkedBus(ABC):
    """What PostgreSQL and Redis have in common as a bus."""

    def __init__(self) -> None:
        self.connected = False
        self.answer_s = _ANSWER_S  # a server that is silent for longer is gone
        self.heard: Callable[[Positions], None] = lambda news: None
        self._gap: Callable[[], None] = lambda: None
        self._sender = ids.ulid()
        self._news: Positions = {}
        self._wake = asyncio.Event()
        self._broken = False
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    @abstractmethod
    def open(self) -> AbstractAsyncContextManager[Link]:
        """Connect and listen; messages go to `receive`, the end of the connection to `lose`."""

    async def start(self, heard: Callable[[Positions], None], gap: Callable[[], None]) -> None:
        """Begin to connect; does not wait for it, since everything works without, only later."""
        self.heard, self._gap = heard, gap
        self._task = asyncio.create_task(self._run(), name="bus")

    async def stop(self) -> None:
        """Disconnect."""
        self._stopping = True
        self._wake.set()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def send(self, news: Positions) -> None:
        """Tell the others soon; what waits is merged, also over a time without connection."""
        for key, last in news.items():
            if last > self._news.get(key, -1):
                self._news[key] = last
        self._wake.set()

    def receive(self, payload: str) -> None:
        """Take a message of the channel; one of this process, or of something else, says nothing."""
        sender, _, text = payload.partition(" ")
        if sender == self._sender:
            return
        try:
            news = cursor.read(text)
        except CursorInvalid:
            _log.warning("realtime.bus_message_unknown", size=len(payload))
            return
        self.heard(news)

    def lose(self) -> None:
        """Learn that the connection ended."""
        self._broken = True
        self._wake.set()

    async def _run(self) -> None:
        first, longest = _PAUSE_S
        pause = first
        while True:
            try:
                async with self.open() as link:
                    self._broken, self.connected, pause = False, True, first
                    self._gap()
                    await self._serve(link)
            except Exception as error:
                # Whatever a driver raises: a process without its bus is late by a second, not broken.
                _log.warning("realtime.bus_lost", kind=type(error).__name__, error=str(error))
                metrics.BUS_LOST.inc()
            finally:
                self.connected = False
            # A driver that fails while it closes hides the cancellation behind its own error.
            if self._stopping:
                return
            await asyncio.sleep(clock.uniform(pause / 2, pause))
            pause = min(pause * 2, longest)

    async def _serve(self, link: Link) -> None:
        while not self._stopping:  # a driver may swallow the cancellation altogether
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PING_S):
                    await self._wake.wait()
            if self._broken:
                raise LinkLost("the other side closed the connection")
            self._wake.clear()
            news, self._news = self._news, {}
            try:
                async with asyncio.timeout(self.answer_s):
                    if news:
                        await link.send(f"{self._sender} {cursor.write(news)}")
                    else:
                        await link.ping()
            except BaseException:
                self.send(news)  # for the next connection
                raise
