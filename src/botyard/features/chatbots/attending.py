"""People who answer in place of a chatbot: the queue of those who wait, taking a conversation over, giving it back.

A place in the queue is the moment when the person was called first; nothing the user does moves it.
"""

from botyard.core.ingest.request_key import RequestKey, find_made
from botyard.features.chatbots import conversation_store as store
from botyard.features.chatbots import recording
from botyard.features.chatbots.chat_runtime import ChatRuntime
from botyard.features.chatbots.conversation_store import Change, ConversationEnded, event_row
from botyard.features.chatbots.conversation_types import Conversation, Message
from botyard.features.chatbots.counting import Counts
from botyard.features.chatbots.events import ConversationAttended, ConversationReturned
from botyard.features.chatbots.runtime.types import State
from botyard.features.chatbots.sending import MAX_TEXT
from botyard.kit import clock
from botyard.kit.errors import Conflict, Invalid

_WAITING = """SELECT * FROM conversations WHERE owner_id = :owner_id AND waiting_us IS NOT NULL
 ORDER BY waiting_us, id LIMIT :limit OFFSET :offset"""
_AHEAD = """SELECT COUNT(*) AS ahead FROM conversations WHERE owner_id = :owner_id AND waiting_us IS NOT NULL
 AND (waiting_us < :since OR (waiting_us = :since AND id < :id))"""


class AttendedByAnother(Conflict):
    """Somebody else attends this conversation."""

    code = "attended_by_another"


class NotAttended(Conflict):
    """Take the conversation over before you answer in it."""

    code = "not_attended"


async def waiting(
    chat: ChatRuntime, *, owner_id: int, limit: int = 50, offset: int = 0
) -> list[Conversation]:
    """Conversations that wait for a person, those that wait longest first."""
    params = {"owner_id": owner_id, "limit": limit, "offset": offset}
    return [Conversation.of(row) for row in await chat.reader.query(_WAITING, params)]


async def place(chat: ChatRuntime, conversation: Conversation) -> int | None:
    """Which one of the queue a conversation is, from 1; None where it does not wait."""
    if conversation.waiting_us is None:
        return None
    params = {"owner_id": conversation.owner_id, "since": conversation.waiting_us, "id": conversation.id}
    [row] = await chat.reader.query(_AHEAD, params)
    return int(row["ahead"]) + 1


async def attend(
    chat: ChatRuntime, conversation_id: str, *, owner_id: int, by: int, key: RequestKey | None = None
) -> Conversation:
    """Take a conversation over; the chatbot is silent from now on, also where it was not called.

    Again by the same person changes nothing. Raises AttendedByAnother, ConversationEnded.
    """

    def make(conversation: Conversation, counts: Counts) -> Change | None:
        if conversation.status == "closed":
            raise ConversationEnded
        if conversation.status == "attended":
            if conversation.attended_by != by:
                raise AttendedByAnother
            return None
        now, state = clock.now_us(), conversation.state
        _count_attended(conversation, state, counts, now)
        state.status, state.held, state.handed, state.pending = "attended", True, True, None
        told = ConversationAttended(
            owner_id=owner_id,
            chatbot_id=conversation.chatbot_id,
            conversation_id=conversation.id,
            attended_by=by,
            at_us=now,
        )
        row = event_row(conversation, "attended", at_us=now, text=str(by))
        return Change(state, rows=[row], events=[told], columns={"attended_by": by})

    return await store.change(chat, conversation_id, owner_id=owner_id, make=make, key=key)


def _count_attended(conversation: Conversation, state: State, counts: Counts, now_us: int) -> None:
    counts.add("attended", at_us=now_us)
    if not state.handed:  # somebody stepped in uncalled
        counts.add("handed_over", at_us=conversation.created_us)
    if conversation.waiting_us is not None:
        counts.add("waits", at_us=now_us)
        counts.add("wait_us", now_us - conversation.waiting_us, at_us=now_us)


async def reply(
    chat: ChatRuntime,
    conversation_id: str,
    *,
    owner_id: int,
    by: int,
    text: str,
    key: RequestKey | None = None,
) -> Message:
    """Answer as a person. The same `key` again answers what was stored.

    Raises NotAttended, AttendedByAnother, ConversationEnded, Invalid, KeyReused.
    """
    if not text.strip() or len(text) > MAX_TEXT:
        raise Invalid(f"An answer has 1 to {MAX_TEXT} characters.")
    stored: list[Message] = []

    def make(conversation: Conversation, counts: Counts) -> Change:
        _must_attend(conversation, by)
        now = clock.now_us()
        row = event_row(conversation, "person", at_us=now, text=text)
        row["seq"] = conversation.seq + 1
        stored[:] = [Message.of(row)]
        counts.total("messages")
        for name in ("messages", "person_messages"):
            counts.add(name, at_us=now)
        return Change(conversation.state, rows=[row], events=[recording.sent(conversation, row, {})])

    async with chat.turn_of(conversation_id):
        await store.change(chat, conversation_id, owner_id=owner_id, make=make, key=key)
    if key is not None and (first := await find_made(chat.reader, key)) is not None:
        return Message.of(await store.get_event(chat.reader, conversation_id, first))
    return stored[0]


def _must_attend(conversation: Conversation, by: int) -> None:
    if conversation.status == "closed":
        raise ConversationEnded
    if conversation.status != "attended":
        raise NotAttended
    if conversation.attended_by != by:
        raise AttendedByAnother


async def give_back(
    chat: ChatRuntime, conversation_id: str, *, owner_id: int, by: int, key: RequestKey | None = None
) -> Conversation:
    """Let the chatbot answer again; it begins without flows, and remembers what it was told before.

    Raises NotAttended, AttendedByAnother, ConversationEnded.
    """

    def make(conversation: Conversation, counts: Counts) -> Change:
        _must_attend(conversation, by)
        now, state = clock.now_us(), conversation.state
        state.status, state.held, state.misses = "open", False, 0
        state.stack, state.asked, state.offered = [], None, []
        told = ConversationReturned(
            owner_id=owner_id,
            chatbot_id=conversation.chatbot_id,
            conversation_id=conversation.id,
            at_us=now,
        )
        row = event_row(conversation, "returned", at_us=now, text=str(by))
        return Change(state, rows=[row], events=[told], columns={"attended_by": None})

    return await store.change(chat, conversation_id, owner_id=owner_id, make=make, key=key)
