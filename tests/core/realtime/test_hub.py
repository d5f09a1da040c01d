"""One hub, many listeners."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal

import pytest
from sqlalchemy.exc import OperationalError

from botyard.core.ingest import Writer
from botyard.core.realtime import Event
from botyard.core.realtime.cursor import CursorInvalid
from botyard.core.realtime.hub import Delivery, Hub, SlowConsumer
from botyard.core.realtime.source import Source, Tables
from botyard.core.realtime.types import Row
from botyard.kit.db import Database
from tests.core.realtime.happenings import Knocked, Rang, happen, hear, numbers, stream

MakeHub = Callable[..., Awaitable[Hub]]


async def test_owner_hears_what_is_his_and_administrators_hear_all(
    db: Database, hub: Hub, writer: Writer
) -> None:
    async with hub.subscribe(owner_id=1) as mine, hub.subscribe(owner_id=None) as everything:
        await happen(db, Knocked(owner_id=1, n=1), Knocked(owner_id=2, n=2), Knocked(owner_id=0, n=3))
        await stream(writer, Knocked(owner_id=2, n=4), Knocked(owner_id=1, n=5))
        assert numbers(await hear(mine, 2)) == [1, 5]
        assert numbers(await hear(everything, 5)) == [1, 2, 3, 4, 5]
        assert await mine.take(timeout_s=0.01) == []


async def test_only_the_wanted_names_are_heard(db: Database, hub: Hub, writer: Writer) -> None:
    async with hub.subscribe(owner_id=1, names=frozenset({Rang.name})) as subscription:
        await happen(db, Knocked(owner_id=1, n=1), Rang(owner_id=1, n=2))
        await stream(writer, Rang(owner_id=1, n=3), Knocked(owner_id=1, n=4))
        assert numbers(await hear(subscription, 2)) == [2, 3]
        assert await subscription.take(timeout_s=0.01) == []


async def test_listening_begins_with_the_call(db: Database, hub: Hub) -> None:
    await happen(db, Knocked(owner_id=1, n=1))
    subscription = hub.subscribe(owner_id=1)
    await happen(db, Knocked(owner_id=1, n=2))
    async with subscription:
        await happen(db, Knocked(owner_id=1, n=3))
        assert numbers(await hear(subscription, 2)) == [2, 3]


async def test_what_was_missed_is_heard_first(db: Database, hub: Hub, writer: Writer) -> None:
    start = hub.cursor()
    await happen(db, Knocked(owner_id=1, n=1), Knocked(owner_id=2, n=2), Rang(owner_id=1, n=3))
    await stream(writer, Knocked(owner_id=1, n=4), Rang(owner_id=1, n=5))
    names = frozenset({Knocked.name})
    async with hub.subscribe(owner_id=1, names=names, since=start) as subscription:
        missed = await hear(subscription, 2)
        await happen(db, Knocked(owner_id=1, n=6))
        assert numbers(missed + await hear(subscription, 1)) == [1, 4, 6]
    async with hub.subscribe(owner_id=1, since=missed[0].id) as subscription:
        assert numbers(await hear(subscription, 4)) == [3, 4, 5, 6]


async def test_long_absence_is_replayed_whole_and_in_order(db: Database, hub: Hub, writer: Writer) -> None:
    start = hub.cursor()
    for part in range(4):
        await stream(writer, *[Knocked(owner_id=1, n=part * 400 + n) for n in range(400)])
    async with hub.subscribe(owner_id=1, since=start) as subscription:
        heard = await hear(subscription, 800)
        await stream(writer, Knocked(owner_id=1, n=1600))
        heard += await hear(subscription, 801)
    assert numbers(heard) == list(range(1601))


@pytest.mark.parametrize("since", ["e0.s0", "e0", "s0.x99", "e999999.s999999"])
async def test_cursor_of_another_time_is_accepted(db: Database, hub: Hub, writer: Writer, since: str) -> None:
    await happen(db, Knocked(owner_id=1, n=1))
    await stream(writer, Knocked(owner_id=1, n=2))
    async with hub.subscribe(owner_id=1, since=since) as subscription:
        await happen(db, Knocked(owner_id=1, n=3))
        expected = {"e0.s0": [1, 2, 3], "e0": [1, 3], "s0.x99": [2, 3], "e999999.s999999": [3]}[since]
        assert sorted(numbers(await hear(subscription, len(expected)))) == expected


@pytest.mark.parametrize("since", ["", "e", "12", "e-1", "e1,s2", "e1.", "E1", "e" + "9" * 19, "é1", "e1\n"])
async def test_nonsense_for_a_cursor_is_refused(hub: Hub, since: str) -> None:
    with pytest.raises(CursorInvalid):
        hub.subscribe(owner_id=1, since=since)


async def test_slow_listener_is_closed_and_holds_nobody_up(db: Database, make_hub: MakeHub) -> None:
    hub = await make_hub(queue_limit=10)
    async with hub.subscribe(owner_id=1) as slow, hub.subscribe(owner_id=1) as quick:
        first = await asyncio.gather(hear(slow, 1), hear(quick, 1), happen(db, Knocked(owner_id=1, n=0)))
        for n in range(1, 12):
            await happen(db, Knocked(owner_id=1, n=n))
            assert numbers(await hear(quick, 1)) == [n]
        assert hub.connected == 1
        with pytest.raises(SlowConsumer):
            await anext(slow)
        with pytest.raises(SlowConsumer):
            await slow.take()
    async with hub.subscribe(owner_id=1, since=first[0][0].id) as again:
        assert numbers(await hear(again, 11)) == list(range(1, 12))


async def test_one_large_commit_does_not_close_a_listener_that_reads(
    make_hub: MakeHub, writer: Writer, hub: Hub, db: Database
) -> None:
    other = await make_hub(queue_limit=1000)
    begin = other.cursor()
    assert begin == hub.cursor()
    async with other.subscribe(owner_id=1) as subscription:
        hearing = asyncio.create_task(hear(subscription, 5000))
        await asyncio.sleep(0)
        await writer.run(lambda tx: [tx.emit(Knocked(owner_id=1, n=n)) for n in range(5000)], rows=5000)
        other.look()  # as another process would
        assert numbers(await hearing) == list(range(5000))


async def test_take_gives_all_there_is_and_nothing_after_its_time(db: Database, hub: Hub) -> None:
    async with hub.subscribe(owner_id=1) as subscription:
        assert await subscription.take(timeout_s=0) == []
        await happen(db, *[Knocked(owner_id=1, n=n) for n in range(5)])
        assert numbers(await subscription.take(timeout_s=5)) == [0, 1, 2, 3, 4]
        waiting = asyncio.create_task(subscription.take())
        await asyncio.sleep(0)
        await happen(db, Knocked(owner_id=1, n=5))
        assert numbers(await waiting) == [5]


async def test_keep_alive_cursor_moves_past_what_others_heard(db: Database, hub: Hub) -> None:
    async with hub.subscribe(owner_id=1) as subscription:
        await subscription.take(timeout_s=0)
        await happen(db, Knocked(owner_id=2, n=1))
        assert await subscription.take(timeout_s=0) == []
        assert subscription.cursor() == hub.cursor()
        assert "e1" in subscription.cursor()


async def test_cancelled_wait_loses_nothing(db: Database, hub: Hub) -> None:
    async with hub.subscribe(owner_id=1) as subscription:
        waiting = asyncio.create_task(anext(subscription))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await happen(db, Knocked(owner_id=1, n=1))
        assert numbers(await hear(subscription, 1)) == [1]


async def test_closing_ends_the_iteration(db: Database, hub: Hub) -> None:
    async with hub.subscribe(owner_id=1) as first, hub.subscribe(owner_id=1) as second:
        assert hub.connected == 2
        waiting = [asyncio.create_task(subscription.take()) for subscription in (first, second)]
        await asyncio.sleep(0)
        first.close()
        first.close()
        assert await waiting[0] == []
        hub.close()
        assert await waiting[1] == []
        assert first.closed
        assert second.closed
        with pytest.raises(StopAsyncIteration):
            await anext(first)
    assert hub.connected == 0
    async with hub.subscribe(owner_id=1) as late:
        assert [delivery async for delivery in late] == []


async def test_subscription_must_be_entered(hub: Hub) -> None:
    with pytest.raises(RuntimeError, match="async with"):
        await anext(hub.subscribe(owner_id=1))


async def test_encoding_is_done_once_for_all_listeners(db: Database, hub: Hub) -> None:
    calls: list[int] = []

    def encode(delivery: Delivery) -> str:
        calls.append(1)
        return f"{delivery.id} {delivery.event.name}"

    async with hub.subscribe(owner_id=1) as first, hub.subscribe(owner_id=None) as second:
        await happen(db, Knocked(owner_id=1, n=1))
        (one,), (two,) = await hear(first, 1), await hear(second, 1)
        assert one.once("sse", encode) == two.once("sse", encode) == f"{one.id} test.knocked"
        assert one.once("ws", encode)
        assert len(calls) == 2
        assert one.at.tzinfo is not None


async def test_row_that_cannot_be_read_does_not_stop_the_others(
    db: Database, hub: Hub, writer: Writer
) -> None:
    start = hub.cursor()
    bad = [
        {"at_us": 1, "owner_id": 1, "name": "test.of_another_version", "payload": "{}"},
        {"at_us": 1, "owner_id": 1, "name": Knocked.name, "payload": '{"n": "not a number"}'},
    ]
    async with hub.subscribe(owner_id=1) as subscription:
        await writer.run(lambda tx: tx.append("stream_events", bad))
        await stream(writer, Knocked(owner_id=1, n=1))
        assert numbers(await hear(subscription, 1)) == [1]
    async with hub.subscribe(owner_id=1, since=start) as subscription:
        assert numbers(await hear(subscription, 1)) == [1]


class Doors:
    """A table whose own rows are the events."""

    key = "d"
    table = "doors"
    store: Literal["main", "stream"] = "stream"
    names = frozenset({Knocked.name})
    owner_id = None

    def __init__(self) -> None:
        self.read = 0

    def event(self, row: Mapping[str, Any]) -> Event:
        self.read += 1
        return Knocked(owner_id=row["owner_id"], n=row["number"])


@pytest.fixture
async def doors(db: Database, writer: Writer) -> Doors:
    serial = "INTEGER PRIMARY KEY AUTOINCREMENT" if db.embedded else "BIGSERIAL PRIMARY KEY"
    create = f"CREATE TABLE doors (id {serial}, at_us BIGINT, owner_id BIGINT, number BIGINT)"
    await writer.run(lambda tx: tx.execute(create))
    return Doors()


async def test_rows_of_a_table_are_events_themselves(
    make_hub: MakeHub, stores: Any, doors: Doors, db: Database
) -> None:
    hub = await make_hub(sources=[doors])
    writer = Writer(stores, max_rows=100, on_commit=hub.committed)
    await writer.start()
    rows = [{"at_us": n, "owner_id": n % 2, "number": n} for n in range(6)]
    async with hub.subscribe(owner_id=None, names=frozenset({Rang.name})):
        await writer.run(lambda tx: tx.append("doors", rows))
        await writer.run(lambda tx: None)
        assert doors.read == 0, "nobody wanted to hear it"
    async with hub.subscribe(owner_id=1, since="d2") as subscription:
        missed = await hear(subscription, 2)
        await writer.run(lambda tx: tx.append("doors", [{"at_us": 9, "owner_id": 1, "number": 9}]))
        assert numbers(missed + await hear(subscription, 1)) == [3, 5, 9]
        assert hub.cursor().endswith(".d7")
    await writer.stop()


async def test_two_sources_of_one_letter_are_refused(db: Database, doors: Doors) -> None:
    with pytest.raises(ValueError, match="two sources"):
        Hub(db, sources=[doors, doors])


@pytest.mark.parametrize("somebody_listens", [True, False])
async def test_hint_about_the_tables_of_another_installation_does_no_harm(
    db: Database, hub: Hub, somebody_listens: bool
) -> None:
    before = hub.cursor()
    other = hub.subscribe(owner_id=None)
    if somebody_listens:
        await other.__aenter__()
    hub.heard({"e": 10**6, "x": 5})
    async with hub.subscribe(owner_id=1) as subscription:
        assert await subscription.take(timeout_s=0.1) == []
        assert hub.cursor() == before
        await happen(db, Knocked(owner_id=1, n=1))
        assert numbers(await hear(subscription, 1)) == [1]
    other.close()


AWAY = OperationalError("SELECT", {}, Exception("away"))
ODD = RuntimeError("what no driver should raise")


class Flaky(Tables):
    """Tables that cannot be read for a while."""

    def __init__(self, db: Database, error: Exception) -> None:
        super().__init__(db)
        self.broken = self.hidden = False
        self.failed = asyncio.Event()
        self._error = error

    async def rows(self, source: Source, **filters: Any) -> Sequence[Row]:
        if self.broken:
            raise self._error
        return await super().rows(source, **filters)

    async def last(self, source: Source) -> int:
        if self.hidden:
            self.failed.set()
            raise self._error
        return await super().last(source)


@pytest.mark.parametrize("error", [AWAY, ODD], ids=["away", "odd"])
async def test_look_that_fails_is_not_the_last(
    make_hub: MakeHub, db: Database, writer: Writer, error: Exception
) -> None:
    tables = Flaky(db, error)
    hub = await make_hub(tables=tables)
    async with hub.subscribe(owner_id=1) as subscription:
        tables.hidden = True
        hub.look()
        await tables.failed.wait()
        tables.hidden = False
        other = Database(db.stores)  # another process', which tells this one nothing
        await happen(other, Knocked(owner_id=1, n=1))
        await other.close()
        hub.look()
        async with asyncio.timeout(5):
            assert numbers(await hear(subscription, 1)) == [1]


@pytest.mark.parametrize("error", [AWAY, ODD], ids=["away", "odd"])
async def test_reading_trouble_is_survived(
    make_hub: MakeHub, db: Database, writer: Writer, error: Exception
) -> None:
    tables = Flaky(db, error)
    hub = await make_hub(tables=tables)
    async with hub.subscribe(owner_id=1) as subscription:
        tables.broken = True
        for n in range(3):
            await stream(writer, Knocked(owner_id=1, n=n))
            hub.look()
            assert await subscription.take(timeout_s=0.02) == []
        tables.broken = False
        await stream(writer, Knocked(owner_id=1, n=3))
        hub.look()
        assert numbers(await hear(subscription, 4)) == [0, 1, 2, 3]
