"""The life of a job as transactions: begun, moved on, ended, cancelled, tried again."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, update

from botyard.core.jobs import liveness
from botyard.core.jobs.dispatch import Dispatch
from botyard.core.jobs.errors import JobFinished, JobUnfinished, NoSuchJob, RunEnded, RunLost
from botyard.core.jobs.events import JobChanged
from botyard.core.jobs.models import EffectRow, JobRow, StepRow
from botyard.core.jobs.types import EffectState, JobState, Timing
from botyard.core.realtime.events import publish
from botyard.kit import clock, ids
from botyard.kit.db import Session

MAX_CRASHES = 10  # a job that takes its worker down each time must end some time
ERROR_LENGTH = 1000


@dataclass(frozen=True, slots=True)
class Claim:
    """The right of one execution to carry one run of a job, and what it needs for that."""

    job_id: str
    run: int
    token: str
    worker_id: str
    name: str
    owner_id: int
    attempt: int
    arguments: dict[str, Any]
    steps: dict[str, Any]


async def begin(session: Session, job_id: str, *, run: int, worker_id: str) -> Claim | None:
    """Take over a run, from whoever had it before; None where nothing is left to do.

    Raises WorkerForgotten when this worker itself was declared dead meanwhile.
    """
    await liveness.confirm(session, worker_id)
    row = await session.get(JobRow, job_id, with_for_update=True)
    if row is None or row.run != run or row.state.finished:
        return None
    row.crashes += row.state is JobState.running  # whoever had it never said how it ended
    if row.crashes > MAX_CRASHES:
        _end(row, JobState.failed, f"The process that ran this job died {row.crashes} times.")
        _tell(session, row)
        return None
    row.state, row.token, row.worker = JobState.running, ids.new("run"), worker_id
    row.attempt += 1
    row.started_at = row.started_at or clock.now()
    _tell(session, row)
    steps = await session.execute(select(StepRow.name, StepRow.result).where(StepRow.job_id == job_id))
    return Claim(
        job_id=row.id,
        run=run,
        token=row.token,
        worker_id=worker_id,
        name=row.name,
        owner_id=row.owner_id,
        attempt=row.attempt,
        arguments=row.args,
        steps={step.name: step.result for step in steps},
    )


async def confirm(session: Session, claim: Claim) -> JobRow:
    """The job's row, locked, while the claim holds. Raises RunEnded or RunLost."""
    row = await session.get(JobRow, claim.job_id, with_for_update=True)
    if row is None or row.run != claim.run or row.state.finished:
        raise RunEnded
    if row.token != claim.token:
        raise RunLost
    return row


async def finish_step(session: Session, claim: Claim, name: str, result: Any) -> None:
    """Keep the result of a step. Raises RunEnded or RunLost."""
    await confirm(session, claim)
    session.add(StepRow(job_id=claim.job_id, name=name, result=result, finished_at=clock.now()))


async def report(session: Session, claim: Claim, done: int, total: int | None, note: str) -> None:
    """Show how far the job is. Raises RunEnded or RunLost."""
    row = await confirm(session, claim)
    row.done, row.total, row.note = done, total, printable(note)
    _tell(session, row)


async def complete(session: Session, claim: Claim, result: Any) -> None:
    """The job is done. Raises RunEnded or RunLost."""
    row = await confirm(session, claim)
    row.result = result
    _end(row, JobState.done, "")
    _tell(session, row)


async def fail(session: Session, claim: Claim, error: str, *, retries: int, timing: Timing) -> None:
    """This try has failed: the next one starts after a pause, or the job has failed for good.

    Raises RunEnded or RunLost.
    """
    row = await confirm(session, claim)
    row.failures += 1
    if row.failures > retries:
        _end(row, JobState.failed, error)
        _tell(session, row)
        return
    row.error = printable(error)
    await _queue_again(session, row, clock.now() + timedelta(seconds=timing.pause_s(row.failures)))


async def hand_back(session: Session, worker_id: str) -> None:
    """Say that whatever this worker was running stopped in the middle in good order: no crash is counted."""
    left = JobRow.worker == worker_id, JobRow.state == JobState.running
    await session.execute(update(JobRow).where(*left).values(state=JobState.queued, token=None, worker=None))


