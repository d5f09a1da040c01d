"""Events that leave with a transaction."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest
from sqlalchemy import select

from botyard.core.realtime import Event, publish
from botyard.core.realtime import events as known
from botyard.core.realtime.hub import Hub
from botyard.core.realtime.models import EventRow
from botyard.kit.db import Database, Session, Stores
from tests.core.realtime.happenings import Knocked, Rang, happen, hear, numbers


async def rows(db: Database) -> list[tuple[int, str, str]]:
    async with db.reader() as session:
        found = await session.execute(
            select(EventRow.id, EventRow.name, EventRow.payload).order_by(EventRow.id)
        )
        return [tuple(row) for row in found]


async def test_event_is_stored_with_its_transaction(db: Database) -> None:
    await happen(db, Knocked(owner_id=7, n=1, door="Tür"), Rang(owner_id=8))
    assert await rows(db) == [
        (1, "test.knocked", '{"owner_id":7,"n":1,"door":"Tür"}'),
        (2, "test.rang", '{"owner_id":8,"n":0,"door":"front"}'),
    ]


async def _publish_and_fail(db: Database) -> None:
    async with db.session() as session:
        publish(session, Knocked(owner_id=7, n=1))
        await session.flush()
        raise RuntimeError("no")


async def test_nobody_hears_of_what_was_rolled_back(db: Database, hub: Hub) -> None:
    async with hub.subscribe(owner_id=7) as subscription:
        with pytest.raises(RuntimeError, match="no"):
            await _publish_and_fail(db)
        await happen(db, Knocked(owner_id=7, n=2))
        assert numbers(await hear(subscription, 1)) == [2]
    assert len(await rows(db)) == 1


async def test_event_is_heard_after_the_commit_only(db: Database, hub: Hub) -> None:
    async with hub.subscribe(owner_id=7) as subscription:
        async with db.session() as session:
            publish(session, Knocked(owner_id=7, n=1))
            assert await subscription.take(timeout_s=0.01) == []
        (delivery,) = await subscription.take(timeout_s=10)
        assert delivery.event == Knocked(owner_id=7, n=1)
        assert await rows(db)


async def test_hooks_may_publish_too(db: Database, hub: Hub) -> None:
    async def second(session: Session) -> None:
        publish(session, Knocked(owner_id=7, n=2))

    async with hub.subscribe(owner_id=7) as subscription:
        async with db.session() as session:
            publish(session, Knocked(owner_id=7, n=1))
            session.before_commit(second)
            session.before_commit(second, last=True)
        assert numbers(await hear(subscription, 3)) == [1, 2, 2]


async def test_process_without_a_hub_publishes(db: Database) -> None:
    await happen(db, Knocked(owner_id=7))
    assert len(await rows(db)) == 1


async def test_ids_are_never_given_twice(db: Database) -> None:
    await happen(db, *[Knocked(owner_id=7)] * 3)
    async with db.session() as session:
        for row in await session.scalars(select(EventRow)):
            await session.delete(row)
    await happen(db, Knocked(owner_id=7))
    assert [row[0] for row in await rows(db)] == [4]


async def test_no_id_appears_below_one_that_was_seen(postgres_stores: Stores) -> None:
    """Transactions of several processes overlap; a reader that follows the ids misses none."""
    databases = [Database(postgres_stores) for _ in range(3)]
    seen: list[int] = []
    done = asyncio.Event()

    async def read() -> None:
        while True:
            finished = done.is_set()
            async with databases[0].reader() as session:
                last = seen[-1] if seen else 0
                fresh = await session.scalars(
                    select(EventRow.id).where(EventRow.id > last).order_by(EventRow.id)
                )
                seen.extend(new := list(fresh))
            if finished and not new:
                return

    async def work(db: Database, number: int) -> None:
        for n in range(15):
            async with db.session() as session:
                publish(session, Knocked(owner_id=number, n=n))
                publish(session, Knocked(owner_id=number, n=n))

    reading = asyncio.create_task(read())
    await asyncio.gather(*[work(db, number) for number in range(5) for db in databases])
    done.set()
    await reading
    assert len(seen) == 3 * 5 * 15 * 2
    assert seen == [row[0] for row in await rows(databases[0])]
    for db in databases:
        await db.close()


def test_event_comes_back_as_it_went() -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Measured(Event):
        name: ClassVar[str] = "test.measured"
        at: datetime
        values: dict[str, Any]
        note: str | None = None

    event = Measured(owner_id=1, at=datetime(2026, 6, 1, 12, tzinfo=UTC), values={"a": [1, 2.5, None, "ü"]})
    assert known.decode("test.measured", known.encode(event)) == event


def test_fields_of_a_newer_version_are_passed_over() -> None:
    assert known.decode("test.rang", '{"owner_id":1,"n":2,"volume":11}') == Rang(owner_id=1, n=2)


def test_unknown_name_is_said() -> None:
    with pytest.raises(known.UnknownEvent):
        known.decode("test.never", "{}")


def test_event_without_a_name_is_refused() -> None:
    with pytest.raises(TypeError, match="name"):

        @dataclass(frozen=True, slots=True, kw_only=True)
        class Nameless(Event):
            n: int


def test_two_events_of_one_name_are_refused() -> None:
    with pytest.raises(TypeError, match="two events"):

        @dataclass(frozen=True, slots=True, kw_only=True)
        class AlsoRang(Event):
            name: ClassVar[str] = "test.rang"


def test_known_events_are_listed() -> None:
    assert {"test.rang", "test.knocked"} <= known.names()
