"""A message of the user: understood, answered and stored, with everything that belongs to it in one commit.

Where the answer takes long (knowledge, a language model) the message is committed first and the answer follows;
what a crash leaves open in between is answered later by `resume`.
"""

import asyncio
from collections.abc import Sequence

import msgspec
import structlog

from botyard.core.idempotency import KeyReused
from botyard.core.ingest.request_key import RequestKey
from botyard.features.chatbots import conversation_store as store
from botyard.features.chatbots import recording
from botyard.features.chatbots.chat_runtime import ChatRuntime
from botyard.features.chatbots.conversation_store import Change, ConversationEnded
from botyard.features.chatbots.conversation_types import ASKED, Conversation, Message, Sent, details
from botyard.features.chatbots.counting import Counts
from botyard.features.chatbots.outside import Open, bring, empty, helper, need_of
from botyard.features.chatbots.runtime.ports import OnToken
from botyard.features.chatbots.runtime.step import spoken, step, wants_understanding
from botyard.features.chatbots.runtime.types import (
    Outcome,
    UserEvent,
)
from botyard.features.chatbots.runtime.version import Version
from botyard.kit import clock
from botyard.kit.crypto import Digests
from botyard.kit.errors import BotyardError, Invalid, Unavailable

MAX_TEXT = 8000
MAX_KEY = 300  # an Idempotency-Key, and what a channel puts before it
_MAX_NEEDS = 6  # things looked for outside, for one message
_RESUMED_AT_ONCE = 8  # open answers: a language model that is slow for one conversation delays few others
_OPEN = (
    "SELECT id, pending_us FROM conversations WHERE pending_us <= :before "
    "AND (pending_us > :since OR (pending_us = :since AND id > :id)) ORDER BY pending_us, id LIMIT 50"
)

_log = structlog.get_logger(__name__)


class NoSuchButton(Invalid):
    """There is no such button in the last message; send the index of one that it offers, or a text."""

    code = "no_such_button"


async def send(
    chat: ChatRuntime,
    conversation_id: str,
    *,
    owner_id: int,
    text: str = "",
    choice: int | None = None,
    language: str = "",
    client_key: str | None = None,
    on_token: OnToken | None = None,
) -> Sent:
    """Store a message of the user and what the chatbot answers.

    `choice` is the index of a button of the last message; with a text, one that is gone means the text. The same
    `client_key` again answers what was stored. `on_token` hears a language model's words as they come.
    Raises NoSuchConversation, ConversationEnded, Invalid, NoSuchButton, KeyReused.
    """
    _check(text, choice, client_key)
    event = UserEvent(text=text, choice=choice, language=language)
    key = None if client_key is None else RequestKey(client_key, _asked(chat, event))
    async with chat.turn_of(conversation_id):
        for _ in range(store.TRIES):
            before = await store.get(chat.reader, conversation_id, owner_id=owner_id)
            if key is not None and (known := await _known(chat, before, key)) is not None:
                return known
            if before.status == "closed":
                raise ConversationEnded
            if choice is not None and not text.strip() and not 0 <= choice < len(before.state.offered):
                raise NoSuchButton
            if (done := await _hear(chat, before, event, key)) is not None:
                sent, turn = done
                if turn is not None:
                    sent.replies.extend(await _finish(chat, turn, on_token))
                return sent
    raise Unavailable("This conversation is too busy at the moment; send it again.", retry_after_s=1)


def _asked(chat: ChatRuntime, event: UserEvent) -> str:
    """A digest of what is said; a keyed one, since what is stored of the text may hide numbers."""
    sent = msgspec.json.encode((event.text, event.choice))
    return chat.db.parts.get(Digests).digest("message", sent)


async def _known(chat: ChatRuntime, conversation: Conversation, key: RequestKey) -> Sent | None:
    """What was stored under the key. Raises KeyReused where something else was sent."""
    row = await store.by_client_key(chat.reader, conversation.id, key.key)
    if row is None:
        return None
    if details(row).get(ASKED, key.digest) != key.digest:
        raise KeyReused
    return Sent(Message.of(row), await store.replies_to(chat.reader, row))


async def resume(chat: ChatRuntime, *, older_than_s: float) -> int:
    """Make the answers that a crash left open, oldest first; answers how many were taken up."""
    before = clock.now_us() - int(older_than_s * 1_000_000)
    places = asyncio.Semaphore(_RESUMED_AT_ONCE)
    taken, since, last_id = 0, 0, ""
    while rows := await chat.reader.query(_OPEN, {"before": before, "since": since, "id": last_id}):
        taken += sum(await asyncio.gather(*[_take_up(chat, row["id"], places) for row in rows]))
        since, last_id = rows[-1]["pending_us"], rows[-1]["id"]
    return taken


async def _take_up(chat: ChatRuntime, conversation_id: str, places: asyncio.Semaphore) -> bool:
    async with places:
        if chat.busy(conversation_id):
            return False
        try:
            return await _resume(chat, conversation_id)
        except BotyardError as error:  # the others go on; this one is tried again the next time
            _log.warning("chatbots.resume_failed", conversation_id=conversation_id, error=str(error))
        except Exception:
            _log.exception("chatbots.resume_failed", conversation_id=conversation_id)
    return False


