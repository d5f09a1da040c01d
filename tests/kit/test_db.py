"""What a session does beside its commit, or instead of it; and what JSON is when it comes back."""

import asyncio
import gc
import json
import warnings
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import JSON, func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Mapped

from botyard.core.jobs.models import JobRow
from botyard.core.jobs.types import JobState
from botyard.core.mail.models import Outgoing
from botyard.kit import clock
from botyard.kit.db import AnyJson, Base, Database, Json, Session, Stores
from botyard.migrations import tables

assert tables.ALL


class Broken(Exception):
    """The work failed."""


def mail(id: str) -> Outgoing:  # noqa: A002
    return Outgoing(
        id=id, account_id=1, recipient="a@b.example", subject="s", state="sent", created_at=clock.now()
    )


async def kept(db: Database) -> list[str]:
    async with db.reader() as session:
        return list(await session.scalars(select(Outgoing.id).order_by(Outgoing.id)))


async def note(session: Session) -> None:
    session.add(mail("note"))


async def fail(_: Session) -> None:
    raise Broken


async def work(db: Database, *hooks: str) -> None:
    """Write, with a hook for the failure and one that fails at each of these places."""
    async with db.session() as session:
        session.add(mail("work"))
        await session.flush()
        session.on_failure(note)
        for place in hooks:
            getattr(session, place)(fail)


async def break_off(db: Database, *, reading: bool) -> None:
    async with db.reader() if reading else db.session() as session:
        await session.scalar(select(func.count()).select_from(Outgoing))
        session.on_failure(note)
        raise Broken


@pytest.mark.parametrize("reading", [False, True], ids=["writing", "reading"])
async def test_failure_hook_writes_although_its_session_does_not(db: Database, reading: bool) -> None:
    with pytest.raises(Broken):
        await break_off(db, reading=reading)

    assert await kept(db) == ["note"]


async def test_failing_commit_leaves_what_the_failure_hook_wrote_and_nothing_else(db: Database) -> None:
    with pytest.raises(Broken):
        await work(db, "before_commit")

    assert await kept(db) == ["note"]


async def test_failure_hook_stays_out_of_a_session_that_commits(db: Database) -> None:
    await work(db)

    assert await kept(db) == ["work"]


async def test_failure_hook_stays_out_when_only_something_after_the_commit_failed(db: Database) -> None:
    await work(db, "after_commit")

    assert await kept(db) == ["work"]


async def test_one_that_fails_after_the_commit_neither_keeps_the_others_nor_undoes_what_was_done(
    db: Database,
) -> None:
    ran: list[str] = []

    async def run(_: Session) -> None:
        ran.append("other")

    async with db.session() as session:
        session.add(mail("work"))
        session.after_commit(fail)
        session.after_commit(run)

    assert (await kept(db), ran) == (["work"], ["other"])


def job(**fields: Any) -> JobRow:
    now = clock.now()
    return JobRow(
        id="j", name="n", queue="q", state=JobState.done, created_at=now, due_at=now, **{"args": {}, **fields}
    )


async def stored(db: Database) -> JobRow:
    async with db.reader() as session:
        return (await session.scalars(select(JobRow))).one()


@pytest.mark.parametrize("number", [5, 5.0, -0.0, 1e16, 0.1 + 0.2, 2**63 - 1, 2**64, True, "5.0", None])
async def test_a_bare_number_comes_back_as_it_was_stored(db: Database, number: object) -> None:
    async with db.session() as session:
        session.add(job(result=number))

    assert json.dumps((await stored(db)).result) == json.dumps(number)


@pytest.mark.parametrize(("one", "other"), [(1, True), (1, 1.0), (2.0, 2), (False, 0), (0.0, -0.0)])
async def test_what_only_python_takes_for_equal_is_written(db: Database, one: object, other: object) -> None:
    async with db.session() as session:
        session.add(row := job(result=one, args={"inner": [one]}))
        await session.flush()
        row.result, row.args = other, {"inner": [other]}

    kept = await stored(db)
    assert json.dumps([kept.result, kept.args]) == json.dumps([other, {"inner": [other]}])


def test_every_column_of_json_compares_as_json_and_keeps_bare_numbers_where_it_may_hold_one() -> None:
    for mapper in Base.registry.mappers:
        for column in mapper.columns:
            if not isinstance(column.type, JSON):
                continue
            name = mapper.get_property_by_column(column).key
            wanted = AnyJson if mapper.class_.__annotations__[name] == Mapped[Any] else Json
            assert type(column.type) is wanted, f"{mapper.class_.__name__}.{name}"


async def test_a_connection_that_is_closed_in_the_middle_of_writing_lets_others_write(db: Database) -> None:
    """SQLite keeps one alive, lock and all, for as long as anybody holds a cursor of it."""
    if not db.embedded:
        pytest.skip("locks of the whole store: PostgreSQL has none")
    with suppress(OperationalError):  # what is left of it cannot be used
        async with db.session() as session:
            raw = await (await session.connection()).get_raw_connection()
            driver: Any = raw.driver_connection
            cursor = await driver.execute("SELECT 1 UNION ALL SELECT 2")
            await cursor.fetchone()
            await driver.close()
            await session.execute(select(1))

    async with asyncio.timeout(5), db.session() as other:
        await other.execute(select(1))
    assert cursor is not None


async def test_a_session_that_is_under_way_when_the_stores_close_leaves_no_connection_open(
    stores: Stores,
) -> None:
    db = Database(stores)
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def linger() -> None:
        async with db.session() as session:
            await session.execute(select(1))
            begun.set()
            await go_on.wait()

    lingering = asyncio.create_task(linger())
    await begun.wait()
    closing = asyncio.create_task(db.close())
    await asyncio.sleep(0)
    go_on.set()
    await lingering
    await closing

    with warnings.catch_warnings(record=True) as left:
        warnings.simplefilter("always")
        gc.collect()
    assert [str(each.message) for each in left if each.category is ResourceWarning] == []
