"""Asking for a job: its row and its place on a queue, both part of the caller's transaction."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from botyard.core.jobs.events import JobChanged
from botyard.core.jobs.models import JobRow
from botyard.core.jobs.sql import insert_once
from botyard.core.jobs.types import QUEUES, JobState
from botyard.core.realtime.events import publish
from botyard.kit import clock, ids
from botyard.kit.db import Session

if TYPE_CHECKING:
    from botyard.core.jobs.registry import Job
    from botyard.core.jobs.transact import Client


@dataclass(frozen=True, slots=True)
class Dispatch:
    """The way to the queues; a part of every process in which a job engine was started."""

    client: "Client"

    async def carry(self, session: Session, row: JobRow) -> None:
        """Put the row's current run on its queue, due when the row says."""
        connection = await session.connection()
        await connection.run_sync(
            self.client.enqueue,
            row.id,
            row.run,
            queue=row.queue,
            partition=row.partition,
            delay_s=(row.due_at - clock.now()).total_seconds(),
        )


@dataclass(frozen=True, slots=True)
class When:
    """When a job may start: after a while, at a moment, or (neither) at once."""

    delay_s: float | None = None
    at: datetime | None = None

    def due(self, now: datetime) -> datetime:
        """The moment of the start. Raises ValueError where both are given."""
        if self.delay_s is not None and self.at is not None:
            raise ValueError("give delay_s or at, not both")
        return self.at or now + timedelta(seconds=self.delay_s or 0)


@dataclass(frozen=True, slots=True)
class Place:
    """By what a job is told from others, and next to which others it runs."""

    key: str | None = None
    partition: str | None = None
    owner_id: int = 0


async def enqueue(session: Session, job: "Job", arguments: dict[str, Any], when: When, place: Place) -> str:
    """What `Job.enqueue` does, its arguments being checked."""
    if QUEUES[job.queue].partitioned != (place.partition is not None):
        raise ValueError(f"{job.name}: queue {job.queue} and partition {place.partition!r} do not fit")
    now = clock.now()
    row = {
        "id": ids.new("job"),
        "name": job.name,
        "queue": job.queue,
        "partition": place.partition,
        "key": place.key,
        "owner_id": place.owner_id,
        "args": arguments,
        "state": JobState.queued,
        "created_at": now,
        "due_at": when.due(now),
    }
    if not await insert_once(session, JobRow, unique="key" if place.key else "id", **row):
        return (await session.scalars(select(JobRow.id).where(JobRow.key == place.key))).one()
    await session.part(Dispatch).carry(session, await session.get_one(JobRow, row["id"]))
    event = JobChanged(
        owner_id=place.owner_id, job_id=str(row["id"]), job_name=job.name, state=JobState.queued
    )
    publish(session, event)
    return str(row["id"])
