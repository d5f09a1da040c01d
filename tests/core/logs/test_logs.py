"""Entries of services: stored all or none, once for each key, found again, heard live, and not kept for ever."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from botyard.core.accounts.types import Kind, Principal, Role
from botyard.core.idempotency import KeyReused
from botyard.core.ingest import Writer
from botyard.core.ingest import jobs as ingest_jobs
from botyard.core.ingest.reader import Row, StreamReader
from botyard.core.ingest.request_key import RequestKey
from botyard.core.logs import service as logs
from botyard.core.logs.events import EntryReceived
from botyard.core.logs.types import NewEntry
from botyard.core.realtime.hub import Hub
from botyard.kit import clock as clocks
from botyard.kit.clock import FrozenClock
from botyard.kit.db import Database
from botyard.kit.errors import Invalid
from botyard.settings import Settings

ADMIN = Principal(kind=Kind.token, user_id=1, role=Role.admin)
SHOP = Principal(kind=Kind.api_key, user_id=1, role=Role.service, api_key_id="key_shop")
PATIENCE_S = 15


def entry(message: str = "up", type_: str = "debug", **data: Any) -> NewEntry:
    return NewEntry.of(type_, {"message": message, **data})


async def say(writer: Writer, *entries: NewEntry, sender: Principal = SHOP, **how: Any) -> list[str]:
    return await logs.submit(writer, entries, sender=sender, **how)


async def texts(reader: StreamReader, **how: Any) -> list[str]:
    return [row["message"] for row in await logs.search(reader, **how)]


def without(row: Row, *names: str) -> Mapping[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


async def test_an_entry_comes_back_with_everything(
    writer: Writer, reader: StreamReader, clock: FrozenClock
) -> None:
    sent = entry(
        "Signed in", "user_activity", level="info", source="gateway", request_id="r1", user={"id": 7}
    )
    [log_id] = await say(writer, sent)
    [row] = await logs.search(reader)
    assert without(row, "id") == {
        "log_id": log_id,
        "at_us": clocks.now_us(),
        "received_us": clocks.now_us(),
        "type": "user_activity",
        "level": "info",
        "source": "gateway",
        "message": "Signed in",
        "correlation_id": "r1",
        "sender": "key:key_shop",
        "data": {
            "message": "Signed in",
            "level": "info",
            "source": "gateway",
            "request_id": "r1",
            "user": {"id": 7},
        },
    }
    assert log_id.startswith("log_")
    assert len(log_id) == 30


async def test_ids_are_given_in_order_and_the_newest_comes_first(
    writer: Writer, reader: StreamReader
) -> None:
    given = await say(writer, *(entry(str(number)) for number in range(1200)), sender=ADMIN)
    rows = await logs.search(reader, limit=1200)
    assert [row["log_id"] for row in rows] == given[::-1]
    assert given == sorted(given)
    assert len(set(given)) == 1200
    assert {row["sender"] for row in rows} == {"user:1"}
    assert await say(writer) == []


async def test_one_request_carries_so_many_entries(writer: Writer, reader: StreamReader) -> None:
    with pytest.raises(Invalid, match="5000"):
        await say(writer, *[entry()] * (logs.MAX_ENTRIES + 1))
    assert await texts(reader) == []


async def test_the_same_key_is_stored_once_and_answered_alike(writer: Writer, reader: StreamReader) -> None:
    both = (entry("a"), entry("b"))
    first, *again = await asyncio.gather(*(say(writer, *both, key=RequestKey("k", "d1")) for _ in range(5)))
    assert again == [first] * 4
    assert len(set(first)) == 2
    assert await texts(reader) == ["b", "a"]
    assert [row["log_id"] for row in await logs.search(reader)] == first[::-1]
    assert await say(writer, *both, key=RequestKey("other", "d1")) != first
    assert await say(writer, *both, key=RequestKey("k", "d1"), sender=ADMIN) != first
    assert len(await texts(reader)) == 6


async def test_a_key_that_stood_for_something_else_is_refused(writer: Writer, reader: StreamReader) -> None:
    await say(writer, entry("a"), key=RequestKey("k", "d1"))
    with pytest.raises(KeyReused):
        await say(writer, entry("b"), key=RequestKey("k", "d2"))
    assert await texts(reader) == ["a"]


async def test_moments_are_the_sender_s_own_within_bounds(
    writer: Writer, reader: StreamReader, clock: FrozenClock
) -> None:
    now, hour = clocks.now_us(), 3600 * 1_000_000
    wanted = {
        now - hour: now - hour,
        now - 100 * hour: now - 48 * hour,
        now + hour: now + hour // 12,
    }
    await say(writer, *(entry(timestamp=moment / 1_000_000) for moment in wanted), entry(timestamp="soon"))
    rows = await logs.search(reader)
    assert [row["at_us"] for row in reversed(rows)] == [*wanted.values(), now]
    assert {row["received_us"] for row in rows} == {now}


async def test_entries_are_found_by_what_they_say(
    writer: Writer, reader: StreamReader, clock: FrozenClock
) -> None:
    await say(
        writer,
        entry("low DISK space", "terminal", level="warning", source="db", trace_id="t1"),
        entry("disk 100% full_now", "console", level="error", source="db", trace_id="t1"),
        entry("fine", level="info", source="shop", where={"disk": "sdb1"}),
    )
    clock.advance(60)
    later = clocks.now()
    await say(writer, entry("later", level="info", source="shop", trace_id="t2"))
    all_of_them = await logs.search(reader)
    assert await texts(reader) == ["later", "fine", "disk 100% full_now", "low DISK space"]
    assert await texts(reader, type="terminal") == ["low DISK space"]
    assert await texts(reader, level="error") == ["disk 100% full_now"]
    assert await texts(reader, source="shop") == ["later", "fine"]
    assert await texts(reader, source="shop", level="info", type="debug") == ["later", "fine"]
    assert await texts(reader, correlation_id="t1") == ["disk 100% full_now", "low DISK space"]
    assert await texts(reader, text="Disk") == ["fine", "disk 100% full_now", "low DISK space"]
    assert await texts(reader, text="100%") == ["disk 100% full_now"]
    assert await texts(reader, text="SDB1") == ["fine"]
    assert await texts(reader, text="k_1") == await texts(reader, text="!") == []
    assert await texts(reader, since=later) == ["later"]
    assert await texts(reader, until=later) == ["fine", "disk 100% full_now", "low DISK space"]
    assert await texts(reader, since=later - timedelta(days=1), until=later, source="shop") == ["fine"]
    middle = all_of_them[1]["id"]
    assert await texts(reader, before_id=middle) == ["disk 100% full_now", "low DISK space"]
    assert await texts(reader, after_id=middle) == ["later"]
    assert await texts(reader, limit=1) == ["later"]
    assert await logs.types(reader) == ["console", "debug", "terminal"]
    assert await logs.sources(reader) == ["db", "shop"]


async def test_choices_of_an_empty_log_are_none(reader: StreamReader) -> None:
    assert await logs.types(reader) == await logs.sources(reader) == []


async def test_what_no_store_can_keep_is_kept_in_another_form(writer: Writer, reader: StreamReader) -> None:
    await say(writer, entry("nul \x00 inside", value="\x00", long="x" * 9000, level="l" * 99))
    [row] = await logs.search(reader)
    assert row["message"] == "nul \ufffd inside"
    assert row["data"]["value"] == "\x00"


async def test_administrators_hear_entries_and_nobody_else_does(hub: Hub, writer: Writer) -> None:
    begin = hub.cursor()
    async with asyncio.timeout(PATIENCE_S):
        async with hub.subscribe(owner_id=None) as all_ears, hub.subscribe(owner_id=7) as other:
            await say(writer, entry("a", level="info", source="shop", n=1))
            heard = (await anext(all_ears)).event
            assert await other.take(timeout_s=0) == []
        async with hub.subscribe(owner_id=7, since=begin) as missed:
            assert await missed.take(timeout_s=0.05) == []
        async with hub.subscribe(owner_id=None, since=begin) as again:
            assert (await anext(again)).event == heard
    assert isinstance(heard, EntryReceived)
    assert (heard.message, heard.level, heard.source, heard.data["n"]) == ("a", "info", "shop", 1)
    assert (heard.owner_id, heard.sender) == (0, "key:key_shop")


async def test_entries_are_kept_as_long_as_logs_of_bots(
    db: Database, writer: Writer, reader: StreamReader, clock: FrozenClock, settings: Settings
) -> None:
    await say(writer, entry("old"))
    clock.advance(settings.log_retention_days * 86_400 - 1)
    await say(writer, entry("new"))
    assert (await ingest_jobs.retain.run_inline(db))["service_logs"] == 0
    clock.advance(2)
    assert (await ingest_jobs.retain.run_inline(db))["service_logs"] == 1
    assert await texts(reader) == ["new"]
