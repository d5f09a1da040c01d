"""The bus over PostgreSQL's LISTEN and NOTIFY, on a connection of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from sqlalchemy.engine import URL

from botyard.core.realtime.link import CHANNEL, Link, LinkedBus


class _Listening:
    def __init__(self, connection: "asyncpg.Connection") -> None:
        self._connection = connection

    async def send(self, payload: str) -> None:
        await self._connection.execute("SELECT pg_notify($1, $2)", CHANNEL, payload)

    async def ping(self) -> None:
        await self._connection.execute("SELECT 1")


class PostgresBus(LinkedBus):
    """Needs no second server; enough until Socket.IO runs in several processes."""

    def __init__(self, url: URL) -> None:
        super().__init__()
        self._dsn = url.set(drivername="postgresql").render_as_string(hide_password=False)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Link]:
        """Connect and listen."""
        connection = await asyncpg.connect(
            self._dsn, timeout=self.answer_s, server_settings={"application_name": "botyard bus"}
        )
        try:
            connection.add_termination_listener(lambda _: self.lose())
            await connection.add_listener(CHANNEL, lambda _, _pid, _channel, payload: self.receive(payload))
            yield _Listening(connection)
        finally:
            connection.terminate()  # at once, since the other side may not answer any more
