"""Who is alive by the database's clock, who is elected, and what a worker that was declared dead may still do."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from dbos import DBOS
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import DBAPIError

from botyard.core.jobs import JobEngine, JobState, Timing, liveness, schedule, service
from botyard.core.jobs.errors import RunEnded, RunLost, WorkerForgotten
from botyard.core.jobs.liveness import Beat, Life
from botyard.core.jobs.liveness import Watch as Unchanged
from botyard.core.jobs.models import JobRow, LeaseRow, WorkerRow
from botyard.core.jobs.service import MAX_CRASHES, Claim
from botyard.core.jobs.types import QUEUES
from botyard.kit.clock import FrozenClock
from botyard.kit.db import Database, Session
from tests.core.jobs import work
from tests.core.jobs.work import Scene, Watch


async def _age(session: Session, worker_id: str, seconds: int) -> None:
    row = (await session.scalars(select(WorkerRow).where(WorkerRow.id == worker_id))).one()
    row.last_seen -= timedelta(seconds=seconds)


async def _bury(db: Database, seen: Unchanged[Beat]) -> list[str]:
    """What the elected worker does at each of its heartbeats."""
    async with db.session() as session:
        seen.see(await liveness.beats(session))
        return await liveness.bury(session, seen, silent_s=30, beat_s=5)


async def test_only_silent_workers_are_declared_dead(db: Database, clock: FrozenClock) -> None:
    seen: Unchanged[Beat] = Unchanged()
    async with db.session() as session:
        for worker_id in ("loud", "silent"):
            await liveness.register(session, worker_id, alone=False)
        await _age(session, "loud", 25)
        await _age(session, "silent", 35)
    assert await _bury(db, seen) == []
    clock.advance(10)
    assert await _bury(db, seen) == ["silent"]
    async with db.session() as session:
        assert await liveness.alive(session) == {"loud"}
        await liveness.confirm(session, "loud")
        for forgotten in (liveness.beat, liveness.confirm):
            with pytest.raises(WorkerForgotten):
                await forgotten(session, "silent")


async def test_worker_heard_since_the_clock_of_the_database_was_put_forward_is_not_declared_dead(
    db: Database, clock: FrozenClock
) -> None:
    seen: Unchanged[Beat] = Unchanged()
    async with db.session() as session:
        for worker_id in ("loud", "silent"):
            await liveness.register(session, worker_id, alone=False)
    assert await _bury(db, seen) == []
    clock.advance(4)
    async with db.session() as session:
        for worker_id in ("loud", "silent"):
            await _age(session, worker_id, 3600)
    assert await _bury(db, seen) == []
    clock.advance(9)
    async with db.session() as session:
        await liveness.beat(session, "loud")
    assert await _bury(db, seen) == []
    clock.advance(1)
    assert await _bury(db, seen) == ["silent"]


async def test_clock_of_the_database_that_was_put_back_hides_no_silence_and_keeps_no_lease(
    db: Database, clock: FrozenClock
) -> None:
    seen: Unchanged[Beat] = Unchanged()
    async with db.session() as session:
        await liveness.register(session, "silent", alone=False)
        await _age(session, "silent", -3600)
        assert await liveness.lead(session, "duty", "silent", lease_s=15)
        lease = await session.get_one(LeaseRow, "duty")
        lease.until += timedelta(hours=1)
    assert await _bury(db, seen) == []
    clock.advance(29)
    assert await _bury(db, seen) == []
    clock.advance(1)
    assert await _bury(db, seen) == ["silent"]

    async with db.session() as session:
        assert await liveness.lead(session, "duty", "present", lease_s=15)
        assert not await liveness.lead(session, "duty", "other", lease_s=15)


async def test_heartbeat_is_by_the_clock_of_the_database(db: Database, clock: FrozenClock) -> None:
    async with db.session() as session:
        await liveness.register(session, "me", alone=False)
        await _age(session, "me", 1000)
        (before,) = await liveness.list_workers(session)
    async with db.session() as session:
        await liveness.beat(session, "me")
        await liveness.drain(session, "me")
    async with db.reader() as session:
        (after,) = await liveness.list_workers(session)

    assert after.last_seen - before.last_seen >= timedelta(seconds=1000)
    assert abs(after.last_seen - after.started_at) < timedelta(seconds=60)
    assert (before.draining, after.draining) == (False, True)


async def test_worker_that_starts_alone_takes_all_others_for_dead(db: Database) -> None:
    async with db.session() as session:
        await liveness.register(session, "former", alone=False)
        await liveness.lead(session, "duty", "former", lease_s=60)
        await liveness.register(session, "present", alone=True)
        assert await liveness.alive(session) == {"present"}
        assert await liveness.lead(session, "duty", "present", lease_s=60)


async def test_one_worker_is_elected_until_its_lease_ends_or_it_leaves(db: Database) -> None:
    async with db.session() as session:
        assert await liveness.lead(session, "duty", "first", lease_s=60)
        assert not await liveness.lead(session, "duty", "second", lease_s=60)
        assert await liveness.lead(session, "duty", "first", lease_s=60)
        assert await liveness.lead(session, "other duty", "second", lease_s=60)
        lease = await session.get_one(LeaseRow, "duty")
        lease.until -= timedelta(seconds=61)
    async with db.session() as session:
        assert await liveness.lead(session, "duty", "second", lease_s=60)
        assert not await liveness.lead(session, "duty", "first", lease_s=60)
        await liveness.forget(session, "second")
        assert await liveness.lead(session, "duty", "first", lease_s=60)


async def test_life_without_heartbeat_waits_until_there_is_one_again(clock: FrozenClock) -> None:
    life = Life(fence_s=20)
    clock.advance(19)
    assert life.fit
    await life.until_fit()
    clock.advance(1)
    assert not life.fit

    waiting = asyncio.create_task(life.until_fit())
    await asyncio.sleep(0)
    assert not waiting.done()
    life.beaten(clock.monotonic())
    await waiting

    assert life.fit


def test_timing_keeps_its_promise_and_its_order() -> None:
    assert Timing().takeover_s < 45
    assert max(rules.poll_s for rules in QUEUES.values()) <= 1
    with pytest.raises(ValueError, match="fence"):
        Timing(fence_s=30, silent_s=30)


def test_pauses_between_tries_grow_up_to_a_limit(clock: FrozenClock) -> None:
    timing = Timing(backoff_s=2, backoff_max_s=300)

    pauses = [timing.pause_s(failures) for failures in (1, 2, 3, 4, 50, 5000)]

    for pause, expected in zip(pauses, (2, 4, 8, 16, 300, 300), strict=True):
        assert 0.9 * expected <= pause <= 1.1 * expected


async def _job(db: Database, **fields: Any) -> str:
    async with db.session() as session:
        await liveness.register(session, "me", alone=False)
        job_id = await work.add.enqueue(session, first=1)
        await session.execute(update(JobRow).where(JobRow.id == job_id).values(**fields or {"note": ""}))
        return job_id


async def _begin(db: Database, job_id: str, run: int = 1) -> Claim | None:
    async with db.session() as session:
        return await service.begin(session, job_id, run=run, worker_id="me")


async def test_worker_declared_dead_cannot_begin_a_job(db: Database, counter: JobEngine) -> None:
    job_id = await _job(db)
    async with db.session() as session:
        await session.execute(delete(WorkerRow))

    with pytest.raises(WorkerForgotten):
        await _begin(db, job_id)

    assert (await counter.get(job_id)).attempt == 0


async def test_run_taken_over_stops_the_first_one_at_its_next_word(db: Database, counter: JobEngine) -> None:
    job_id = await _job(db)
    first, second = await _begin(db, job_id), await _begin(db, job_id)
    assert first is not None
    assert second is not None

    for word in (
        lambda session: service.finish_step(session, first, "step", 1),
        lambda session: service.report(session, first, 1, 2, ""),
        lambda session: service.complete(session, first, None),
        lambda session: service.fail(session, first, "", retries=0, timing=Timing()),
    ):
        with pytest.raises(RunLost):
            async with db.session() as session:
                await word(session)
    async with db.session() as session:
        await service.hand_back(session, "somebody else")
        assert {
            token: type(why) for token, why in (await service.stopped(session, [first, second])).items()
        } == {first.token: RunLost}
        await service.complete(session, second, 3)
    assert (await counter.get(job_id)).result == 3


async def test_run_of_a_job_started_again_ends_quietly(db: Database, counter: JobEngine) -> None:
    job_id = await _job(db)
    claim = await _begin(db, job_id)
    assert claim is not None
    await counter.cancel(job_id)
    await counter.retry(job_id)

    with pytest.raises(RunEnded):
        async with db.session() as session:
            await service.complete(session, claim, None)
    async with db.reader() as session:
        assert {type(why) for why in (await service.stopped(session, [claim])).values()} == {RunEnded}
    assert await _begin(db, job_id, run=1) is None
    assert await _begin(db, job_id, run=2) is not None


@pytest.mark.parametrize("state", [JobState.done, JobState.failed, JobState.cancelled])
async def test_ended_and_removed_jobs_are_not_begun(
    db: Database, counter: JobEngine, state: JobState
) -> None:
    assert await _begin(db, await _job(db, state=state)) is None
    assert await _begin(db, "job_removed") is None


async def test_job_that_kills_its_process_each_time_ends_some_time(db: Database, counter: JobEngine) -> None:
    job_id = await _job(db, state=JobState.running, crashes=MAX_CRASHES)

    assert await _begin(db, job_id) is None

    info = await counter.get(job_id)
    assert info.state is JobState.failed
    assert info.error == "The process that ran this job died 11 times."


async def test_worker_taken_for_dead_starts_over_and_its_job_goes_on(
    db: Database, engine: JobEngine, watch: Watch, scene: Scene
) -> None:
    async with db.session() as session:
        job_id = await work.pause.enqueue(session)
    await scene.began.wait()
    former = engine.worker_id
    scene.began.clear()

    async with db.session() as session:
        await liveness.forget(session, str(former))
    await scene.began.wait()
    scene.gate.set()
    info = await watch.ended(engine, job_id)

    assert (info.state, info.attempt, scene.calls["before"]) == (JobState.done, 2, 1)
    assert engine.worker_id not in (None, former)
    assert [each.id for each in await engine.list_workers()] == [engine.worker_id]


async def test_worker_starts_over_although_the_end_of_its_former_life_goes_wrong(
    db: Database, engine: JobEngine, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    former, destroy, failed = engine.worker_id, DBOS.destroy, asyncio.Event()

    def fail_once() -> None:
        monkeypatch.setattr(DBOS, "destroy", destroy)
        loop.call_soon_threadsafe(failed.set)
        raise OSError("the connection is gone")

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(DBOS, "destroy", fail_once)
    async with db.session() as session:
        await liveness.forget(session, str(former))
    await failed.wait()

    async with db.session() as session:
        job_id = await work.add.enqueue(session, first=1)
    assert (await watch.ended(engine, job_id)).state is JobState.done
    assert engine.worker_id not in (None, former)


async def test_heartbeat_does_not_wait_for_a_run_that_waits_as_it_begins(db: Database) -> None:
    async with db.session() as session:
        await liveness.register(session, "me", alone=False)
    if db.embedded:
        pytest.skip("locks of rows: SQLite has one writer, which waits for nobody's row")

    async with db.session() as beginning:
        await liveness.confirm(beginning, "me")
        async with db.session() as session:
            await session.execute(text("SET LOCAL lock_timeout = '1s'"))
            await liveness.beat(session, "me")
        async with db.session() as session:
            await session.execute(text("SET LOCAL lock_timeout = '100ms'"))
            with pytest.raises(DBAPIError):  # but nobody declares it dead meanwhile
                await liveness.forget(session, "me")
            await session.rollback()


async def test_duty_that_does_not_end_costs_the_worker_nothing(
    db: Database, watch: Watch, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, beats = asyncio.Event(), asyncio.Queue[str]()
    beat = liveness.beat

    async def counted(session: Session, worker_id: str) -> None:
        await beat(session, worker_id)
        beats.put_nowait(worker_id)

    async def endless(*_: Any) -> list[str]:
        begun.set()
        await asyncio.Event().wait()
        return []

    engine = JobEngine(db, timing=Timing(heartbeat_s=0.1, fence_s=4.0, silent_s=8.0, poll_s=0.05))
    monkeypatch.setattr(schedule, "enqueue_due", endless)
    await engine.start()
    try:
        life = engine.worker_id
        async with db.session() as session:
            job_id = await work.wait.enqueue(session)
        await scene.began.wait()
        await begun.wait()
        monkeypatch.setattr(liveness, "beat", counted)
        async with asyncio.timeout(work.PATIENCE_S):
            assert [await beats.get() for _ in range(3)] == [life] * 3
        scene.gate.set()
        assert (await watch.ended(engine, job_id)).attempt == 1
    finally:
        await engine.stop(grace_s=0)
