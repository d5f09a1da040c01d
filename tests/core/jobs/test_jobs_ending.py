"""What fails is repeated or says why; what is cancelled stops; what is tried again keeps its finished steps."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from botyard.core.jobs import JobEngine, JobState, registry, transact
from botyard.core.jobs.errors import JobFinished, JobUnfinished
from botyard.kit.db import Database, Session
from tests.core.jobs import work
from tests.core.jobs.conftest import QUICK
from tests.core.jobs.work import Scene, Watch


async def test_failing_job_is_repeated_and_then_fails_with_its_reason(
    db: Database, engine: JobEngine, watch: Watch, scene: Scene
) -> None:
    async with db.session() as session:
        job_id = await work.break_down.enqueue(session)

    info = await watch.ended(engine, job_id)

    assert (info.state, info.attempt, info.failures) == (JobState.failed, 3, 3)
    assert info.error == "ValueError: the page was empty"
    assert scene.calls["break"] == 3
    assert watch.states(job_id) == ["queued", *["running", "queued"] * 2, "running", "failed"]


async def test_job_that_recovers_ends_well_and_knows_its_attempt(
    db: Database, engine: JobEngine, watch: Watch
) -> None:
    async with db.session() as session:
        job_id = await work.break_down.enqueue(session, times=1)

    info = await watch.ended(engine, job_id)

    assert (info.state, info.result, info.failures, info.error) == (JobState.done, 2, 1, "")


async def test_hopeless_job_fails_at_once(
    db: Database, engine: JobEngine, watch: Watch, scene: Scene
) -> None:
    async with db.session() as session:
        job_id = await work.break_down.enqueue(session, hopeless=True)

    info = await watch.ended(engine, job_id)

    assert (info.state, info.error, scene.calls["break"]) == (JobState.failed, "The page is gone.", 1)


async def test_finished_steps_are_not_repeated_after_a_failure(
    db: Database, engine: JobEngine, watch: Watch, scene: Scene
) -> None:
    async with db.session() as session:
        job_id = await work.stepwise.enqueue(session)

    info = await watch.ended(engine, job_id)

    assert info.state is JobState.done
    assert info.result == [["draw", 1], ["draw again", 1], 1, 1]
    assert (info.attempt, scene.calls["pass"]) == (2, 2)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("test.sleepy", "It took too long."),
        ("test.unstorable", "TypeError: Object of type object is not JSON serializable"),
        ("test.give_up", "CancelledError"),
    ],
)
async def test_other_ways_to_fail_say_what_happened(
    db: Database, engine: JobEngine, watch: Watch, name: str, error: str
) -> None:
    job = registry.find(name)
    assert job is not None
    async with db.session() as session:
        job_id = await job.enqueue(session)

    info = await watch.ended(engine, job_id)

    assert (info.state, info.error) == (JobState.failed, error)


async def test_error_that_is_no_exception_ends_the_job_and_frees_its_partition(
    db: Database, engine: JobEngine, watch: Watch
) -> None:
    for job, state in ((work.panic, JobState.failed), (work.post, JobState.done)):
        async with db.session() as session:
            job_id = await job.enqueue(session, partition="account 1")
        info = await watch.ended(engine, job_id)
        assert info.state is state
        assert info.error == ("Panic: index out of bounds" if job is work.panic else "")


async def test_job_that_this_version_does_not_know_fails_and_says_so(
    db: Database, engine: JobEngine, watch: Watch
) -> None:
    async def body(ctx: object) -> None: ...

    unknown = registry.Job("test.removed", body, queue="maintenance", retries=5)
    async with db.session() as session:
        job_id = await unknown.enqueue(session)

    info = await watch.ended(engine, job_id)

    assert info.error == "This version of Botyard has no job called test.removed."


async def test_cancelled_before_its_start_a_job_never_runs(
    db: Database, engine: JobEngine, watch: Watch, scene: Scene
) -> None:
    async with db.session() as session:  # in one commit, or a slow machine starts it before it is cancelled
        job_id = await work.add.enqueue(session, first=1, delay_s=0.1)
        await engine.cancel(job_id, session)
        # Released by the same sweep, so it runs after the other would have.
        later = await work.add.enqueue(session, first=1, delay_s=0.1)
    await watch.ended(engine, later)

    info = await engine.get(job_id)
    assert (info.state, info.attempt, scene.calls["add"]) == (JobState.cancelled, 0, 1)
    assert info.finished_at is not None


async def test_cancelling_interrupts_a_running_job(
    db: Database, engine: JobEngine, watch: Watch, scene: Scene
) -> None:
    async with db.session() as session:
        job_id = await work.wait.enqueue(session)
    await scene.began.wait()

    await engine.cancel(job_id)
    await engine.cancel(job_id)  # twice is once

    info = await engine.get(job_id)
    assert (info.state, info.result) == (JobState.cancelled, None)
    assert watch.states(job_id) == ["queued", "running", "cancelled"]
    await engine.stop(grace_s=work.PATIENCE_S)  # ends at once only if nothing runs any more
    assert (await engine.get(job_id)).state is JobState.cancelled


async def test_cancelling_from_another_process_interrupts_within_a_heartbeat(
    db: Database, engine: JobEngine, counter: JobEngine, watch: Watch, scene: Scene
) -> None:
    async with db.session() as session:
        job_id = await work.pause.enqueue(session)
    await scene.began.wait()

    await counter.cancel(job_id)
    await engine.stop(grace_s=work.PATIENCE_S)

    assert (await counter.get(job_id)).state is JobState.cancelled


async def test_cancelling_in_a_transaction_that_rolls_back_changes_nothing(
    db: Database, engine: JobEngine, watch: Watch, scene: Scene
) -> None:
    async with db.session() as session:
        job_id = await work.wait.enqueue(session)
    await scene.began.wait()

    async def cancel_and_regret() -> None:
        async with db.session() as session:
            await engine.cancel(job_id, session)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await cancel_and_regret()
    scene.gate.set()

    assert (await watch.ended(engine, job_id)).result == "through"


async def test_cancelling_interrupts_no_run_that_was_begun_since(
    db: Database, engine: JobEngine, watch: Watch, scene: Scene
) -> None:
    async with db.session() as session:
        job_id = await work.wait.enqueue(session)
    await scene.began.wait()
    scene.began.clear()

    async def start_again(_: Session) -> None:
        await engine.retry(job_id)
        await scene.began.wait()

    async with db.session() as session:
        session.after_commit(start_again)
        await engine.cancel(job_id, session)
    scene.gate.set()

    await watch.until(lambda event: event.job_id == job_id and event.state == "done")
    assert (await engine.get(job_id)).result == "through"


async def test_job_that_has_ended_can_be_neither_cancelled_nor_repeated(
    db: Database, engine: JobEngine, watch: Watch
) -> None:
    async with db.session() as session:
        job_id = await work.add.enqueue(session, first=1)
    await watch.ended(engine, job_id)

    for call in (engine.cancel, engine.retry):
        with pytest.raises(JobFinished):
            await call(job_id)


async def test_running_job_cannot_be_started_again(db: Database, engine: JobEngine, scene: Scene) -> None:
    async with db.session() as session:
        job_id = await work.wait.enqueue(session)
    await scene.began.wait()

    with pytest.raises(JobUnfinished):
        await engine.retry(job_id)


async def test_cancelled_job_started_again_keeps_its_finished_steps(
    db: Database, engine: JobEngine, watch: Watch, scene: Scene
) -> None:
    async with db.session() as session:
        job_id = await work.pause.enqueue(session)
    await scene.began.wait()
    await engine.cancel(job_id)
    watch.events.clear()
    scene.gate.set()

    await engine.retry(job_id)
    info = await watch.ended(engine, job_id)

    assert (info.state, info.result, info.error) == (JobState.done, 1, "")
    assert (scene.calls["before"], scene.calls["pause"]) == (1, 2)


async def test_failed_job_started_again_has_all_its_tries_again(
    db: Database, engine: JobEngine, watch: Watch
) -> None:
    async with db.session() as session:
        job_id = await work.break_down.enqueue(session, times=5)
    assert (await watch.ended(engine, job_id)).state is JobState.failed
    watch.events.clear()

    await engine.retry(job_id)
    info = await watch.ended(engine, job_id)

    assert (info.state, info.failures, info.result) == (JobState.done, 2, 6)


async def test_job_interrupted_by_a_shutdown_goes_on_in_the_next_engine(
    db: Database, engine: JobEngine, watch: Watch, scene: Scene
) -> None:
    async with db.session() as session:
        job_id = await work.pause.enqueue(session)
    await scene.began.wait()
    await engine.stop(grace_s=0)
    assert (await engine.get(job_id)).state is JobState.queued
    assert await engine.list_workers() == []
    scene.gate.set()

    following = JobEngine(db, timing=QUICK)
    await following.start()
    try:
        info = await watch.ended(following, job_id)
    finally:
        await following.stop()

    assert (info.state, info.attempt, scene.calls["before"]) == (JobState.done, 2, 1)


async def test_shutdown_lets_a_job_end_that_needs_little_more(
    db: Database, engine: JobEngine, watch: Watch, scene: Scene
) -> None:
    async with db.session() as session:
        job_id = await work.wait.enqueue(session)
    await scene.began.wait()
    scene.gate.set()

    await engine.stop(grace_s=work.PATIENCE_S)

    assert (await engine.get(job_id)).result == "through"


async def test_job_that_ignores_its_cancellation_does_not_hold_up_a_shutdown(
    db: Database, engine: JobEngine, scene: Scene
) -> None:
    async with db.session() as session:
        job_id = await work.deaf.enqueue(session)
    await scene.began.wait()

    async with asyncio.timeout(work.PATIENCE_S):
        await engine.stop(grace_s=0)
    scene.gate.set()

    assert (await engine.get(job_id)).state is JobState.queued


@pytest.mark.parametrize(("name", "state"), [("test.post", JobState.done), ("test.refused", JobState.failed)])
async def test_heartbeat_while_a_run_ends_does_not_interrupt_it(
    db: Database, engine: JobEngine, watch: Watch, monkeypatch: pytest.MonkeyPatch, name: str, state: JobState
) -> None:
    """What is committed as ended looks like what others ended, yet it must come to its own end."""
    job, runner, session_of = registry.find(name), engine._runner, db.session
    assert job is not None
    assert runner is not None

    @asynccontextmanager
    async def session_with_a_heartbeat_at_its_end() -> AsyncIterator[Session]:
        async with session_of() as session:
            yield session
        async with db.reader() as session:
            await runner.review(session)
        await asyncio.sleep(0)

    monkeypatch.setattr(db, "session", session_with_a_heartbeat_at_its_end)

    for _ in range(2):  # the second finds its partition free only where the first ended for DBOS too
        async with session_of() as session:
            job_id = await job.enqueue(session, partition="account 1")
        assert (await watch.ended(engine, job_id)).state is state


async def test_run_claimed_as_the_engine_stops_is_left_to_the_next_engine(
    db: Database,
    engine: JobEngine,
    watch: Watch,
    scene: Scene,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The thread of a queue that comes late still finds DBOS' loop there."""
    instance = transact._instance()
    store = instance._sys_db
    claim, claimed = store.start_queued_workflows, asyncio.Event()
    loop = asyncio.get_running_loop()

    def late(*args: Any, **named: Any) -> Any:
        found = claim(*args, **named)
        if found[0]:
            loop.call_soon_threadsafe(claimed.set)
            for stop in instance.background_thread_stop_events:
                stop.wait()
            time.sleep(0.5)  # in its own thread: the time an engine that does not wait needs to end
        return found

    monkeypatch.setattr(store, "start_queued_workflows", late)
    async with db.session() as session:
        job_id = await work.wait.enqueue(session)
    await claimed.wait()

    await engine.stop(grace_s=0)

    assert [record.message for record in caplog.records if record.name == "dbos"] == []
    assert (await engine.get(job_id)).state is JobState.queued
    scene.gate.set()
    following = JobEngine(db, timing=QUICK)
    await following.start()
    try:
        assert (await watch.ended(following, job_id)).result == "through"
    finally:
        await following.stop()


