"""Conversations in the stream store: reading them, and changing one with all that belongs to the change at once.

Whoever changes a conversation says which `seq` it was read at; where somebody else was faster nothing is stored.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import msgspec

from botyard.core.ingest.reader import Row, StreamReader
from botyard.core.ingest.request_key import RequestKey, find_made
from botyard.core.ingest.writer import Tx, Writer
from botyard.core.realtime.events import Event
from botyard.features.chatbots import counting
from botyard.features.chatbots.chat_runtime import ChatRuntime
from botyard.features.chatbots.conversation_types import Conversation, Message
from botyard.features.chatbots.counting import Counts
from botyard.features.chatbots.runtime.types import State
from botyard.kit import clock, ids
from botyard.kit.crypto import fingerprint
from botyard.kit.errors import Conflict, NotFound, Unavailable

TRIES = 8
DIGESTED = "sha256:"  # before the digest of a key that is too long to be stored
_LONGEST_KEY = 200

_GET = "SELECT * FROM conversations WHERE id = :id"
_BY_EXTERNAL = """SELECT * FROM conversations
 WHERE chatbot_id = :chatbot_id AND environment = :environment AND channel = :channel
 AND external_id = :external_id"""
_INSERT = """INSERT INTO conversations (id, owner_id, chatbot_id, environment, version_id, channel, external_id,
 status, state, seq, messages, created_us, updated_us, waiting_us, pending_us, attended_by, rating)
 VALUES (:id, :owner_id, :chatbot_id, :environment, :version_id, :channel, :external_id, :status, :state, :seq,
 :messages, :created_us, :updated_us, :waiting_us, :pending_us, :attended_by, :rating)"""
_ADVANCE = """UPDATE conversations SET status = :status, state = :state, seq = :seq, messages = :messages,
 updated_us = :updated_us, waiting_us = :waiting_us, pending_us = :pending_us, attended_by = :attended_by,
 rating = :rating, external_id = :external_id WHERE id = :id AND seq = :was"""
_REVIEW = """UPDATE conversation_events SET review = 'open'
 WHERE conversation_id = :id AND seq = :seq AND review IS NULL"""
_BY_ID = "SELECT * FROM conversation_events WHERE conversation_id = :id AND event_id = :event_id"
_BY_KEY = "SELECT * FROM conversation_events WHERE conversation_id = :id AND client_key = :key"
_AFTER = """SELECT * FROM conversation_events WHERE conversation_id = :id AND seq > :seq
 AND kind IN ('user', 'bot', 'person') ORDER BY seq LIMIT 40"""
_LAST_OF_USER = """SELECT * FROM conversation_events WHERE conversation_id = :id AND kind = 'user'
 ORDER BY seq DESC LIMIT 1"""
_RECENT = """SELECT * FROM conversation_events WHERE conversation_id = :id AND seq < :before
 AND kind IN ('user', 'bot', 'person') ORDER BY seq DESC LIMIT :limit"""


class NoSuchConversation(NotFound):
    """There is no such conversation."""

    code = "conversation_not_found"


class NoSuchMessage(NotFound):
    """This conversation has no such message."""

    code = "message_not_found"


class ConversationEnded(Conflict):
    """This conversation has ended; begin a new one."""

    code = "conversation_ended"


@dataclass
class Change:
    """What happens in a conversation, to be stored at once. Rows get their `seq` in their order."""

    state: State
    rows: list[dict[str, Any]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    review: list[int] = field(default_factory=list)  # seqs of messages that somebody should look at
    columns: dict[str, Any] = field(default_factory=dict)  # attended_by, rating, external_id


def event_row(
    conversation: Conversation, kind: str, *, at_us: int, text: str = "", **fields: Any
) -> dict[str, Any]:
    """A row of `conversation_events`, with every column that rows have."""
    payload = fields.pop("payload", None)
    row: dict[str, Any] = {
        "event_id": ids.new("msg"),
        "conversation_id": conversation.id,
        "chatbot_id": conversation.chatbot_id,
        "owner_id": conversation.owner_id,
        "seq": 0,
        "at_us": at_us,
        "kind": kind,
        "text": text,
        "intent": None,
        "confidence": None,
        "version_id": conversation.version_id,
        "latency_us": None,
        "payload": msgspec.json.encode(payload).decode() if payload else None,
        "review": None,
        "client_key": None,
    }
    return row | fields


async def find(reader: StreamReader, conversation_id: str) -> Conversation | None:
    """A conversation by its id."""
    rows = await reader.query(_GET, {"id": conversation_id})
    return Conversation.of(rows[0]) if rows else None


async def get(reader: StreamReader, conversation_id: str, *, owner_id: int) -> Conversation:
    """A conversation of an account. Raises NoSuchConversation, also for another account's."""
    found = await find(reader, conversation_id)
    if found is None or found.owner_id != owner_id:
        raise NoSuchConversation
    return found


