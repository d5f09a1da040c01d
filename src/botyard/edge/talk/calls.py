"""The calls of visitors: begin a conversation, talk, listen, rate. A channel's key is in each address."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from botyard.edge import body as bodies
from botyard.edge import fast
from botyard.edge.guard import HotRoute
from botyard.edge.replies import HEADERS
from botyard.edge.talk import door, streams
from botyard.features.chatbots import conversations
from botyard.features.chatbots.channels import visiting
from botyard.features.chatbots.channels.service import ChannelInfo
from botyard.features.chatbots.chat_runtime import ChatRuntime
from botyard.features.chatbots.voice import service as voice
from botyard.features.chatbots.voice.errors import NoEngine
from botyard.features.chatbots.voice.port import Cap
from botyard.features.chatbots.voice.registry import Speech
from botyard.kit.clock import rfc3339
from botyard.kit.errors import Forbidden

router = APIRouter(route_class=HotRoute)
MAX_RECORDING = 4 * 1024 * 1024  # two minutes of what the widget records
_LAST = 9_000_000_000_000
_Key = Annotated[str, msgspec.Meta(min_length=8, max_length=100)]
_Language = Annotated[str, msgspec.Meta(max_length=16)]


class Begin(msgspec.Struct):
    """Who begins: a secret that the browser made up."""

    visitor: str
    language: _Language = ""


class Say(msgspec.Struct):
    """A text, or the index of a button of the last answer; the same `key` again is the same message."""

    text: str = ""
    choice: Annotated[int, msgspec.Meta(ge=0, le=100)] | None = None
    language: _Language = ""
    key: _Key | None = None


class Rate(msgspec.Struct):
    """How good it was."""

    rating: Annotated[int, msgspec.Meta(ge=1, le=5)]


class About(msgspec.Struct):
    """Which answer is meant."""

    message: Annotated[str, msgspec.Meta(max_length=40)]


_begin, _say = msgspec.json.Decoder(Begin), msgspec.json.Decoder(Say)
_rate, _about = msgspec.json.Decoder(Rate), msgspec.json.Decoder(About)


def _chat(request: Request) -> ChatRuntime:
    return door.database(request).parts.get(ChatRuntime)


@router.get("/{key}")
async def look(request: Request) -> Response:
    """How the widget looks and what it offers."""
    channel = await door.channel_of(request)
    wanted = channel.widget
    speech = door.database(request).parts.find(Speech) if wanted.voice else None
    told: dict[str, Any] = {
        "title": wanted.title or channel.name,
        "color": wanted.color,
        "theme": wanted.theme,
        "side": wanted.side,
        "person": wanted.person_words if wanted.person else "",
        "rating": wanted.rating,
        "speaks": _can(speech, Cap.speak),
        "hears": _can(speech, Cap.hear),
    }
    answer = fast.answer(told)
    answer.headers["Cache-Control"] = "no-cache"
    return answer


def _can(speech: Speech | None, cap: Cap) -> bool:
    try:
        return speech is not None and bool(speech.able(cap))
    except NoEngine:
        return False


@router.post("/{key}/conversations")
async def begin(request: Request) -> Response:
    """Begin a conversation; the same visitor again gets the one that is open, with a fresh token."""
    channel = await door.channel_of(request)
    await door.beginnings(request, channel)
    body = bodies.decode(await fast.content(request), _begin)
    chat = _chat(request)
    begun = await visiting.begin(chat, channel, visitor=body.visitor, language=body.language)
    visit = visiting.Visit(channel, begun.conversation.id)
    told = {"token": begun.token, "expiresAt": rfc3339(begun.until), "welcome": begun.welcome}
    return fast.answer({**told, **await _whole(chat, visit)}, status=201)


@router.get("/{key}/conversation")
async def conversation(request: Request) -> Response:
    """How the conversation stands, with its messages behind `after`."""
    visit = await door.visit_of(request)
    after = fast.integer(request, "after", default=0, low=0, high=_LAST)
    return fast.answer(await _whole(_chat(request), visit, after))


async def _whole(chat: ChatRuntime, visit: visiting.Visit, after: int = 0) -> dict[str, Any]:
    messages = await visiting.read(chat, visit, after=after)
    return {"conversation": await visiting.standing(chat, visit), "messages": messages}


@router.post("/{key}/messages")
async def send(request: Request) -> Response:
    """Say something and get the answer; as events where the request accepts them: `token`, then `sent` or `error`."""
    visit = await door.visit_of(request)
    await door.messages(request, visit)
    body = bodies.decode(await fast.content(request), _say)
    key = body.key or fast.idempotency_key(request)
    order: streams.Order = {
        "text": body.text,
        "choice": body.choice,
        "language": body.language,
        "key": key,
    }
    if "text/event-stream" in request.headers.get("accept", ""):
        return await streams.answer(_chat(request), visit, order)
    sent = await visiting.send(_chat(request), visit, **order)
    return fast.answer(visiting.answered(sent, order["key"]), status=201)


@router.get("/{key}/events")
async def listen(request: Request) -> Response:
    """Messages and changes as they happen, after those behind `Last-Event-ID` or `after`."""
    visit = await door.visit_of(request)
    await door.listener(request, visit)
    last = request.headers.get("last-event-id", "")
    after = fast.integer(request, "after", default=0, low=0, high=_LAST)
    if last.isascii() and last.isdigit() and len(last) < 14:
        after = int(last)
    await visiting.standing(_chat(request), visit)  # one that is gone is an error, not a stream
    frames = streams.listen(_chat(request), visit, after=after, token=door.token_of(request))
    return StreamingResponse(frames, media_type="text/event-stream", headers=HEADERS)


@router.post("/{key}/rating")
async def rate(request: Request) -> Response:
    """Say how good the conversation was, from 1 to 5."""
    visit = await door.visit_of(request)
    body = bodies.decode(await fast.content(request), _rate)
    chat = _chat(request)
    await conversations.rate(chat, visit.conversation_id, owner_id=visit.owner_id, rating=body.rating)
    return fast.answer(await visiting.standing(chat, visit))


@router.post("/{key}/thumbs-down")
async def thumbs_down(request: Request) -> Response:
    """Say that an answer was wrong."""
    visit = await door.visit_of(request)
    body = bodies.decode(await fast.content(request), _about)
    await conversations.thumbs_down(
        _chat(request), visit.conversation_id, body.message, owner_id=visit.owner_id
    )
    return Response(status_code=204)


@router.post("/{key}/end")
async def end(request: Request) -> Response:
    """End the conversation; the next beginning is a new one."""
    visit = await door.visit_of(request)
    chat = _chat(request)
    await conversations.close(chat, visit.conversation_id, owner_id=visit.owner_id)
    return fast.answer(await visiting.standing(chat, visit))


@router.post("/{key}/speech")
async def speak(request: Request) -> Response:
    """An answer of this conversation as sound; nothing else is spoken."""
    visit = await door.visit_of(request)
    speech = _speech(request, visit.channel)
    await door.sounds(request, visit)
    body = bodies.decode(await fast.content(request), _about)
    message = await visiting.find_answer(_chat(request), visit, body.message)
    speaking = await voice.begin(speech, message.text[: voice.MAX_TEXT])
    return StreamingResponse(
        speaking.stream(),
        media_type=speaking.content_type,
        headers={"Cache-Control": "private, max-age=3600"},
    )


@router.post("/{key}/recordings")
async def hear(request: Request) -> Response:
    """What is said in a recording, for the visitor to look at before it is sent."""
    visit = await door.visit_of(request)
    speech = _speech(request, visit.channel)
    await door.sounds(request, visit)
    recording = await bodies.read(request.scope, request.receive, limit=MAX_RECORDING)
    language = request.query_params.get("language", "")[:16]
    transcript = await voice.stt(speech, recording, language=language)
    return fast.answer({"text": transcript.text[: visiting.MAX_TEXT]})


def _speech(request: Request, channel: ChannelInfo) -> Speech:
    if not channel.widget.voice:
        raise Forbidden("Voice is switched off for this channel.")
    speech = door.database(request).parts.find(Speech)
    if speech is None:
        raise NoEngine
    return speech
