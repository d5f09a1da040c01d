"""Logs and messages: stored all or none, once for each key, found again, and not kept for ever."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from botyard.core.idempotency import KeyReused
from botyard.core.ingest import jobs as ingest_jobs
from botyard.core.ingest.request_key import RequestKey
from botyard.core.ingest.retention import KEYS_KEPT_H
from botyard.core.realtime import jobs as realtime_jobs
from botyard.features.fleet import commands, data, jobs, records, stats, threads
from botyard.features.fleet.events import DataSynced, LogReceived, MessageReceived
from botyard.features.fleet.traffic import Traffic
from botyard.features.fleet.types import NewLog, NewMessage
from botyard.kit import clock as clocks
from botyard.kit.clock import FrozenClock
from botyard.kit.errors import Invalid
from botyard.settings import Settings
from tests.features.fleet.fleet import BOT, OWNER, Fleet, bot

HOUR_US = 3600 * 1_000_000
Append = Callable[..., Awaitable[int]]


def log(text: str = "up", **fields: Any) -> NewLog:
    return NewLog(**({"type": "info", "message": text} | fields))


def message(text: str = "hi", **fields: Any) -> NewMessage:
    fields = {"author_id": "1", "author_name": "Bo", "thread_id": "t", "thread_type": "USER"} | fields
    return NewMessage(message=text, **fields)


async def say(fleet: Fleet, *logs: NewLog, bot_id: str = BOT, owner_id: int = OWNER, **how: Any) -> int:
    return await records.append_logs(fleet.writer, bot_id=bot_id, owner_id=owner_id, logs=logs, **how)


async def chat(fleet: Fleet, *messages: NewMessage, bot_id: str = BOT, **how: Any) -> int:
    return await records.append_messages(
        fleet.writer, bot_id=bot_id, owner_id=OWNER, messages=messages, **how
    )


K = RequestKey("k", "d1")


async def texts(fleet: Fleet, table: str = "logs", **how: Any) -> list[str]:
    return [row["message"] for row in await records.list_rows(fleet.reader, table, **how)]


async def test_lines_come_back_newest_first_with_everything(fleet: Fleet) -> None:
    assert await say(fleet, log("a", metadata={"n": 1}), log("b", type="error")) == 2
    newest, oldest = await records.list_rows(fleet.reader, "logs", bot_id=BOT)
    assert (newest["message"], newest["type"], newest["metadata"]) == ("b", "error", {})
    assert (oldest["message"], oldest["metadata"], oldest["owner_id"]) == ("a", {"n": 1}, OWNER)
    assert oldest["at_us"] == clocks.now_us()


async def test_messages_keep_who_and_where(fleet: Fleet) -> None:
    await chat(fleet, message("hello", thread_type="GROUP", metadata={"lang": "en"}))
    [row] = await records.list_rows(fleet.reader, "messages")
    wanted = {
        "message": "hello",
        "author_id": "1",
        "author_name": "Bo",
        "thread_id": "t",
        "thread_type": "GROUP",
        "metadata": {"lang": "en"},
        "bot_id": BOT,
    }
    assert {key: row[key] for key in wanted} == wanted


@pytest.mark.parametrize("append", [say, chat], ids=["logs", "messages"])
async def test_the_same_key_is_stored_once_and_answered_alike(append: Append, fleet: Fleet) -> None:
    rows = [log(), log()] if append is say else [message(), message()]
    table = "logs" if append is say else "messages"
    answers = await asyncio.gather(*(append(fleet, *rows, key=K) for _ in range(5)))
    assert answers == [2] * 5
    assert len(await fleet.rows(table)) == 2
    assert await fleet.tally() == {table: 2}
    assert await append(fleet, *rows, key=RequestKey("another", "d1")) == 2
    assert await append(fleet, *rows, key=K, bot_id="bot_b") == 2
    assert len(await fleet.rows(table)) == 6


async def test_a_key_that_stood_for_something_else_is_refused_and_harms_nobody(fleet: Fleet) -> None:
    await say(fleet, log("first"), key=K)
    told = await asyncio.gather(
        say(fleet, log("second"), key=RequestKey("k", "d2")),
        say(fleet, log("neighbour")),
        return_exceptions=True,
    )
    assert isinstance(told[0], KeyReused)
    assert await texts(fleet) == ["neighbour", "first"]


async def test_a_key_of_logs_is_none_of_messages(fleet: Fleet) -> None:
    await say(fleet, log(), key=K)
    await chat(fleet, message(), key=K)
    assert await fleet.tally() == {"logs": 1, "messages": 1}


@pytest.mark.parametrize(
    "bad",
    [log("x" * (records.MAX_TEXT + 1)), log(metadata={"x": "y" * records.MAX_TEXT})],
    ids=["text", "metadata"],
)
async def test_one_row_that_is_too_large_refuses_all(bad: NewLog, fleet: Fleet) -> None:
    with pytest.raises(Invalid):
        await say(fleet, log(), bad, log(), key=K)
    assert await fleet.rows("logs") == []
    assert await say(fleet, log(), key=K) == 1


async def test_a_request_carries_so_many_rows(fleet: Fleet) -> None:
    with pytest.raises(Invalid):
        await say(fleet, *[log()] * (records.MAX_ROWS + 1))
    assert await say(fleet, *[log()] * records.MAX_ROWS) == records.MAX_ROWS
    assert await say(fleet) == 0
    assert len(await fleet.rows("logs")) == records.MAX_ROWS


async def test_moments_are_the_bots_own_within_bounds(fleet: Fleet) -> None:
    now = clocks.now_us()
    wanted = {
        None: now,
        now - HOUR_US: now - HOUR_US,
        now - 100 * HOUR_US: now - 48 * HOUR_US,
        now + 60_000_000: now + 60_000_000,
        now + HOUR_US: now + HOUR_US // 12,
        -(2**62): now - 48 * HOUR_US,
        2**62: now + HOUR_US // 12,
    }
    await say(fleet, *(log(at_us=moment) for moment in wanted))
    rows = await records.list_rows(fleet.reader, "logs")
    assert [row["at_us"] for row in reversed(rows)] == list(wanted.values())


async def test_rows_are_found_by_owner_bot_type_text_and_place(fleet: Fleet) -> None:
    await say(fleet, log("low DISK space"), log("disk 100% full_now", type="error"), log("fine"))
    await say(fleet, log("disk of another"), bot_id="bot_b", owner_id=8)
    all_of_them = await records.list_rows(fleet.reader, "logs")
    assert len(all_of_them) == 4
    assert await texts(fleet, owner_id=8) == ["disk of another"]
    assert await texts(fleet, bot_id=BOT, type="error") == ["disk 100% full_now"]
    assert await texts(fleet, bot_id=BOT, text="Disk") == ["disk 100% full_now", "low DISK space"]
    assert await texts(fleet, text="100%") == ["disk 100% full_now"]
    assert await texts(fleet, text="full_n") == ["disk 100% full_now"]
    assert await texts(fleet, text="k_1") == await texts(fleet, text="!") == []
    middle = all_of_them[1]["id"]
    assert await texts(fleet, before_id=middle) == ["disk 100% full_now", "low DISK space"]
    assert await texts(fleet, after_id=middle) == ["disk of another"]
    assert await texts(fleet, limit=1) == ["disk of another"]


async def test_each_line_is_a_live_event(fleet: Fleet) -> None:
    async with fleet.hub.subscribe(owner_id=OWNER) as events:
        await say(fleet, log("a", metadata={"n": 1}))
        await chat(fleet, message("b"))
        heard = [(await anext(events)).event for _ in range(2)]
    # Each table keeps its order; which of two tables is heard first is not promised.
    [line] = [event for event in heard if isinstance(event, LogReceived)]
    [said] = [event for event in heard if isinstance(event, MessageReceived)]
    assert (line.message, line.metadata, said.message) == ("a", {"n": 1}, "b")


async def test_the_last_picture_of_the_bots_world_stands(fleet: Fleet, clock: FrozenClock) -> None:
    assert await data.get(fleet.reader, bot_id=BOT) == data.Synced(None, None)
    for number in (1, 2):
        clock.advance(1)
        await data.sync(fleet.writer, bot_id=BOT, owner_id=OWNER, data={"groups": [number]})
    assert await data.get(fleet.reader, bot_id=BOT) == data.Synced({"groups": [2]}, clocks.now_us())
    assert [event.data for event in fleet.of(DataSynced)] == [{"groups": [1]}, {"groups": [2]}]


async def test_counts_are_kept_by_bot_and_owner(fleet: Fleet) -> None:
    await say(fleet, log(), log())
    await say(fleet, log(), bot_id="bot_b")
    await say(fleet, log(), bot_id="bot_c", owner_id=8)
    await fleet.command("stop")
    assert (await stats.of_bot(fleet.reader, bot_id=BOT))["logs"] == 2
    assert (await stats.of_owner(fleet.reader, owner_id=OWNER))["logs"] == 3
    assert (await stats.of_owner(fleet.reader, owner_id=None))["logs"] == 4
    assert (await stats.of_bot(fleet.reader, bot_id=BOT))["type:stop"] == 1
    assert (await stats.of_bot(fleet.reader, bot_id="bot_none"))["logs"] == 0


async def test_threads_are_listed_by_their_last_message(fleet: Fleet) -> None:
    await chat(fleet, message("1", thread_id="a"), message("2", thread_id="b"), message("3", thread_id="a"))
    await chat(fleet, message("4", thread_id="c"), bot_id="bot_b")
    found = await threads.list_threads(fleet.reader, bot_id=BOT)
    assert [(thread.id, thread.last["message"]) for thread in found] == [("a", "3"), ("b", "2")]
    rows = await threads.messages(fleet.reader, bot_id=BOT, thread_id="a")
    assert [row["message"] for row in rows] == ["3", "1"]


async def test_traffic_counts_each_row_once_in_its_minute(fleet: Fleet, clock: FrozenClock) -> None:
    traffic = Traffic(fleet.reader)
    await say(fleet, log(), log(type="error"))
    await chat(fleet, message())
    first = await traffic.of(owner_id=OWNER)
    assert (first.all[-1], first.trouble[-1], first.messages[-1]) == (2, 1, 1)
    clock.advance(60)
    await say(fleet, log(type="warning"))
    second = await traffic.of()
    assert (second.all[-2:], second.trouble[-2:], second.messages[-2:]) == ([2, 1], [1, 1], [1, 0])
    assert (await traffic.of(owner_id=8)).all == [0] * 60
    assert sum((await traffic.of_bots([BOT, "bot_b"]))[BOT]) == 3
    clock.advance(3600)
    assert sum((await traffic.of()).all) == 0


async def test_a_deleted_bot_leaves_nothing(fleet: Fleet) -> None:
    for name in (BOT, "bot_b"):
        await say(fleet, *[log()] * 1200, bot_id=name)
        await chat(fleet, message(), bot_id=name)
        await fleet.command(bot_id=name)
        await data.sync(fleet.writer, bot_id=name, owner_id=OWNER, data={})
        await fleet.presence.describe(bot(name), {"version": "1"})
    await jobs.clear_bot(fleet.writer, BOT)
    for table in ("logs", "messages", "commands", "presence", "synced_data", "tallies"):
        assert {row["bot_id"] for row in await fleet.rows(table)} == {"bot_b"}, table
    assert await jobs.clear_bot(fleet.writer, BOT) == 0


async def test_what_is_older_than_the_settings_keep_it_goes(
    fleet: Fleet, clock: FrozenClock, settings: Settings
) -> None:
    fleet.db.parts.add(settings)
    await say(fleet, log("old"))
    await chat(fleet, message("old"))
    done, waiting = await fleet.command("done"), await fleet.command("waiting")
    await fleet.ack(done.id)
    clock.advance(settings.log_retention_days * 86400 + 1)
    await say(fleet, log("new"))
    await chat(fleet, message("new"))
    gone = await ingest_jobs.retain.run_inline(fleet.db)
    assert (gone["logs"], gone["messages"]) == (1, 1)
    assert await jobs.retain.run_inline(fleet.db) == {"commands": 0}
    assert (await texts(fleet), await texts(fleet, "messages")) == (["new"], ["new"])
    clock.advance((settings.command_retention_days - settings.log_retention_days) * 86400)
    assert (await jobs.retain.run_inline(fleet.db))["commands"] == 1
    assert [row["id"] for row in await fleet.rows("commands")] == [waiting.id]


async def test_live_events_and_keys_go_in_their_time(
    fleet: Fleet, clock: FrozenClock, settings: Settings
) -> None:
    fleet.db.parts.add(settings)
    await say(fleet, log(), key=K)
    await fleet.command()
    clock.advance(KEYS_KEPT_H * 3600 + 1)
    await realtime_jobs.retain.run_inline(fleet.db)
    assert await fleet.rows("ingest_keys") == []
    assert len(await fleet.rows("stream_events")) == 1
    clock.advance(settings.event_retention_days * 86400)
    await realtime_jobs.retain.run_inline(fleet.db)
    assert await fleet.rows("stream_events") == []
    assert len(await commands.history(fleet.reader, bot_id=BOT)) == 1
