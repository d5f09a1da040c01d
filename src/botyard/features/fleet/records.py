"""Logs and messages that bots hand in: append-only, searched, exported."""

from collections.abc import Sequence
from typing import Any

import msgspec

from botyard.core.ingest import search
from botyard.core.ingest.moment import moment
from botyard.core.ingest.reader import Row, StreamReader
from botyard.core.ingest.request_key import RequestKey
from botyard.core.ingest.writer import Tx, Writer
from botyard.features.fleet.types import NewLog, NewMessage
from botyard.kit import clock
from botyard.kit.errors import Invalid

MAX_ROWS = 5000  # a tenth of a second of the writer; larger batches are sent in parts
MAX_TEXT = 256 * 1024
LOG_TYPES = ("info", "warning", "error")
THREAD_TYPES = ("GROUP", "USER")


async def append_logs(
    writer: Writer, *, bot_id: str, owner_id: int, logs: Sequence[NewLog], key: RequestKey | None = None
) -> int:
    """Store log lines; answers how many were received, after they are on disk.

    All or nothing. The same `key` of the same bot again stores nothing and answers the same.
    Raises Invalid, and KeyReused for a key that stood for something else.
    """
    _check_size(logs)
    now = clock.now_us()
    rows = [
        {
            "bot_id": bot_id,
            "owner_id": owner_id,
            "at_us": moment(log.at_us, now),
            "type": log.type,
            "message": _text(log.message),
            "metadata": _json(log.metadata),
        }
        for log in logs
    ]
    await _append(writer, "logs", rows, bot_id=bot_id, owner_id=owner_id, key=key)
    return len(rows)


async def append_messages(
    writer: Writer,
    *,
    bot_id: str,
    owner_id: int,
    messages: Sequence[NewMessage],
    key: RequestKey | None = None,
) -> int:
    """Store chat messages; the same promises as `append_logs`."""
    _check_size(messages)
    now = clock.now_us()
    rows = [
        {
            "bot_id": bot_id,
            "owner_id": owner_id,
            "at_us": moment(message.at_us, now),
            "message": _text(message.message),
            "author_id": _text(message.author_id),
            "author_name": _text(message.author_name),
            "thread_id": _text(message.thread_id),
            "thread_type": message.thread_type,
            "metadata": _json(message.metadata),
        }
        for message in messages
    ]
    await _append(writer, "messages", rows, bot_id=bot_id, owner_id=owner_id, key=key)
    return len(rows)


async def _append(
    writer: Writer, table: str, rows: list[Row], *, bot_id: str, owner_id: int, key: RequestKey | None
) -> None:
    def operation(tx: Tx) -> None:
        if key is not None and not tx.once(f"{table}:{bot_id}", key.key, key.digest):
            return
        tx.append(table, rows)
        tx.tally(owner_id, bot_id, **{table: len(rows)})

    await writer.run(operation, rows=len(rows))


async def list_rows(
    reader: StreamReader,
    table: str,
    *,
    owner_id: int | None = None,
    bot_id: str | None = None,
    limit: int = 100,
    before_id: int | None = None,
    after_id: int | None = None,
    type: str | None = None,  # noqa: A002
    text: str | None = None,
) -> list[Row]:
    """Rows of `logs` or `messages`, newest first; of every account where `owner_id` is None.

    `text` finds rows whose message contains it, without regard to case. Rows carry `metadata` decoded.
    """
    assert table in ("logs", "messages"), table
    rows = await search.newest(
        reader,
        table,
        equal={"owner_id": owner_id, "bot_id": bot_id, "type": type},
        indexed=type is None,
        text=text,
        before_id=before_id,
        after_id=after_id,
        limit=limit,
    )
    return [decoded(row) for row in rows]


def decoded(row: Row) -> Row:
    """The row with its metadata as an object."""
    return {**row, "metadata": msgspec.json.decode(row["metadata"]) if row["metadata"] else {}}


def _check_size(rows: Sequence[object]) -> None:
    if len(rows) > MAX_ROWS:
        raise Invalid(f"One request carries at most {MAX_ROWS} rows; send the rest in another one.")


def _text(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise Invalid(f"A text has at most {MAX_TEXT // 1024} Ki characters.")
    return text


def _json(value: dict[str, Any] | None) -> str | None:
    if not value:
        return None
    encoded = msgspec.json.encode(value).decode()
    if len(encoded) > MAX_TEXT:
        raise Invalid(f"Metadata have at most {MAX_TEXT // 1024} KiB as JSON.")
    return encoded
