"""Training: begun by hand, followed live, cancelled, and every one that was with what came of it."""

from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from botyard.core.jobs.events import JobChanged
from botyard.edge.caller import Address, Caller
from botyard.edge.guard import GuardedRoute
from botyard.edge.session import Reader, Session
from botyard.features.chatbots import artifacts, trained_models, training, versions
from botyard.features.chatbots import service as chatbots
from botyard.features.chatbots.content import OperatingPoint
from botyard.features.chatbots.errors import NoSuchModel, NoSuchTraining
from botyard.features.chatbots.events import ModelDeleted, TrainingFailed, TrainingFinished
from botyard.features.chatbots.models import Dataset
from botyard.features.chatbots.nlu.process import expect
from botyard.features.chatbots.service import ChatbotInfo
from botyard.features.chatbots.training import TrainingInfo
from botyard.kit.db import Session as UnitOfWork
from botyard.kit.errors import Invalid
from botyard.web.chatbots import report
from botyard.web.chatbots.dataset_choice import choice
from botyard.web.chatbots.frame import PATH, ROOT, ChatbotOf, ChatbotRow, check, load, show
from botyard.web.forms import Form
from botyard.web.lists import PAGE, PageNumber, page_of
from botyard.web.rendering import render, size
from botyard.web.scene import Pieces, Scene, View, live_address
from botyard.web.shell import PageFor, SceneFor, go

router = APIRouter(prefix=PATH + "/training", route_class=GuardedRoute)
POINTS: dict[OperatingPoint, tuple[str, str]] = {
    "strict": ("Strict", "Answers only what it is sure of; refuses most texts about other things."),
    "balanced": ("Balanced", "Refuses what is probably about something else. Right for most chatbots."),
    "lenient": ("Lenient", "Answers whenever it can; now and then also what was not meant."),
}
STATES = {
    "queued": ("", "Queued"),
    "running": ("busy", "Running"),
    "completed": ("good", "Completed"),
    "failed": ("bad", "Failed"),
}


@dataclass(frozen=True, slots=True)
class TrainingRow:
    """A training in the list, with the figures of its model."""

    info: TrainingInfo
    dataset: str
    number: int | None
    metrics: dict[str, Any]
    versions: list[int] = field(default_factory=list)  # that the model is part of

    @property
    def tone(self) -> str:
        """The colour of its state."""
        return STATES[self.info.state][0]

    @property
    def word(self) -> str:
        """Its state in words."""
        return "Cancelled" if "cancelled" in self.info.error else STATES[self.info.state][1]

    @property
    def open(self) -> bool:
        """Whether it goes on."""
        return self.info.state in ("queued", "running")


@router.get("")
async def page(
    page: PageFor, reader: Reader, bot: ChatbotOf, dataset: str = "", number: PageNumber = 0
) -> Response:
    """All trainings, newest first, and the form that begins one."""
    expect(reader)
    chosen = await choice(reader, bot, dataset)
    content, _ = await chatbots.read_content(reader, bot.id, owner_id=bot.owner_id)
    return show(
        page,
        bot,
        "training",
        live=live_address("chatbot-trainings", {"bot": bot.id, "page": str(number)}),
        choice=chosen,
        points=POINTS,
        point=content.settings.operating_point,
        kept=await artifacts.usage(reader, bot.owner_id),
        quota=artifacts.quota(reader),
        **await _list(reader, bot, number),
    )


async def _list(reader: UnitOfWork, bot: ChatbotInfo, number: int) -> dict[str, Any]:
    found, total = await training.list_page(
        reader, owner_id=bot.owner_id, chatbot_id=bot.id, limit=PAGE, offset=number * PAGE
    )
    rows = await _rows(reader, bot, found)
    path = f"{ROOT}/{bot.id}/training"
    pager = page_of(total, shown=len(found), path=path, params={}, page=number, what="trainings")
    return {"trainings": rows, "pager": pager}


async def _rows(reader: UnitOfWork, bot: ChatbotInfo, found: list[TrainingInfo]) -> list[TrainingRow]:
    models = {model.id: model for model in await versions.list_models(reader, bot.id, limit=1000)}
    part_of = await trained_models.versions_of(reader, bot.id)
    names: dict[str, str] = {}
    for dataset_id in {each.dataset_id for each in found if each.dataset_id}:
        dataset = await reader.get(Dataset, dataset_id)
        names[dataset_id] = dataset.name if dataset else "a dataset that was deleted"
    rows = []
    for each in found:
        model = models.get(each.model_id or "")
        number, metrics = (model.number, model.metrics) if model else (None, {})
        within = part_of.get(model.id, []) if model else []
        rows.append(TrainingRow(each, names.get(each.dataset_id or "", ""), number, metrics, within))
    return rows


