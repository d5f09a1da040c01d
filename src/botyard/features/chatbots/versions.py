"""Versions: a chatbot frozen as it can be deployed, and the models that training made."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import delete, exists, func, select, update

from botyard.core.realtime.events import publish
from botyard.features.chatbots import content as contents
from botyard.features.chatbots import service as chatbots
from botyard.features.chatbots.content import Content, Intent, Reply
from botyard.features.chatbots.errors import NoSuchModel, NoSuchVersion, NothingToDeploy
from botyard.features.chatbots.events import VersionCreated
from botyard.features.chatbots.models import BotVersion, Chatbot, Dataset, ModelVersion, TrainingJob
from botyard.kit import clock, ids
from botyard.kit.db import Session
from botyard.kit.errors import Invalid

MAX_NOTE = 200
KEPT_MODELS = 10  # of one chatbot, beside those in versions


@dataclass(frozen=True, slots=True)
class VersionInfo:
    """One frozen version. `model_number` is None for a version without training."""

    id: str
    chatbot_id: str
    number: int
    type: str
    model_id: str | None
    model_number: int | None
    metrics: dict[str, Any]
    note: str
    created_at: datetime
    created_by: int


async def freeze(
    session: Session,
    chatbot_id: str,
    *,
    owner_id: int,
    model_id: str | None = None,
    note: str = "",
    by: int,
) -> BotVersion:
    """The draft with a model as a version; the newest model where none is named.

    The same model and content again answer the version that exists. Raises NothingToDeploy, NoSuchModel.
    """
    if len(note) > MAX_NOTE:
        raise Invalid(f"A note has at most {MAX_NOTE} characters.", details={"field": "note"})
    chatbot = await chatbots.hold(session, chatbot_id, owner_id=owner_id)
    model = await _model(session, chatbot_id, model_id)
    content = contents.read(chatbot.content)
    await add_answers(session, chatbot, content)
    if model is None and not _answers_untrained(chatbot.type, content):
        raise NothingToDeploy
    written = contents.write(content)
    digest = _digest(chatbot.type, model, written)
    newest = await _newest(session, chatbot_id)
    same = await session.scalar(
        select(BotVersion)
        .where(BotVersion.chatbot_id == chatbot_id, BotVersion.digest == digest)
        .order_by(BotVersion.number.desc())
        .limit(1)
    )
    if same is not None:
        return same
    version = BotVersion(
        id=ids.new("ver"),
        owner_id=owner_id,
        chatbot_id=chatbot_id,
        number=(newest.number if newest else 0) + 1,
        model_id=model.id if model else None,
        type=chatbot.type,
        content=written,
        digest=digest,
        note=note,
        created_at=clock.now(),
        created_by=by,
    )
    session.add(version)
    await session.flush()
    publish(
        session,
        VersionCreated(
            owner_id=owner_id, chatbot_id=chatbot_id, version_id=version.id, number=version.number
        ),
    )
    return version


async def get(session: Session, version_id: str, *, chatbot_id: str) -> BotVersion:
    """One version of a chatbot. Raises NoSuchVersion."""
    version = await session.get(BotVersion, version_id)
    if version is None or version.chatbot_id != chatbot_id:
        raise NoSuchVersion
    return version


async def list_versions(
    session: Session, chatbot_id: str, *, limit: int = 50, offset: int = 0
) -> list[VersionInfo]:
    """Versions of a chatbot, newest first."""
    query = (
        select(BotVersion, ModelVersion.number, ModelVersion.metrics)
        .outerjoin(ModelVersion, ModelVersion.id == BotVersion.model_id)
        .where(BotVersion.chatbot_id == chatbot_id)
        .order_by(BotVersion.number.desc())
        .limit(limit)
        .offset(offset)
    )
    return [
        VersionInfo(
            id=row.id,
            chatbot_id=row.chatbot_id,
            number=row.number,
            type=row.type,
            model_id=row.model_id,
            model_number=model_number,
            metrics=metrics or {},
            note=row.note,
            created_at=row.created_at,
            created_by=row.created_by,
        )
        for row, model_number, metrics in await session.execute(query)
    ]


async def count(session: Session, chatbot_id: str) -> int:
    """How many versions a chatbot has."""
    query = select(func.count()).select_from(BotVersion).where(BotVersion.chatbot_id == chatbot_id)
    return int(await session.scalar(query) or 0)


async def get_model(session: Session, model_id: str, *, chatbot_id: str) -> ModelVersion:
    """One model of a chatbot. Raises NoSuchModel."""
    model = await session.get(ModelVersion, model_id)
    if model is None or model.chatbot_id != chatbot_id:
        raise NoSuchModel
    return model


async def list_models(session: Session, chatbot_id: str, *, limit: int = 50) -> list[ModelVersion]:
    """Models of a chatbot, newest first."""
    query = select(ModelVersion).where(ModelVersion.chatbot_id == chatbot_id)
    return list(await session.scalars(query.order_by(ModelVersion.number.desc()).limit(limit)))


async def next_model_number(session: Session, chatbot_id: str) -> int:
    """The number of the next model; the chatbot's row is locked by the caller.

    Trainings stay when their models are deleted, so that no number is given twice.
    """
    newest = select(func.max(ModelVersion.number)).where(ModelVersion.chatbot_id == chatbot_id)
    mine = TrainingJob.chatbot_id == chatbot_id, TrainingJob.state == "completed"
    made = select(func.count()).select_from(TrainingJob).where(*mine)
    return max(int(await session.scalar(newest) or 0), int(await session.scalar(made) or 0)) + 1


async def let_go_models(session: Session, chatbot_id: str) -> int:
    """Remove models that are in no version, but for the ten newest; answers how many. Their trainings stay in the list.

    The chatbot's row is locked by the caller.
    """
    mine = ModelVersion.chatbot_id == chatbot_id
    newest = select(ModelVersion.id).where(mine).order_by(ModelVersion.number.desc()).limit(KEPT_MODELS)
    newest_ids = list(await session.scalars(newest))
    frozen = exists().where(BotVersion.chatbot_id == chatbot_id, BotVersion.model_id == ModelVersion.id)
    old = list(
        await session.scalars(
            select(ModelVersion.id).where(mine, ModelVersion.id.not_in(newest_ids), ~frozen)
        )
    )
    for start in range(0, len(old), 500):
        some = old[start : start + 500]
        of_them = TrainingJob.chatbot_id == chatbot_id, TrainingJob.model_id.in_(some)
        await session.execute(update(TrainingJob).where(*of_them).values(model_id=None, snapshot=""))
        await session.execute(delete(ModelVersion).where(ModelVersion.id.in_(some)))
    return len(old)


async def _model(session: Session, chatbot_id: str, model_id: str | None) -> ModelVersion | None:
    if model_id is not None:
        return await get_model(session, model_id, chatbot_id=chatbot_id)
    return next(iter(await list_models(session, chatbot_id, limit=1)), None)


async def _newest(session: Session, chatbot_id: str) -> BotVersion | None:
    query = select(BotVersion).where(BotVersion.chatbot_id == chatbot_id)
    found: BotVersion | None = await session.scalar(query.order_by(BotVersion.number.desc()).limit(1))
    return found


async def add_answers(session: Session, chatbot: Chatbot, content: Content) -> None:
    """Let the replies of the dataset answer those intents that the content itself says nothing of."""
    dataset = await session.get(Dataset, chatbot.dataset_id) if chatbot.dataset_id else None
    if dataset is None or dataset.owner_id != chatbot.owner_id:
        return
    started = {intent for flow in content.flows for intent in flow.intents}
    for intent, reply in dataset.responses.items():
        known = content.intents.setdefault(intent, Intent())
        if known.response or intent in started:
            continue
        name = f"answer_{intent}"
        texts = [reply] if isinstance(reply, str) else [str(one) for one in reply]
        content.responses.setdefault(name, [Reply(text=text) for text in texts])
        known.response = name


def _answers_untrained(type_: str, content: Content) -> bool:
    """A hybrid chatbot may go out with nothing but its fallback (C-10); the others need something of their kind."""
    if type_ == "ai":
        return bool(content.settings.model.provider)
    return type_ == "hybrid" or bool(content.rules or content.flows)


def _digest(type_: str, model: ModelVersion | None, content: dict[str, Any]) -> str:
    what = [type_, model.artifact if model else "", content]
    return hashlib.sha256(msgspec.json.encode(what, order="sorted")).hexdigest()
