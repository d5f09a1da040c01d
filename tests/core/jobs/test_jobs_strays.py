"""Runs that are on record as a live worker's and that it lost: they go back to their queue, and no others do."""

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import dbos._queue
import pytest
from dbos._sys_db import SystemDatabase

from botyard.core.jobs import JobEngine, JobState, Timing, transact
from botyard.core.jobs.liveness import Watch as Unchanged
from botyard.kit.clock import FrozenClock
from botyard.kit.db import Database
from tests.core.jobs import work
from tests.core.jobs.work import Scene, Watch

KEEN = Timing(heartbeat_s=0.1, fence_s=15.0, silent_s=20.0, stray_s=0.3, backoff_s=0.0, poll_s=0.05)


@pytest.fixture
async def keen(db: Database, watch: Watch, scene: Scene) -> AsyncIterator[JobEngine]:
    """An engine that soon misses what it lost."""
    running = JobEngine(db, timing=KEEN)
    await running.start()
    yield running
    await running.stop(grace_s=0)


class Held:
    """Stands in for a function of DBOS: whoever calls it waits until it may go on."""

    def __init__(self, function: Any) -> None:
        self._function = function
        self.came, self.go = threading.Event(), threading.Event()

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        self.came.set()
        assert self.go.wait(work.PATIENCE_S)
        return self._function(*arguments, **named)

    def __get__(self, instance: object, _: type) -> Any:
        return lambda *arguments, **named: self(instance, *arguments, **named)


class Failing:
    """Stands in for a function of DBOS: fails so often, then does what it should."""

    def __init__(self, function: Any, times: int) -> None:
        self._function, self._left = function, times

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        self._left -= 1
        if self._left >= 0:
            raise RuntimeError("out of memory")
        return self._function(*arguments, **named)

    def __get__(self, instance: object, _: type) -> Any:
        return lambda *arguments, **named: self(instance, *arguments, **named)


async def _both_end(db: Database, engine: JobEngine, watch: Watch, job: Any) -> None:
    """The second finds its partition free only where the first has ended for DBOS too."""
    for _ in range(2):
        async with db.session() as session:
            job_id = await job.enqueue(session, partition="account 1")
        assert (await watch.ended(engine, job_id)).state is JobState.done


async def test_run_that_was_claimed_and_never_started_goes_back_to_its_queue(
    db: Database, keen: JobEngine, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = Failing(dbos._queue.execute_dequeued_workflow, times=1)
    monkeypatch.setattr(dbos._queue, "execute_dequeued_workflow", failing)

    await _both_end(db, keen, watch, work.post)


async def test_run_whose_end_could_not_be_recorded_goes_back_to_its_queue(
    db: Database, keen: JobEngine, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = Failing(SystemDatabase.update_workflow_outcome, times=2)  # that it ended, and that this failed
    monkeypatch.setattr(SystemDatabase, "update_workflow_outcome", failing)

    await _both_end(db, keen, watch, work.post)


async def test_run_that_cancelled_itself_goes_back_to_its_queue(
    db: Database, keen: JobEngine, watch: Watch, scene: Scene
) -> None:
    await _both_end(db, keen, watch, work.cancel_itself)
    assert scene.calls["cancel itself"] == 3


async def test_run_that_is_carried_is_none_that_was_lost(
    db: Database, engine: JobEngine, scene: Scene, watch: Watch
) -> None:
    async with db.session() as session:
        job_id = await work.wait.enqueue(session)
    await scene.began.wait()

    assert await asyncio.to_thread(transact.strays, str(engine.worker_id)) == set()

    scene.gate.set()
    assert (await watch.ended(engine, job_id)).attempt == 1


async def test_run_that_is_ending_is_none_that_was_lost(
    db: Database, engine: JobEngine, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(SystemDatabase.update_workflow_outcome)
    monkeypatch.setattr(SystemDatabase, "update_workflow_outcome", held)
    async with db.session() as session:
        job_id = await work.add.enqueue(session, first=1)
    await asyncio.to_thread(held.came.wait)

    assert await asyncio.to_thread(transact.strays, str(engine.worker_id)) == set()

    held.go.set()
    assert (await watch.ended(engine, job_id)).attempt == 1


@pytest.fixture
async def claimed(
    db: Database, engine: JobEngine, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Held, str]]:
    """A job whose run was claimed and is held before it starts, and what holds it."""
    held = Held(dbos._queue.execute_dequeued_workflow)
    monkeypatch.setattr(dbos._queue, "execute_dequeued_workflow", held)
    async with db.session() as session:
        job_id = await work.add.enqueue(session, first=1)
    await asyncio.to_thread(held.came.wait)
    yield held, job_id
    held.go.set()


async def test_run_that_is_just_being_claimed_is_not_handed_out(
    engine: JobEngine, watch: Watch, clock: FrozenClock, claimed: tuple[Held, str]
) -> None:
    runner, job_id = engine._runner, claimed[1]
    assert runner is not None

    await engine._give_back_strays(runner)
    clock.advance(9)
    await engine._give_back_strays(runner)
    stray = {transact.Stray(transact.workflow_id(job_id, 1), claims=1)}
    assert await asyncio.to_thread(transact.strays, runner.life.worker_id) == stray

    claimed[0].go.set()
    assert (await watch.ended(engine, job_id)).attempt == 1


async def test_run_handed_out_although_it_was_only_slow_to_start_ends_once(
    engine: JobEngine, watch: Watch, clock: FrozenClock, claimed: tuple[Held, str]
) -> None:
    runner, job_id = engine._runner, claimed[1]
    assert runner is not None

    await engine._give_back_strays(runner)
    clock.advance(10)
    await engine._give_back_strays(runner)
    claimed[0].go.set()

    assert (await watch.ended(engine, job_id)).state is JobState.done
    await engine.stop(grace_s=work.PATIENCE_S)
    assert [state for state in watch.states(job_id) if state == "done"] == ["done"]


def test_only_what_was_there_each_time_counts_as_unchanged(clock: FrozenClock) -> None:
    unchanged: Unchanged[str] = Unchanged()
    unchanged.see(["stays", "comes back"])
    clock.advance(5)
    unchanged.see(["stays", "new"])
    clock.advance(5)
    unchanged.see(["stays", "new", "comes back"])

    assert unchanged.unchanged(10) == {"stays"}
    assert unchanged.unchanged(5) == {"stays", "new"}
