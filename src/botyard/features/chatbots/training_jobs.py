"""The job that trains: a snapshot, a child process that learns, a model that nobody changes any more."""

from dataclasses import dataclass
from typing import Any

import msgspec

from botyard.core.jobs import JobContext, Unrecoverable, job, recurring
from botyard.core.realtime.events import publish
from botyard.features.chatbots import artifacts, datasets, open_trainings, snapshots, versions
from botyard.features.chatbots import content as contents
from botyard.features.chatbots.datasets import NoSuchDataset
from botyard.features.chatbots.events import TrainingFailed, TrainingFinished
from botyard.features.chatbots.models import Chatbot, ModelVersion, TrainingJob
from botyard.features.chatbots.nlu.errors import LearningMissing
from botyard.features.chatbots.nlu.process import TrainedApart, Trainer, train_apart
from botyard.features.chatbots.snapshots import Snapshot
from botyard.kit import clock, ids
from botyard.kit.db import Database, Session
from botyard.kit.errors import BotyardError, Invalid, NotFound
from botyard.settings import Settings

_GONE = "The chatbot or its dataset was deleted before the training began."


@dataclass(frozen=True, slots=True)
class _Order:
    owner_id: int
    chatbot_id: str
    dataset_id: str
    snapshot: str
    options: dict[str, Any]


@job("chatbots.train", queue="train", retries=1)
async def train(ctx: JobContext, *, training_id: str) -> dict[str, Any]:
    """Train a chatbot and keep the model. Interrupted, it learns again from the same snapshot."""
    order = await _begin(ctx.db, training_id)
    try:
        digest = await _snapshot(ctx.db, training_id, order)
        snapshot = snapshots.read(await artifacts.get(ctx.db, order.owner_id, digest))
        made = await _learn(ctx, order, snapshot)
        artifact = await artifacts.put(ctx.db, order.owner_id, made.model)
        report = await artifacts.put(ctx.db, order.owner_id, msgspec.json.encode(made.report))
    except (Invalid, LearningMissing, NotFound) as error:  # again would bring the same
        await _fail(ctx.db, training_id, str(error))
        raise Unrecoverable(str(error)) from error
    except BotyardError as error:
        if ctx.attempt > 1:
            await _fail(ctx.db, training_id, str(error))
        raise
    await ctx.progress(100, 100, "Done")
    return await _finish(ctx.db, training_id, (digest, artifact, report), made.report)


@recurring("chatbots.settle_trainings", cron="*/5 * * * *")
async def settle_trainings(ctx: JobContext) -> int:
    """Let trainings fail whose jobs ended without them; answers how many there were."""
    async with ctx.db.reader() as session:
        left = await open_trainings.abandoned(session)
    for training_id, error in left:
        await _fail(ctx.db, training_id, error)
    return len(left)


async def _begin(db: Database, training_id: str) -> _Order:
    async with db.session() as session:
        row = await session.get(TrainingJob, training_id, with_for_update=True)
        if row is None or row.dataset_id is None:
            raise Unrecoverable(_GONE)
        row.state = "running"
        return _Order(row.owner_id, row.chatbot_id, row.dataset_id, row.snapshot, row.options)


async def _snapshot(db: Database, training_id: str, order: _Order) -> str:
    """What this training learns from, the same at each try: the copy that somebody's change made, else one made now."""
    if order.snapshot:
        return order.snapshot
    try:
        made = await datasets.snapshot(db, order.owner_id, order.dataset_id)
    except NoSuchDataset:
        made = ""  # whoever deletes a dataset keeps a copy for those who wait
    async with db.session() as session:
        row = await session.get(TrainingJob, training_id, with_for_update=True)
        if row is None or row.state == "cancelled":
            raise Unrecoverable(_GONE if row is None else row.error)
        row.snapshot = row.snapshot or made
        if not row.snapshot:
            raise NoSuchDataset
        return row.snapshot


