"""A chatbot's settings: what it is called, how it answers, who helps out, its language model, its end."""

from typing import cast

from fastapi import APIRouter, Request
from msgspec.structs import replace
from starlette.responses import Response

from botyard.core.accounts import second_factor
from botyard.edge.caller import Address, Caller
from botyard.edge.guard import GuardedRoute
from botyard.edge.session import Reader, Session, Stores
from botyard.features.chatbots import service as chatbots
from botyard.features.chatbots.llm import keys
from botyard.features.chatbots.llm.model import LanguageModels
from botyard.features.chatbots.runtime.ports import Talk
from botyard.features.chatbots.runtime.version import Type, Version
from botyard.features.chatbots.service import ChatbotInfo
from botyard.kit import clock
from botyard.kit.db import Database
from botyard.settings import Settings as ServerSettings
from botyard.web.chatbots import channels, drafts, settings_forms
from botyard.web.chatbots.frame import PATH, ROOT, ChatbotOf, show
from botyard.web.chatbots.settings_forms import DAYS, POINTS, PROVIDERS, span_text, zones
from botyard.web.fleet import root_url
from botyard.web.forms import Form
from botyard.web.proof import prove
from botyard.web.scene import live_address
from botyard.web.shell import PageFor, go, part

router = APIRouter(prefix=PATH + "/settings", route_class=GuardedRoute)
TYPES = {
    "hybrid": "rules, then training, then a language model",
    "rule": "rules and flows only",
    "ai": "training and a language model, no rules",
}
TRIAL_S = 20.0  # somebody waits in front of the page
_QUESTION = "Hello, what can you do?"


@router.get("")
async def page(
    request: Request, page: PageFor, chatbot: ChatbotOf, reader: Reader, db: Stores, caller: Caller
) -> Response:
    """Every setting, each group with its own form."""
    draft = await drafts.read(reader, chatbot)
    settings = draft.content.settings
    server = db.parts.get(ServerSettings)
    address = root_url(request, server)
    return show(
        page,
        chatbot,
        "settings",
        draft=draft,
        content=draft.content,
        settings=settings,
        problems=draft.checked.of("settings"),
        types=list(TYPES.items()),
        points=list(POINTS.items()),
        providers=list(PROVIDERS.items()),
        addresses={"ollama": server.ollama_url, "openai": server.openai_url},
        days=[(day, name, span_text(settings.handover.hours, day)) for day, name in enumerate(DAYS)],
        zones=zones(),
        question=_QUESTION,
        live=live_address("chatbot-settings", {"bot": chatbot.id, "server": address}),
        server=address,
        **await channels.listed(reader, chatbot.id, chatbot.owner_id),
        has_key=await keys.has(reader, chatbot.id, owner_id=chatbot.owner_id),
        second_factor=await second_factor.is_on(reader, caller.user_id),
    )


@router.post("/about")
async def about(request: Request, chatbot: ChatbotOf, form: Form, session: Session) -> Response:
    """Call it something else; say what it is for; choose what it answers by."""
    await chatbots.update(
        session,
        chatbot.id,
        owner_id=chatbot.owner_id,
        name=form.needed("name", "The name"),
        description=form["description"].strip(),
        type=form["type"],
    )
    return _done(request, chatbot)


@router.post("/answers")
async def answers(request: Request, chatbot: ChatbotOf, form: Form, session: Session) -> Response:
    """Languages, how sure it must be, what it says first and last."""
    content = settings_forms.answers(await drafts.content_of(session, chatbot, form), form)
    await drafts.save(session, chatbot, content, form)
    return _done(request, chatbot)


@router.post("/handover")
async def handover(request: Request, chatbot: ChatbotOf, form: Form, session: Session) -> Response:
    """How a person is called in."""
    content = settings_forms.handover(await drafts.content_of(session, chatbot, form), form)
    await drafts.save(session, chatbot, content, form)
    return _done(request, chatbot)


@router.post("/model")
async def model(request: Request, chatbot: ChatbotOf, form: Form, session: Session) -> Response:
    """Which language model, and its key, which goes to the vault; an empty key stays as it is."""
    content = settings_forms.model(await drafts.content_of(session, chatbot, form), form)
    await drafts.save(session, chatbot, content, form)
    if form["key"].strip():
        await keys.put(session, chatbot.id, owner_id=chatbot.owner_id, key=form["key"])
    return _done(request, chatbot)


@router.post("/model/forget")
async def forget_key(request: Request, chatbot: ChatbotOf, session: Session) -> Response:
    """Remove the language model's key."""
    await keys.drop(session, chatbot.id, owner_id=chatbot.owner_id)
    return go(request, _here(chatbot), "The key is removed from the vault.")


@router.post("/model/test")
async def test_model(chatbot: ChatbotOf, form: Form, db: Stores) -> Response:
    """Ask the language model something, as the chatbot would, within seconds."""
    began = clock.monotonic()
    said = await _asked(db, chatbot, form["question"].strip()[:2000] or _QUESTION)
    return part(
        "chatbots/_model_said.html",
        "#model-said",
        closes=False,
        text=said[0],
        note=said[1],
        ms=round((clock.monotonic() - began) * 1000),
    )


async def _asked(db: Database, chatbot: ChatbotInfo, question: str) -> tuple[str, str]:
    """What the model of the draft says, and why it says nothing."""
    async with db.reader() as session:
        content, _ = await chatbots.read_content(session, chatbot.id, owner_id=chatbot.owner_id)
    chosen = content.settings.model
    trial = replace(chosen, timeout_s=min(chosen.timeout_s, TRIAL_S))
    content = replace(content, settings=replace(content.settings, model=trial))
    version = Version(id=None, chatbot_id=chatbot.id, type=cast("Type", chatbot.type), content=content)
    models = LanguageModels(db)  # of its own, so that trying leaves the breakers of those who talk alone
    try:
        talk = Talk(version, chatbot.owner_id, content.language, question)
        said = await models.reply(talk)
    finally:
        await models.stop()
    return said.text, said.note


@router.post("/guard")
async def guard(request: Request, chatbot: ChatbotOf, form: Form, session: Session) -> Response:
    """What may not be said."""
    content = settings_forms.guard(await drafts.content_of(session, chatbot, form), form)
    await drafts.save(session, chatbot, content, form)
    return _done(request, chatbot)


@router.post("/delete")
async def delete(
    request: Request, chatbot: ChatbotOf, form: Form, db: Stores, caller: Caller, address: Address
) -> Response:
    """Remove the chatbot with everything of it but its datasets."""
    await prove(db, caller, form, address)
    async with db.session() as session:
        await chatbots.delete(session, chatbot.id, owner_id=chatbot.owner_id, actor=caller, address=address)
    return go(request, ROOT, f"{chatbot.name} is deleted. Its examples stay as a dataset.")


def _done(request: Request, chatbot: ChatbotInfo) -> Response:
    return go(request, _here(chatbot), "Saved. A version that you deploy next has it.")


def _here(chatbot: ChatbotInfo) -> str:
    return f"{ROOT}/{chatbot.id}/settings"
