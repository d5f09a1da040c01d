"""From an outcome of the runtime to what is stored of it: rows, counters, live events."""

from collections.abc import Sequence
from typing import Any

import msgspec

from botyard.core.ingest.request_key import RequestKey
from botyard.features.chatbots import conversation_store as store
from botyard.features.chatbots.content import Button, Content
from botyard.features.chatbots.conversation_store import Change, event_row
from botyard.features.chatbots.conversation_types import ASKED, Conversation
from botyard.features.chatbots.counting import INBOX, Counts, latency_bucket
from botyard.features.chatbots.events import (
    ConversationClosed,
    HandoverRequested,
    MessageReceived,
    MessageSent,
)
from botyard.features.chatbots.runtime import guard
from botyard.features.chatbots.runtime.types import (
    BotMessage,
    HandoverAsked,
    Missed,
    NeedsKnowledge,
    NeedsModel,
    Out,
    Outcome,
    Understood,
    UserEvent,
)

_MAX_TRACE = 60  # parts of a trace; a turn makes a handful
_UNDERSTOOD = frozenset({"unanswered", "handover"})  # why somebody may look at a message that was understood


def heard(
    conversation: Conversation,
    content: Content,
    event: UserEvent,
    text: str,
    outcome: Outcome,
    counts: Counts,
    *,
    at_us: int,
    key: RequestKey | None,
) -> Change:
    """What a message of the user brings: its row, and everything that came of it at once."""
    change = Change(outcome.state)
    read = next((one for one in outcome.events if isinstance(one, Understood)), None)
    intent = read.intent if read and read.intent and not read.out_of_scope else None
    shown = guard.kept(content, text)
    payload: dict[str, Any] = {"trace": trace(content, outcome.events)}
    if key is not None:
        payload[ASKED] = key.digest
    if event.choice is not None:
        payload["choice"] = event.choice
    if event.language:
        payload["language"] = event.language
    row = event_row(
        conversation,
        "user",
        at_us=at_us,
        text=shown,
        payload=payload,
        intent=intent,
        confidence=read.confidence if read and intent else None,
        client_key=None if key is None else store.stored_key(key.key),
        review="open" if to_look_at(outcome.events) and not conversation.trial else None,
    )
    change.rows.append(row)
    _count_heard(counts, intent, at_us)
    if misunderstood(outcome.events):
        counts.add("missed", at_us=at_us)
    if row["review"]:
        counts.total(INBOX)
    change.events.append(
        MessageReceived(
            owner_id=conversation.owner_id,
            chatbot_id=conversation.chatbot_id,
            conversation_id=conversation.id,
            message_id=row["event_id"],
            text=shown,
            at_us=at_us,
            intent=intent,
            confidence=row["confidence"],
        )
    )
    return change


def _count_heard(counts: Counts, intent: str | None, at_us: int) -> None:
    counts.total("messages")
    counts.add("user_messages", at_us=at_us)
    counts.add("messages", at_us=at_us)
    if intent:
        counts.add(f"intent:{intent}", at_us=at_us)


def said(
    change: Change,
    conversation: Conversation,
    outcomes: Sequence[Outcome],
    counts: Counts,
    *,
    content: Content,
    at_us: int,
    latency_us: int | None,
    traced: bool,
) -> None:
    """Add what the chatbot says, and whom it calls, to a change. With `traced` the first message says why."""
    events = [event for outcome in outcomes for event in outcome.events]
    why = trace(content, events) if traced else None
    for event in events:
        if isinstance(event, BotMessage):
            _add_message(change, conversation, event, counts, at_us=at_us, latency_us=latency_us, why=why)
            why, latency_us = None, None  # one of each for an answer, however many messages it has
        elif isinstance(event, HandoverAsked):
            _add_handover(change, conversation, event, counts, at_us=at_us)


