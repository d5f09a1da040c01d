"""Reading the stream store without the ORM: the hot calls ask small indexed questions, many a second.

On SQLite a small query runs right on the event loop (tens of microseconds; readers never wait for the
writer in WAL mode), where a thread hop would cost ten times as much. What may scan runs in a thread.
"""

import asyncio
import re
import sqlite3
import threading
from collections.abc import Mapping
from functools import cache
from typing import Any

import asyncpg

from botyard.kit.db import Stores, sqlite_pragmas
from botyard.kit.errors import Unavailable

Row = dict[str, Any]
_AWAY = ("08", "53", "57", "58")  # lost connection, no resources, shutting down or starting, its system
_NAMED = re.compile(r"(?<!:):([a-z_][a-z0-9_]*)")


@cache
def _numbered(sql: str) -> tuple[str, tuple[str, ...]]:
    """The statement with `$1…` for asyncpg, and which name each number stands for."""
    names: list[str] = []

    def number(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in names:
            names.append(name)
        return f"${names.index(name) + 1}"

    return _NAMED.sub(number, sql), tuple(names)


class StreamReader:
    """Read-only queries on the stream store, in SQL with `:named` parameters that runs on both stores."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._pool: asyncpg.Pool | None = None
        self._quick: sqlite3.Connection | None = None
        self._slow = threading.local()
        self._opened: list[sqlite3.Connection] = []

    async def start(self) -> None:
        """Open the connections."""
        if self._stores.embedded:
            self._quick = self._open()
            return
        url = self._stores.stream.set(drivername="postgresql").render_as_string(hide_password=False)
        self._pool = await asyncpg.create_pool(url, min_size=1, max_size=8)

    async def stop(self) -> None:
        """Close the connections."""
        if self._pool is not None:
            await self._pool.close()
        for connection in self._opened:
            connection.close()
        self._opened.clear()

    async def query(self, sql: str, params: Mapping[str, Any] | None = None) -> list[Row]:
        """Rows of a question that an index answers in well under a millisecond."""
        if self._quick is not None:
            return self._fetch(self._quick, sql, params)
        return await self._fetch_postgres(sql, params)

    async def scan(self, sql: str, params: Mapping[str, Any] | None = None) -> list[Row]:
        """Rows of a question that may read much; never holds up the event loop."""
        if self._quick is not None:
            return await asyncio.to_thread(self._in_thread, sql, params)
        return await self._fetch_postgres(sql, params)

    @property
    def embedded(self) -> bool:
        """Whether the store is SQLite, for the few questions that each store asks in its own words."""
        return self._stores.embedded

    def _in_thread(self, sql: str, params: Mapping[str, Any] | None) -> list[Row]:
        connection: sqlite3.Connection | None = getattr(self._slow, "connection", None)
        if connection is None:
            connection = self._slow.connection = self._open()
        return self._fetch(connection, sql, params)

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            str(self._stores.stream.database),
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
        sqlite_pragmas(connection, readonly=True)
        self._opened.append(connection)
        return connection

    @staticmethod
    def _fetch(connection: sqlite3.Connection, sql: str, params: Mapping[str, Any] | None) -> list[Row]:
        try:
            cursor = connection.execute(sql, params or {})
            rows = cursor.fetchall()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_ERROR:
                raise  # the statement itself is wrong
            raise Unavailable("The database file cannot be read; try again shortly.") from error
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in rows]

    async def _fetch_postgres(self, sql: str, params: Mapping[str, Any] | None) -> list[Row]:
        assert self._pool is not None, "the reader is not started"
        text, names = _numbered(sql)
        try:
            rows = await self._pool.fetch(text, *[(params or {})[name] for name in names])
        except (OSError, asyncpg.InterfaceError, asyncpg.PostgresError) as error:
            if isinstance(error, asyncpg.PostgresError) and (error.sqlstate or "")[:2] not in _AWAY:
                raise
            raise Unavailable("The database is away; try again shortly.") from error
        return [dict(row) for row in rows]
