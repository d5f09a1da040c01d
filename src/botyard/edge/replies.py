"""A chatbot's reply while it is made: the words of a language model as they come, then what was stored.

What the dashboard, a document and the visitors' door share; each has its own names for what it sends.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from typing import Any

import msgspec
from fastapi.sse import format_sse_event
from starlette.responses import StreamingResponse

from botyard.features.chatbots.conversation_types import Sent
from botyard.features.chatbots.runtime.ports import OnToken

HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
BEAT_S = 15.0
_running: set[asyncio.Task[Sent]] = set()  # a reply is stored also when nobody listens any more

Told = tuple[str, dict[str, Any]]  # name and data of an event


class Reply:
    """A message that is being answered. It goes on whatever becomes of those who listen; one of them hears it."""

    def __init__(self, send: Callable[[OnToken], Coroutine[Any, Any, Sent]]) -> None:
        self._words: list[str] = []
        self._rung = asyncio.Event()
        self.task = asyncio.create_task(send(self._hear), name="chatbot-reply")
        _running.add(self.task)
        self.task.add_done_callback(self._end)

    async def begun(self) -> None:
        """Wait for the first words or the end. Raises what sending raises, where no words came before."""
        await self._rung.wait()
        if not self._words:
            self.task.result()

    async def words(self) -> AsyncIterator[str]:
        """All words that have come, as soon as there are any; an empty text where it was silent for a while."""
        while True:
            rings = await rung(self._rung)
            self._rung.clear()
            ended = self.task.done()
            text = "".join(self._words)
            self._words.clear()
            if text or not (rings or ended):
                yield text
            if ended:
                return

    def _hear(self, text: str) -> None:
        self._words.append(text)
        self._rung.set()

    def _end(self, task: asyncio.Task[Sent]) -> None:
        _running.discard(task)
        self._rung.set()


async def stream(reply: Reply, outcome: Callable[[Reply], Told]) -> StreamingResponse:
    """The reply as server-sent events: `token` with words, at last `outcome`.

    Raises what sending raises, as long as nothing was streamed.
    """
    await reply.begun()
    return StreamingResponse(_frames(reply, outcome), media_type="text/event-stream", headers=HEADERS)


async def _frames(reply: Reply, outcome: Callable[[Reply], Told]) -> AsyncIterator[bytes]:
    async for words in reply.words():
        yield frame("token", {"text": words}) if words else format_sse_event(comment="here")
    yield frame(*outcome(reply))


def frame(name: str, data: dict[str, Any], *, event_id: str | None = None) -> bytes:
    """One event."""
    return format_sse_event(event=name, data_str=msgspec.json.encode(data).decode(), id=event_id)


async def rung(bell: asyncio.Event) -> bool:
    """Whether something happens before it is time for a beat."""
    with suppress(TimeoutError):
        async with asyncio.timeout(BEAT_S):
            return await bell.wait()
    return False
