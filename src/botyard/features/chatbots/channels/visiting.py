"""A visitor's one conversation: begun by a channel's key, then reached by its token, and read as it goes on."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botyard.core.ingest.reader import Row
from botyard.features.chatbots import attending, conversations, sending
from botyard.features.chatbots import conversation_store as store
from botyard.features.chatbots.channels import service, tokens
from botyard.features.chatbots.channels.errors import NoSuchChannel
from botyard.features.chatbots.channels.service import ChannelInfo
from botyard.features.chatbots.chat_runtime import ChatRuntime
from botyard.features.chatbots.conversation_types import Conversation, Message, Sent
from botyard.features.chatbots.runtime.phrases import phrase
from botyard.features.chatbots.runtime.ports import OnToken
from botyard.kit.clock import from_us, rfc3339
from botyard.kit.crypto import Digests
from botyard.kit.db import Database
from botyard.kit.errors import Invalid

MAX_TEXT = 2000  # characters of a visitor's message
MIN_SECRET, MAX_SECRET = 16, 100
PAGE = 200
_OF_VISITORS = "visitor:"  # before their keys, so that they meet nobody else's

_AFTER = """SELECT * FROM conversation_events WHERE conversation_id = :id AND seq > :after
 AND kind IN ('user', 'bot', 'person') ORDER BY seq LIMIT :limit"""
_ONE = """SELECT * FROM conversation_events WHERE conversation_id = :id AND event_id = :message
 AND kind IN ('bot', 'person')"""


@dataclass(frozen=True, slots=True)
class Visit:
    """The right to one conversation of one channel."""

    channel: ChannelInfo
    conversation_id: str

    @property
    def owner_id(self) -> int:
        """Whose chatbot it is."""
        return self.channel.owner_id


@dataclass(frozen=True, slots=True)
class Begun:
    """A conversation with the token that opens it, and what to show while nothing was said in it."""

    conversation: Conversation
    token: str
    until: datetime
    welcome: str


async def begin(chat: ChatRuntime, channel: ChannelInfo, *, visitor: str, language: str = "") -> Begun:
    """Begin the conversation of a visitor, or go on with the one that is open.

    `visitor` is a secret that the visitor's browser made up: whoever has it has the conversation. Raises Invalid.
    """
    if not MIN_SECRET <= len(visitor) <= MAX_SECRET:
        raise Invalid(f"`visitor` is a random text of {MIN_SECRET} to {MAX_SECRET} characters.")
    digests = chat.db.parts.get(Digests)
    conversation = await conversations.start(
        chat,
        channel.chatbot_id,
        owner_id=channel.owner_id,
        channel=channel.kind,
        external_id=tokens.visitor_id(digests, channel, visitor),
        language=language,
    )
    token, until = tokens.issue(digests, channel, conversation.id)
    return Begun(conversation, token, until, await _welcome(chat, conversation))


async def _welcome(chat: ChatRuntime, conversation: Conversation) -> str:
    """The built-in line for a chatbot without a greeting; it is shown, and never stored as if it had been said."""
    if conversation.messages:
        return ""
    version = await sending.load(chat, conversation)
    return phrase("welcome", conversation.state.language or version.content.language)


async def enter(db: Database, token: str, channel: ChannelInfo | None = None) -> Visit:
    """The visit that a token stands for, on `channel` where that is known. Raises TokenRefused, NoSuchChannel."""
    found = tokens.read(token)
    if channel is None:
        async with db.reader() as session:
            channel = await service.find_open(session, found.channel_id)
        if channel.kind != "widget":
            raise NoSuchChannel
    tokens.check(db.parts.get(Digests), found, channel)
    return Visit(channel, found.conversation_id)


async def send(
    chat: ChatRuntime,
    visit: Visit,
    *,
    text: str = "",
    choice: int | None = None,
    language: str = "",
    key: str | None = None,
    on_token: OnToken | None = None,
) -> Sent:
    """Say something; the same `key` again answers what was stored.

    Raises Invalid, ConversationEnded, KeyReused.
    """
    if len(text) > MAX_TEXT:
        raise Invalid(f"A message has at most {MAX_TEXT} characters.")
    return await sending.send(
        chat,
        visit.conversation_id,
        owner_id=visit.owner_id,
        text=text,
        choice=choice,
        language=language,
        client_key=f"{_OF_VISITORS}{key}" if key else None,
        on_token=on_token,
    )


async def read(chat: ChatRuntime, visit: Visit, *, after: int = 0) -> list[dict[str, Any]]:
    """Messages behind a `seq`, oldest first, a page of them."""
    params = {"id": visit.conversation_id, "after": after, "limit": PAGE}
    return [shown(row) for row in await chat.reader.query(_AFTER, params)]


async def find_answer(chat: ChatRuntime, visit: Visit, message_id: str) -> Message:
    """An answer of this conversation. Raises NoSuchMessage."""
    rows = await chat.reader.query(_ONE, {"id": visit.conversation_id, "message": message_id})
    if not rows:
        raise conversations.NoSuchMessage
    return Message.of(rows[0])


async def standing(chat: ChatRuntime, visit: Visit) -> dict[str, Any]:
    """How the conversation stands: its status, the place in the queue, whether an answer is being made."""
    conversation = await conversations.get(chat, visit.conversation_id, owner_id=visit.owner_id)
    return {
        "id": conversation.id,
        "status": conversation.status,
        "queue": await attending.place(chat, conversation),
        "answering": conversation.pending_us is not None,
        "rating": conversation.rating,
    }


def shown(row: Row) -> dict[str, Any]:
    """A stored message as visitors see it: what was said, and nothing of why."""
    stored = row["client_key"] or ""
    key = "" if stored.startswith(store.DIGESTED) else stored.removeprefix(_OF_VISITORS)
    return _told(Message.of(row)) | ({"key": key} if key else {})


def answered(sent: Sent, key: str | None) -> dict[str, Any]:
    """What sending a message answers."""
    message = _told(sent.message) | ({"key": key} if key else {})
    return {"message": message, "replies": [_told(one) for one in sent.replies]}


def _told(message: Message) -> dict[str, Any]:
    return {
        "id": message.id,
        "seq": message.seq,
        "sender": message.sender,
        "text": message.text,
        "buttons": [dict(button) for button in message.buttons],
        "image": message.image or None,
        "citations": [
            {name: one[name] for name in ("number", "title", "heading", "url") if one.get(name)}
            for one in message.citations
        ],
        "createdAt": rfc3339(from_us(message.created_us)),
    }
