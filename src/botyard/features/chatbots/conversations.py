"""Conversations: begun, read, rated, closed. What is said in them is in `sending`, people who answer in `attending`."""

import zlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from botyard.core.ingest.reader import Row
from botyard.core.ingest.request_key import RequestKey, find_made
from botyard.features.chatbots import conversation_store as store
from botyard.features.chatbots import deployments, recording, versions
from botyard.features.chatbots.chat_runtime import ChatRuntime
from botyard.features.chatbots.conversation_store import (
    Change,
    ConversationEnded,
    NoSuchConversation,
    NoSuchMessage,
    event_row,
)
from botyard.features.chatbots.conversation_types import ASKED, TRIAL, Conversation, Message, Sent, details
from botyard.features.chatbots.counting import Counts
from botyard.features.chatbots.errors import NoSuchChatbot, NotDeployedThere
from botyard.features.chatbots.events import ConversationCreated, ConversationRated
from botyard.features.chatbots.models import Chatbot
from botyard.features.chatbots.runtime.step import step
from botyard.features.chatbots.runtime.types import Started, State
from botyard.features.chatbots.sending import NoSuchButton, load, resume, send
from botyard.kit import clock, ids
from botyard.kit.db import Session
from botyard.kit.errors import Invalid

__all__ = [
    "ChatRuntime",
    "Conversation",
    "ConversationEnded",
    "Message",
    "NoSuchButton",
    "NoSuchConversation",
    "NoSuchMessage",
    "NotDeployedThere",
    "Sent",
    "close",
    "get",
    "list_messages",
    "list_page",
    "rate",
    "resume",
    "send",
    "start",
    "thumbs_down",
    "trace",
]

STATUSES = ("open", "waiting", "attended", "closed")
DRAFT = TRIAL  # the environment for trying out: the draft answers there, or a version that is named
_MAX_NAME, _MAX_EXTERNAL = 40, 200

_PAGE = "SELECT * FROM conversations WHERE {where} ORDER BY id DESC LIMIT :limit OFFSET :offset"
_TOTAL = """SELECT COALESCE(SUM(value), 0) AS total FROM conversation_counts
 WHERE {where} AND day = 0 AND version_id = '' AND name = :name"""
_MESSAGES = """SELECT * FROM conversation_events WHERE conversation_id = :id AND kind IN ('user', 'bot', 'person')
 ORDER BY seq LIMIT :limit OFFSET :offset"""
_EVENTS = (
    "SELECT * FROM conversation_events WHERE conversation_id = :id AND seq > :after ORDER BY seq LIMIT :limit"
)
_ASKED = """SELECT seq, review FROM conversation_events WHERE conversation_id = :id AND kind = 'user' AND seq < :seq
 ORDER BY seq DESC LIMIT 1"""


async def start(
    chat: ChatRuntime,
    chatbot_id: str,
    *,
    owner_id: int,
    environment: str = deployments.PRODUCTION,
    channel: str = "api",
    external_id: str | None = None,
    language: str = "",
    version_id: str | None = None,
    key: RequestKey | None = None,
) -> Conversation:
    """Begin a conversation; the chatbot's greeting is its first message.

    The newest deployment says which versions answer, and the conversation's id which of them, for good; where
    nothing is deployed anywhere the draft answers. With `external_id`, one that is still open in the same
    environment is answered instead. `version_id` is the one to try, in the environment DRAFT only, whose
    conversations are trials. The same `key` again answers the conversation that was answered at first.
    Raises NoSuchChatbot, NoSuchVersion, NotDeployedThere, KeyReused.
    """
    if not 1 <= len(channel) <= _MAX_NAME or len(external_id or "") > _MAX_EXTERNAL:
        raise Invalid("The name of a channel or of somebody on it is too long.")
    if key is not None and (first := await find_made(chat.reader, key)) is not None:
        return await get(chat, first, owner_id=owner_id)
    conversation_id = ids.new("conv")
    async with chat.db.reader() as session:
        assigned = await _assigned(session, chatbot_id, owner_id, environment, conversation_id)
        if environment == DRAFT and version_id is not None:
            assigned = (await versions.get(session, version_id, chatbot_id=chatbot_id)).id
    if external_id is not None and key is None:
        known = await store.find_external(
            chat.reader,
            chatbot_id=chatbot_id,
            environment=environment,
            channel=channel,
            external_id=external_id,
        )
        if known is not None:
            return known
    seed = zlib.crc32(conversation_id.encode())
    state = State(channel=channel, language=language[:16], seed=seed)
    fresh = _fresh(conversation_id, owner_id, chatbot_id, environment, assigned, channel, external_id)
    return await _begin(chat, fresh, state, key)


