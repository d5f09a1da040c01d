"""Trainings that have not ended, and what their end makes of their chatbots."""

from typing import Any

from sqlalchemy import ColumnElement, Select, exists, or_, select

from botyard.core.jobs import JobState
from botyard.core.jobs.models import JobRow
from botyard.features.chatbots.models import Chatbot, ModelVersion, TrainingJob
from botyard.kit.db import Session


def unfinished(*which: ColumnElement[bool]) -> Select[TrainingJob]:
    """Those that wait or run. Their jobs are asked as well: a worker that died tells its job, not the row."""
    waits: tuple[ColumnElement[bool], ...] = (
        TrainingJob.state.in_(["queued", "running"]),
        JobRow.state.in_([JobState.queued, JobState.running]),
    )
    return select(TrainingJob).join(JobRow, JobRow.id == TrainingJob.job_id).where(*which, *waits)


async def abandoned(session: Session) -> list[tuple[str, str]]:
    """Trainings that do not know that their jobs have ended, with the reason.

    A job ends without its training where somebody cancels the job itself, it takes too long, or worker after worker
    dies of it. Whoever ends a training does so before its job ends, so none is found here that is being ended.
    """
    over = or_(JobRow.id.is_(None), JobRow.state.not_in([JobState.queued, JobState.running]))
    query = select(TrainingJob.id, JobRow.state, JobRow.error).outerjoin(
        JobRow, JobRow.id == TrainingJob.job_id
    )
    found = await session.execute(query.where(TrainingJob.state.in_(["queued", "running"]), over))
    cancelled = "The training was cancelled."
    return [
        (training_id, cancelled if state is JobState.cancelled else error or "The training's job is gone.")
        for training_id, state, error in found
    ]


async def hold(session: Session, training_id: str) -> tuple[TrainingJob, Chatbot] | None:
    """A training and its chatbot, locked until the commit; None where it is gone.

    The chatbot comes first, as with everybody who holds both: in another order two would wait for each other.
    """
    found = await session.get(TrainingJob, training_id)
    if found is None:
        return None
    fresh: dict[str, Any] = {"with_for_update": True, "populate_existing": True}
    chatbot = await session.get(Chatbot, found.chatbot_id, **fresh)
    row = await session.get(TrainingJob, training_id, **fresh)
    return None if chatbot is None or row is None else (row, chatbot)


async def settle(session: Session, chatbot: Chatbot, *, without: str) -> None:
    """Give a chatbot, which the caller holds, the status that it has once the training `without` is over."""
    if chatbot.status == "deployed":
        return
    others = unfinished(TrainingJob.chatbot_id == chatbot.id, TrainingJob.id != without)
    if await session.scalar(select(others.exists())):
        chatbot.status = "training"
    elif await session.scalar(select(exists().where(ModelVersion.chatbot_id == chatbot.id))):
        chatbot.status = "trained"
    else:
        chatbot.status = "draft"
