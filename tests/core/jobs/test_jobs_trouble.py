"""A database that does not answer, or hangs up: the engine begins nothing, and goes on when it is back."""

import pytest
from sqlalchemy import select, text

from botyard.core.jobs import JobEngine, JobState, Timing
from botyard.core.jobs.models import WorkerRow
from botyard.kit.db import Database
from tests.core.jobs import work
from tests.core.jobs.work import Scene, Watch


async def test_worker_without_heartbeat_fences_itself_and_starts_over(
    db: Database, watch: Watch, scene: Scene
) -> None:
    if db.embedded:
        pytest.skip("self-fencing: on SQLite nobody can take over, so a worker need not stop")
    engine = JobEngine(db, timing=Timing(heartbeat_s=0.1, fence_s=2.0, silent_s=3.0, poll_s=0.05))
    await engine.start()
    try:
        async with db.session() as session:
            job_id = await work.pause.enqueue(session)
        await scene.began.wait()
        former = engine.worker_id
        scene.left.clear()

        async with db.session() as session:  # the heartbeat waits for this row
            await session.execute(select(WorkerRow).with_for_update())
            await scene.left.wait()
        scene.gate.set()
        info = await watch.ended(engine, job_id)
    finally:
        await engine.stop(grace_s=0)

    assert (info.state, scene.calls["before"]) == (JobState.done, 1)
    assert info.attempt >= 2
    assert engine.worker_id != former


async def test_job_survives_that_every_connection_is_cut(
    db: Database, engine: JobEngine, watch: Watch, scene: Scene
) -> None:
    if db.embedded:
        pytest.skip("cut connections: SQLite has none that anybody could cut")
    async with db.session() as session:
        job_id = await work.pause.enqueue(session)
    await scene.began.wait()

    async with db.session() as session:
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        await session.execute(text(f"{cut} AND pid <> pg_backend_pid()"))
    scene.gate.set()
    info = await watch.ended(engine, job_id)

    assert (info.state, scene.calls["before"]) == (JobState.done, 1)
    async with db.session() as session:
        later = await work.add.enqueue(session, first=1)
    assert (await watch.ended(engine, later)).state is JobState.done
