"""Trying a chatbot out: the draft or any version, with why it said what it said."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from botyard.edge.guard import GuardedRoute
from botyard.features.chatbots import conversation_store as store
from botyard.features.chatbots import conversations, deployments, versions
from botyard.features.chatbots.conversation_types import Conversation
from botyard.features.chatbots.conversations import DRAFT
from botyard.features.chatbots.errors import NoSuchVersion
from botyard.features.chatbots.events import (
    ConversationAttended,
    ConversationClosed,
    ConversationReturned,
    HandoverRequested,
    MessageSent,
)
from botyard.features.chatbots.service import ChatbotInfo
from botyard.kit.errors import Invalid
from botyard.web.chatbots import frame, talking
from botyard.web.chatbots.frame import PATH, ROOT, ChatbotOf
from botyard.web.chatbots.talking import Talk
from botyard.web.forms import Fields, Form
from botyard.web.lists import address
from botyard.web.rendering import render
from botyard.web.scene import Pieces, Scene, View, live_address
from botyard.web.shell import PageFor, SceneFor, go

router = APIRouter(prefix=PATH + "/try", route_class=GuardedRoute)
CHANNEL = "try"


@router.get("")
async def page(page: PageFor, scene: SceneFor, chatbot: ChatbotOf, version: str = "") -> Response:
    """The conversation that the viewer holds with the draft, or with a version."""
    choices = await _versions(scene, chatbot.id)
    if version and version not in dict(choices):
        raise NoSuchVersion
    talk = await _talk(scene, chatbot.id, version)
    live = live_address("chatbot-try", {"bot": chatbot.id, "version": version})
    content = await _greets(scene, chatbot)
    return frame.show(
        page, chatbot, "try", live=live, talk=talk, version=version, versions=choices, greets=content
    )


async def _greets(scene: Scene, chatbot: ChatbotInfo) -> bool:
    """Whether it would speak first."""
    version = await talking.runtime(scene).versions.draft(chatbot.id)
    return bool(version.content.settings.greeting)


async def _versions(scene: Scene, chatbot_id: str) -> list[tuple[str, str]]:
    async with scene.db.reader() as session:
        found = await versions.list_versions(session, chatbot_id, limit=100)
        current = await deployments.current(session, chatbot_id)
    live = {str(version_id) for version_id, _ in current.shares} if current else set()
    named = [(one.id, f"Version {one.number}{', deployed' if one.id in live else ''}") for one in found]
    return [("", "The draft, as it is now"), *named]


def _who(scene: Scene, version: str) -> str:
    """What the viewer is called in this channel: one conversation for each version."""
    return f"{scene.caller.user_id}:{version}"


async def _find(scene: Scene, chatbot_id: str, version: str) -> Conversation | None:
    return await store.find_external(
        scene.stream,
        chatbot_id=chatbot_id,
        environment=DRAFT,
        channel=CHANNEL,
        external_id=_who(scene, version),
    )


async def _talk(scene: Scene, chatbot_id: str, version: str) -> Talk:
    found = await _find(scene, chatbot_id, version)
    return Talk(None) if found is None else await talking.read(scene, found)


async def _begun(scene: Scene, chatbot_id: str, version: str) -> Conversation:
    return await conversations.start(
        talking.runtime(scene),
        chatbot_id,
        owner_id=scene.caller.user_id,
        environment=DRAFT,
        channel=CHANNEL,
        external_id=_who(scene, version),
        version_id=version or None,
    )


async def _pieces(scene: Scene, chatbot_id: str, version: str) -> Pieces:
    talk = await _talk(scene, chatbot_id, version)
    return {"#talk": _html(chatbot_id, version, talk), "#talk-live": ""}


def _html(chatbot_id: str, version: str, talk: Talk) -> str:
    path = f"{ROOT}/{chatbot_id}"
    context = {
        "path": path,
        "trial": True,
        "open_": True,
        "version": version,
        "greets": False,
        "wrong": f"{path}/try/wrong",
    }
    return render("chatbots/_talk.html", talk=talk, **context)


@router.post("")
async def say(request: Request, scene: SceneFor, chatbot: ChatbotOf, form: Form) -> Response:
    """Say something, or choose a button; the first message begins the conversation."""
    version = form["version"]
    if not form["text"].strip() and not form["choice"]:
        raise Invalid("Write something first.", details={"field": "text"})
    conversation = await _begun(scene, chatbot.id, version)
    order = {"text": form["text"], "choice": _choice(form)}
    if order["choice"] is not None:
        order["text"] = ""

    async def draw() -> Pieces:
        return await _pieces(scene, chatbot.id, version)

    reply = await talking.reply(talking.runtime(scene), conversation, order, draw)
    return reply if request.headers.get("hx-request") else go(request, _address(chatbot.id, version))


def _choice(form: Fields) -> int | None:
    return int(form["choice"]) if form["choice"].isdecimal() and len(form["choice"]) < 4 else None


def _address(chatbot_id: str, version: str) -> str:
    return address(f"{ROOT}/{chatbot_id}/try", {"version": version})


@router.post("/begin")
async def begin(request: Request, scene: SceneFor, chatbot: ChatbotOf, form: Form) -> Response:
    """Let the chatbot speak first."""
    await _begun(scene, chatbot.id, form["version"])
    return go(request, _address(chatbot.id, form["version"]))


@router.post("/reset")
async def reset(request: Request, scene: SceneFor, chatbot: ChatbotOf, form: Form) -> Response:
    """Close the conversation; the next message begins another one."""
    found = await _find(scene, chatbot.id, form["version"])
    if found is not None:
        await conversations.close(talking.runtime(scene), found.id, owner_id=found.owner_id)
    return go(request, _address(chatbot.id, form["version"]))


@router.post("/wrong")
async def wrong(scene: SceneFor, chatbot: ChatbotOf, form: Form) -> Response:
    """Say that an answer was wrong: its question goes to the inbox."""
    found = await _find(scene, chatbot.id, form["version"])
    if found is None:
        raise store.NoSuchConversation
    chat = talking.runtime(scene)
    await conversations.thumbs_down(chat, found.id, form["message"], owner_id=found.owner_id)
    pieces = await _pieces(scene, chatbot.id, form["version"])
    return talking.told(pieces, talking.IN_INBOX)


async def draw(scene: Scene) -> Pieces:
    """The conversation again; not while an answer is being written, which shows itself."""
    chatbot_id, version = scene.says("bot"), scene.says("version")
    talk = await _talk(scene, chatbot_id, version)
    return {} if talk.pending else {"#talk": _html(chatbot_id, version, talk)}


_HEARD = (MessageSent, HandoverRequested, ConversationAttended, ConversationReturned, ConversationClosed)
LIVE = {
    "chatbot-try": View(frozenset(event.name for event in _HEARD), draw, check=frame.check),
}
