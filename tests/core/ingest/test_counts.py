"""Counters of a feature's own table: added up over a batch, and only for what was stored."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from botyard.core.ingest.reader import StreamReader
from botyard.core.ingest.writer import Tx, Writer
from botyard.kit.db import Stores
from botyard.kit.errors import Conflict

TABLE = "conversation_counts"


@pytest.fixture
async def writer(stores: Stores) -> AsyncIterator[Writer]:
    writer = Writer(stores, max_rows=1000)
    await writer.start()
    yield writer
    await writer.stop()


def row(name: str, value: int, *, day: int = 1) -> dict[str, Any]:
    return {"chatbot_id": "bot_a", "day": day, "version_id": "", "name": name, "owner_id": 7, "value": value}


async def test_counters_grow_by_what_every_operation_adds(writer: Writer, stores: Stores) -> None:
    def refused(tx: Tx) -> None:
        tx.count(TABLE, 4, [row("messages", 100)])
        raise Conflict

    def add(tx: Tx) -> None:
        tx.count(TABLE, 4, [row("messages", 2), row("messages", 3), row("messages", 1, day=2)])
        tx.count(TABLE, 4, [row("missed", -1)])

    await writer.run(add)
    with pytest.raises(Conflict):
        await writer.run(refused)
    await writer.run(add)
    reader = StreamReader(stores)
    await reader.start()
    rows = await reader.query(f"SELECT day, name, value FROM {TABLE} ORDER BY day, name")
    await reader.stop()
    found = [(row["day"], row["name"], row["value"]) for row in rows]
    assert found == [(1, "messages", 10), (1, "missed", -2), (2, "messages", 2)]
