"""Deleting a trained model by hand: what needs it, and what goes with it."""

from collections import defaultdict

from msgspec import Struct
from sqlalchemy import exists, func, select, update

from botyard.core.accounts.types import Principal
from botyard.core.audit import service as audit
from botyard.core.realtime.events import publish
from botyard.features.chatbots import artifact_jobs, artifacts, versions
from botyard.features.chatbots import service as chatbots
from botyard.features.chatbots.errors import ModelNeeded
from botyard.features.chatbots.events import ModelDeleted
from botyard.features.chatbots.models import BotVersion, Deployment, ModelVersion, TrainingJob
from botyard.features.chatbots.open_trainings import unfinished
from botyard.kit.db import Session


class Deleted(Struct, frozen=True):
    """A model that was deleted, and how many bytes count no longer."""

    number: int
    freed: int


async def delete(
    session: Session,
    chatbot_id: str,
    model_id: str,
    *,
    owner_id: int,
    actor: Principal,
    address: str = "",
) -> Deleted:
    """Remove a model with its report and what it was trained on; the training stays in the list.

    Its files go soon after the commit. While a training of the account runs, which may be about to use the same
    ones, they wait for the nightly round instead. Raises NoSuchChatbot, NoSuchModel, ModelNeeded.
    """
    chatbot = await chatbots.hold(session, chatbot_id, owner_id=owner_id)
    in_use = await _training_runs(session, owner_id)
    model = await versions.get_model(session, model_id, chatbot_id=chatbot_id)
    await _check_unneeded(session, model)
    before = await artifacts.usage(session, owner_id)
    trained = TrainingJob.chatbot_id == chatbot_id, TrainingJob.model_id == model_id
    await session.execute(update(TrainingJob).where(*trained).values(model_id=None, snapshot=""))
    await session.delete(model)
    await session.flush()
    if not in_use:
        await artifacts.let_go(session, owner_id, {model.snapshot, model.artifact, model.report})
        await artifact_jobs.remove_files.enqueue(session, account_id=owner_id)
    left = await session.scalar(select(exists().where(ModelVersion.chatbot_id == chatbot_id)))
    if chatbot.status == "trained" and not left:
        chatbot.status = "draft"
    details = {"model": model_id, "number": model.number, "training": model.training_id}
    await audit.record(
        session,
        actor=actor,
        action="chatbot.model_deleted",
        target=f"bot:{chatbot_id}",
        details=details,
        address=address,
    )
    event = ModelDeleted(owner_id=owner_id, chatbot_id=chatbot_id, model_id=model_id, number=model.number)
    publish(session, event)
    return Deleted(model.number, before - await artifacts.usage(session, owner_id))


async def versions_of(session: Session, chatbot_id: str) -> dict[str, list[int]]:
    """The numbers of the versions that each model of a chatbot is part of, by the model's id."""
    query = select(BotVersion.model_id, BotVersion.number).where(BotVersion.chatbot_id == chatbot_id)
    found = defaultdict(list)
    for model_id, number in await session.execute(query.order_by(BotVersion.number)):
        if model_id is not None:
            found[model_id].append(number)
    return dict(found)


async def _training_runs(session: Session, owner_id: int) -> bool:
    """Whether a training of the account has begun; none of those that wait begins before the commit."""
    query = unfinished(TrainingJob.owner_id == owner_id).order_by(TrainingJob.id)
    query = query.with_for_update(of=TrainingJob).execution_options(populate_existing=True)
    return any(training.state == "running" for training in await session.scalars(query))


async def _check_unneeded(session: Session, model: ModelVersion) -> None:
    part_of = BotVersion.chatbot_id == model.chatbot_id, BotVersion.model_id == model.id
    query = select(BotVersion.id, BotVersion.number).where(*part_of).order_by(BotVersion.number)
    found = (await session.execute(query)).all()
    if not found:
        return
    answering = await _answering(session, model.chatbot_id)
    told = [_told(number, answering.get(version_id, [])) for version_id, number in found]
    raise ModelNeeded(
        f"Model {model.number} is part of {' and of '.join(told)}, and versions keep their models so that you can go "
        "back to them; delete a model that is in no version."
    )


async def _answering(session: Session, chatbot_id: str) -> dict[str, list[str]]:
    """In which environments each version answers now, by the version's id."""
    newest = select(func.max(Deployment.id)).where(Deployment.chatbot_id == chatbot_id)
    rows = await session.scalars(
        select(Deployment).where(Deployment.id.in_(newest.group_by(Deployment.environment)))
    )
    found = defaultdict(list)
    for row in rows:
        for version_id, _ in row.shares:
            found[str(version_id)].append(row.environment)
    return dict(found)


def _told(number: int, environments: list[str]) -> str:
    where = f", which answers in {' and '.join(sorted(environments))}" if environments else ""
    return f"version {number}{where}"