async def find_external(
    reader: StreamReader, *, chatbot_id: str, environment: str, channel: str, external_id: str
) -> Conversation | None:
    """The conversation with somebody on a channel that has not ended; one in each environment."""
    params = {
        "chatbot_id": chatbot_id,
        "environment": environment,
        "channel": channel,
        "external_id": external_id,
    }
    rows = await reader.query(_BY_EXTERNAL, params)
    return Conversation.of(rows[0]) if rows else None


async def get_event(reader: StreamReader, conversation_id: str, event_id: str) -> Row:
    """One thing that happened, by its id. Raises NoSuchMessage."""
    rows = await reader.query(_BY_ID, {"id": conversation_id, "event_id": event_id})
    if not rows:
        raise NoSuchMessage
    return rows[0]


async def by_client_key(reader: StreamReader, conversation_id: str, key: str) -> Row | None:
    """The message that was sent with this key before."""
    params = {"id": conversation_id, "key": stored_key(key)}
    return next(iter(await reader.query(_BY_KEY, params)), None)


def stored_key(key: str) -> str:
    """A sender's key as it is stored: one that is too long as a digest."""
    return key if len(key) <= _LONGEST_KEY else f"{DIGESTED}{fingerprint(key)}"


async def replies_to(reader: StreamReader, message: Row) -> list[Message]:
    """What was answered to a message: everything up to the user's next one."""
    rows = await reader.query(_AFTER, {"id": message["conversation_id"], "seq": message["seq"]})
    ends = next((at for at, row in enumerate(rows) if row["kind"] == "user"), len(rows))
    return [Message.of(row) for row in rows[:ends]]


async def last_of_user(reader: StreamReader, conversation_id: str) -> Row | None:
    """What the user said last."""
    return next(iter(await reader.query(_LAST_OF_USER, {"id": conversation_id})), None)


async def recent(reader: StreamReader, conversation_id: str, *, before: int, limit: int) -> list[Row]:
    """The messages before a `seq`, oldest first."""
    rows = await reader.query(_RECENT, {"id": conversation_id, "before": before, "limit": limit})
    return rows[::-1]


def numbered(conversation: Conversation, change: Change) -> Conversation:
    """The conversation as the change leaves it; gives the change's rows their numbers."""
    for at, row in enumerate(change.rows):
        row["seq"] = conversation.seq + 1 + at
    now = clock.now_us()
    said = sum(row["kind"] in ("user", "bot", "person") for row in change.rows)
    state = change.state
    # Nobody is waited for in a trial: its state knows that a person was called, the queue and its counters do not.
    status = "open" if conversation.trial and state.status == "waiting" else state.status
    after = replace(
        conversation,
        status=status,
        state_json=msgspec.json.encode(state).decode(),
        seq=conversation.seq + max(1, len(change.rows)),
        messages=conversation.messages + said,
        updated_us=now,
        waiting_us=(conversation.waiting_us or now) if status == "waiting" else None,
        pending_us=(conversation.pending_us or now) if state.pending else None,
    )
    return replace(after, **change.columns)