async def load(chat: ChatRuntime, conversation: Conversation) -> Version:
    """The version that answers a conversation; the draft where none was deployed."""
    if conversation.version_id is None:
        return await chat.versions.draft(conversation.chatbot_id)
    return await chat.versions.load(conversation.version_id)


def _check(text: str, choice: int | None, client_key: str | None) -> None:
    if choice is None and not text.strip():
        raise Invalid("A message needs a text, or the index of a button in `choice`.")
    if len(text) > MAX_TEXT:
        raise Invalid(f"A message has at most {MAX_TEXT} characters.")
    if client_key is not None and not 1 <= len(client_key) <= MAX_KEY:
        raise Invalid(f"The key of a message has 1 to {MAX_KEY} characters.")


async def _hear(
    chat: ChatRuntime, before: Conversation, event: UserEvent, key: RequestKey | None
) -> tuple[Sent, Open | None] | None:
    """Understand, step and store; None where somebody else was faster."""
    began, now = clock.monotonic(), clock.now()
    at_us = clock.to_us(now)
    version, state = await load(chat, before), before.state
    text = spoken(state, event)
    understanding = None
    if version.nlu is not None and text and wants_understanding(version, state, event):
        understanding = await version.nlu.understand(text, now=now)
    outcome = _passed_over(chat, version, step(version, state, event, understanding, now))
    counts = Counts.of(before)
    content = version.content
    change = recording.heard(before, content, event, text, outcome, counts, at_us=at_us, key=key)
    latency_us = int((clock.monotonic() - began) * 1_000_000)
    recording.said(
        change, before, [outcome], counts, content=content, at_us=at_us, latency_us=latency_us, traced=False
    )
    after = store.numbered(before, change)
    if not await store.advance(chat.writer, before, after, change, counts):
        return None
    sent = Sent(Message.of(change.rows[0]), _bot_messages(change))
    if outcome.state.pending is None:
        return sent, None
    return sent, Open(after, version, change.rows[0], began, outcome.state.pending)


def _passed_over(chat: ChatRuntime, version: Version, outcome: Outcome) -> Outcome:
    """The outcome where nobody is here to ask for what it needs: the next rung, without a commit in between."""
    events, state = [*outcome.events], outcome.state
    for _ in range(_MAX_NEEDS):
        need = outcome.need
        if need is None or helper(chat, need) is not None:
            break
        outcome = step(version, state, empty(need), None, clock.now())
        events, state = [*events, *outcome.events], outcome.state
    return Outcome(events, state)


def _bot_messages(change: Change) -> list[Message]:
    return [Message.of(row) for row in change.rows if row["kind"] == "bot"]


async def _finish(chat: ChatRuntime, turn: Open, on_token: OnToken | None) -> list[Message]:
    """Bring what is needed from outside until the answer is whole, then store it; nothing where it came too late."""
    for _ in range(store.TRIES):
        outcomes = await _answer(chat, turn, on_token)
        before, counts = turn.conversation, Counts.of(turn.conversation)
        change = _answered(turn, outcomes, counts)
        after = store.numbered(before, change)
        if await store.advance(chat.writer, before, after, change, counts):
            return _bot_messages(change)
        fresh = await store.find(chat.reader, before.id)
        if fresh is None or fresh.state.pending != turn.pending:
            _log.info("chatbots.answer_too_late", conversation_id=before.id)
            return []
        turn.conversation = fresh
    raise Unavailable("This conversation is too busy at the moment; the answer follows.", retry_after_s=1)


async def _answer(chat: ChatRuntime, turn: Open, on_token: OnToken | None) -> list[Outcome]:
    """Step with what was brought before, and bring what is still needed."""
    state, need = turn.conversation.state, need_of(turn.pending)
    outcomes: list[Outcome] = []
    for at in range(_MAX_NEEDS):
        if at == len(turn.come):
            turn.come.append(await bring(chat, turn, need, on_token))
        outcome = step(turn.version, state, turn.come[at], None, clock.now())
        outcomes.append(outcome)
        state = outcome.state
        if outcome.need is None:
            return outcomes
        need = outcome.need
    state.pending = None  # flows that ask outside again and again end here
    return outcomes


def _answered(turn: Open, outcomes: Sequence[Outcome], counts: Counts) -> Change:
    at_us = clock.now_us()
    change = Change(outcomes[-1].state)
    recording.said(
        change,
        turn.conversation,
        outcomes,
        counts,
        content=turn.version.content,
        at_us=at_us,
        latency_us=int((clock.monotonic() - turn.began) * 1_000_000),
        traced=True,
    )
    events = [event for outcome in outcomes for event in outcome.events]
    if recording.misunderstood(events):
        counts.add("missed", at_us=turn.asked["at_us"])
    if recording.to_look_at(events) and not turn.conversation.trial:
        change.review.append(turn.asked["seq"])
    return change


async def _resume(chat: ChatRuntime, conversation_id: str) -> bool:
    async with chat.turn_of(conversation_id):
        conversation = await store.find(chat.reader, conversation_id)
        pending = conversation.state.pending if conversation else None
        if conversation is None or pending is None:
            return False
        asked = await store.last_of_user(chat.reader, conversation_id)
        if asked is None:
            return False
        version = await load(chat, conversation)
        await _finish(chat, Open(conversation, version, asked, clock.monotonic(), pending), None)
    return True
