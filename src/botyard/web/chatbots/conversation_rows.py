"""Conversations as lists show them: with whom, in which state, what happened last."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from botyard.core.ingest.reader import Row
from botyard.features.chatbots.attention import last_events
from botyard.features.chatbots.conversation_types import Conversation
from botyard.features.chatbots.models import BotVersion
from botyard.kit import clock
from botyard.web.chatbots.tracing import called
from botyard.web.scene import Scene

STATES = {
    "open": ("busy", "Open"),
    "waiting": ("warn", "Waits for a person"),
    "attended": ("good", "With a person"),
    "closed": ("", "Closed"),
}
_CHANNELS = {"api": "API", "try": "Try it", "widget": "Web", "telegram": "Telegram"}
_DONE = {"attended": "A person took over", "returned": "Given back to the chatbot", "closed": "Closed"}


@dataclass(frozen=True, slots=True)
class ConversationRow:
    """One conversation in a list."""

    conversation: Conversation
    version: str
    last: str
    by: str  # who said the last thing; empty where something else happened

    @property
    def name(self) -> str:
        """Who it is, as far as the channel says; a trial is a trial."""
        if self.trial:
            return "Trial"
        external = self.conversation.external_id
        # the widget knows its visitors by a hash of what their browser keeps, which is no name
        if external and self.conversation.channel != "widget":
            return external
        return f"Visitor {(external or self.conversation.id)[-6:].upper()}"

    @property
    def trial(self) -> bool:
        """Whether it was held to try the chatbot out."""
        return self.conversation.trial

    @property
    def channel(self) -> str:
        """Where it is held."""
        return _CHANNELS.get(self.conversation.channel, self.conversation.channel)

    @property
    def tone(self) -> str:
        """The colour of its state."""
        return STATES[self.conversation.status][0]

    @property
    def word(self) -> str:
        """Its state in words."""
        return STATES[self.conversation.status][1]

    @property
    def waiting_since(self) -> datetime | None:
        """Since when a person is waited for."""
        waiting = self.conversation.waiting_us
        return None if waiting is None else clock.from_us(waiting)


async def rows_of(
    scene: Scene, conversations: Sequence[Conversation], *, last: bool = True
) -> list[ConversationRow]:
    """The rows, in the same order; `last` reads what happened last in each."""
    events = await last_events(scene.stream, conversations) if last else {}
    numbers = await _numbers(scene, {one.version_id for one in conversations if one.version_id})
    return [_row(one, numbers, events.get(one.id)) for one in conversations]


def _row(one: Conversation, numbers: dict[str, int], event: Row | None) -> ConversationRow:
    number = numbers.get(one.version_id or "")
    version = f"version {number}" if number else "a deleted version" if one.version_id else "the draft"
    text, by = _last(event, trial=one.trial) if event else ("", "")
    return ConversationRow(one, version, text, by)


def _last(event: Row, *, trial: bool) -> tuple[str, str]:
    if event["kind"] in ("user", "bot", "person"):
        return event["text"], event["kind"]
    if event["kind"] == "handover":
        return called(event["text"], trial=trial), ""
    if event["kind"] == "rated":
        down = event["text"] == "down"
        return ("An answer was marked as wrong" if down else f"Rated {event['text']} of 5"), ""
    return _DONE.get(event["kind"], str(event["kind"])), ""


async def _numbers(scene: Scene, version_ids: set[str]) -> dict[str, int]:
    if not version_ids:
        return {}
    async with scene.db.reader() as session:
        query = select(BotVersion.id, BotVersion.number).where(BotVersion.id.in_(version_ids))
        return {str(version_id): int(number) for version_id, number in await session.execute(query)}
