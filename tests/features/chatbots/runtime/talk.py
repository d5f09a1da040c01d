"""A chatbot in a dictionary, and a talk with it that remembers the state: what most tests of the runtime need."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botyard.features.chatbots import content
from botyard.features.chatbots.runtime.step import spoken, step
from botyard.features.chatbots.runtime.types import (
    BotMessage,
    HandoverAsked,
    Incoming,
    Missed,
    Outcome,
    State,
    Trace,
    UserEvent,
)
from botyard.features.chatbots.runtime.version import Type, Version

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)  # a Monday


@dataclass
class Ranked:
    name: str
    confidence: float
    margin: float = 0.0


@dataclass
class Found:
    entity: str
    value: Any
    text: str = ""
    start: int = 0
    end: int = 0
    role: str = ""


@dataclass
class Heard:
    """What an NLU says of a message."""

    intents: list[Ranked] = field(default_factory=list)
    out_of_scope: bool = False
    entities: list[Found] = field(default_factory=list)
    plausible: bool = False


def heard(
    *intents: tuple[str, float], unknown: bool = False, plausible: bool = False, **entities: Any
) -> Heard:
    """heard(("order", 0.9), city="Rome") is an intent and an entity; `unknown` is out of scope."""
    ranked = [Ranked(name, confidence) for name, confidence in intents]
    found = [Found(name, value) for name, value in entities.items()]
    return Heard(ranked, unknown or not ranked, found, plausible)


class WordNlu:
    """Knows intents by a word each; what has none of them is out of scope."""

    def __init__(self, **words: str) -> None:
        self.words = words

    async def understand(self, text: str, *, now: datetime) -> Heard:
        hits = [(name, 0.9) for name, word in self.words.items() if word in text.lower()]
        return heard(*hits) if hits else heard(("other", 0.2), unknown=True)


def bot(
    raw: dict[str, Any] | None = None, *, kind: Type = "hybrid", knowledge: bool = False, **fields: Any
) -> Version:
    """A version of this content; without knowledge unless told."""
    return Version("ver_1", "bot_1", kind, content.read(raw or {}), knowledge=knowledge, **fields)


def says(**texts: str) -> dict[str, list[dict[str, str]]]:
    """Responses of one wording each."""
    return {name: [{"text": text}] for name, text in texts.items()}


class Talk:
    """One conversation; `said` is what the chatbot said last."""

    def __init__(self, version: Version, state: State | None = None) -> None:
        self.version = version
        self.state = state or State()
        self.now = NOON
        self.last = Outcome([], self.state)

    def __call__(self, text: str = "", understood: Heard | None = None, **fields: Any) -> list[str]:
        return self.give(UserEvent(text, **fields), understood)

    def give(self, event: Incoming, understood: Heard | None = None) -> list[str]:
        """Any event; answers the texts of the messages."""
        if isinstance(event, UserEvent):
            assert spoken(self.state, event) is not None
        self.last = step(self.version, self.state, event, understood, self.now)
        self.state = self.last.state
        return [event.text for event in self.last.events if isinstance(event, BotMessage)]

    def has(self, kind: type) -> bool:
        """Whether the last step had an event of this kind."""
        return any(isinstance(event, kind) for event in self.last.events)

    @property
    def called(self) -> str | None:
        """Why a person was called, if one was."""
        return next((event.reason for event in self.last.events if isinstance(event, HandoverAsked)), None)

    @property
    def missed(self) -> bool:
        return self.has(Missed)

    @property
    def notes(self) -> list[str]:
        return [event.note for event in self.last.events if isinstance(event, Trace)]

    @property
    def buttons(self) -> list[str]:
        return [button.title for button in self.state.offered]
