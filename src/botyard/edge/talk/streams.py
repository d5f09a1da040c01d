"""What visitors hear while they wait: an answer as it is written, and everything that happens in the conversation."""

from collections.abc import AsyncIterator
from typing import Any

from fastapi.sse import format_sse_event
from starlette.responses import Response

from botyard.edge import replies
from botyard.edge.errors import amid
from botyard.edge.replies import Reply, Told
from botyard.features.chatbots.channels import visiting
from botyard.features.chatbots.channels.bell import ConversationBell
from botyard.features.chatbots.channels.visiting import Visit
from botyard.features.chatbots.chat_runtime import ChatRuntime
from botyard.kit import clock

Order = dict[str, Any]  # text, choice, language, key


def begin(chat: ChatRuntime, visit: Visit, order: Order) -> Reply:
    """Send a message."""
    return Reply(lambda hear: visiting.send(chat, visit, on_token=hear, **order))


async def answer(chat: ChatRuntime, visit: Visit, order: Order) -> Response:
    """Stream the answer to a message. Raises what sending raises, as long as nothing was streamed."""
    return await replies.stream(begin(chat, visit, order), lambda reply: outcome(reply, order["key"]))


def outcome(reply: Reply, key: str | None) -> Told:
    """What became of a message."""
    try:
        return "sent", visiting.answered(reply.task.result(), key)
    except Exception as error:
        known = amid(error, what="a reply")
        return "error", {"code": known.code, "error": str(known), "key": key}


async def happenings(
    chat: ChatRuntime, bell: ConversationBell, visit: Visit, *, after: int, token: str
) -> AsyncIterator[Told | None]:
    """Messages behind `after` and how the conversation stands, as they come; None where a while was silent.

    It ends with the server, and with the right to listen.
    """
    stood: dict[str, Any] = {}
    asked_at = clock.monotonic()
    with bell.waiting(visit.conversation_id) as rung:
        while True:
            rung.clear()
            for message in await visiting.read(chat, visit, after=after):
                after = message["seq"]
                rung.set()  # there may be another page
                yield "message", message
            stands = await visiting.standing(chat, visit)
            if stands != stood:
                stood = stands
                yield "state", stands
            if bell.closed:
                return
            silent = not await replies.rung(rung)
            if silent or clock.monotonic() - asked_at >= replies.BEAT_S:  # also of those who never are silent
                await visiting.enter(chat.db, token)
                asked_at = clock.monotonic()
            if silent:
                yield None


async def listen(chat: ChatRuntime, visit: Visit, *, after: int, token: str) -> AsyncIterator[bytes]:
    """The same as server-sent events; the id of a message is its `seq`, to go on behind."""
    bell = chat.db.parts.get(ConversationBell)
    yield format_sse_event(comment="here", retry=2000)
    try:
        async for told in happenings(chat, bell, visit, after=after, token=token):
            yield format_sse_event(comment="here") if told is None else frame(*told)
    except Exception as error:  # the channel was closed, the conversation is gone, or the store is away
        known = amid(error, what="a visitor's events")
        yield frame("error", {"code": known.code, "error": str(known)})


def frame(name: str, data: dict[str, Any]) -> bytes:
    """One event; a message can be gone on behind."""
    return replies.frame(name, data, event_id=str(data["seq"]) if name == "message" else None)
