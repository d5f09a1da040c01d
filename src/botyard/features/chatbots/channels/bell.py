"""Wakes those who wait for something to happen in a conversation, by one subscription for the whole process."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from botyard.core.realtime.hub import Hub
from botyard.core.realtime.listening import listen
from botyard.core.realtime.subscription import Delivery
from botyard.features.chatbots import events

_HEARD = (
    events.MessageReceived,
    events.MessageSent,
    events.HandoverRequested,
    events.ConversationAttended,
    events.ConversationReturned,
    events.ConversationClosed,
    events.ConversationRated,
)
_NAMES = frozenset(kind.name for kind in _HEARD)


class ConversationBell:
    """A part of the running process; whoever is woken reads what happened from the store."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._waiting: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._task: asyncio.Task[None] | None = None
        self.closed = False

    async def start(self) -> None:
        """Listen from now on."""
        self._task = asyncio.create_task(self._follow(), name="conversation-bell")

    def close(self) -> None:
        """Wake everybody for the last time."""
        self.closed = True
        self._ring_all()

    async def stop(self) -> None:
        """Close, and listen no more."""
        self.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @contextmanager
    def waiting(self, conversation_id: str) -> Iterator[asyncio.Event]:
        """An event that is set whenever something happens in the conversation."""
        rung = asyncio.Event()
        self._waiting[conversation_id].add(rung)
        try:
            yield rung
        finally:
            waiters = self._waiting[conversation_id]
            waiters.discard(rung)
            if not waiters:
                del self._waiting[conversation_id]

    def listeners(self, conversation_id: str) -> int:
        """How many wait for this conversation."""
        return len(self._waiting.get(conversation_id, ()))

    async def _follow(self) -> None:
        await listen(self._hub, owner_id=None, names=_NAMES, begin=self._begin, hear=self._hear)
        self.close()  # the hub has ended: the server stops

    async def _begin(self) -> None:
        self._ring_all()  # something may have come while nobody listened

    async def _hear(self, news: Sequence[Delivery]) -> None:
        for delivery in news:
            for rung in self._waiting.get(getattr(delivery.event, "conversation_id", ""), ()):
                rung.set()

    def _ring_all(self) -> None:
        for waiters in self._waiting.values():
            for rung in waiters:
                rung.set()
