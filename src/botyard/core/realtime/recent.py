"""The last things that happened, for people who look at a page."""

from typing import Any

from sqlalchemy import BigInteger, Select, String, column, func, literal_column, select, table

from botyard.core.realtime.events import Event
from botyard.core.realtime.replay import read_event
from botyard.core.realtime.source import MAIN_EVENTS, STREAM_EVENTS, EventTable
from botyard.kit.db import Database

_REACH = 50_000  # rows that are looked through for somebody to whom little happens


async def recent(
    db: Database, *, owner_id: int | None, names: frozenset[str], limit: int
) -> list[tuple[int, Event]]:
    """Events of these names with their moments in microseconds, newest first; of all accounts where it is None.

    Only the newest rows are looked through, so that a page never costs more on a busy server.
    """
    found = [*await _of(db, MAIN_EVENTS, owner_id, names, limit)]
    found += await _of(db, STREAM_EVENTS, owner_id, names, limit)
    return sorted(found, key=lambda pair: pair[0], reverse=True)[:limit]


async def _of(
    db: Database, source: EventTable, owner_id: int | None, names: frozenset[str], limit: int
) -> list[tuple[int, Event]]:
    rows, ids = table(source.table), column("id", BigInteger)
    newest = select(func.coalesce(func.max(ids), 0)).select_from(rows).scalar_subquery()
    statement: Select[Any] = (
        select(literal_column("*"))
        .select_from(rows)
        .where(ids > newest - _REACH, column("name", String).in_(sorted(names)))
        .order_by(ids.desc())
        .limit(limit)
    )
    if owner_id is not None:
        statement = statement.where(column("owner_id", BigInteger) == owner_id)
    async with db.reader() if source.store == "main" else db.stream() as session:
        found = [dict(row) for row in (await session.execute(statement)).mappings()]
    read = [(row["at_us"], read_event(source, row)) for row in found]
    return [(at_us, event) for at_us, event in read if event is not None]