async def get(chat: ChatRuntime, conversation_id: str, *, owner_id: int) -> Conversation:
    """One conversation of an account. Raises NoSuchConversation."""
    return await store.get(chat.reader, conversation_id, owner_id=owner_id)


async def list_page(
    chat: ChatRuntime,
    *,
    owner_id: int,
    chatbot_id: str | None = None,
    status: str | None = None,
    limit: int = 10,
    offset: int = 0,
) -> tuple[list[Conversation], int]:
    """Conversations of an account, newest first, and how many there are in all; counters know that."""
    if status is not None and status not in STATUSES:
        raise Invalid(f"The status of a conversation is one of {', '.join(STATUSES)}.")
    equal: dict[str, Any] = {"owner_id": owner_id, "chatbot_id": chatbot_id}
    params = {name: value for name, value in equal.items() if value is not None}
    where = " AND ".join(f"{name} = :{name}" for name in params)
    count = _TOTAL.format(where=where)
    [total] = await chat.reader.query(count, params | {"name": status or "conversations"})
    if status is not None:
        params, where = params | {"status": status}, f"{where} AND status = :status"
    rows = await chat.reader.scan(_PAGE.format(where=where), params | {"limit": limit, "offset": offset})
    return [Conversation.of(row) for row in rows], int(total["total"])


async def list_messages(
    chat: ChatRuntime, conversation_id: str, *, owner_id: int, limit: int = 100, offset: int = 0
) -> tuple[list[Message], int]:
    """What was said, oldest first, and how many messages there are. Raises NoSuchConversation."""
    conversation = await get(chat, conversation_id, owner_id=owner_id)
    params = {"id": conversation.id, "limit": limit, "offset": offset}
    rows = await chat.reader.scan(_MESSAGES, params)
    return [Message.of(row) for row in rows], conversation.messages


async def close(
    chat: ChatRuntime, conversation_id: str, *, owner_id: int, key: RequestKey | None = None
) -> Conversation:
    """End a conversation; a second time changes nothing. Whoever writes again on its channel begins a new one."""

    def make(conversation: Conversation, counts: Counts) -> Change | None:
        if conversation.status == "closed":
            return None
        now = clock.now_us()
        state = conversation.state
        state.status, state.held, state.pending = "closed", False, None
        external = {"external_id": conversation.external_id} if conversation.external_id else None
        counts.add("closed", at_us=now)
        return Change(
            state,
            rows=[event_row(conversation, "closed", at_us=now, payload=external)],
            events=[recording.closed(conversation, now)],
            columns={"external_id": None},
        )

    return await store.change(chat, conversation_id, owner_id=owner_id, make=make, key=key)


async def rate(
    chat: ChatRuntime, conversation_id: str, *, owner_id: int, rating: int, key: RequestKey | None = None
) -> Conversation:
    """Keep how good the user found it, from 1 to 5; a second rating replaces the first. Raises Invalid."""
    if not 1 <= rating <= 5:
        raise Invalid("A rating is a whole number from 1 to 5.")

    def make(conversation: Conversation, counts: Counts) -> Change | None:
        if conversation.rating == rating:
            return None
        now, began = clock.now_us(), conversation.created_us
        if conversation.rating is not None:
            counts.add(f"rating:{conversation.rating}", -1, at_us=began)
        counts.add(
            f"rating:{rating}", at_us=began
        )  # all on one day, so that the former one can be taken back
        told = ConversationRated(
            owner_id=owner_id,
            chatbot_id=conversation.chatbot_id,
            conversation_id=conversation.id,
            rating=rating,
            at_us=now,
        )
        row = event_row(conversation, "rated", at_us=now, text=str(rating))
        return Change(conversation.state, rows=[row], events=[told], columns={"rating": rating})

    return await store.change(chat, conversation_id, owner_id=owner_id, make=make, key=key)