def _add_message(
    change: Change,
    conversation: Conversation,
    message: BotMessage,
    counts: Counts,
    *,
    at_us: int,
    latency_us: int | None,
    why: list[Any] | None,
) -> None:
    payload = _payload(message)
    if why:
        payload["trace"] = why
    row = event_row(
        conversation, "bot", at_us=at_us, text=message.text, payload=payload, latency_us=latency_us
    )
    change.rows.append(row)
    counts.total("messages")
    for name in ("messages", "bot_messages", f"source:{message.source}"):
        counts.add(name, at_us=at_us)
    if latency_us is not None:
        counts.add("answers", at_us=at_us)
        counts.add("latency_us", latency_us, at_us=at_us)
        counts.add(latency_bucket(latency_us), at_us=at_us)
    change.events.append(sent(conversation, row, payload))


def sent(conversation: Conversation, row: dict[str, Any], payload: dict[str, Any]) -> MessageSent:
    """The live event of a message that was answered, by the chatbot or by a person."""
    return MessageSent(
        owner_id=conversation.owner_id,
        chatbot_id=conversation.chatbot_id,
        conversation_id=conversation.id,
        message_id=row["event_id"],
        sender=row["kind"],
        text=row["text"],
        at_us=row["at_us"],
        buttons=payload.get("buttons", []),
        citations=payload.get("citations", []),
        image=payload.get("image", ""),
    )


def _add_handover(
    change: Change, conversation: Conversation, event: HandoverAsked, counts: Counts, *, at_us: int
) -> None:
    payload = {"staffed": event.staffed}
    change.rows.append(event_row(conversation, "handover", at_us=at_us, text=event.reason, payload=payload))
    counts.add("handovers", at_us=at_us)
    if not conversation.state.handed:
        # On the day when the conversation began, so that the share of them is one of the same ones.
        counts.add("handed_over", at_us=conversation.created_us)
    if conversation.trial:
        return  # whoever hears the event would come
    change.events.append(
        HandoverRequested(
            owner_id=conversation.owner_id,
            chatbot_id=conversation.chatbot_id,
            conversation_id=conversation.id,
            reason=event.reason,
            staffed=event.staffed,
            waiting_us=at_us,
        )
    )


def closed(conversation: Conversation, at_us: int) -> ConversationClosed:
    """The live event of an end."""
    return ConversationClosed(
        owner_id=conversation.owner_id,
        chatbot_id=conversation.chatbot_id,
        conversation_id=conversation.id,
        messages=conversation.messages,
        at_us=at_us,
    )


def _payload(message: BotMessage) -> dict[str, Any]:
    payload: dict[str, Any] = {"source": message.source}
    if message.buttons:
        payload["buttons"] = [_button(button) for button in message.buttons]
    for name in ("image", "response", "citations"):
        if value := getattr(message, name):
            payload[name] = value
    return payload


def _button(button: Button) -> dict[str, str]:
    return {"title": button.title, "url": button.url} if button.url else {"title": button.title}


def to_look_at(events: Sequence[Out]) -> bool:
    """Whether somebody is to say what a message meant; where only the answer is missing, that is known."""
    return any(isinstance(event, Missed) and event.why != "unanswered" for event in events)


def misunderstood(events: Sequence[Out]) -> bool:
    """Whether a message counts as one that was not understood for certain: who asks for a person was understood."""
    return any(isinstance(event, Missed) and event.why not in _UNDERSTOOD for event in events)


def trace(content: Content, events: Sequence[Out]) -> list[Any]:
    """Why the chatbot did what it did, for people; numbers that are to be hidden are hidden here too."""
    shown = [event for event in events if not isinstance(event, BotMessage | NeedsKnowledge | NeedsModel)]
    return [_hidden(content, msgspec.to_builtins(event)) for event in shown[:_MAX_TRACE]]


def _hidden(content: Content, value: Any) -> Any:
    match value:
        case str():
            return guard.kept(content, value)
        case int() if not isinstance(value, bool) and value > 10**11:
            written = str(value)
            return value if guard.kept(content, written) == written else guard.kept(content, written)
        case dict():
            return {key: _hidden(content, one) for key, one in value.items()}
        case list() | tuple():
            return [_hidden(content, one) for one in value]
        case _:
            return value
