"""What happens to chatbots and in their conversations, live; webhooks and the dashboard hear it.

Moments are microseconds since 1970. What was said is in the event, so that whoever hears it need not ask.
"""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from botyard.core.realtime.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationCreated(Event):
    """A conversation began."""

    name: ClassVar[str] = "chatbots.conversation_created"
    chatbot_id: str
    conversation_id: str
    channel: str
    environment: str
    version_id: str | None
    created_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageReceived(Event):
    """The user wrote. Its row in `conversation_events` is the durable event."""

    name: ClassVar[str] = "chatbots.message_received"
    chatbot_id: str
    conversation_id: str
    message_id: str
    text: str
    at_us: int
    intent: str | None = None
    confidence: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSent(Event):
    """The chatbot or a person answered; `sender` is bot or person."""

    name: ClassVar[str] = "chatbots.message_sent"
    chatbot_id: str
    conversation_id: str
    message_id: str
    sender: str
    text: str
    at_us: int
    buttons: list[dict[str, Any]] = field(default_factory=list)
    citations: list[dict[str, Any]] = field(default_factory=list)
    image: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HandoverRequested(Event):
    """A person is waited for; trials call nobody and do not tell it."""

    name: ClassVar[str] = "chatbots.handover_requested"
    chatbot_id: str
    conversation_id: str
    reason: str
    staffed: bool  # whether it is within office hours
    waiting_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationAttended(Event):
    """A person took a conversation over."""

    name: ClassVar[str] = "chatbots.conversation_attended"
    chatbot_id: str
    conversation_id: str
    attended_by: int
    at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationReturned(Event):
    """A person gave a conversation back to the chatbot."""

    name: ClassVar[str] = "chatbots.conversation_returned"
    chatbot_id: str
    conversation_id: str
    at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationClosed(Event):
    """A conversation ended; nothing more is said in it."""

    name: ClassVar[str] = "chatbots.conversation_closed"
    chatbot_id: str
    conversation_id: str
    messages: int
    at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationRated(Event):
    """The user said how good it was, from 1 to 5."""

    name: ClassVar[str] = "chatbots.conversation_rated"
    chatbot_id: str
    conversation_id: str
    rating: int
    at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingFinished(Event):
    """A training brought a model."""

    name: ClassVar[str] = "chatbots.training_finished"
    chatbot_id: str
    training_id: str
    model_id: str
    metrics: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingFailed(Event):
    """A training ended without a model."""

    name: ClassVar[str] = "chatbots.training_failed"
    chatbot_id: str
    training_id: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDeleted(Event):
    """A trained model was deleted by hand."""

    name: ClassVar[str] = "chatbots.model_deleted"
    chatbot_id: str
    model_id: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionCreated(Event):
    """A chatbot was frozen as a version."""

    name: ClassVar[str] = "chatbots.version_created"
    chatbot_id: str
    version_id: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed(Event):
    """Other versions answer in an environment from now on; `kind` is deploy, rollback, split or undeploy."""

    name: ClassVar[str] = "chatbots.deployed"
    chatbot_id: str
    deployment_id: int
    environment: str
    kind: str
    version_id: str | None = None
    number: int | None = None
