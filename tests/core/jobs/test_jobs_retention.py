"""What ended long ago is removed; what is open stays."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text, update

from botyard.core.jobs import EffectState, JobEngine, JobState, retention
from botyard.core.jobs.models import EffectRow, JobRow, StepRow
from botyard.kit import clock
from botyard.kit.db import Database
from tests.core.jobs import work
from tests.core.jobs.work import Watch


async def _clean(db: Database) -> dict[str, int]:
    result: dict[str, int] = await retention.run_inline(db)
    return result


@pytest.mark.parametrize(
    ("state", "days", "gone"),
    [
        (JobState.done, 8, True),
        (JobState.done, 6, False),
        (JobState.cancelled, 8, True),
        (JobState.failed, 8, False),
        (JobState.failed, 31, True),
        (JobState.running, 99, False),
        (JobState.queued, 99, False),
    ],
)
async def test_jobs_are_kept_as_long_as_people_may_ask(
    db: Database, counter: JobEngine, state: JobState, days: int, gone: bool
) -> None:
    ended = clock.now() - timedelta(days=days)
    async with db.session() as session:
        job_id = await work.add.enqueue(session, first=1)
        finished_at = ended if state.finished else None
        await session.execute(update(JobRow).values(state=state, created_at=ended, finished_at=finished_at))
        session.add(StepRow(job_id=job_id, name="step", result=1, finished_at=ended))

    assert (await _clean(db))["jobs"] == int(gone)

    async with db.reader() as session:
        assert len((await session.scalars(select(StepRow))).all()) == int(not gone)


@pytest.mark.parametrize(
    ("state", "days", "gone"),
    [
        (EffectState.done, 401, True),
        (EffectState.done, 399, False),
        (EffectState.unknown, 999, False),
        (EffectState.sending, 999, False),
    ],
)
async def test_keys_of_effects_stay_known_for_more_than_a_year(
    db: Database, state: EffectState, days: int, gone: bool
) -> None:
    at = clock.now() - timedelta(days=days)
    fields: dict[str, Any] = {
        "key": "post:1",
        "kind": "post",
        "account_id": 1,
        "request_hash": "",
        "job_id": "",
    }
    async with db.session() as session:
        session.add(EffectRow(**fields, state=state, created_at=at, finished_at=at))

    assert (await _clean(db))["effects"] == int(gone)


async def test_records_of_runs_are_removed_after_a_day(db: Database, engine: JobEngine, watch: Watch) -> None:
    async with db.session() as session:
        job_id = await work.add.enqueue(session, first=1)
    await watch.ended(engine, job_id)
    await engine.stop()  # the run's own record is complete now
    runs = "workflow_status" if db.embedded else "dbos.workflow_status"

    async def count() -> int:
        async with db.reader() as session:
            found = await session.execute(
                text(f"SELECT count(*) FROM {runs} WHERE workflow_uuid = :id"), {"id": f"{job_id}.1"}
            )
            return int(found.scalar_one())

    server = JobEngine(db, work=False)
    await server.start()
    try:
        assert ((await _clean(db))["runs"], await count()) == (0, 1)
        async with db.session() as session:
            await session.execute(text(f"UPDATE {runs} SET completed_at = completed_at - 100000000"))
        assert ((await _clean(db))["runs"], await count()) == (1, 0)
    finally:
        await server.stop()
    assert (await engine.get(job_id)).result == 1
