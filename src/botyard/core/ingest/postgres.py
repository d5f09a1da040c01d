"""The stream store as tables in PostgreSQL: one synchronous psycopg connection."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec
import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row
from sqlalchemy.engine import URL

from botyard.core.ingest.sqlite import named, tuples
from botyard.core.ingest.store import Trouble
from botyard.core.realtime.types import Row
from botyard.kit import clock
from botyard.kit.errors import BotyardError, Invalid, StorageFull, Unavailable

STREAM_LOCK = 0x6279_0002  # advisory lock: ids of stream tables are given in commit order
_CONNECT_TIMEOUT_S = 5
_BACKOFF_S = (0.1, 5.0)  # first and longest pause between two tries to connect
_AWAY = "The database is away."
_OPTIONS = (
    "-c lock_timeout=10s "  # a writer that hangs elsewhere must not hang this one
    "-c idle_in_transaction_session_timeout=30s"  # and a frozen one loses its locks
)
_encoder = msgspec.json.Encoder()


@lru_cache(maxsize=256)
def _insert(table: str, columns: tuple[str, ...]) -> str:
    names = ", ".join(map(named, columns))
    return (
        f"INSERT INTO {named(table)} ({names}) SELECT {names} "  # noqa: S608
        f"FROM json_populate_recordset(NULL::{table}, %(rows)s::json)"
    )


@lru_cache(maxsize=64)
def _add(table: str, key: tuple[str, ...], columns: tuple[str, ...]) -> str:
    target = ", ".join(map(named, key))
    grown = f"value = {named(table)}.value + excluded.value"
    return f"{_insert(table, columns)} ON CONFLICT ({target}) DO UPDATE SET {grown}"


class PostgresStore:
    """One writing connection to the stream tables."""

    postgres = True

    def __init__(self, url: URL) -> None:
        self._conninfo = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._open: psycopg.Connection[dict[str, Any]] | None = None
        self._pause_s = 0.0
        self._not_before = 0.0
        self._committing = False

    @property
    def _connection(self) -> psycopg.Connection[dict[str, Any]]:
        if self._open is None:
            raise psycopg.OperationalError("not connected")
        return self._open

    def open(self) -> None:
        """Connect; raises psycopg.OperationalError, and at once during the pause after a failure."""
        if clock.monotonic() < self._not_before:
            raise psycopg.OperationalError("not connected; waiting before the next try")
        try:
            connection = psycopg.connect(
                self._conninfo,
                row_factory=dict_row,
                connect_timeout=_CONNECT_TIMEOUT_S,
                application_name="botyard writer",
                options=_OPTIONS,
                keepalives_idle=10,
                keepalives_interval=5,
                keepalives_count=3,
                tcp_user_timeout=15_000,
            )
            # An answer means that it is stored, whatever the server's own default is.
            connection.execute(
                "SELECT set_config('synchronous_commit', 'on', false)"
                " WHERE current_setting('synchronous_commit') IN ('off', 'local')"
            )
            connection.commit()
        except psycopg.Error:
            first, longest = _BACKOFF_S
            self._pause_s = min(longest, self._pause_s * 2 or first)
            self._not_before = clock.monotonic() + clock.uniform(self._pause_s / 2, self._pause_s)
            raise
        self._open, self._pause_s, self._not_before = connection, 0.0, 0.0

    def close(self) -> None:
        """Close the connection."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def begin(self) -> None:
        """Connect where needed; the driver begins with the first statement."""
        self._committing = False
        if self._open is None or self._open.closed:
            self.open()

    def commit(self) -> None:
        """Return when the server has written it to its log."""
        if self._connection.info.transaction_status == TransactionStatus.INERROR:
            # The server would undo it, and call that no error.
            raise psycopg.errors.InFailedSqlTransaction("a statement failed and its error was passed over")
        self._committing = True
        self._connection.commit()
        self._committing = False

    def rollback(self) -> None:
        """Undo what is open; a connection that cannot even do that is thrown away."""
        if self._open is None:
            return
        try:
            self._open.rollback()
        except psycopg.Error:
            self.close()

    def savepoint(self) -> None:
        """Mark the place that `undo` goes back to."""
        self._connection.execute("SAVEPOINT operation")

    def release(self) -> None:
        """Keep what was done since the mark."""
        self._connection.execute("RELEASE operation")

    def undo(self) -> None:
        """Take back what was done since the mark."""
        self._connection.execute("ROLLBACK TO operation")
        self._connection.execute("RELEASE operation")

    def execute(self, text: str, params: Mapping[str, Any]) -> int:
        """Run one statement; the number of rows it touched."""
        return self._connection.execute(text, params).rowcount

    def query(self, text: str, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        """All rows of one statement."""
        return self._connection.execute(text, params).fetchall()

    def insert(self, table: str, columns: tuple[str, ...], rows: Sequence[Row]) -> Sequence[int]:
        """Insert rows in their order, in one statement; their ids."""
        statement = f"{_insert(table, columns)} RETURNING id"
        cursor = self._connection.execute(statement, {"rows": _json(columns, rows)})
        return [row["id"] for row in cursor.fetchall()]

    def add(self, table: str, key: tuple[str, ...], rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert counters, or add their `value` to those that are there."""
        columns = tuple(rows[0])
        self._connection.execute(_add(table, key, columns), {"rows": _json(columns, rows)})

    def order_ids(self) -> None:
        """Wait until no other writer is between taking ids and its commit."""
        self._connection.execute("SELECT pg_advisory_xact_lock(%s)", (STREAM_LOCK,))

    def lock(self, key: str) -> None:
        """Wait until no other process holds this key."""
        self._connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (key,))

    def trouble(self, error: Exception) -> Trouble | None:
        """Full disk, lost connection, conflict with another writer."""
        if not isinstance(error, psycopg.Error):
            return None
        lost = self._open is None or self._open.closed or self._open.broken
        if lost:
            self.close()
            # Whether a commit that got no answer took place is unknown: it is not run again.
            again = not self._committing and clock.monotonic() >= self._not_before
            return Trouble(Unavailable(_AWAY, retry_after_s=1), again=again)
        return _from_state(error.sqlstate or "")

    def refusal(self, error: Exception) -> Exception:
        """Numbers beyond 64 bits and text with NUL are the sender's mistake."""
        if isinstance(error, (OverflowError, UnicodeEncodeError, psycopg.DataError)):
            return Invalid("A value is too large or no valid text, so it cannot be stored.")
        return error


def _from_state(state: str) -> Trouble | None:
    if state == "53100":  # disk full
        return Trouble(StorageFull(retry_after_s=5), again=False)
    if state in ("40001", "40P01"):  # another writer was in the way; the server undid this one
        return Trouble(Unavailable("Another writer is in the way.", retry_after_s=1), again=True)
    # resources, operator, system: 25006 is a server that became a standby
    if state[:2] in ("53", "57", "58", "XX") or state in ("25006", "55P03"):
        return Trouble(_away(), again=False)
    return None


def _away() -> BotyardError:
    return Unavailable(_AWAY, retry_after_s=1)


def _json(columns: tuple[str, ...], rows: Sequence[Row]) -> str:
    values = tuples(columns)
    return _encoder.encode([dict(zip(columns, values(row), strict=True)) for row in rows]).decode()