def insert(
    conversation: Conversation, change: Change, counts: Counts, *, key: RequestKey | None
) -> Callable[[Tx], str]:
    """The operation that begins a conversation and answers its id.

    Of another one, where one of the same outside id is open, or the same `key` began one before.
    """
    values, rows = _values(conversation), counts.rows()

    def operation(tx: Tx) -> str:
        known = _open_one(tx, values)
        if key is not None and (first := tx.claim(key, known or conversation.id)) is not None:
            return first
        if known is not None:
            return known
        tx.execute(_INSERT, values)
        _write(tx, change, rows)
        return conversation.id

    return operation


def _open_one(tx: Tx, values: Mapping[str, Any]) -> str | None:
    """The open conversation of the same outside id; until the commit nobody else begins one."""
    if values["external_id"] is None:
        return None
    names = ("chatbot_id", "environment", "channel", "external_id")
    place = {name: values[name] for name in names}
    tx.lock(f"conversation:{':'.join(place.values())}")
    rows = tx.query(_BY_EXTERNAL, place)
    return str(rows[0]["id"]) if rows else None


class _DoneBefore(Exception):
    """Takes back a change that the same request has made already."""


async def advance(
    writer: Writer,
    before: Conversation,
    after: Conversation,
    change: Change,
    counts: Counts,
    *,
    key: RequestKey | None = None,
) -> bool:
    """Store a change and all that goes with it.

    False, and nothing is stored, where `before` is outdated or the same `key` has changed it before.
    """
    counts.moved(before.status, after.status)
    values = _values(after) | {"was": before.seq}
    rows = counts.rows()

    def operation(tx: Tx) -> bool:
        if not tx.execute(_ADVANCE, values):
            return False
        if key is not None and tx.claim(key, change.rows[0]["event_id"]) is not None:
            raise _DoneBefore
        opened = sum(tx.execute(_REVIEW, {"id": after.id, "seq": seq}) for seq in change.review)
        counting.count_inbox(tx, after.chatbot_id, after.owner_id, opened)
        _write(tx, change, rows)
        return True

    try:
        return await writer.run(operation, rows=1 + len(change.rows))
    except _DoneBefore:
        return False


async def change(
    chat: ChatRuntime,
    conversation_id: str,
    *,
    owner_id: int,
    make: Callable[[Conversation, Counts], Change | None],
    key: RequestKey | None = None,
) -> Conversation:
    """Change a conversation as `make` says, again where somebody was faster; None changes nothing.

    The same `key` again changes nothing and answers the conversation as it stands.
    Raises NoSuchConversation, Unavailable, KeyReused, or what `make` raises.
    """
    for _ in range(TRIES):
        before = await get(chat.reader, conversation_id, owner_id=owner_id)
        # Asked for after the conversation was read: where that shows what this request did, its key is there too.
        if key is not None and await find_made(chat.reader, key) is not None:
            return await get(chat.reader, conversation_id, owner_id=owner_id)
        counts = Counts.of(before)
        made = make(before, counts)
        if made is None:
            if key is not None:
                await chat.writer.run(partial(_claim, key))
            return before
        after = numbered(before, made)
        if await advance(chat.writer, before, after, made, counts, key=key):
            return after
    raise Unavailable("This conversation is too busy at the moment; send it again.", retry_after_s=1)


def _claim(key: RequestKey, tx: Tx) -> None:
    tx.claim(key)


def _values(conversation: Conversation) -> dict[str, Any]:
    names: Sequence[str] = Conversation.__slots__
    values = {name: getattr(conversation, name) for name in names}
    values["state"] = values.pop("state_json")
    return values


def _write(tx: Tx, change: Change, rows: Sequence[Mapping[str, Any]]) -> None:
    tx.append("conversation_events", change.rows)
    tx.count(counting.TABLE, counting.KEY, rows)
    for event in change.events:
        tx.emit(event)
