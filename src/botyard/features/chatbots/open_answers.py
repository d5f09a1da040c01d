"""Answers that a crash left open are made as soon as the next process starts."""

import asyncio

import structlog

from botyard.features.chatbots import sending
from botyard.features.chatbots.chat_runtime import ChatRuntime

_log = structlog.get_logger(__name__)


class OpenAnswers:
    """A piece of a process that works; belongs to the event loop that started it.

    On SQLite no other process lives, so whatever is open when this one starts was left by one that died. On PostgreSQL
    another process may be at work on it, and nothing stored says which: there the job `chatbots.open_answers` takes
    up what is older than any process works on one answer.
    """

    def __init__(self, chat: ChatRuntime) -> None:
        self._chat = chat
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin with them, beside everything else."""
        if self._chat.db.embedded:
            self._task = asyncio.create_task(self._make(), name="chatbots-open-answers")

    async def stop(self) -> None:
        """Leave what is not made to the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _make(self) -> None:
        try:
            if made := await sending.resume(self._chat, older_than_s=0):
                _log.info("chatbots.open_answers_made", count=made)
        except Exception:  # the job tries again within minutes
            _log.exception("chatbots.open_answers_failed")
