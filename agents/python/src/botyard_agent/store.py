"""The agent's own small database: what waits to be sent, which commands ran, how far files were read."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

from botyard_agent.errors import StateInUse, StateUnusable

log = logging.getLogger("botyard_agent")
FILE = "agent.db"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS rows (
    seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, body BLOB NOT NULL, size INTEGER NOT NULL,
    at REAL NOT NULL, report INTEGER NOT NULL, batch TEXT
);
CREATE INDEX IF NOT EXISTS rows_in_order ON rows (kind, batch, seq);
CREATE TABLE IF NOT EXISTS lost (
    kind TEXT PRIMARY KEY, count INTEGER NOT NULL, seq INTEGER NOT NULL, since REAL NOT NULL, until REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS memory (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS commands (
    id TEXT PRIMARY KEY, type TEXT NOT NULL, state TEXT NOT NULL, lease_id TEXT, status TEXT, result TEXT,
    settled INTEGER NOT NULL DEFAULT 0, at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS commands_open ON commands (settled, at);
"""


class Store:
    """One SQLite file, held exclusively: a second agent on the same folder is refused.

    All threads share the one connection under a lock; every transaction here is short.
    """

    def __init__(self, folder: Path) -> None:
        """Raises StateInUse when another agent holds the folder, StateUnusable when it cannot be written."""
        self.folder = folder
        self.set_aside: Path | None = None
        self._lock = threading.RLock()
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._connection = self._opened(folder / FILE)
        except (OSError, sqlite3.OperationalError) as error:
            if "locked" in str(error):
                raise StateInUse(
                    f"Another agent is running on {folder}. Stop it, or give this one another state folder."
                ) from error
            raise StateUnusable(
                f"{folder} cannot be used ({error}). Make it writable, or name another state folder."
            ) from error

    def _opened(self, path: Path) -> sqlite3.Connection:
        try:
            return _open(path)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError as error:
            # What it held is lost either way; a bot that cannot join at all would be worse.
            self.set_aside = path.with_suffix(".broken")
            path.replace(self.set_aside)
            for leftover in (path.with_name(FILE + "-wal"), path.with_name(FILE + "-shm")):
                leftover.unlink(missing_ok=True)
            log.warning("%s is damaged (%s); it was set aside as %s.", path, error, self.set_aside.name)
            return _open(path)

    @contextlib.contextmanager
    def write(self, *, durable: bool = False) -> Iterator[sqlite3.Connection]:
        """One transaction. A killed process loses nothing of it; `durable` ones survive a power cut too."""
        with self._lock:
            connection = self._connection
            connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """The connection, while no other thread writes."""
        with self._lock:
            yield self._connection

    def recall(self, key: str) -> str | None:
        """What was remembered under a key."""
        with self.read() as connection:
            row = connection.execute("SELECT value FROM memory WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def remember(self, key: str, value: str) -> None:
        """Keep a text under a key, over restarts."""
        with self.write() as connection:
            remember(connection, key, value)

    def close(self) -> None:
        """Fold the write-ahead log into the file and let the folder go; closing twice is fine."""
        with self._lock:
            self._connection.close()


def remember(connection: sqlite3.Connection, key: str, value: str) -> None:
    """The same within a transaction that is under way."""
    connection.execute("INSERT OR REPLACE INTO memory (key, value) VALUES (?, ?)", (key, value))


def _open(path: Path) -> sqlite3.Connection:
    # a second is what an agent that is being replaced may still need to let go
    connection = sqlite3.connect(path, timeout=1.0, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA journal_size_limit=4194304")
        connection.executescript("BEGIN IMMEDIATE;" + _SCHEMA + "COMMIT;")
    except BaseException:
        connection.close()
        raise
    return connection
