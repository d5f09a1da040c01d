"""Conversations and messages as they are stored, and what is answered when one is sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from botyard.features.chatbots.runtime.types import State
from botyard.kit import clock

MESSAGES = ("user", "bot", "person")
TRIAL = "draft"  # the environment in which a chatbot is tried out
ASKED = "asked"  # in what is stored of a message that has a key: a digest of what was said
_states = msgspec.json.Decoder(State)


@dataclass(frozen=True, slots=True)
class Conversation:
    """One conversation as it stands; `seq` grows with whatever happens in it. Moments are microseconds."""

    id: str
    owner_id: int
    chatbot_id: str
    environment: str
    version_id: str | None
    channel: str
    external_id: str | None
    status: str
    state_json: str
    seq: int
    messages: int
    created_us: int
    updated_us: int
    waiting_us: int | None
    pending_us: int | None
    attended_by: int | None
    rating: int | None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Conversation":
        """From a row of the table `conversations`."""
        values = {name: row[name] for name in cls.__slots__ if name != "state_json"}
        return cls(state_json=row["state"], **values)

    @property
    def state(self) -> State:
        """What the chatbot remembers of it."""
        return _states.decode(self.state_json)

    @property
    def trial(self) -> bool:
        """Whether it is held to try the chatbot out: it calls no person, and fills no inbox by itself."""
        return self.environment == TRIAL

    @property
    def created_at(self) -> datetime:
        """When it began."""
        return clock.from_us(self.created_us)

    @property
    def updated_at(self) -> datetime:
        """When something happened in it last."""
        return clock.from_us(self.updated_us)


@dataclass(frozen=True, slots=True)
class Message:
    """Something that was said; `sender` is user, bot or person, `buttons` are `{title, url?}` in their order."""

    id: str
    conversation_id: str
    sender: str
    text: str
    seq: int
    created_us: int
    intent: str | None = None
    confidence: float | None = None
    buttons: Sequence[Mapping[str, Any]] = ()
    image: str = ""
    citations: Sequence[Mapping[str, Any]] = ()
    review: str | None = None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Message":
        """From a row of the table `conversation_events`."""
        payload = details(row)
        return cls(
            id=row["event_id"],
            conversation_id=row["conversation_id"],
            sender=row["kind"],
            text=row["text"],
            seq=row["seq"],
            created_us=row["at_us"],
            intent=row["intent"],
            confidence=row["confidence"],
            buttons=payload.get("buttons", ()),
            image=payload.get("image", ""),
            citations=payload.get("citations", ()),
            review=row["review"],
        )

    @property
    def created_at(self) -> datetime:
        """When it was said."""
        return clock.from_us(self.created_us)


def details(row: Mapping[str, Any]) -> dict[str, Any]:
    """What a stored event holds beside its columns."""
    found: dict[str, Any] = msgspec.json.decode(row["payload"]) if row["payload"] else {}
    return found


@dataclass(frozen=True, slots=True)
class Sent:
    """A message of the user as it was stored, and what was answered; nothing where nobody answers yet."""

    message: Message
    replies: list[Message] = field(default_factory=list)

    @property
    def reply(self) -> Message | None:
        """The first answer."""
        return self.replies[0] if self.replies else None
