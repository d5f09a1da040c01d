"""The first page of a chatbot: what answers now, what to do next, and how it fares."""

from datetime import timedelta
from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from botyard.core.jobs.events import JobChanged
from botyard.core.realtime.events import Event
from botyard.edge.caller import Address, Caller
from botyard.edge.guard import GuardedRoute
from botyard.edge.session import Stores
from botyard.features.chatbots import analytics, attention, deployments, draft, versions
from botyard.features.chatbots import content as contents
from botyard.features.chatbots import service as chatbots
from botyard.features.chatbots.analytics import Comparison
from botyard.features.chatbots.draft import Difference
from botyard.features.chatbots.events import (
    ConversationClosed,
    ConversationCreated,
    ConversationRated,
    Deployed,
    HandoverRequested,
    MessageSent,
    TrainingFailed,
    TrainingFinished,
)
from botyard.features.chatbots.service import ChatbotInfo
from botyard.kit import clock
from botyard.kit.amounts import counted
from botyard.web.chatbots import charts, drafts, frame, learned
from botyard.web.chatbots.frame import PATH, ROOT, ChatbotOf, ChatbotRow
from botyard.web.forms import Form
from botyard.web.lists import address
from botyard.web.rendering import render
from botyard.web.scene import Pieces, Scene, View, live_address
from botyard.web.shell import PageFor, SceneFor, go

router = APIRouter(prefix=PATH, route_class=GuardedRoute)
_PERIODS = ((7, "7 days"), (30, "30 days"), (90, "90 days"))
_VERSIONS = 50


class Asked(BaseModel):
    """What is looked at: so many days, of all versions or one, beside the days before or another version."""

    days: Literal["7", "30", "90"] = "30"
    version: str = ""
    against: str = ""
    measure: Literal["conversations", "messages", "time"] = "conversations"


@router.get("")
async def page(page: PageFor, scene: SceneFor, chatbot: ChatbotOf) -> Response:
    """What answers, what to do next, and the figures."""
    asked = scene.asked(Asked)
    live = live_address("chatbot", {"bot": chatbot.id, **asked.model_dump()})
    context = {**await _standing(scene, chatbot), **await _figures(scene, chatbot, asked)}
    return frame.show(page, chatbot, "overview", live=live, asked=asked, **context)


# --- what answers ---------------------------------------------------------------------------------------


async def _standing(scene: Scene, chatbot: ChatbotInfo) -> dict[str, Any]:
    owner_id = chatbot.owner_id
    async with scene.db.reader() as session:
        log = await deployments.list_log(session, chatbot.id, limit=1)
        found = await versions.list_versions(session, chatbot.id, limit=_VERSIONS)
        models = await versions.list_models(session, chatbot.id, limit=1)
        state = await learned.read(session, chatbot)
        content, _ = await chatbots.read_content(session, chatbot.id, owner_id=owner_id)
        current = log[0] if log and log[0].shares else None
        unlike = Difference()
        if current is not None:
            unlike = await draft.difference(session, chatbot.id, current.shares[0][0], owner_id=owner_id)
    written = bool(content.rules or content.flows)
    answered = written or bool(content.responses)
    steps = await _steps(
        scene,
        chatbot,
        state,
        trained=bool(models),
        written=written,
        answered=answered,
        deployed=bool(current),
    )
    return {
        "path": f"{ROOT}/{chatbot.id}",
        "current": current,
        "numbers": {one.id: one for one in found},
        "named": found,
        "model": models[0] if models else None,
        "unlike": unlike,
        "learning": state,
        "steps": steps,
        "begun": bool(models) or answered,
        "ready": bool(models) or written or chatbot.type == "hybrid",
    }


async def _steps(
    scene: Scene,
    chatbot: ChatbotInfo,
    state: learned.Learning,
    *,
    trained: bool,
    written: bool,
    answered: bool,
    deployed: bool,
) -> list[dict[str, Any]]:
    """What brings a chatbot to people, each with whether it is done; nothing once they talk with it."""
    real = await analytics.figures(scene.stream, chatbot.id)
    if deployed and real.conversations:
        return []
    tried = await analytics.figures(scene.stream, chatbot.id, version_id="draft")
    rules = chatbot.type == "rule"
    taught = (
        "Teach",
        "/examples",
        "Write or import examples of what people say.",
        bool(state.examples) or trained,
    )
    wrote = ("Write", "/flows", "Write rules, flows and answers.", written)
    train = ("Train", "/training", "It takes seconds and ends with a report.", trained)
    answer = ("Answer", "/flows/intents")
    found = [
        *([wrote] if rules else [taught, train, (*answer, *await _answering(scene, chatbot, answered=answered))]),
        ("Try it", "/try", "Talk with the draft, and see why it says what it says.", bool(tried.conversations)),
        ("Deploy", "", "From then on this version answers; every later one can be taken back.", deployed),
        ("Put it on your site", "/settings", "One line for a web page, or a channel of your own.", bool(real.conversations)),
    ]  # fmt: skip
    now = next((at for at, step in enumerate(found) if not step[3]), len(found))
    return [
        {"word": word, "path": path, "text": text, "done": done, "now": at == now}
        for at, (word, path, text, done) in enumerate(found)
    ]


