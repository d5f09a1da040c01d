"""Training jobs as people see them: asked for, followed, cancelled, and what came of them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import func, select

from botyard.core.accounts.types import Principal
from botyard.core.audit import service as audit
from botyard.core.jobs import JobState
from botyard.core.jobs import service as job_service
from botyard.core.jobs.models import JobRow
from botyard.features.chatbots import artifacts, datasets, open_trainings
from botyard.features.chatbots import service as chatbots
from botyard.features.chatbots.errors import NoSuchTraining, NothingToTrain, ReportMissing
from botyard.features.chatbots.models import ModelVersion, TrainingJob
from botyard.features.chatbots.nlu.process import expect
from botyard.features.chatbots.training_jobs import train
from botyard.kit import clock, ids
from botyard.kit.db import Database, Session

_WORDS = {
    JobState.queued: "queued",
    JobState.running: "running",
    JobState.done: "completed",
    JobState.failed: "failed",
    JobState.cancelled: "failed",
}


@dataclass(frozen=True, slots=True)
class TrainingInfo:
    """One training. `state`: queued, running, completed, failed; `done` of `total` with a note while it runs."""

    id: str
    chatbot_id: str
    dataset_id: str | None
    state: str
    error: str
    created_at: datetime
    completed_at: datetime | None
    model_id: str | None
    done: int = 0
    total: int | None = None
    note: str = ""
    job_id: str | None = None


async def start(
    session: Session,
    chatbot_id: str,
    dataset_id: str,
    *,
    owner_id: int,
    actor: Principal,
    options: dict[str, Any] | None = None,
    address: str = "",
) -> TrainingInfo:
    """Train a chatbot on a dataset as it is now, whatever becomes of it until the job begins.

    An account trains one at a time, in the order asked for, and accounts take turns: another training, also of the
    same chatbot, waits. Raises NoSuchChatbot, NoSuchDataset, NothingToTrain, StorageFull.
    """
    chatbot = await chatbots.hold(session, chatbot_id, owner_id=owner_id)
    dataset = await datasets.pin(session, dataset_id, owner_id=owner_id)
    if not dataset.example_count:
        raise NothingToTrain
    await artifacts.check_room(session, owner_id)
    row = TrainingJob(
        id=ids.new("train"),
        owner_id=owner_id,
        chatbot_id=chatbot_id,
        dataset_id=dataset_id,
        snapshot="",
        state="queued",
        error="",
        options=options or {},
        job_id=None,
        model_id=None,
        created_at=clock.now(),
        completed_at=None,
    )
    expect(session)
    session.add(row)
    chatbot.dataset_id = dataset_id
    if chatbot.status in ("draft", "trained"):
        chatbot.status = "training"
    await session.flush()
    row.job_id = await train.enqueue(
        session, key=row.id, partition=str(owner_id), owner_id=owner_id, training_id=row.id
    )
    details = {"training": row.id, "dataset": dataset_id}
    await audit.record(
        session,
        actor=actor,
        action="chatbot.training_asked",
        target=f"bot:{chatbot_id}",
        details=details,
        address=address,
    )
    return _info(row, None)


async def get(session: Session, training_id: str, *, owner_id: int) -> TrainingInfo:
    """One training. Raises NoSuchTraining, also for another account's."""
    row = await session.get(TrainingJob, training_id)
    if row is None or row.owner_id != owner_id:
        raise NoSuchTraining
    return (await _with_progress(session, [row]))[0]


async def list_page(
    session: Session, *, owner_id: int, limit: int, offset: int = 0, chatbot_id: str = ""
) -> tuple[list[TrainingInfo], int]:
    """Trainings of an account, newest first, and how many there are in all."""
    mine = [TrainingJob.owner_id == owner_id]
    if chatbot_id:
        mine.append(TrainingJob.chatbot_id == chatbot_id)
    order = TrainingJob.created_at.desc(), TrainingJob.id.desc()
    rows = await session.scalars(
        select(TrainingJob).where(*mine).order_by(*order).limit(limit).offset(offset)
    )
    total = await session.scalar(select(func.count()).select_from(TrainingJob).where(*mine))
    return await _with_progress(session, list(rows)), int(total or 0)


