"""Entries of services: stored on disk before they are answered, and found again."""

import asyncio
import hashlib
from collections.abc import Sequence
from datetime import datetime

import msgspec

from botyard.core.accounts.types import Kind, Principal
from botyard.core.ingest import search as rows_of
from botyard.core.ingest.moment import moment
from botyard.core.ingest.reader import Row, StreamReader
from botyard.core.ingest.request_key import RequestKey
from botyard.core.ingest.retention import keep_as_logs
from botyard.core.ingest.writer import Tx, Writer
from botyard.core.logs.models import ServiceLog
from botyard.core.logs.types import NewEntry
from botyard.kit import clock, ids
from botyard.kit.errors import Invalid

MAX_ENTRIES = 5000  # as many as a bot may hand in at once
TABLE = ServiceLog.__tablename__
_SLICE = 500  # rows that are made before others get their turn
_MAX_CHOICES = 200
keep_as_logs(TABLE)


async def submit(
    writer: Writer, entries: Sequence[NewEntry], *, sender: Principal, key: RequestKey | None = None
) -> list[str]:
    """Store entries; answers their ids, in order, after they are on disk.

    All or nothing. The same `key` of the same sender again stores nothing and answers the same.
    Raises Invalid for too many at once, KeyReused for a key that stood for something else, Overloaded, StorageFull, Unavailable.
    """
    if len(entries) > MAX_ENTRIES:
        raise Invalid(f"One request carries at most {MAX_ENTRIES} entries; send the rest in another one.")
    who = _name(sender)
    log_ids = _ids(len(entries), who, key.key if key else None)
    rows = await _rows(entries, log_ids, who)

    def operation(tx: Tx) -> None:
        if key is None or tx.once(f"{TABLE}:{who}", key.key, key.digest):
            tx.append(TABLE, rows)

    await writer.run(operation, rows=len(rows))
    return log_ids


async def _rows(entries: Sequence[NewEntry], log_ids: Sequence[str], who: str) -> list[Row]:
    now = clock.now_us()
    rows: list[Row] = []
    for entry, log_id in zip(entries, log_ids, strict=True):
        if len(rows) % _SLICE == _SLICE - 1:
            await asyncio.sleep(0)
        row: Row = {
            "log_id": log_id,
            "at_us": moment(entry.at_us, now),
            "received_us": now,
            "type": entry.type,
            "level": entry.level,
            "source": entry.source,
            "message": entry.message,
            "correlation_id": entry.correlation_id,
            "sender": who,
            "data": entry.data,
        }
        rows.append(row)
    return rows


async def search(
    reader: StreamReader,
    *,
    type: str | None = None,  # noqa: A002 - the word of the document
    level: str | None = None,
    source: str | None = None,
    correlation_id: str | None = None,
    text: str | None = None,
    before_id: int | None = None,
    after_id: int | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = 100,
) -> list[Row]:
    """Entries newest first; `text` stands in the message or the data, in capitals or not; `until` is excluded.

    Rows carry `data` decoded.
    """
    equal = {"type": type, "source": source, "correlation_id": correlation_id, "level": level}
    leading = [name for name, value in equal.items() if value is not None]
    found = await rows_of.newest(
        reader,
        TABLE,
        equal=equal,
        indexed=len(leading) <= 1 and level is None,
        text=text,
        text_in=("message", "data"),
        before_id=before_id,
        after_id=after_id,
        since_us=None if since is None else clock.to_us(since),
        until_us=None if until is None else clock.to_us(until),
        limit=limit,
    )
    return [decoded(row) for row in found]


def decoded(row: Row) -> Row:
    """The row with its data as an object."""
    return {**row, "data": msgspec.json.decode(row["data"]) if row["data"] else {}}


async def types(reader: StreamReader) -> list[str]:
    """Every type that an entry has, in order; at most 200."""
    return await rows_of.distinct(reader, TABLE, "type", limit=_MAX_CHOICES)


async def sources(reader: StreamReader) -> list[str]:
    """Every source that an entry names, in order; at most 200."""
    found = await rows_of.distinct(reader, TABLE, "source", limit=_MAX_CHOICES)
    return [source for source in found if source]


def _name(sender: Principal) -> str:
    return f"key:{sender.api_key_id}" if sender.kind is Kind.api_key else f"user:{sender.user_id}"


def _ids(count: int, who: str, key: str | None) -> list[str]:
    """Fresh ids; with a key always the same ones, so that a repeated request is answered like the first."""
    if key is None:
        return [ids.new("log") for _ in range(count)]
    seed = f"{who}\n{key}\n".encode()
    return [ids.of("log", hashlib.sha256(seed + str(n).encode()).digest()) for n in range(count)]
