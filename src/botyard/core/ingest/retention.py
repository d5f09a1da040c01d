"""Deleting much without holding the writer for long."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from botyard.core.ingest.models import IngestKey, StreamEvent
from botyard.core.ingest.sqlite import named
from botyard.core.ingest.transaction import Tx
from botyard.core.ingest.writer import Writer
from botyard.kit import clock
from botyard.kit.errors import Overloaded

_CHUNK = 500  # a few milliseconds of the writer; senders get their turn in between
_HOUR = 3600 * 1_000_000
_DAY = 24 * _HOUR
KEYS_KEPT_H = 48
_kept_as_logs: list[str] = []
T = TypeVar("T")


def keep_as_logs(*tables: str) -> None:
    """Let these tables' rows go when they are older than `log_retention_days`; by their column `at_us`."""
    _kept_as_logs.extend(named(table) for table in tables if table not in _kept_as_logs)


def kept_as_logs() -> tuple[str, ...]:
    """Every table that keeps lines for so many days."""
    return tuple(_kept_as_logs)


async def delete_older(writer: Writer, table: str, *, days: int) -> int:
    """Delete the rows of more than so many days ago; answers how many."""
    before = clock.now_us() - days * _DAY
    return await delete_in_chunks(writer, table, "at_us < :before", {"before": before})


async def delete_in_chunks(
    writer: Writer, table: str, where: str, params: Mapping[str, Any], *, chunk: int = _CHUNK
) -> int:
    """Delete every row that `where` (with `:named` parameters) finds; answers how many.

    Each chunk commits by itself, so an interrupted call is simply repeated. `where` wants an index.
    """
    found = f"FROM {named(table)} WHERE {where} LIMIT :_chunk"
    params = {**params, "_chunk": chunk}

    def operation(tx: Tx) -> int:
        if tx.postgres:
            return tx.execute(f"DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT ctid {found}))", params)  # noqa: S608
        return tx.execute(f"DELETE FROM {table} WHERE rowid IN (SELECT rowid {found})", params)  # noqa: S608

    total = 0
    while True:
        deleted = await in_turn(writer, operation)
        total += deleted
        if deleted < chunk:
            return total


async def delete_rows(writer: Writer, table: str, ids: Sequence[int]) -> int:
    """Delete the rows with these ids in small bites; answers how many were still there."""
    statement = f"DELETE FROM {named(table)} WHERE id = :id"  # noqa: S608 - the name is ours

    def operation(some: Sequence[int], tx: Tx) -> int:
        return sum(tx.execute(statement, {"id": one}) for one in some)

    bites = [ids[at : at + _CHUNK] for at in range(0, len(ids), _CHUNK)]
    return sum([await in_turn(writer, partial(operation, bite)) for bite in bites])


async def in_turn(writer: Writer, operation: Callable[[Tx], T]) -> T:
    """What the operation answers; while the writer has too much to do it waits, since senders come first."""
    while True:
        try:
            return await writer.run(operation)
        except Overloaded as error:
            await clock.sleep(error.retry_after_s or 1.0)


async def sweep(
    writer: Writer, *, event_days: int, upto: int | None = None, grace_days: int = 0
) -> dict[str, int]:
    """Drop live events beyond their days and keys of batches that are no longer recognized.

    Events behind `upto` are still needed somewhere, and get `grace_days` more.
    """
    now = clock.now_us()
    keys, events = now - KEYS_KEPT_H * _HOUR, now - event_days * _DAY
    table = StreamEvent.__tablename__
    very_old = await delete_in_chunks(
        writer, table, "at_us < :before", {"before": events - grace_days * _DAY}
    )
    if upto is None:
        old = await delete_in_chunks(writer, table, "at_us < :before", {"before": events})
    else:
        params = {"before": events, "upto": upto}
        old = await delete_in_chunks(writer, table, "at_us < :before AND id <= :upto", params)
    return {
        "ingest_keys": await delete_in_chunks(
            writer, IngestKey.__tablename__, "at_us < :before", {"before": keys}
        ),
        "stream_events": very_old + old,
    }