async def cancel(
    session: Session, training_id: str, *, owner_id: int, actor: Principal, address: str = ""
) -> TrainingInfo:
    """End a training that runs or waits; what it learned so far is thrown away. Raises JobFinished."""
    held = await open_trainings.hold(session, training_id)
    if held is None or held[0].owner_id != owner_id:
        raise NoSuchTraining
    row, chatbot = held
    if row.job_id is not None:
        await job_service.cancel(session, row.job_id)
    row.state, row.error, row.completed_at = "cancelled", "The training was cancelled.", clock.now()
    row.snapshot = ""
    await open_trainings.settle(session, chatbot, without=row.id)
    await audit.record(
        session,
        actor=actor,
        action="chatbot.training_cancelled",
        target=f"bot:{row.chatbot_id}",
        details={"training": row.id},
        address=address,
    )
    return _info(row, None)


async def _with_progress(session: Session, rows: list[TrainingJob]) -> list[TrainingInfo]:
    wanted = [row.job_id for row in rows if row.job_id]
    found = await session.scalars(select(JobRow).where(JobRow.id.in_(wanted)))
    jobs = {job.id: job for job in found}
    ahead = await _ahead(session, [job for job in jobs.values() if job.state is JobState.queued])
    return [_info(row, jobs.get(row.job_id or ""), ahead.get(row.job_id or "", 0)) for row in rows]


async def _ahead(session: Session, waiting: list[JobRow]) -> dict[str, int]:
    """How many trainings of the same account come before each of these, which are all of one account."""
    if not waiting:
        return {}
    unfinished = JobRow.state.in_([JobState.queued, JobState.running])
    mine = JobRow.owner_id == waiting[0].owner_id, JobRow.name == train.name, unfinished
    # One that runs comes first, however late it was asked for: others were started again after a failure.
    order = (JobRow.state == JobState.queued), JobRow.created_at, JobRow.id
    ids_in_order = await session.scalars(select(JobRow.id).where(*mine).order_by(*order))
    return {job_id: number for number, job_id in enumerate(ids_in_order)}


def _info(row: TrainingJob, job: JobRow | None, ahead: int = 0) -> TrainingInfo:
    """The row with what its job says: a worker that died tells its job, not the row."""
    state, error, ended = row.state, row.error, row.completed_at
    if state in ("queued", "running") and job is not None and job.state.finished:
        state, ended = _WORDS[job.state], job.finished_at
        error = job.error or ("The training was cancelled." if job.state is JobState.cancelled else error)
    return TrainingInfo(
        id=row.id,
        chatbot_id=row.chatbot_id,
        dataset_id=row.dataset_id,
        state="failed" if state == "cancelled" else state,
        error=error,
        created_at=row.created_at,
        completed_at=ended,
        model_id=row.model_id,
        done=(job.done or 0) if job else 0,
        total=job.total if job else None,
        note=_note(job, ahead) if job else "",
        job_id=row.job_id,
    )


def _note(job: JobRow, ahead: int) -> str:
    if job.state is not JobState.queued or not ahead:
        return job.note
    return f"Waits for {ahead} of your trainings." if ahead > 1 else "Waits for another of your trainings."


async def report(db: Database, training_id: str, *, owner_id: int) -> dict[str, Any]:
    """What a finished training found out. Raises NoSuchTraining, ReportMissing where it has no model."""
    async with db.reader() as session:
        row = await get(session, training_id, owner_id=owner_id)
        model = await session.get(ModelVersion, row.model_id) if row.model_id else None
    if model is None:
        raise ReportMissing
    found: dict[str, Any] = msgspec.json.decode(await artifacts.get(db, owner_id, model.report))
    return found