async def test_engine_ends_while_the_thread_of_a_queue_is_only_being_started(
    db: Database, engine: JobEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = threading.enumerate
    starting = threading.Thread(name="queue-worker-later")
    monkeypatch.setattr(threading, "enumerate", lambda: [starting, *begun()])

    await engine.stop(grace_s=0)

    transact.ensure_free()  # another may start


async def test_engine_whose_end_goes_wrong_leaves_the_process_free_for_another(
    db: Database, engine: JobEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Unjoinable(threading.Thread):
        def is_alive(self) -> bool:
            return True

    begun = threading.enumerate
    monkeypatch.setattr(threading, "enumerate", lambda: [Unjoinable(name="queue-worker-odd"), *begun()])

    with pytest.raises(RuntimeError, match="cannot join"):
        await engine.stop(grace_s=0)

    monkeypatch.undo()
    following = JobEngine(db, timing=QUICK)
    await following.start()
    await following.stop(grace_s=0)


async def test_run_interrupted_just_as_it_began_is_handed_back(
    db: Database, engine: JobEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the commit by which a run is this worker's and its first word to the job."""
    runner, session_of, begun = engine._runner, db.session, asyncio.Event()
    assert runner is not None

    @asynccontextmanager
    async def session_that_lingers_in_runs() -> AsyncIterator[Session]:
        async with session_of() as session:
            yield session
        if asyncio.current_task() in runner._tasks:
            begun.set()
            await asyncio.Event().wait()

    monkeypatch.setattr(db, "session", session_that_lingers_in_runs)
    async with session_of() as session:
        job_id = await work.add.enqueue(session, first=1)
    await begun.wait()
    assert (await engine.get(job_id)).state is JobState.running

    await engine.stop(grace_s=0)

    assert (await engine.get(job_id)).state is JobState.queued


async def test_run_given_to_a_loop_that_has_ended_stays_open(
    engine: JobEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = asyncio.new_event_loop()
    ended.close()

    async def perform(job_id: str, run: int) -> None: ...

    monkeypatch.setattr(transact, "_host", transact._Host(ended, perform))
    carry: Any = transact._carry

    with pytest.raises(asyncio.CancelledError):
        await carry.__orig_func("job_1", 1)