async def thumbs_down(
    chat: ChatRuntime,
    conversation_id: str,
    message_id: str,
    *,
    owner_id: int,
    key: RequestKey | None = None,
) -> None:
    """Say that an answer was wrong: what the user had asked goes to the inbox. A second time changes nothing.

    Raises NoSuchMessage for what is no answer of this conversation.
    """
    conversation = await get(chat, conversation_id, owner_id=owner_id)
    found = await store.get_event(chat.reader, conversation.id, message_id)
    if found["kind"] != "bot":
        raise NoSuchMessage
    asked = await chat.reader.query(_ASKED, {"id": conversation.id, "seq": found["seq"]})
    again = not asked or asked[0]["review"] is not None

    def make(conversation: Conversation, counts: Counts) -> Change | None:
        if again:
            return None
        now = clock.now_us()
        counts.add("thumbs_down", at_us=now)
        row = event_row(conversation, "rated", at_us=now, text="down", payload={"message": message_id})
        return Change(conversation.state, rows=[row], review=[asked[0]["seq"]])

    await store.change(chat, conversation_id, owner_id=owner_id, make=make, key=key)


async def trace(
    chat: ChatRuntime, conversation_id: str, *, owner_id: int, after: int = 0, limit: int = 200
) -> list[dict[str, Any]]:
    """Everything that happened, in order, each with why: `{seq, at_us, kind, text, intent, …, trace}`."""
    conversation = await get(chat, conversation_id, owner_id=owner_id)
    rows = await chat.reader.scan(_EVENTS, {"id": conversation.id, "after": after, "limit": limit})
    return [_told(row) for row in rows]


def _told(row: Row) -> dict[str, Any]:
    columns: Sequence[str] = (
        "event_id", "seq", "at_us", "kind", "text", "intent", "confidence", "version_id", "latency_us", "review",
    )  # fmt: skip
    kept = {name: value for name, value in details(row).items() if name != ASKED}
    return {name: row[name] for name in columns} | kept


async def _assigned(
    session: Session, chatbot_id: str, owner_id: int, environment: str, conversation_id: str
) -> str | None:
    chatbot = await session.get(Chatbot, chatbot_id)
    if chatbot is None or chatbot.owner_id != owner_id:
        raise NoSuchChatbot
    if environment == DRAFT:
        return None
    current = await deployments.current(session, chatbot_id, environment)
    if current is None:
        if others := await deployments.list_environments(session, chatbot_id):
            raise NotDeployedThere.of(environment, others)
        return None
    return deployments.choose([(str(one), int(weight)) for one, weight in current.shares], conversation_id)


def _fresh(
    conversation_id: str,
    owner_id: int,
    chatbot_id: str,
    environment: str,
    version_id: str | None,
    channel: str,
    external_id: str | None,
) -> Conversation:
    now = clock.now_us()
    return Conversation(
        id=conversation_id,
        owner_id=owner_id,
        chatbot_id=chatbot_id,
        environment=environment,
        version_id=version_id,
        channel=channel,
        external_id=external_id,
        status="open",
        state_json="{}",
        seq=0,
        messages=0,
        created_us=now,
        updated_us=now,
        waiting_us=None,
        pending_us=None,
        attended_by=None,
        rating=None,
    )


async def _begin(
    chat: ChatRuntime, fresh: Conversation, state: State, key: RequestKey | None
) -> Conversation:
    """Store it with its greeting; answers another one where that is open, or was begun under the same key."""
    version = await load(chat, fresh)
    outcome = step(version, state, Started(), None, clock.now())
    counts, change = Counts.of(fresh), Change(outcome.state)
    recording.said(
        change,
        fresh,
        [outcome],
        counts,
        content=version.content,
        at_us=fresh.created_us,
        latency_us=None,
        traced=False,
    )
    begun = replace(store.numbered(fresh, change), seq=len(change.rows))
    counts.total("conversations")
    counts.total(begun.status)
    counts.add("conversations", at_us=fresh.created_us)
    change.events.insert(0, _created(fresh))
    operation = store.insert(begun, change, counts, key=key)
    stored = await chat.writer.run(operation, rows=1 + len(change.rows))
    return begun if stored == begun.id else await get(chat, stored, owner_id=fresh.owner_id)


def _created(fresh: Conversation) -> ConversationCreated:
    return ConversationCreated(
        owner_id=fresh.owner_id,
        chatbot_id=fresh.chatbot_id,
        conversation_id=fresh.id,
        channel=fresh.channel,
        environment=fresh.environment,
        version_id=fresh.version_id,
        created_us=fresh.created_us,
    )
