"""Conversations of a chatbot: those that wait for a person first; one as it happens, and answering in it."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from botyard.edge.caller import Caller
from botyard.edge.guard import GuardedRoute
from botyard.features.chatbots import attending, attention, conversations, replay, versions
from botyard.features.chatbots.conversation_store import NoSuchConversation
from botyard.features.chatbots.conversation_types import Conversation
from botyard.features.chatbots.conversations import STATUSES
from botyard.features.chatbots.events import (
    ConversationAttended,
    ConversationClosed,
    ConversationCreated,
    ConversationRated,
    ConversationReturned,
    HandoverRequested,
    MessageReceived,
    MessageSent,
)
from botyard.web.chatbots import frame, talking
from botyard.web.chatbots.conversation_rows import rows_of
from botyard.web.chatbots.frame import PATH, ROOT, ChatbotOf
from botyard.web.forms import Form
from botyard.web.lists import PAGE, PageNumber, address, page_of
from botyard.web.rendering import render
from botyard.web.scene import Pieces, Scene, View, live_address
from botyard.web.shell import PageFor, SceneFor, go, part

router = APIRouter(prefix=PATH + "/conversations", route_class=GuardedRoute)
_CHIPS = (
    ("", "All"),
    ("open", "Open"),
    ("waiting", "Waiting"),
    ("attended", "With a person"),
    ("closed", "Closed"),
)
_QUEUE = 200  # of those that wait, how many are looked at


@router.get("")
async def page(
    page: PageFor, scene: SceneFor, chatbot: ChatbotOf, status: str = "", number: PageNumber = 0
) -> Response:
    """Who waits, and all conversations by their state."""
    status = status if status in STATUSES else ""
    path = f"{ROOT}/{chatbot.id}/conversations"
    chips = [(key, word, address(path, {"status": key})) for key, word in _CHIPS]
    live = live_address("chatbot-conversations", {"bot": chatbot.id, "status": status, "page": str(number)})
    context = await _lists(scene, chatbot.id, status, number)
    return frame.show(page, chatbot, "conversations", live=live, chips=chips, chosen=status, **context)


async def _lists(scene: Scene, chatbot_id: str, status: str, number: int) -> dict[str, Any]:
    owner_id, chat = scene.caller.user_id, talking.runtime(scene)
    queue = await attending.waiting(chat, owner_id=owner_id, limit=_QUEUE)
    found, total = await conversations.list_page(
        chat,
        owner_id=owner_id,
        chatbot_id=chatbot_id,
        status=status or None,
        limit=PAGE,
        offset=number * PAGE,
    )
    path = f"{ROOT}/{chatbot_id}/conversations"
    pager = page_of(
        total, shown=len(found), path=path, params={"status": status}, page=number, what="conversations"
    )
    mine = [one for one in queue if one.chatbot_id == chatbot_id]
    return {
        "queue": await rows_of(scene, mine),
        "rows": await rows_of(scene, found),
        "pager": pager,
        "path": path,
    }


async def draw(scene: Scene) -> Pieces:
    """Both lists again."""
    asked = scene.says("page")
    number = int(asked) if asked.isdecimal() and len(asked) < 6 else 0
    status = scene.says("status") if scene.says("status") in STATUSES else ""
    context = await _lists(scene, scene.says("bot"), status, number) | {"chosen": status}
    return {
        "#queue": render("chatbots/_queue.html", **context),
        "#list": render("chatbots/_conversations.html", **context),
        **frame.counts(await attention.to_do(scene.stream, scene.says("bot"))),
    }


# --- one of them ---------------------------------------------------------------------------------------


async def _load(scene: Scene, bot_id: str, conversation_id: str) -> Conversation:
    found = await conversations.get(talking.runtime(scene), conversation_id, owner_id=scene.caller.user_id)
    if found.chatbot_id != bot_id:
        raise NoSuchConversation
    return found


async def _conversation(request: Request, scene: SceneFor, chatbot: ChatbotOf) -> Conversation:
    return await _load(scene, chatbot.id, request.path_params["conversation_id"])


ConversationOf = Annotated[Conversation, Depends(_conversation)]


@router.get("/{conversation_id}")
async def one(page: PageFor, scene: SceneFor, chatbot: ChatbotOf, conversation: ConversationOf) -> Response:
    """One conversation, and what can be done about it."""
    live = live_address("chatbot-conversation", {"bot": chatbot.id, "conversation": conversation.id})
    async with scene.db.reader() as session:
        found = await versions.list_versions(session, chatbot.id, limit=100)
    named = [("", "The draft, as it is now"), *((each.id, f"Version {each.number}") for each in found)]
    context = await _context(scene, conversation)
    return frame.show(page, chatbot, "conversation", live=live, versions=named, **context)


async def _context(scene: Scene, conversation: Conversation) -> dict[str, Any]:
    talk = await talking.read(scene, conversation)
    [row] = await rows_of(scene, [conversation], last=False)
    place = await attending.place(talking.runtime(scene), conversation)
    path = f"{ROOT}/{conversation.chatbot_id}"
    here = f"{path}/conversations/{conversation.id}"
    return {
        "talk": talk,
        "row": row,
        "place": place,
        "path": path,
        "here": here,
        "wrong": f"{here}/wrong",
        "trial": False,
        "open_": False,
        "version": "",
        "greets": False,
        "mine": conversation.attended_by == scene.caller.user_id,
        "attendant": talk.people.get(str(conversation.attended_by), "somebody else"),
        "slots": conversation.state.slots,
    }


def _drawn(context: dict[str, Any]) -> Pieces:
    return {
        "#talk": render("chatbots/_talk.html", **context),
        "#talk-state": render("chatbots/_talk_state.html", **context),
        "#talk-acts": render("chatbots/_talk_acts.html", **context),
    }


async def draw_one(scene: Scene) -> Pieces:
    """The conversation again, with what may be done."""
    conversation = await _load(scene, scene.says("bot"), scene.says("conversation"))
    pieces = _drawn(await _context(scene, conversation))
    return pieces | frame.counts(await attention.to_do(scene.stream, conversation.chatbot_id))


async def check_one(scene: Scene) -> None:
    """A conversation is for the owner of its chatbot. Raises NoSuchConversation."""
    await _load(scene, scene.says("bot"), scene.says("conversation"))


@router.post("/{conversation_id}/attend")
async def attend(request: Request, scene: SceneFor, conversation: ConversationOf, caller: Caller) -> Response:
    """Take the conversation over."""
    chat = talking.runtime(scene)
    await attending.attend(chat, conversation.id, owner_id=conversation.owner_id, by=caller.user_id)
    return go(request, _here(conversation), "You answer now; the chatbot keeps quiet.")


@router.post("/{conversation_id}/reply")
async def reply(
    request: Request, scene: SceneFor, conversation: ConversationOf, form: Form, caller: Caller
) -> Response:
    """Answer as a person."""
    await attending.reply(
        talking.runtime(scene),
        conversation.id,
        owner_id=conversation.owner_id,
        by=caller.user_id,
        text=form.needed("text", "The answer"),
    )
    if not request.headers.get("hx-request"):
        return go(request, _here(conversation))
    fresh = await _load(scene, conversation.chatbot_id, conversation.id)
    return talking.told(_drawn(await _context(scene, fresh)), event="said")


@router.post("/{conversation_id}/return")
async def give_back(
    request: Request, scene: SceneFor, conversation: ConversationOf, caller: Caller
) -> Response:
    """Let the chatbot answer again."""
    chat = talking.runtime(scene)
    await attending.give_back(chat, conversation.id, owner_id=conversation.owner_id, by=caller.user_id)
    return go(request, _here(conversation), "The chatbot answers again.")


@router.post("/{conversation_id}/close")
async def close(request: Request, scene: SceneFor, conversation: ConversationOf) -> Response:
    """End the conversation."""
    await conversations.close(talking.runtime(scene), conversation.id, owner_id=conversation.owner_id)
    return go(request, _here(conversation), "The conversation is closed.")


@router.post("/{conversation_id}/wrong")
async def wrong(scene: SceneFor, conversation: ConversationOf, form: Form) -> Response:
    """Say that an answer was wrong: its question goes to the inbox."""
    chat, owner_id = talking.runtime(scene), conversation.owner_id
    await conversations.thumbs_down(chat, conversation.id, form["message"], owner_id=owner_id)
    pieces = await draw_one(
        Scene(scene.app, scene.caller, {"bot": conversation.chatbot_id, "conversation": conversation.id})
    )
    return talking.told(pieces, talking.IN_INBOX)


@router.get("/{conversation_id}/replay")
async def again(scene: SceneFor, conversation: ConversationOf, version: str = "") -> Response:
    """Hold the conversation again with another version and show what would be different."""
    chat = talking.runtime(scene)
    async with scene.db.reader() as session:
        found = await versions.get(session, version, chatbot_id=conversation.chatbot_id) if version else None
    chosen = await (chat.versions.load(found.id) if found else chat.versions.draft(conversation.chatbot_id))
    turns = await replay.replay(chat, conversation.id, chosen, owner_id=conversation.owner_id)
    name = f"version {found.number}" if found else "the draft"
    return part("chatbots/_replay.html", "#replay", closes=False, turns=turns, name=name)


def _here(conversation: Conversation) -> str:
    return f"{ROOT}/{conversation.chatbot_id}/conversations/{conversation.id}"


_HEARD = (
    ConversationCreated,
    MessageReceived,
    MessageSent,
    HandoverRequested,
    ConversationAttended,
    ConversationReturned,
    ConversationClosed,
    ConversationRated,
)
_NAMES = frozenset(event.name for event in _HEARD)
LIVE = {
    "chatbot-conversations": View(_NAMES, draw, check=frame.check),
    "chatbot-conversation": View(_NAMES, draw_one, check=check_one),
}