async def _learn(ctx: JobContext, order: _Order, snapshot: Snapshot) -> TrainedApart:
    async with ctx.db.reader() as session:
        chatbot = await session.get(Chatbot, order.chatbot_id)
        if chatbot is None:
            raise Unrecoverable(_GONE)
        content = contents.read(chatbot.content)

    async def tell(share: float, note: str) -> None:
        await ctx.progress(min(99, round(share * 99)), 100, note)

    materials = _materials(snapshot, content, order.options)
    folder = ctx.db.parts.get(Settings).data_dir / "cache" / "encodings" / str(order.owner_id)
    trainer = ctx.db.parts.find(Trainer)
    train_so = train_apart if trainer is None else trainer.train
    return await train_so(*materials, on_progress=tell, cache=folder)


def _materials(snapshot: Snapshot, content: contents.Content, options: dict[str, Any]) -> tuple[Any, Any]:
    from botyard.features.chatbots.nlu.types import EntityMark, Example, Options

    entities = {**content.entities, **_entities(snapshot)}
    examples = [
        Example(
            text=one.text,
            intent=one.intent,
            language=one.language or snapshot.language,
            entities=[EntityMark(**_mark(mark)) for mark in one.entities],
        )
        for one in snapshot.examples
    ]
    languages = [content.language, *content.languages]
    point = options.get("operating_point", content.settings.operating_point)
    return examples, Options(operating_point=point, languages=languages, entities=entities)


def _entities(snapshot: Snapshot) -> dict[str, contents.Entity]:
    return msgspec.convert(snapshot.extras.get("entities", {}), dict[str, contents.Entity])


def _mark(mark: dict[str, Any]) -> dict[str, Any]:
    return {
        key: mark[key] for key in ("start", "end", "entity", "value", "role") if mark.get(key) is not None
    }


async def _finish(
    db: Database, training_id: str, digests: tuple[str, str, str], report: dict[str, Any]
) -> dict[str, Any]:
    async with db.session() as session:
        held = await open_trainings.hold(session, training_id)
        if held is None or held[0].state == "cancelled":
            raise Unrecoverable(_GONE if held is None else held[0].error)
        row, chatbot = held
        model = await _keep(session, row, digests, report)
        row.state, row.error, row.completed_at = "completed", "", clock.now()
        row.snapshot, row.model_id = digests[0], model.id
        await versions.let_go_models(session, row.chatbot_id)
        await open_trainings.settle(session, chatbot, without=row.id)
        publish(
            session,
            TrainingFinished(
                owner_id=row.owner_id,
                chatbot_id=row.chatbot_id,
                training_id=row.id,
                model_id=model.id,
                metrics=model.metrics,
            ),
        )
        return {"model": model.number, **model.metrics}


async def _keep(
    session: Session, row: TrainingJob, digests: tuple[str, str, str], report: dict[str, Any]
) -> ModelVersion:
    snapshot, artifact, told = digests
    model = ModelVersion(
        id=ids.new("model"),
        owner_id=row.owner_id,
        chatbot_id=row.chatbot_id,
        number=await versions.next_model_number(session, row.chatbot_id),
        training_id=row.id,
        snapshot=snapshot,
        artifact=artifact,
        report=told,
        metrics={key: report[key] for key in _METRICS if key in report},
        created_at=clock.now(),
    )
    session.add(model)
    await session.flush()
    return model


_METRICS = (
    "accuracy",
    "macro_f1",
    "recipe",
    "encoder",
    "examples",
    "intents",
    "seconds",
    "measured",
    "measured_on",
)


async def _fail(db: Database, training_id: str, error: str) -> None:
    async with db.session() as session:
        held = await open_trainings.hold(session, training_id)
        if held is None or held[0].state not in ("queued", "running"):
            return
        row, chatbot = held
        row.state, row.error, row.completed_at = "failed", error, clock.now()
        row.snapshot = ""
        await open_trainings.settle(session, chatbot, without=row.id)
        event = TrainingFailed(
            owner_id=row.owner_id, chatbot_id=row.chatbot_id, training_id=row.id, error=error
        )
        publish(session, event)
