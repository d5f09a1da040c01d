"""Jobs run once per request that was committed, where and as often as they may."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from botyard.core.jobs import JobEngine, JobState
from botyard.core.jobs.transact import EngineRunning
from botyard.kit import clock
from botyard.kit.db import Database
from botyard.kit.errors import NotFound
from tests.core.jobs import work
from tests.core.jobs.conftest import QUICK
from tests.core.jobs.work import Scene, Watch


async def test_job_runs_with_its_arguments_and_keeps_the_result(
    db: Database, engine: JobEngine, watch: Watch
) -> None:
    async with db.session() as session:
        job_id = await work.add.enqueue(session, first=2, second=3, owner_id=7)

    info = await watch.ended(engine, job_id)

    assert (info.state, info.result, info.name, info.owner_id) == (JobState.done, 5, "test.add", 7)
    assert (info.attempt, info.failures, info.error, info.worker) == (1, 0, "", None)
    assert info.started_at is not None
    assert info.finished_at is not None
    assert info.created_at <= info.started_at <= info.finished_at
    assert watch.states(job_id) == ["queued", "running", "done"]


async def test_body_runs_on_the_loop_of_the_application(
    db: Database, engine: JobEngine, watch: Watch, scene: Scene
) -> None:
    async with db.session() as session:
        job_id = await work.add.enqueue(session, first=1)

    await watch.ended(engine, job_id)

    assert scene.loop is asyncio.get_running_loop()


async def test_rolled_back_request_leaves_no_job(db: Database, engine: JobEngine, watch: Watch) -> None:
    async def ask_and_regret() -> None:
        async with db.session() as session:
            await work.add.enqueue(session, first=1, key="taken back")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await ask_and_regret()
    async with db.session() as session:
        later = await work.add.enqueue(session, first=1)
    await watch.ended(engine, later)

    assert [each.id for each in await engine.list_jobs(name="test.add")] == [later]


async def test_same_key_twice_is_one_job_also_after_its_end(
    db: Database, engine: JobEngine, watch: Watch, scene: Scene
) -> None:
    async with db.session() as session:
        first = await work.add.enqueue(session, key="sum:1", first=1)
        assert await work.add.enqueue(session, key="sum:1", first=1) == first
    await watch.ended(engine, first)
    async with db.session() as session:
        assert await work.add.enqueue(session, key="sum:1", first=1) == first
        other = await work.add.enqueue(session, key="sum:2", first=1)
    await watch.ended(engine, other)

    assert scene.calls["add"] == 2


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({}, TypeError),
        ({"first": 1, "third": 3}, TypeError),
        ({"first": object()}, TypeError),
        ({"first": float("nan")}, ValueError),
    ],
)
async def test_arguments_that_do_not_fit_are_refused_at_once(
    db: Database, counter: JobEngine, arguments: dict[str, Any], problem: type[Exception]
) -> None:
    with pytest.raises(problem):
        async with db.session() as session:
            await work.add.enqueue(session, **arguments)

    assert await counter.list_jobs() == []


async def test_delayed_job_waits_until_it_is_due(db: Database, engine: JobEngine, watch: Watch) -> None:
    async with db.session() as session:
        soon = await work.add.enqueue(session, first=1, delay_s=0.2)
        never = await work.add.enqueue(session, first=1, at=clock.now() + timedelta(days=1))

    info = await watch.ended(engine, soon)

    assert info.started_at is not None
    assert info.started_at >= info.due_at > info.created_at
    assert (await engine.get(never)).state is JobState.queued


async def test_moment_that_has_passed_means_at_once(db: Database, engine: JobEngine, watch: Watch) -> None:
    async with db.session() as session:
        job_id = await work.add.enqueue(session, first=1, at=clock.now() - timedelta(days=1))

    assert (await watch.ended(engine, job_id)).result == 1


async def test_delay_and_moment_together_are_refused(db: Database, counter: JobEngine) -> None:
    with pytest.raises(ValueError, match="not both"):
        async with db.session() as session:
            await work.add.enqueue(session, first=1, at=clock.now(), delay_s=1)


async def test_jobs_are_listed_newest_first_and_filtered(
    db: Database, engine: JobEngine, watch: Watch
) -> None:
    async with db.session() as session:
        mine = await work.add.enqueue(session, first=1, owner_id=1)
    await watch.ended(engine, mine)
    async with db.session() as session:
        theirs = await work.wait.enqueue(session, owner_id=2)
    await watch.until(lambda event: event.job_id == theirs and event.state == "running")

    async def ids(**filters: Any) -> list[str]:
        return [each.id for each in await engine.list_jobs(**filters)]

    assert [each for each in await ids() if each in (mine, theirs)] == [theirs, mine]
    assert len(await ids(limit=1)) == 1
    assert await ids(owner_id=1) == [mine]
    assert await ids(name="test.wait") == [theirs]
    assert await ids(state=JobState.done, name="test.add") == [mine]
    assert await ids(state=JobState.failed) == []


async def test_job_of_somebody_else_is_not_found(db: Database, counter: JobEngine) -> None:
    async with db.session() as session:
        job_id = await work.add.enqueue(session, first=1, owner_id=1)

    assert (await counter.get(job_id, owner_id=1)).id == job_id
    for call in (counter.get, counter.cancel, counter.retry):
        with pytest.raises(NotFound):
            await call(job_id, owner_id=2)
        with pytest.raises(NotFound):
            await call("job_unknown")


async def test_request_taken_by_a_server_runs_in_a_worker_that_starts_later(
    db: Database, counter: JobEngine, watch: Watch, scene: Scene
) -> None:
    async with db.session() as session:
        job_id = await work.add.enqueue(session, first=4)

    worker = JobEngine(db, timing=QUICK)
    await worker.start()
    try:
        assert (await watch.ended(counter, job_id)).result == 4
    finally:
        await worker.stop()


async def test_second_working_engine_in_one_process_is_refused(db: Database, engine: JobEngine) -> None:
    before = await engine.list_workers()

    with pytest.raises(EngineRunning):
        await JobEngine(db, timing=QUICK).start()

    assert [each.id for each in await engine.list_workers()] == [each.id for each in before]


async def test_queue_of_one_per_worker_runs_one_at_a_time(
    db: Database, engine: JobEngine, watch: Watch, scene: Scene
) -> None:
    async with db.session() as session:
        job_ids = [await work.alone.enqueue(session, partition=f"account {n}") for n in range(4)]
    for job_id in job_ids:
        assert (await watch.ended(engine, job_id)).state is JobState.done

    assert scene.most_running == 1


async def test_a_long_backlog_of_one_partition_holds_up_no_other(
    db: Database, engine: JobEngine, watch: Watch
) -> None:
    async with db.session() as session:
        for _ in range(60):
            await work.alone.enqueue(session, partition="account 1", owner_id=1)
        single = await work.alone.enqueue(session, partition="account 2", owner_id=2)

    assert (await watch.ended(engine, single)).state is JobState.done
    # Whose turn it is falls by chance: that the single one comes last has one chance in 2 ** 60.
    assert await engine.list_jobs(owner_id=1, state=JobState.queued)


async def test_jobs_of_one_partition_run_one_after_another(
    db: Database, engine: JobEngine, watch: Watch, scene: Scene
) -> None:
    async with db.session() as session:
        job_ids = [await work.post.enqueue(session, partition="account 1") for _ in range(4)]
    for job_id in job_ids:
        assert (await watch.ended(engine, job_id)).state is JobState.done

    assert scene.most_running == 1


async def test_partition_is_named_exactly_where_the_queue_has_them(db: Database, counter: JobEngine) -> None:
    async with db.session() as session:
        with pytest.raises(ValueError, match="publish"):
            await work.post.enqueue(session)
        with pytest.raises(ValueError, match="maintenance"):
            await work.add.enqueue(session, first=1, partition="account 1")


async def test_progress_is_stored_and_told_but_not_for_every_number(
    db: Database, engine: JobEngine, watch: Watch
) -> None:
    async with db.session() as session:
        job_id = await work.count.enqueue(session, up_to=300)

    info = await watch.ended(engine, job_id)

    assert (info.done, info.total, info.note) == (300, 300, "counted 300")
    told = [event.done for event in watch.events if event.job_id == job_id and event.done is not None]
    assert told[0] == 0
    assert told[-1] == 300
    assert len(told) < 30


async def test_job_runs_inline_without_an_engine(db: Database, scene: Scene) -> None:
    scene.gate.set()

    assert await work.add.run_inline(db, first=1, second=1) == 2
    assert await work.pause.run_inline(db) == 1
    assert await work.count.run_inline(db, up_to=3) is None
    with pytest.raises(TypeError):
        await work.add.run_inline(db)
