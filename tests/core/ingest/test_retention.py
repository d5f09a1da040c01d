"""Deleting much in small bites."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from botyard.core.ingest import Tx, Writer
from botyard.core.ingest.retention import delete_in_chunks, sweep
from botyard.kit.clock import FrozenClock
from botyard.kit.db import Stores
from tests.core.ingest.lines import Gate, append, ask

Lines = Callable[[], list[tuple[Any, ...]]]
MakeWriter = Callable[..., Awaitable[Writer]]


async def test_deletes_what_is_found_and_nothing_else(writer: Writer, lines: Lines) -> None:
    await writer.run(append(*["old"] * 25, "new", *["old"] * 25))
    deleted = await delete_in_chunks(writer, "lines", "text = :text", {"text": "old"}, chunk=10)
    assert deleted == 50
    assert [row[2] for row in lines()] == ["new"]


async def test_senders_get_their_turn_between_the_bites(writer: Writer, lines: Lines) -> None:
    await writer.run(append(*["old"] * 40))
    deleting = asyncio.create_task(
        delete_in_chunks(writer, "lines", "text = :text", {"text": "old"}, chunk=5)
    )
    left = await writer.run(lambda tx: tx.query("SELECT count(*) AS n FROM lines"))
    await deleting
    assert left[0]["n"] > 0


async def test_waits_while_senders_fill_the_queue(
    make_writer: MakeWriter, gate: Gate, lines: Lines, clock: FrozenClock
) -> None:
    writer = await make_writer(max_rows=2)
    await writer.run(append("old"))
    busy = asyncio.create_task(writer.run(gate, rows=2))
    await asyncio.to_thread(gate.reached)
    before = clock.monotonic()
    deleting = asyncio.create_task(delete_in_chunks(writer, "lines", "text = :text", {"text": "old"}))
    while clock.monotonic() == before:
        await asyncio.sleep(0)
    gate.open()
    await busy
    assert await deleting == 1


async def test_sweep_keeps_keys_two_days_and_events_as_long_as_the_settings_say(
    writer: Writer, stores: Stores, clock: FrozenClock
) -> None:
    def store(key: str) -> Callable[[Tx], None]:
        def operation(tx: Tx) -> None:
            tx.once("logs:bot_a", key, "of this")
            row = {"at_us": tx.now_us, "owner_id": 1, "name": key, "payload": "{}"}
            tx.append("stream_events", [row])

        return operation

    hour = 3600
    await writer.run(store("first"))
    clock.advance(60 * hour)
    await writer.run(store("second"))
    clock.advance(47 * hour)
    await writer.run(store("third"))

    assert await sweep(writer, event_days=4) == {"ingest_keys": 1, "stream_events": 1}
    assert ask(stores, "SELECT key FROM ingest_keys ORDER BY key") == [("second",), ("third",)]
    assert ask(stores, "SELECT name FROM stream_events ORDER BY id") == [("second",), ("third",)]