async def cancel(session: Session, job_id: str, *, owner_id: int | None = None) -> JobRow:
    """End a job that has not ended; what it does at the moment is interrupted.

    Cancelling twice changes nothing. Raises NoSuchJob (also for another owner's) and JobFinished.
    """
    row = await get(session, job_id, owner_id=owner_id, lock=True)
    if row.state in (JobState.done, JobState.failed):
        raise JobFinished
    if row.state is not JobState.cancelled:
        await _leave_effects_open(session, row)
        _end(row, JobState.cancelled, row.error)
        _tell(session, row)
    return row


async def retry(session: Session, job_id: str, *, owner_id: int | None = None) -> JobRow:
    """Start a failed or cancelled job again at once; its finished steps stay finished.

    Raises NoSuchJob (also for another owner's), JobFinished for one that is done, JobUnfinished otherwise.
    """
    row = await get(session, job_id, owner_id=owner_id, lock=True)
    if row.state is JobState.done:
        raise JobFinished
    if not row.state.finished:
        raise JobUnfinished
    row.failures = row.crashes = 0
    row.error, row.finished_at = "", None
    await _queue_again(session, row, clock.now())
    return row


async def get(session: Session, job_id: str, *, owner_id: int | None = None, lock: bool = False) -> JobRow:
    """The row of a job. Raises NoSuchJob, also where `owner_id` is given and is another."""
    row = await session.get(JobRow, job_id, with_for_update=lock or None)
    if row is None or owner_id not in (None, row.owner_id):
        raise NoSuchJob
    return row


async def stopped(session: Session, claims: Iterable[Claim]) -> dict[str, RunEnded | RunLost]:
    """Those of the claims, by token, that do not hold any more, and why."""
    claims = list(claims)
    query = select(JobRow.id, JobRow.run, JobRow.state, JobRow.token)
    rows = await session.execute(query.where(JobRow.id.in_({claim.job_id for claim in claims})))
    found = {job_id: (run, state, token) for job_id, run, state, token in rows}
    verdicts: dict[str, RunEnded | RunLost] = {}
    for claim in claims:
        run, state, token = found.get(claim.job_id, (0, JobState.cancelled, None))
        if run != claim.run or state.finished:
            verdicts[claim.token] = RunEnded()
        elif token != claim.token:
            verdicts[claim.token] = RunLost()
    return verdicts


async def purge(session: Session, *, states: Iterable[JobState], before: datetime, limit: int) -> int:
    """Remove jobs in these states that ended before that moment, the oldest first; returns how many."""
    old = (
        select(JobRow.id)
        .where(JobRow.state.in_(list(states)), JobRow.finished_at < before)
        .order_by(JobRow.finished_at)
        .limit(limit)
    )
    gone = await session.scalars(delete(JobRow).where(JobRow.id.in_(old)).returning(JobRow.id))
    return len(gone.all())


def printable(text: str) -> str:
    """The text as both stores can keep it, and no longer than a person would read."""
    return text.replace("\x00", "")[:ERROR_LENGTH]


async def _queue_again(session: Session, row: JobRow, due_at: datetime) -> None:
    row.state, row.token, row.worker, row.due_at = JobState.queued, None, None, due_at
    row.run += 1
    await session.flush()
    await session.part(Dispatch).carry(session, row)
    _tell(session, row)


async def _leave_effects_open(session: Session, row: JobRow) -> None:
    """What the job is sending at this moment may happen or not: nobody will be there to write it down."""
    sending = EffectRow.state == EffectState.sending, EffectRow.token == row.token
    error = "The job was cancelled while sending it."
    await session.execute(update(EffectRow).where(*sending).values(state=EffectState.unknown, error=error))


def _end(row: JobRow, state: JobState, error: str) -> None:
    row.state, row.error, row.token, row.worker = state, printable(error), None, None
    row.finished_at = clock.now()


def _tell(session: Session, row: JobRow) -> None:
    event = JobChanged(
        owner_id=row.owner_id,
        job_id=row.id,
        job_name=row.name,
        state=row.state,
        done=row.done,
        total=row.total,
        note=row.note,
    )
    publish(session, event)