async def _answering(scene: Scene, chatbot: ChatbotInfo, *, answered: bool) -> tuple[str, bool]:
    """What to say about its answers, and whether they are enough to begin with: for half of what people mean."""
    async with scene.db.reader() as session:
        content = await drafts.read(session, chatbot)
    silent, known = len(content.unanswered), len(content.intents)
    if not (answered and silent):
        return "Write what it says to what people mean.", answered
    to = "it" if known == 1 else "one of them" if silent == 1 else f"{silent} of them"
    return f"People mean {counted(known, 'thing')}; it has no answer to {to}.", 2 * silent <= known


# --- how it fares ---------------------------------------------------------------------------------------


async def _figures(scene: Scene, chatbot: ChatbotInfo, asked: Asked) -> dict[str, Any]:
    until = clock.now().date()
    since = until - timedelta(days=int(asked.days) - 1)
    reader = scene.stream
    if asked.against:
        comparison = await analytics.compare_versions(
            reader, chatbot.id, asked.against, asked.version, since=since, until=until
        )
    else:
        comparison = await analytics.compare_periods(
            reader, chatbot.id, since=since, until=until, version_id=asked.version
        )
    series = await analytics.series(reader, chatbot.id, since=since, until=until, version_id=asked.version)
    return {
        **_drawn(comparison),
        "chart": charts.chart(series, asked.measure),
        "chips": _chips(chatbot, asked),
        "measures": _measures(chatbot, asked),
        "than": "than the other version" if asked.against else f"than in the {asked.days} days before",
    }


def _drawn(comparison: Comparison) -> dict[str, Any]:
    now, before = comparison.second, comparison.first
    return {
        "figures": charts.figures(comparison),
        "intents": charts.rows(now.intents, before.intents),
        "sources": charts.sources(now),
        "times": charts.times(now),
        "ratings": charts.ratings(now),
        "empty": not now.messages,
    }


def _chips(chatbot: ChatbotInfo, asked: Asked) -> list[tuple[str, str, str]]:
    kept = asked.model_dump(exclude={"days"})
    return [
        (str(days), word, address(f"{ROOT}/{chatbot.id}", {"days": days, **kept})) for days, word in _PERIODS
    ]


def _measures(chatbot: ChatbotInfo, asked: Asked) -> list[tuple[str, str, str]]:
    kept = asked.model_dump(exclude={"measure"})
    return [
        (key, word, address(f"{ROOT}/{chatbot.id}", {"measure": key, **kept}))
        for key, (word, _, _) in charts.MEASURES.items()
    ]


# --- deploying ------------------------------------------------------------------------------------------


@router.post("/deploy")
async def deploy(
    request: Request,
    chatbot: ChatbotOf,
    form: Form,
    db: Stores,
    caller: Caller,
    address: Address,
) -> Response:
    """Freeze the draft with the newest model and let it answer; what speaks against it is to be read first."""
    note = form["note"].strip()
    version, warnings = await deployments.rehearse(
        db, chatbot.id, owner_id=chatbot.owner_id, by=caller.user_id, note=note
    )
    async with db.reader() as session:
        silent = version.model_id and await drafts.answers_little(
            session, chatbot, contents.read(version.content)
        )
    if warnings or silent:
        return go(request, f"{ROOT}/{chatbot.id}/versions/{version.id}/deploy")
    async with db.session() as session:
        await deployments.deploy(
            session,
            chatbot.id,
            owner_id=chatbot.owner_id,
            actor=caller,
            version_id=version.id,
            note=note,
            address=address,
        )
    return go(request, f"{ROOT}/{chatbot.id}", f"Version {version.number} answers from now on.")


# --- live -----------------------------------------------------------------------------------------------


async def draw(scene: Scene) -> Pieces:
    """Everything again."""
    asked = scene.asked(Asked)
    chatbot = await frame.load(scene, scene.says("bot"))
    standing = await _standing(scene, chatbot)
    fares = await _figures(scene, chatbot, asked) | {"asked": asked}
    return {
        "#chatbot-state": render("chatbots/_state.html", bot=ChatbotRow(chatbot)),
        "#steps": render("chatbots/_steps.html", **standing),
        "#standing": render("chatbots/_standing.html", **standing),
        "#fares": render("chatbots/_fares.html", **standing, **fares),
        **frame.counts(await attention.to_do(scene.stream, chatbot.id)),
    }


_HEARD: tuple[type[Event], ...] = (
    ConversationCreated,
    MessageSent,
    HandoverRequested,
    ConversationClosed,
    ConversationRated,
    Deployed,
    TrainingFinished,
    TrainingFailed,
    JobChanged,
)
LIVE = {"chatbot": View(frozenset(event.name for event in _HEARD), draw, check=frame.check)}
