"""A TCP proxy that breaks connections on demand, between the code under test and a real server."""

import asyncio
import contextlib
from urllib.parse import urlsplit

from sqlalchemy.engine import URL


class Proxy:
    """Passes bytes both ways until told otherwise."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self.accepted = 0
        self.port = 0

    async def start(self) -> None:
        """Listen on a free loopback port; after `stop`, on the same one again."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Refuse new connections and cut those there are."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.thaw()
        await self.cut()

    async def cut(self) -> None:
        """Reset every connection; new ones are welcome."""
        for writer in list(self._open):
            writer.transport.abort()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def freeze(self) -> None:
        """Swallow nothing and pass nothing on: a network that went silent."""
        self._flowing.clear()

    def thaw(self) -> None:
        """Pass on again what waited."""
        self._flowing.set()

    def url(self, url: URL) -> URL:
        """The same address, through this proxy."""
        return url.set(host="127.0.0.1", port=self.port)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        far_reader, far_writer = await asyncio.open_connection(*self._target)
        self._open |= {writer, far_writer}
        both = (self._pump(reader, far_writer), self._pump(far_reader, writer))
        for task in map(asyncio.ensure_future, both):
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                await self._flowing.wait()
                writer.write(data)
                await writer.drain()
        writer.transport.abort()
        self._open.discard(writer)


def in_front_of(url: URL | str) -> Proxy:
    """A proxy, not started, for the server at an address."""
    host, port = (
        (url.host, url.port) if isinstance(url, URL) else (urlsplit(url).hostname, urlsplit(url).port)
    )
    assert host
    assert port
    return Proxy(host, port)
