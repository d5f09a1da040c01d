"""Values of the runtime: what comes in, what a conversation remembers, what comes out.

All of them are JSON when they are stored, and none of them does anything.
"""

from typing import Any, Literal

from msgspec import Struct, field

from botyard.features.chatbots.content import Button
from botyard.features.chatbots.runtime.commands import Command

Status = Literal["open", "waiting", "attended", "closed"]


class Frame(Struct):
    """A flow that runs and the step it is at."""

    flow: str
    step: str = ""  # empty: before its first one


class Asked(Struct, omit_defaults=True):
    """What was asked last and is not answered."""

    kind: Literal["slot", "confirm"]
    slot: str = ""


class Pending(Struct, omit_defaults=True):
    """An answer that is being looked for outside."""

    what: Literal["knowledge", "model", "commands"]
    question: str
    prompt: str = ""  # of a flow's own step
    in_flow: bool = False  # a step of the flow waits for it, not the ladder


class State(Struct, kw_only=True, omit_defaults=True):
    """All that a conversation remembers between two messages."""

    slots: dict[str, Any] = field(default_factory=dict)
    stack: list[Frame] = field(default_factory=list)  # running flows, the one that speaks last
    asked: Asked | None = None
    filled: list[str] = field(default_factory=list)  # slots in the order of their last filling
    misses: int = 0  # messages in a row that were not understood
    unanswered: str = ""  # intent of the last message, where nothing is written for what was understood
    offered: list[Button] = field(default_factory=list)  # buttons of the last message
    clarified: bool = False  # the last message asked what was meant
    pending: Pending | None = None
    language: str = ""
    channel: str = ""
    status: Status = "open"
    held: bool = False  # people are there and one was called: the chatbot keeps quiet
    handed: bool = False  # a person was called at some time
    turn: int = 0  # messages of the user so far
    seed: int = 0  # which of several wordings are chosen


class Started(Struct, frozen=True, tag="started"):
    """The conversation begins."""


class UserEvent(Struct, frozen=True, omit_defaults=True, tag="user"):
    """The user wrote, or chose the button with this index of the last message."""

    text: str = ""
    choice: int | None = None
    language: str = ""


class KnowledgeFound(Struct, frozen=True, omit_defaults=True, tag="knowledge"):
    """What the search brought; an empty text is no answer."""

    text: str = ""
    citations: list[dict[str, Any]] = field(default_factory=list)
    note: str = ""  # why there is none


class ModelSaid(Struct, frozen=True, omit_defaults=True, tag="model"):
    """What the language model brought; an empty text is no answer."""

    text: str = ""
    action: Literal["none", "handover", "clarify"] = "none"
    citations: list[dict[str, Any]] = field(default_factory=list)
    note: str = ""


class CommandsMade(Struct, frozen=True, omit_defaults=True, tag="commands"):
    """How the language model read the message; the commands were checked by `commands.read`."""

    commands: list[Command] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Returned(Struct, frozen=True, tag="returned"):
    """The person who attended gave the conversation back."""


Incoming = Started | UserEvent | KnowledgeFound | ModelSaid | CommandsMade | Returned


class BotMessage(Struct, frozen=True, omit_defaults=True, tag="message"):
    """The chatbot says something; `source` is the rung of the ladder it comes from."""

    text: str
    buttons: list[Button] = field(default_factory=list)
    image: str = ""
    response: str = ""
    source: str = "flow"
    citations: list[dict[str, Any]] = field(default_factory=list)


class Understood(Struct, frozen=True, omit_defaults=True, tag="understood"):
    """How the message was read: by what, as which intent, what else it could have been, what follows."""

    how: str
    commands: list[Command]
    intent: str = ""
    confidence: float = 0.0
    margin: float = 0.0
    out_of_scope: bool = False
    candidates: list[tuple[str, float]] = field(default_factory=list)
    entities: list[dict[str, Any]] = field(default_factory=list)


class Missed(Struct, frozen=True, tag="missed"):
    """Somebody should look at the message: it was not understood for certain, not answered, or a person was wanted."""

    why: str


class SlotSet(Struct, frozen=True, tag="slot"):
    """A slot has another value; None empties it."""

    name: str
    value: Any


class FlowStarted(Struct, frozen=True, tag="flow_started"):
    """A flow began."""

    flow: str


class FlowEnded(Struct, frozen=True, omit_defaults=True, tag="flow_ended"):
    """A flow came to its end, or was left."""

    flow: str
    cancelled: bool = False


class HandoverAsked(Struct, frozen=True, omit_defaults=True, tag="handover"):
    """A person is called; `reason` is asked, intent:…, misses, flow or model."""

    reason: str
    staffed: bool = True  # within office hours


class NeedsKnowledge(Struct, frozen=True, tag="needs_knowledge"):
    """Somebody must search and come back with KnowledgeFound."""

    question: str


class NeedsModel(Struct, frozen=True, omit_defaults=True, tag="needs_model"):
    """Somebody must ask the language model and come back with ModelSaid."""

    question: str
    prompt: str = ""


class NeedsCommands(Struct, frozen=True, tag="needs_commands"):
    """Somebody must ask the language model what the message means and come back with CommandsMade."""

    text: str


class Trace(Struct, frozen=True, tag="trace"):
    """Why something was or was not done, for people who look into a conversation."""

    note: str


Out = (
    BotMessage
    | Understood
    | Missed
    | SlotSet
    | FlowStarted
    | FlowEnded
    | HandoverAsked
    | NeedsKnowledge
    | NeedsModel
    | NeedsCommands
    | Trace
)
Need = NeedsKnowledge | NeedsModel | NeedsCommands


class Outcome(Struct, frozen=True):
    """What came of one event, and what the conversation remembers after it."""

    events: list[Out]
    state: State

    @property
    def messages(self) -> list[BotMessage]:
        """What the chatbot says, in order."""
        return [event for event in self.events if isinstance(event, BotMessage)]

    @property
    def need(self) -> Need | None:
        """What is to be found out before the conversation goes on, if anything."""
        for event in self.events:
            if isinstance(event, NeedsKnowledge | NeedsModel | NeedsCommands):
                return event
        return None