@router.post("")
async def start(
    request: Request, bot: ChatbotOf, form: Form, session: Session, caller: Caller, address: Address
) -> Response:
    """Train on a dataset as it is now."""
    dataset_id = form.needed("dataset", "The dataset")
    if form["point"] not in POINTS:
        raise Invalid("Choose how sure the chatbot has to be.", details={"field": "point"})
    begun = await training.start(
        session,
        bot.id,
        dataset_id,
        owner_id=caller.user_id,
        actor=caller,
        options={"operating_point": form["point"]},
        address=address,
    )
    return go(request, f"{ROOT}/{bot.id}/training/{begun.id}")


@router.post("/{training_id}/cancel")
async def cancel(
    request: Request, bot: ChatbotOf, training_id: str, session: Session, caller: Caller, address: Address
) -> Response:
    """End a training; nothing of it is kept."""
    await _one(session, bot, training_id)
    await training.cancel(session, training_id, owner_id=caller.user_id, actor=caller, address=address)
    return go(request, f"{ROOT}/{bot.id}/training", "The training is cancelled.")


@router.post("/{training_id}/delete-model")
async def delete_model(
    request: Request, bot: ChatbotOf, training_id: str, session: Session, caller: Caller, address: Address
) -> Response:
    """Delete the model that a training brought; the training stays in the list."""
    info = await _one(session, bot, training_id)
    if not info.model_id:
        raise NoSuchModel
    gone = await trained_models.delete(
        session, bot.id, info.model_id, owner_id=caller.user_id, actor=caller, address=address
    )
    said = f"Model {gone.number} is deleted."
    if gone.freed:
        said += f" {size(gone.freed)} are free again."
    return go(request, f"{ROOT}/{bot.id}/training", said)


@router.get("/{training_id}")
async def training_page(page: PageFor, scene: SceneFor, bot: ChatbotOf, training_id: str) -> Response:
    """One training: how far it is, then its report."""
    view = report.Asked.of(scene)
    live = live_address("chatbot-training", {"bot": bot.id, "training": training_id, **view.params})
    return show(page, bot, "report", live=live, **await _context(scene, bot, training_id))


async def _context(scene: Scene, bot: ChatbotInfo, training_id: str) -> dict[str, Any]:
    async with scene.db.reader() as session:
        info = await _one(session, bot, training_id)
        (row,) = await _rows(session, bot, [info])
    told = None
    if info.state == "completed" and info.model_id:
        told = await report.read(scene, bot, row.info, row.number or 0)
    return {"training": row, "told": told, "points": POINTS, "recipes": report.RECIPES}


async def _one(session: UnitOfWork, bot: ChatbotInfo, training_id: str) -> TrainingInfo:
    """A training of this chatbot. Raises NoSuchTraining."""
    info = await training.get(session, training_id, owner_id=bot.owner_id)
    if info.chatbot_id != bot.id:
        raise NoSuchTraining
    return info


async def _draw_list(scene: Scene) -> Pieces:
    bot = await load(scene, scene.says("bot"))
    asked = scene.says("page")
    number = int(asked) if asked.isdecimal() and len(asked) < 6 else 0
    async with scene.db.reader() as session:
        rows = await _list(session, bot, number)
    row = ChatbotRow(bot)
    return {
        "#trainings": render("chatbots/_trainings.html", bot=row, **rows),
        "#chatbot-state": render("chatbots/_state.html", bot=row),
    }


async def _draw(scene: Scene) -> Pieces:
    bot = await load(scene, scene.says("bot"))
    context = await _context(scene, bot, scene.says("training"))
    row = ChatbotRow(bot)
    return {
        "#training": render("chatbots/_training.html", bot=row, **context),
        "#chatbot-state": render("chatbots/_state.html", bot=row),
    }


_NAMES = frozenset({JobChanged.name, TrainingFinished.name, TrainingFailed.name, ModelDeleted.name})
LIVE = {
    "chatbot-trainings": View(_NAMES, _draw_list, check=check),
    "chatbot-training": View(_NAMES, _draw, check=check),
}
