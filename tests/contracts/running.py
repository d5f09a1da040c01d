"""A real server in this process, on a free loopback port."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import uvicorn
from starlette.applications import Starlette

from botyard import server as door
from botyard.app import Yard, create_app
from botyard.kit.db import Database
from botyard.settings import Settings


@dataclass(frozen=True)
class Running:
    """A server that answers at `url`."""

    url: str
    app: Starlette

    @property
    def yard(self) -> Yard:
        """What it is made of."""
        yard: Yard = self.app.state.yard
        return yard

    @property
    def db(self) -> Database:
        """Its stores and running pieces."""
        return self.yard.db


class Server(uvicorn.Server):
    """A server that leaves signals to the test run and says when it is up.

    It keeps idle connections for as long as a real one: a test whose call comes just as one is closed would fail.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        config.timeout_keep_alive = 75
        super().__init__(config)
        self.up = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()


@asynccontextmanager
async def run(
    settings: Settings, *, at_root: str | None = None, works: bool = True
) -> AsyncIterator[Running]:
    """Serve the whole application, or one document at the root, until the block ends.

    Of several servers in one process one may work at jobs. Nothing happens because of what the clock shows:
    tests compare what is stored before and after.
    """
    app = create_app(settings, at_root=at_root, works=works, recurs=False)
    listener = door.bind("127.0.0.1", 0)
    config = uvicorn.Config(
        app, log_config=None, lifespan="on", ws="websockets-sansio", timeout_graceful_shutdown=2
    )
    server = Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    up = asyncio.create_task(server.up.wait())
    await asyncio.wait({serving, up}, return_when=asyncio.FIRST_COMPLETED)
    up.cancel()
    if serving.done():
        listener.close()
        serving.result()
        raise RuntimeError("the server ended before it was up")
    try:
        yield Running(f"http://127.0.0.1:{listener.getsockname()[1]}", app)
    finally:
        app.state.yard.release()
        server.should_exit = True
        await serving
