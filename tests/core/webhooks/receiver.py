"""A real receiver on loopback that keeps what it gets and answers as it is told, also badly."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

HANG, DIE, DIE_HALF_WAY = "hang", "die", "die half way"


@dataclass(frozen=True)
class Got:
    """One request."""

    path: str
    headers: dict[str, str]
    body: str


@dataclass(frozen=True)
class Reply:
    """One answer."""

    status: int = 204
    body: bytes = b""
    headers: tuple[str, ...] = ()


Answer = Callable[[Got], Reply | str]


class Receiver:
    """Answers 204 until told otherwise."""

    def __init__(self) -> None:
        self.port = 0
        self.got: list[Got] = []
        self.arrivals: asyncio.Queue[Got] = asyncio.Queue()
        self.answer: Answer = lambda got: Reply()
        self.at_once = self.most_at_once = 0
        self.released = asyncio.Event()

    @property
    def url(self) -> str:
        """Where to reach it."""
        return f"http://127.0.0.1:{self.port}/hook"

    def answers(self, *replies: Reply | str) -> None:
        """Answer so, one after the other, and the last one for ever."""
        waiting = list(replies)
        self.answer = lambda got: waiting.pop(0) if len(waiting) > 1 else waiting[0]

    def release(self) -> None:
        """Drop every connection that hangs."""
        self.released.set()

    def bodies(self) -> list[str]:
        """Every body so far."""
        return [got.body for got in self.got]

    def message_ids(self) -> list[str]:
        """Every `webhook-id` so far."""
        return [got.headers["webhook-id"] for got in self.got]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        while True:
            got = await _read(reader)
            self.got.append(got)
            self.arrivals.put_nowait(got)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            try:
                reply = self.answer(got)
                if reply == HANG:
                    await self.released.wait()
                if isinstance(reply, str):
                    if reply == DIE_HALF_WAY:
                        writer.write(b"HTTP/1.1 200 OK\r\nContent-Le")
                    return
                await asyncio.sleep(0)
            finally:
                self.at_once -= 1
            lines = [
                f"HTTP/1.1 {reply.status} X",
                f"Content-Length: {len(reply.body)}",
                *reply.headers,
                "",
                "",
            ]
            writer.write("\r\n".join(lines).encode() + reply.body)
            await writer.drain()


async def _read(reader: asyncio.StreamReader) -> Got:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers["content-length"]))
    return Got(head[0].split(" ")[1], headers, body.decode())


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver on a free port."""
    receiver = Receiver()
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await receiver.serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            return  # also at the end of the test, which asyncio would make a noise about
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    yield receiver
    server.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
