"""Recurring jobs: what is due is enqueued by the elected worker, once for everything missed."""

from collections.abc import Iterable

from cronsim import CronSim
from sqlalchemy import select

from botyard.core.jobs.models import JobRow, ScheduleRow
from botyard.core.jobs.registry import Job
from botyard.core.jobs.types import JobState
from botyard.kit import clock
from botyard.kit.db import Session


async def enqueue_due(session: Session, jobs: Iterable[Job]) -> list[str]:
    """Enqueue each of these recurring jobs that is due and not still running; returns their names.

    A job seen for the first time is due at its next occurrence, one that missed several at once and once.
    """
    now = clock.now()
    due = []
    for job in jobs:
        row = await session.get(ScheduleRow, job.name)
        if row is None:
            session.add(ScheduleRow(name=job.name, last_at=now))
            continue
        assert job.cron is not None
        if row.last_at > now:  # the clock was put back since; by its key nothing runs twice for that
            row.last_at = now
        next_at = next(CronSim(job.cron, row.last_at))
        if next_at > now or await _unfinished(session, job.name):
            continue
        # The key makes two workers that both believe to be elected enqueue one job.
        await job.enqueue(session, key=f"{job.name}@{clock.rfc3339(next_at)}")
        row.last_at = now
        due.append(job.name)
    return due


async def _unfinished(session: Session, name: str) -> bool:
    query = select(JobRow.id).where(
        JobRow.name == name, JobRow.state.in_([JobState.queued, JobState.running])
    )
    return (await session.execute(query.limit(1))).first() is not None
