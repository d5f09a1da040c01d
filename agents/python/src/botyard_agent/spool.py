"""What waits to be sent: on disk, in order, in batches that keep their idempotency key, within a byte cap."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timezone
from typing import NamedTuple

from botyard_agent.row import KINDS, Kind, Row, log_row
from botyard_agent.store import Store, remember
from botyard_agent.timing import Timing, iso

# What one row takes on disk besides its body, about.
ROW_OVERHEAD = 64


class Batch(NamedTuple):
    """Rows that travel together; the same key always carries the same bytes."""

    key: str
    kind: Kind
    rows: tuple[tuple[int, bytes, bool], ...]

    @property
    def body(self) -> bytes:
        """The JSON array to send."""
        return b"[" + b",".join(body for _, body, _ in self.rows) + b"]"


class Lost(NamedTuple):
    """Rows of one kind that found no room, and when the first and last of them arose."""

    number: int
    since: float
    until: float

    def plus(self, at: float) -> Lost:
        """One more."""
        return Lost(self.number + 1, min(self.since, at), max(self.until, at))


class Spool:
    """First in, first out for each kind. When full, the oldest rows make room and are counted."""

    def __init__(
        self, store: Store, timing: Timing, *, max_bytes: int, batch_rows: int, batch_bytes: int
    ) -> None:
        self._store = store
        self._timing = timing
        self._max_bytes = max_bytes
        self._batch_rows = batch_rows
        self._batch_bytes = batch_bytes
        self.changed = threading.Condition()
        with store.read() as connection:
            self._next = int(connection.execute(_HIGHEST).fetchone()[0]) + 1
        self._bytes = 0
        self._rows: dict[str, int] = {}
        self._count()
        # what an earlier run left behind is due at once
        self._since: dict[str, float] = dict.fromkeys(KINDS, float("-inf"))

    def add(
        self,
        rows: Iterable[Row],
        *,
        lost: Mapping[Kind, Lost] | None = None,
        position: tuple[str, str] | None = None,
    ) -> None:
        """Store rows; with them, in the same transaction, how far their source was read.

        `lost` are rows that were dropped before these, counted here so that the gap is told at its place.
        """
        with self._transaction() as connection:
            before = dict(self._rows)
            self._insert(connection, list(rows), lost or {})
            if position:
                remember(connection, *position)
            if self._bytes > self._max_bytes:
                self._make_room(connection)
        for kind in KINDS:
            if not before.get(kind) and self._rows.get(kind):
                self._since[kind] = self._timing.monotonic()
        self.notify()

    def _insert(self, connection: sqlite3.Connection, rows: list[Row], lost: Mapping[Kind, Lost]) -> None:
        for kind, gap in lost.items():
            self._count_lost(connection, kind, gap, self._take())
        connection.executemany(
            "INSERT INTO rows (seq, kind, body, size, at, report) VALUES (?, ?, ?, ?, ?, ?)",
            [(self._take(), row.kind, row.body, row.size + ROW_OVERHEAD, row.at, row.report) for row in rows],
        )
        for row in rows:
            self._bytes += row.size + ROW_OVERHEAD
            self._rows[row.kind] = self._rows.get(row.kind, 0) + 1

    def _take(self) -> int:
        self._next += 1
        return self._next - 1

    def _make_room(self, connection: sqlite3.Connection) -> None:
        """Drop the oldest rows; those of a batch stay, since it may be on its way with just these bytes."""
        oldest = connection.execute("SELECT seq, kind, size, at FROM rows WHERE batch IS NULL ORDER BY seq")
        dropped: list[tuple[int]] = []
        lost: dict[str, Lost] = {}
        for seq, kind, size, at in oldest:
            if self._bytes <= self._max_bytes:
                break
            dropped.append((seq,))
            lost[kind] = lost[kind].plus(at) if kind in lost else Lost(1, at, at)
            self._bytes -= size
            self._rows[kind] -= 1
        oldest.close()
        connection.executemany("DELETE FROM rows WHERE seq = ?", dropped)
        for kind, gap in lost.items():
            # the place of the last dropped row is free, and just before the oldest that stayed
            self._count_lost(connection, kind, gap, dropped[-1][0])

    def _count_lost(self, connection: sqlite3.Connection, kind: str, gap: Lost, seq: int) -> None:
        connection.execute(_COUNT_LOST, (kind, gap.number, seq, gap.since, gap.until))

    def batch(self, kind: Kind, *, due_only: bool = True, max_wait_s: float = 0.0) -> Batch | None:
        """The batch to send next: the one under way if there is one, else a newly cut one.

        With `due_only`, a new one is cut only when it is full or its first row has waited `max_wait_s`.
        """
        if due_only and self.due_in(kind, max_wait_s) > 0:
            return None
        key = self._under_way(kind) or self._cut(kind)
        return self._load(kind, key) if key else None

    def _under_way(self, kind: Kind) -> str | None:
        with self._store.read() as connection:
            row = connection.execute(_UNDER_WAY, (kind,)).fetchone()
        return str(row[0]) if row else None

    def due_in(self, kind: Kind, max_wait_s: float) -> float:
        """Seconds until a batch of this kind is due; infinite when nothing waits."""
        waiting = self._rows.get(kind, 0)
        if kind == "log" and not waiting and self._gaps():
            return 0.0
        if not waiting:
            return float("inf")
        if waiting >= self._batch_rows or self._under_way(kind):
            return 0.0
        return max(0.0, self._since[kind] + max_wait_s - self._timing.monotonic())

    def _gaps(self) -> bool:
        with self._store.read() as connection:
            return connection.execute("SELECT 1 FROM lost LIMIT 1").fetchone() is not None

    def _cut(self, kind: Kind) -> str | None:
        """Give the oldest rows a key, on disk before they are sent: a retry must carry the same one."""
        key = self._timing.new_key()
        with self._transaction(durable=True) as connection:
            if kind == "log":
                self._tell_gap(connection)
            chosen: list[tuple[str, int]] = []
            size = 0
            query = "SELECT seq, size FROM rows WHERE kind = ? AND batch IS NULL ORDER BY seq LIMIT ?"
            for seq, row_size in connection.execute(query, (kind, self._batch_rows)):
                if chosen and size + row_size > self._batch_bytes:
                    break
                chosen.append((key, seq))
                size += row_size
            connection.executemany("UPDATE rows SET batch = ? WHERE seq = ?", chosen)
        self._since[kind] = self._timing.monotonic()
        return key if chosen else None

    def _tell_gap(self, connection: sqlite3.Connection) -> None:
        """Put one warning where rows were dropped, saying how many of what."""
        lost = connection.execute("SELECT kind, count, seq, since, until FROM lost").fetchall()
        if not lost:
            return
        counts = {f"{kind}s": count for kind, count, _, _, _ in lost}
        since, until = min(row[3] for row in lost), max(row[4] for row in lost)
        words = " and ".join(f"{count} {kind if count > 1 else kind[:-1]}" for kind, count in counts.items())
        row = log_row(
            f"Dropped here, for want of room while the server was away: {words}.",
            "warning",
            {"gap": {**counts, "since": _moment(since), "until": _moment(until)}},
            at=datetime.fromtimestamp(until, timezone.utc),
            report=True,
        )
        connection.execute(
            "INSERT INTO rows (seq, kind, body, size, at, report) VALUES (?, ?, ?, ?, ?, 1)",
            (max(row[2] for row in lost), row.kind, row.body, row.size + ROW_OVERHEAD, row.at),
        )
        connection.execute("DELETE FROM lost")
        self._bytes += row.size + ROW_OVERHEAD
        self._rows["log"] = self._rows.get("log", 0) + 1

    def _load(self, kind: Kind, key: str) -> Batch:
        with self._store.read() as connection:
            rows = connection.execute(
                "SELECT seq, body, report FROM rows WHERE batch = ? ORDER BY seq", (key,)
            ).fetchall()
        return Batch(key, kind, tuple((seq, bytes(body), bool(report)) for seq, body, report in rows))

    def sent(self, batch: Batch) -> None:
        """Forget a batch that the server has stored."""
        self._remove(batch, None)

    def refused(self, batch: Batch, reason: str) -> None:
        """Set a refused batch right: halves get new keys; a single row goes, and a warning says so.

        Each call leaves smaller batches, so a bad row is found and everything ends.
        """
        if len(batch.rows) > 1:
            middle = len(batch.rows) // 2
            with self._transaction(durable=True) as connection:
                for half in (batch.rows[:middle], batch.rows[middle:]):
                    key = self._timing.new_key()
                    connection.executemany(
                        "UPDATE rows SET batch = ? WHERE seq = ?", [(key, row[0]) for row in half]
                    )
            return
        _, body, report = batch.rows[0]
        self._remove(batch, None if report else self._refusal(batch.kind, body, reason))

    def _refusal(self, kind: Kind, body: bytes, reason: str) -> Row:
        return log_row(
            f"The server refused a {kind}; it was dropped: {reason}",
            "warning",
            {"refused": kind, "begins": body[:200].decode("utf-8", "replace")},
            at=self._timing.now(),
            report=True,
        )

    def _remove(self, batch: Batch, report: Row | None) -> None:
        with self._transaction() as connection:
            connection.execute("DELETE FROM rows WHERE batch = ?", (batch.key,))
            self._bytes -= sum(len(body) + 1 + ROW_OVERHEAD for _, body, _ in batch.rows)
            self._rows[batch.kind] -= len(batch.rows)
            if report:
                self._insert(connection, [report], {})
        self.notify()

    @contextlib.contextmanager
    def _transaction(self, *, durable: bool = False) -> Iterator[sqlite3.Connection]:
        """A transaction after whose failure the sums are those of the store again."""
        try:
            with self._store.write(durable=durable) as connection:
                yield connection
        except BaseException:
            with contextlib.suppress(sqlite3.Error):  # the first error says more
                self._count()
            raise

    def _count(self) -> None:
        with self._store.read() as connection:
            self._bytes = int(connection.execute(_SIZE).fetchone()[0])
            self._rows = dict(connection.execute("SELECT kind, COUNT(*) FROM rows GROUP BY kind").fetchall())

    def notify(self) -> None:
        """Let those look again who wait on `changed`."""
        with self.changed:
            self.changed.notify_all()

    @property
    def rows(self) -> int:
        """How many rows wait, those under way included."""
        return sum(self._rows.values())

    @property
    def fill(self) -> float:
        """How full it is, 0 to 1."""
        return self._bytes / self._max_bytes


def _moment(at: float) -> str:
    return iso(datetime.fromtimestamp(at, timezone.utc))


_HIGHEST = "SELECT MAX(COALESCE((SELECT MAX(seq) FROM rows), 0), COALESCE((SELECT MAX(seq) FROM lost), 0))"
_SIZE = "SELECT COALESCE(SUM(size), 0) FROM rows"
_UNDER_WAY = "SELECT batch FROM rows WHERE kind = ? AND batch IS NOT NULL ORDER BY seq LIMIT 1"
_COUNT_LOST = """
INSERT INTO lost (kind, count, seq, since, until) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (kind) DO UPDATE SET count = count + excluded.count, seq = excluded.seq,
    since = MIN(since, excluded.since), until = MAX(until, excluded.until)
"""
