"""Taking out of both logs of events what they hold of an account, or of one bot of it."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import fields
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, String, column, delete, func, or_, select, table

from botyard.core.ingest.retention import delete_rows
from botyard.core.ingest.writer import Writer
from botyard.core.realtime.events import by_name, names
from botyard.core.realtime.models import EventRow
from botyard.core.realtime.source import MAIN_EVENTS, STREAM_EVENTS, EventTable
from botyard.kit.db import Database, Session

_SPAN = 5_000  # rows that are looked through at a stretch
_CHUNK = 500  # the store's only writer is free again in between


async def forget(
    db: Database, *, owner_id: int, bot_id: str | None = None, keep: frozenset[str] = frozenset()
) -> int:
    """Remove the events of an account, or of a bot of it, but those named in `keep`; answers how many.

    No index leads to them, so both logs are read through, beside the writers. Safe to repeat.
    """
    total = 0
    for source in (MAIN_EVENTS, STREAM_EVENTS):
        async for ids in _found(db, source, _held(owner_id, bot_id, keep)):
            await _delete(db, source, ids)
            total += len(ids)
    return total


def fields_of_bots() -> list[str]:
    """How events call the bot that they are of; the field follows right after `owner_id`."""
    found = {fields(by_name(name))[1:2] for name in names()}
    return sorted({first[0].name for first in found if first and first[0].name.endswith("bot_id")})


def _held(owner_id: int, bot_id: str | None, keep: frozenset[str]) -> ColumnElement[bool]:
    held = column("owner_id", BigInteger) == owner_id
    if keep:
        held &= column("name", String).not_in(sorted(keep))
    if bot_id is None:
        return held
    # How the stored text begins says it without a look into what people and bots wrote.
    begins = [f'{{"owner_id":{owner_id},"{field}":"{bot_id}"' for field in fields_of_bots()]
    payload = column("payload", String)
    return held & or_(*[func.substr(payload, 1, len(begin)) == begin for begin in begins])


async def _found(db: Database, source: EventTable, held: ColumnElement[bool]) -> AsyncIterator[list[int]]:
    """Ids of the rows, by spans of ids up to the present end."""
    ids, rows = column("id", BigInteger), table(source.table)
    ends = select(func.min(ids), func.max(ids)).select_from(rows)
    async with _reader(db, source) as session:
        low, high = (await session.execute(ends)).one()
    for start in range(low or 1, (high or 0) + 1, _SPAN):
        statement: Select[Any] = (
            select(ids).select_from(rows).where(ids >= start, ids < start + _SPAN, held).order_by(ids)
        )
        async with _reader(db, source) as session:
            found = list(await session.scalars(statement))
        if found:
            yield found


def _reader(db: Database, source: EventTable) -> AbstractAsyncContextManager[Session]:
    return db.reader() if source.store == "main" else db.stream()


async def _delete(db: Database, source: EventTable, ids: list[int]) -> None:
    if source.store == "stream":
        await delete_rows(db.parts.get(Writer), source.table, ids)
        return
    for start in range(0, len(ids), _CHUNK):
        async with db.session() as session:
            await session.execute(delete(EventRow).where(EventRow.id.in_(ids[start : start + _CHUNK])))
