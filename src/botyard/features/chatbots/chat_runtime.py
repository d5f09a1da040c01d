"""What holding conversations takes, together: where they are stored, where versions come from, who helps."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from botyard.core.ingest.reader import StreamReader
from botyard.core.ingest.writer import Writer
from botyard.features.chatbots.runtime.ports import Knowledge, LanguageModel, Versions
from botyard.kit.db import Database


@dataclass
class ChatRuntime:
    """A part of the running process. Without knowledge or a language model their rungs are passed over."""

    db: Database
    writer: Writer
    reader: StreamReader
    versions: Versions
    knowledge: Knowledge | None = None
    language_model: LanguageModel | None = None
    _locks: dict[str, tuple[asyncio.Lock, int]] = field(default_factory=dict)

    @asynccontextmanager
    async def turn_of(self, conversation_id: str) -> AsyncIterator[None]:
        """One message of a conversation after the other, as far as this process sees them.

        Between processes the stored `seq` decides.
        """
        lock, users = self._locks.get(conversation_id, (asyncio.Lock(), 0))
        self._locks[conversation_id] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            lock, users = self._locks.pop(conversation_id)
            if users > 1:
                self._locks[conversation_id] = (lock, users - 1)

    def busy(self, conversation_id: str) -> bool:
        """Whether somebody in this process works on the conversation."""
        return conversation_id in self._locks
