"""Recurring jobs are enqueued once when they are due, and once for all that was missed."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from botyard.core.jobs import JobContext, JobEngine, JobState, recurring, schedule
from botyard.core.jobs.models import JobRow, ScheduleRow
from botyard.kit.clock import FrozenClock
from botyard.kit.db import Database
from tests.core.jobs import work
from tests.core.jobs.conftest import QUICK
from tests.core.jobs.work import Scene, Watch


@recurring("test.hourly", cron="30 * 1 6 *")
async def hourly(ctx: JobContext) -> None:
    work.scene.calls["hourly"] += 1


async def _due(db: Database) -> list[str]:
    async with db.session() as session:
        return await schedule.enqueue_due(session, [hourly])


async def _finish(db: Database) -> None:
    async with db.session() as session:
        await session.execute(update(JobRow).values(state=JobState.done))


async def test_first_occurrence_is_the_next_one(db: Database, counter: JobEngine, clock: FrozenClock) -> None:
    assert await _due(db) == []
    clock.advance(29 * 60)
    assert await _due(db) == []
    clock.advance(60)
    assert await _due(db) == ["test.hourly"]
    assert await _due(db) == []

    (job,) = await counter.list_jobs()
    assert (job.name, job.key, job.owner_id) == ("test.hourly", "test.hourly@2026-06-01T12:30:00.000000Z", 0)


async def test_what_was_missed_is_made_up_for_by_one_run(
    db: Database, counter: JobEngine, clock: FrozenClock
) -> None:
    await _due(db)
    clock.advance(5 * 3600)

    assert [await _due(db), await _due(db)] == [["test.hourly"], []]

    await _finish(db)
    clock.advance(3600)
    assert await _due(db) == ["test.hourly"]
    assert len(await counter.list_jobs()) == 2


async def test_clock_that_was_put_right_does_not_stop_what_recurs(
    db: Database, counter: JobEngine, clock: FrozenClock
) -> None:
    clock.advance(10 * 3600)
    await _due(db)
    clock.advance(-10 * 3600)
    assert await _due(db) == []
    clock.advance(3600)
    assert await _due(db) == ["test.hourly"]
    await _finish(db)
    clock.advance(-3600)
    assert await _due(db) == []
    clock.advance(3600)
    assert [await _due(db), len(await counter.list_jobs())] == [["test.hourly"], 1]  # the same, by its key


async def test_no_second_run_begins_before_the_first_has_ended(
    db: Database, counter: JobEngine, clock: FrozenClock
) -> None:
    await _due(db)
    clock.advance(3600)
    await _due(db)
    clock.advance(3600)

    assert await _due(db) == []
    await _finish(db)
    assert await _due(db) == ["test.hourly"]


async def test_two_workers_that_both_believe_to_be_elected_enqueue_one_job(
    db: Database, counter: JobEngine, clock: FrozenClock
) -> None:
    await _due(db)
    clock.advance(3600)
    await _due(db)
    await _finish(db)
    async with db.session() as session:  # as the other one still reads it
        await session.execute(update(ScheduleRow).values(last_at=datetime(2026, 6, 1, 12, tzinfo=UTC)))
    await _due(db)

    assert len(await counter.list_jobs()) == 1


async def test_occurrence_missed_while_nothing_ran_runs_once_at_the_next_start(
    db: Database, watch: Watch, scene: Scene, clock: FrozenClock
) -> None:
    async with db.session() as session:
        session.add(ScheduleRow(name="test.hourly", last_at=clock.now() - timedelta(days=3)))
    engine = JobEngine(db, timing=QUICK)

    await engine.start()
    try:
        ended = await watch.until(
            lambda event: event.job_name == "test.hourly" and event.state == JobState.done
        )
    finally:
        await engine.stop()

    assert scene.calls["hourly"] == 1
    assert len([event for event in watch.events if event.job_id == ended.job_id]) == 3


def test_bad_cron_line_is_refused_where_it_stands() -> None:
    with pytest.raises(ValueError, match="is no cron line: Bad minute"):
        recurring("test.never", cron="61 * * * *")
