"""A server of language models on loopback: what both kinds share. Strict with requests, and ready to fail."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Self

FAULTS = ("hang", "cut", "busy", "wrong_key", "garbled", "stall", "error_within")


@dataclass
class FakeModels:
    """What it was asked and what it writes. `says` makes the text from the messages; each fault is used up once."""

    says: Callable[[list[dict[str, Any]]], str] = lambda messages: '{"reply": "Hello.", "action": "none"}'
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)  # what requests had that the description does not
    faults: list[str] = field(default_factory=list)
    piece: int = 7  # characters of a token
    url: str = ""
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    streaming: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)  # the one who asked went away

    def fail(self, *faults: str) -> None:
        """Misbehave like this at the next requests, one after the other; an empty one is none."""
        assert set(faults) <= {*FAULTS, ""}
        self.faults += faults

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Self]:
        """Listen on a free port until the block ends; then no request may have broken the description."""
        tasks: set[asyncio.Task[Any]] = set()

        async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            try:
                with suppress(ConnectionError, asyncio.IncompleteReadError):
                    await self._serve(reader, writer)
            finally:
                writer.close()

        server = await asyncio.start_server(take, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        assert self.broken == []

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")
        method, path, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        raw = await reader.readexactly(int(headers.get("content-length", 0)))
        body = json.loads(raw) if raw else {}
        self.requests.append(body)
        self.headers.append(headers)
        self.arrived.set()
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "hang":
            await self._until_gone(reader)
        elif fault in ("busy", "wrong_key"):
            await _answer(
                writer,
                503 if fault == "busy" else 401,
                self.refusal(f"{fault} {headers.get('authorization')}"),
            )
        elif refused := self.refuses(method, path, headers, body):
            status, words = refused
            self.broken += [words] if status == 400 else []
            await _answer(writer, status, self.refusal(words))
        elif not self.streams(body):
            await _answer(writer, 200, self.whole(body, self.says(body.get("messages", []))))
        else:
            await self._stream(reader, writer, body, fault)

    async def _stream(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: dict[str, Any], fault: str
    ) -> None:
        lines = [
            f"Content-Type: {self.media_type}",
            "Transfer-Encoding: chunked",
            "Connection: close",
            "",
            "",
        ]
        writer.write("\r\n".join(["HTTP/1.1 200 OK", *lines]).encode())
        text = self.says(body["messages"])
        pieces = [text[at : at + self.piece] for at in range(0, len(text), self.piece)]
        for number, line in enumerate(self.lines(body, pieces)):
            if number == 2 and fault:
                if fault == "stall":
                    self.streaming.set()
                    await self._until_gone(reader)
                bad = {
                    "garbled": b"<html>",
                    "error_within": json.dumps(self.refusal("out of memory")).encode(),
                }
                writer.write(_chunk(bad[fault] + b"\n") if fault in bad else b"")
                await writer.drain()
                return
            writer.write(_chunk(line.encode()))
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    async def _until_gone(self, reader: asyncio.StreamReader) -> None:
        while await reader.read(1024):
            continue
        self.gone.set()
        raise ConnectionError

    # --- what the kinds differ in -----------------------------------------------------------------

    media_type = ""

    def refuses(
        self, method: str, path: str, headers: dict[str, str], body: dict[str, Any]
    ) -> tuple[int, str] | None:
        """Status and words where the request is not as described."""
        raise AssertionError(path)

    def streams(self, body: dict[str, Any]) -> bool:
        """Whether the request asks for a stream."""
        raise AssertionError(body)

    def refusal(self, words: str) -> dict[str, Any]:
        """The body of an error."""
        raise AssertionError(words)

    def whole(self, body: dict[str, Any], text: str) -> dict[str, Any]:
        """The answer in one piece."""
        raise AssertionError(text)

    def lines(self, body: dict[str, Any], pieces: Iterable[str]) -> list[str]:
        """The answer as it is streamed."""
        raise AssertionError(pieces)


def misfits(value: dict[str, Any], shape: dict[str, Any], needed: Iterable[str], where: str) -> list[str]:
    """What an object has that its shape does not, or in another type, and what it lacks."""
    found = [f"{where} has no {name}" for name in needed if name not in value]
    for name, each in value.items():
        if name not in shape:
            found.append(f"{where} has an unknown {name}")
        elif isinstance(each, bool) and shape[name] is not bool and shape[name] != (bool, str):
            found.append(f"{where}: {name} is a boolean")
        elif not isinstance(each, shape[name]):
            found.append(f"{where}: {name} is a {type(each).__name__}")
    return found


async def _answer(writer: asyncio.StreamWriter, status: int, value: dict[str, Any]) -> None:
    body = json.dumps(value).encode()
    head = f"HTTP/1.1 {status} Said\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    writer.write(f"{head}Connection: close\r\n\r\n".encode() + body)
    await writer.drain()


def _chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"
