"""A conversation as pages show it, and a reply that is shown while it is made."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from fastapi.sse import format_sse_event
from markupsafe import escape
from starlette.responses import HTMLResponse, Response, StreamingResponse

from botyard.core.accounts import profiles
from botyard.edge.errors import amid
from botyard.edge.replies import HEADERS, Reply
from botyard.features.chatbots import conversations
from botyard.features.chatbots.chat_runtime import ChatRuntime
from botyard.features.chatbots.conversation_types import Conversation, Sent
from botyard.web.chatbots.tracing import Said, Turn, turns
from botyard.web.rendering import render
from botyard.web.scene import Pieces, Scene
from botyard.web.shell import partial

IN_INBOX = "What was asked is in the inbox now."
SHOWN = 200  # events of a conversation, the newest ones
SOON_S = 0.15  # answers that come within it need no sign of typing


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation with what is shown of it."""

    conversation: Conversation | None
    turns: list[Turn] = field(default_factory=list)
    people: dict[str, str] = field(default_factory=dict)  # names by id
    earlier: bool = False  # more happened before

    @property
    def newest(self) -> str:
        """The message whose buttons can be chosen; empty where the user spoke last."""
        said = [one for turn in self.turns[-1:] for one in turn.after if isinstance(one, Said)]
        open_ = self.conversation is not None and self.conversation.status in ("open", "waiting")
        return said[-1].id if said and open_ else ""

    @property
    def pending(self) -> bool:
        """Whether an answer is being made."""
        return self.conversation is not None and self.conversation.pending_us is not None


def runtime(scene: Scene) -> ChatRuntime:
    """What holds conversations."""
    return scene.db.parts.get(ChatRuntime)


async def read(scene: Scene, conversation: Conversation) -> Talk:
    """What happened in a conversation, for people."""
    after = max(0, conversation.seq - SHOWN)
    rows = await conversations.trace(
        runtime(scene), conversation.id, owner_id=conversation.owner_id, after=after, limit=SHOWN
    )
    ids = {int(row["text"]) for row in rows if row["kind"] in ("attended", "returned")}
    ids |= {conversation.attended_by} if conversation.attended_by is not None else set()
    async with scene.db.reader() as session:
        names = await profiles.usernames(session, ids)
    people = {str(user_id): name for user_id, name in names.items()}
    return Talk(conversation, turns(rows, people, trial=conversation.trial), people, earlier=after > 0)


Order = dict[str, Any]
Draw = Callable[[], Awaitable[Pieces]]


async def reply(chat: ChatRuntime, conversation: Conversation, order: Order, draw: Draw) -> Response:
    """Send a message and answer the pieces that `draw` makes afterwards.

    What takes longer is a stream: the message with a sign of typing, the words of a language model as they come,
    the pieces at last. Raises what sending raises, as long as nothing was shown.
    """
    owner_id = conversation.owner_id
    made = Reply(
        lambda hear: conversations.send(chat, conversation.id, owner_id=owner_id, on_token=hear, **order)
    )
    await asyncio.wait({made.task}, timeout=SOON_S)
    if made.task.done():
        made.task.result()
        return told(await draw(), event="said")
    frames = _frames(made, str(order.get("text", "")), draw)
    return StreamingResponse(frames, media_type="text/event-stream", headers=HEADERS)


def told(pieces: Pieces, notice: str = "", *, event: str = "") -> Response:
    """Pieces of the page, with a notice and an event for the form that was sent."""
    html = _html(pieces)
    if notice:
        html += partial("#toasts", render("_notice.html", kind="good", text=notice), swap="beforeend")
    headers = {"Cache-Control": "no-store"} | ({"HX-Trigger": event} if event else {})
    return HTMLResponse(html, headers=headers)


async def _frames(made: Reply, text: str, draw: Draw) -> AsyncIterator[bytes]:
    yield format_sse_event(event="said", data_str="")
    yield _frame({"#talk-live": render("chatbots/_typing.html", text=text)})
    async for words in made.words():
        if words:
            html = partial("#words", str(escape(words)), swap="beforeend")
            yield format_sse_event(data_str=html)
        else:
            yield format_sse_event(comment="here")
    yield format_sse_event(data_str=await _outcome(made.task, draw))


async def _outcome(task: asyncio.Task[Sent], draw: Draw) -> str:
    trouble = ""
    try:
        task.result()
    except Exception as error:
        trouble = _trouble(error)
    try:
        return _html(await draw()) + trouble
    except Exception as error:  # deleted meanwhile, or the store is away
        return _html({"#talk-live": ""}) + (trouble or _trouble(error))


def _trouble(error: Exception) -> str:
    notice = render("_notice.html", kind="bad", text=str(amid(error, what="a reply")))
    return partial("#toasts", notice, swap="beforeend")


def _html(pieces: Pieces) -> str:
    return "".join(partial(target, html, swap="innerMorph") for target, html in pieces.items())


def _frame(pieces: Pieces) -> bytes:
    return format_sse_event(data_str=_html(pieces))
