"""The stream store as an SQLite file: WAL, `synchronous=FULL`, one connection that writes."""

import re
import shutil
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import Any

from botyard.core.ingest.store import Trouble
from botyard.core.realtime.types import Row
from botyard.kit.db import sqlite_pragmas
from botyard.kit.errors import Invalid, StorageFull, Unavailable

# Rows per statement. Every step of SQLite gives the interpreter's lock away, and beside a busy event loop
# each return may wait 5 ms: 500 rows in 500 steps took up to 2.8 s, in 8 steps 0.1 s.
_CHUNKS = (256, 64, 16, 4, 1)
_WAL_LIMIT = 64 * 2**20  # what a burst leaves of the log file after the next checkpoint
_IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]*")
# The file system is full, or so nearly that a page of shared memory finds no room.
_FULL_BYTES = 256 * 1024
_STORE_CODES = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOTADB,
    }
)


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None, cached_statements=512, check_same_thread=False)


def named(identifier: str) -> str:
    """The identifier, once it is certain that it is one: names of tables and columns come from code only."""
    if not _IDENTIFIER.fullmatch(identifier):
        raise ValueError(f"{identifier!r} is no name of a table or column")
    return identifier


@lru_cache(maxsize=512)
def _insert(table: str, columns: tuple[str, ...], count: int) -> str:
    one = f"({', '.join('?' * len(columns))})"
    names = ", ".join(map(named, columns))
    return f"INSERT INTO {named(table)} ({names}) VALUES {', '.join([one] * count)}"  # noqa: S608


@lru_cache(maxsize=64)
def _add(table: str, key: tuple[str, ...], columns: tuple[str, ...], count: int) -> str:
    target = ", ".join(map(named, key))
    grown = f"value = {named(table)}.value + excluded.value"
    return f"{_insert(table, columns, count)} ON CONFLICT ({target}) DO UPDATE SET {grown}"


def tuples(columns: tuple[str, ...]) -> Callable[[Row], tuple[Any, ...]]:
    """A quick way from a row to its values in column order; KeyError when one is missing."""
    if len(columns) == 1:
        only = columns[0]
        return lambda row: (row[only],)
    return itemgetter(*columns)


class SqliteStore:
    """One writing connection to the stream file. `connect` is what a test puts its own driver behind."""

    postgres = False

    def __init__(self, path: Path, connect: Callable[[Path], Any] = _connect) -> None:
        self._path = path
        self._connect = connect
        self._open: Any = None

    def open(self) -> None:
        """Connect and set the pragmas; raises sqlite3.Error."""
        connection = self._connect(self._path)
        sqlite_pragmas(connection)
        connection.execute(f"PRAGMA journal_size_limit={_WAL_LIMIT}")
        self._open = connection

    def close(self) -> None:
        """Close the file; the log file goes with it when nobody else reads."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def begin(self) -> None:
        """Take the write lock at once, so that nothing later in the batch can find it taken."""
        if self._open is None:
            self.open()
        self._open.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Return when the log file is synced."""
        self._open.execute("COMMIT")

    def rollback(self) -> None:
        """Undo what is open; a connection that cannot even do that is thrown away."""
        if self._open is None or not self._open.in_transaction:
            return
        try:
            self._open.execute("ROLLBACK")
        except sqlite3.Error:
            self.close()  # closing rolls back too; the next batch opens the file anew

    def savepoint(self) -> None:
        """Mark the place that `undo` goes back to."""
        self._open.execute("SAVEPOINT operation")

    def release(self) -> None:
        """Keep what was done since the mark."""
        self._open.execute("RELEASE operation")

    def undo(self) -> None:
        """Take back what was done since the mark."""
        self._open.execute("ROLLBACK TO operation")
        self._open.execute("RELEASE operation")

    def execute(self, text: str, params: Mapping[str, Any]) -> int:
        """Run one statement; the number of rows it touched."""
        return int(self._open.execute(text, params).rowcount)

    def query(self, text: str, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        """All rows of one statement."""
        cursor = self._open.execute(text, params)
        rows = cursor.fetchall()
        if not rows:
            return []
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in rows]

    def insert(self, table: str, columns: tuple[str, ...], rows: Sequence[Row]) -> Sequence[int]:
        """Insert rows in their order; SQLite numbers them without a gap."""
        values, at, first, last = tuples(columns), 0, 0, 0
        for size in _CHUNKS:
            while len(rows) - at >= size:
                flat = tuple(chain.from_iterable(map(values, rows[at : at + size])))
                last = self._open.execute(_insert(table, columns, size), flat).lastrowid
                first = first or last - size + 1
                at += size
        return range(first, last + 1)

    def add(self, table: str, key: tuple[str, ...], rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert counters, or add their `value` to those that are there."""
        columns, at = tuple(rows[0]), 0
        values = tuples(columns)
        for size in _CHUNKS:
            while len(rows) - at >= size:
                flat = tuple(chain.from_iterable(map(values, rows[at : at + size])))
                self._open.execute(_add(table, key, columns, size), flat)
                at += size

    def order_ids(self) -> None:
        """Nothing to do: whoever began has the only write lock."""

    def lock(self, key: str) -> None:
        """Nothing to do: whoever began has the only write lock."""

    def trouble(self, error: Exception) -> Trouble | None:
        """Full disk, lost file, lock that never came; nothing of the batch is committed then."""
        if not isinstance(error, sqlite3.Error):
            return None
        # the low byte is the kind; the rest says where in SQLite
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF
        if code not in _STORE_CODES:
            return None
        busy = code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
        if code == sqlite3.SQLITE_FULL or (not busy and self._full()):
            return Trouble(StorageFull(retry_after_s=5), again=False)
        if not busy:
            self._forget()
        return Trouble(Unavailable("The database file cannot be written.", retry_after_s=1), again=False)

    def refusal(self, error: Exception) -> Exception:
        """Numbers beyond 64 bits and broken text are the sender's mistake."""
        if isinstance(error, (OverflowError, UnicodeEncodeError, sqlite3.DataError)):
            return Invalid("A value is too large or no valid text, so it cannot be stored.")
        return error

    def _full(self) -> bool:
        return shutil.disk_usage(self._path.parent).free < _FULL_BYTES

    def _forget(self) -> None:
        # After an I/O error the file may have been replaced or come back: open it anew next time.
        self.rollback()
        self.close()
