"""Tables whose rows are events, and reading them in id order."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal, Protocol

from sqlalchemy import BigInteger, Select, String, column, func, literal_column, select, table

from botyard.core.realtime import metrics
from botyard.core.realtime.events import Event, decode
from botyard.core.realtime.models import EventRow
from botyard.core.realtime.types import Row
from botyard.kit.db import Database, Session


class Source(Protocol):
    """A table with `id` (in commit order) and `at_us`, whose rows are events."""

    @property
    def key(self) -> str:
        """One letter, its own in every cursor for ever."""
        ...

    @property
    def table(self) -> str:
        """The table's name."""
        ...

    @property
    def store(self) -> Literal["main", "stream"]:
        """Which store has the table."""
        ...

    @property
    def names(self) -> frozenset[str] | None:
        """The names of events the rows can be; None where a column `name` says it."""
        ...

    @property
    def owner_id(self) -> int | None:
        """Whose rows these are, all of them; None where a column `owner_id` says it."""
        ...

    def event(self, row: Row, /) -> Event:
        """The event that a row is; raises UnknownEvent for one of another version."""
        ...


class EventTable:
    """A table that keeps any event: `name` and `payload`."""

    names: frozenset[str] | None = None
    owner_id: int | None = None

    def __init__(self, key: str, table_name: str, store: Literal["main", "stream"]) -> None:
        self.key = key
        self.table = table_name
        self.store: Literal["main", "stream"] = store

    def event(self, row: Row) -> Event:
        """The event itself where this process stored it, else decoded."""
        own: Event | None = row.get("event")
        return decode(row["name"], row["payload"]) if own is None else own


MAIN_EVENTS = EventTable("e", EventRow.__tablename__, "main")
STREAM_EVENTS = EventTable("s", "stream_events", "stream")


def concerns(source: Source, owner_id: int | None) -> bool:
    """Whether rows of the source can be for a listener of that account; None listens to every account."""
    return owner_id is None or source.owner_id is None or source.owner_id == owner_id


class Tables:
    """Reads sources; on the readers' connections, so that it never waits for a writer."""

    page = 500  # rows that are read at a stretch

    def __init__(self, db: Database) -> None:
        self._db = db

    async def rows(
        self,
        source: Source,
        *,
        after: int,
        upto: int,
        limit: int,
        owner_id: int | None = None,
        names: frozenset[str] | None = None,
    ) -> Sequence[Row]:
        """At most `limit` rows with `after` < id <= `upto`, in id order; filtered where a filter is given."""
        ids, owners, named = column("id", BigInteger), column("owner_id", BigInteger), column("name", String)
        statement: Select[Any] = (
            select(literal_column("*"))
            .select_from(table(source.table))
            .where(ids > after, ids <= upto)
            .order_by(ids)
            .limit(limit)
        )
        if owner_id is not None and source.owner_id is None:
            statement = statement.where(owners == owner_id)
        if names is not None and source.names is None:
            statement = statement.where(named.in_(sorted(names)))
        async with self._session(source) as session:
            rows = [dict(row) for row in (await session.execute(statement)).mappings()]
        metrics.LOADED.labels(source.key).inc(len(rows))
        return rows

    async def last(self, source: Source) -> int:
        """The highest id that is committed; 0 in an empty table."""
        statement = select(func.max(column("id", BigInteger))).select_from(table(source.table))
        async with self._session(source) as session:
            return int(await session.scalar(statement) or 0)

    def _session(self, source: Source) -> AbstractAsyncContextManager[Session]:
        return self._db.reader() if source.store == "main" else self._db.stream()
