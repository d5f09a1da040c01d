"""What an operation may do to the stream store; the same on both stores."""

from collections.abc import Mapping, Sequence
from typing import Any

from botyard.core.ingest import request_key
from botyard.core.ingest.models import IngestKey, StreamEvent, Tally
from botyard.core.ingest.request_key import RequestKey
from botyard.core.ingest.statement import prepare
from botyard.core.ingest.store import Store
from botyard.core.realtime.events import Event, encode
from botyard.core.realtime.types import Appended, Row

_EVENT_COLUMNS = ("at_us", "owner_id", "name", "payload")
_ONCE = (
    f"INSERT INTO {IngestKey.__tablename__} (scope, key, at_us, digest, made)"  # noqa: S608 - no outside text
    " VALUES (:scope, :key, :at_us, :digest, :made) ON CONFLICT DO NOTHING"
)
_NOTHING: Mapping[str, Any] = {}

Mark = tuple[int, int, int, int]


class Tx:
    """One transaction of the stream store, shared by the operations of a batch.

    Statements take `:named` parameters. What `append`, `emit` and `tally` hand over is written at the end
    of the batch, so `query` does not see it yet.
    """

    __slots__ = ("_appends", "_counts", "_store", "_tallies", "_writes", "now_us")

    def __init__(self, store: Store, now_us: int) -> None:
        self._store = store
        self.now_us = now_us
        self._appends: list[tuple[str, tuple[str, ...], Sequence[Row]]] = []
        self._tallies: list[tuple[int, str, dict[str, int]]] = []
        self._counts: list[tuple[str, int, Row]] = []
        self._writes = 0

    @property
    def postgres(self) -> bool:
        """Whether this is PostgreSQL, for the few statements that each store needs in its own words."""
        return self._store.postgres

    def execute(self, sql: str, params: Mapping[str, Any] = _NOTHING) -> int:
        """Run one writing statement; the number of rows it touched."""
        self._writes += 1
        return self._store.execute(prepare(sql, postgres=self._store.postgres).text, params)

    def query(self, sql: str, params: Mapping[str, Any] = _NOTHING) -> list[dict[str, Any]]:
        """All rows of a statement, also of one that writes and ends in `RETURNING`."""
        statement = prepare(sql, postgres=self._store.postgres)
        if not statement.reads:
            self._writes += 1
        try:
            return self._store.query(statement.text, params)
        except Exception:
            self._writes += 1  # PostgreSQL lets nothing follow a failed statement but an undo
            raise

    def append(self, table: str, rows: Sequence[Row]) -> None:
        """Add rows at the end of the batch. All have the columns of the first; `id` is given by the store.

        The rows go to live listeners as they are, so they hold every column that listeners read.
        """
        if not rows:
            return
        columns = tuple(rows[0])
        if any(len(row) != len(columns) for row in rows):
            raise ValueError(f"rows of {table} differ in their columns")
        self._appends.append((table, columns, rows))

    def once(self, scope: str, key: str, digest: str) -> bool:
        """False when this key was used in this scope before, within the last 48 hours at least.

        `digest` is of what it was used for. Raises KeyReused when that was something else.
        """
        return self._claim(scope, key, digest, None) is None

    def claim(self, key: RequestKey, made: str = "") -> str | None:
        """None where this request comes for the first time; else the id of what it made then.

        `made` is what it makes now. Raises KeyReused when the key was used for another request.
        """
        return self._claim(request_key.SCOPE, key.key, key.digest, made)

    def _claim(self, scope: str, key: str, digest: str, made: str | None) -> str | None:
        row = {"scope": scope, "key": key, "at_us": self.now_us, "digest": digest, "made": made}
        if self.execute(_ONCE, row) == 1:
            return None
        [first] = self.query(request_key.FIRST, {"scope": scope, "key": key})
        return request_key.made_by(first, digest)

    def emit(self, event: Event) -> None:
        """Store a live event with this transaction; after its commit everyone who may hear it does."""
        row = {
            "at_us": self.now_us,
            "owner_id": event.owner_id,
            "name": event.name,
            "payload": encode(event),
            "event": event,  # no column: spares the hub of this process the decoding
        }
        self._appends.append((StreamEvent.__tablename__, _EVENT_COLUMNS, (row,)))

    def tally(self, owner_id: int, bot_id: str, **counts: int) -> None:
        """Add to counters of a bot; the whole batch writes each counter once."""
        self._tallies.append((owner_id, bot_id, counts))

    def count(self, table: str, key: int, rows: Sequence[Row]) -> None:
        """Add each row's `value` to a counter of a feature's own table; the whole batch writes each once.

        The first `key` columns of a row say which counter it is, and are the table's primary key.
        """
        self._counts.extend((table, key, row) for row in rows)

    def lock(self, key: str) -> None:
        """Until the commit nobody else, in any process, holds this key: for read-then-write decisions."""
        try:
            self._store.lock(key)
        except Exception:
            self._writes += 1  # as in `query`
            raise

    # --- for the batch ----------------------------------------------------------------------------

    def mark(self) -> Mark:
        """Where an operation begins."""
        return self._writes, len(self._appends), len(self._tallies), len(self._counts)

    def forget(self, mark: Mark) -> bool:
        """Drop what an operation handed over since its mark; False when it wrote, which only an undo takes back."""
        writes, appends, tallies, counts = mark
        if self._writes != writes:
            return False
        del self._appends[appends:]
        del self._tallies[tallies:]
        del self._counts[counts:]
        return True

    def flush(self) -> list[Appended]:
        """Write what was handed over: counters first, then rows, whose ids come last before the commit."""
        if self._tallies:
            self._flush_tallies()
        if self._counts:
            self._flush_counts()
        if not self._appends:
            return []
        self._store.order_ids()
        groups: dict[tuple[str, tuple[str, ...]], list[Row]] = {}
        for table, columns, rows in self._appends:
            groups.setdefault((table, columns), []).extend(rows)
        self._appends.clear()
        return [
            Appended(table, self._store.insert(table, columns, rows), rows)
            for (table, columns), rows in groups.items()
        ]

    def _flush_tallies(self) -> None:
        sums: dict[tuple[str, str], dict[str, Any]] = {}
        for owner_id, bot_id, counts in self._tallies:
            for name, count in counts.items():
                found = sums.get((bot_id, name))
                if found is None:
                    sums[bot_id, name] = {
                        "bot_id": bot_id,
                        "name": name,
                        "owner_id": owner_id,
                        "value": count,
                    }
                else:
                    found["value"] += count
        self._tallies.clear()
        # Sorted, so that two processes take the rows' locks in the same order.
        self._store.add(Tally.__tablename__, ("bot_id", "name"), [sums[key] for key in sorted(sums)])

    def _flush_counts(self) -> None:
        sums: dict[tuple[str, tuple[str, ...]], dict[tuple[Any, ...], dict[str, Any]]] = {}
        for table, size, row in self._counts:
            columns = tuple(row)[:size]
            place = tuple(row[column] for column in columns)
            found = sums.setdefault((table, columns), {})
            if place in found:
                found[place]["value"] += row["value"]
            else:
                found[place] = dict(row)
        self._counts.clear()
        for (table, columns), rows in sorted(sums.items()):
            self._store.add(table, columns, [rows[place] for place in sorted(rows)])
