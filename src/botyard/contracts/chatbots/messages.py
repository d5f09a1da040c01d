"""Messages as the document writes them (C-13), for answers, streams and lists alike."""

from typing import Any

from pydantic import Field

from botyard.contracts.chatbots.envelope import Shown
from botyard.contracts.chatbots.schemas import Json, Moment
from botyard.features.chatbots import wire_names
from botyard.features.chatbots.conversation_types import Message, Sent
from botyard.kit.clock import rfc3339


class IntentShown(Shown):
    """What a message was taken for."""

    name: str
    confidence: float


class CitationShown(Shown):
    """Where a part of an answer comes from; `[number]` in the text refers to it."""

    number: int
    source_id: str
    title: str
    heading: str
    url: str
    position: int


class MessageShown(Shown):
    """A message. A person who answers in the chatbot's place sends as `bot` too; `author` tells them apart."""

    id: str
    conversation_id: str
    sender: str = Field(description="user or bot")
    author: str = Field(description="user, bot or person")
    text: str
    intent: IntentShown | None
    buttons: list[Json] = Field(description="Choices below the message; send one's index as `choice`.")
    image: str | None
    citations: list[CitationShown]
    created_at: Moment


class Answered(Shown):
    """The message as it is stored and what was answered; `reply` is null while a person is waited for."""

    message: MessageShown
    reply: MessageShown | None
    replies: list[MessageShown]


def told(message: Message) -> dict[str, Any]:
    """A message in the document's words."""
    intent = None
    if message.intent:
        intent = {"name": message.intent, "confidence": message.confidence or 0.0}
    return {
        "id": message.id,
        "conversationId": message.conversation_id,
        "sender": "user" if message.sender == "user" else "bot",
        "author": message.sender,
        "text": message.text,
        "intent": intent,
        "buttons": [dict(button) for button in message.buttons],
        "image": message.image or None,
        "citations": wire_names.camel(message.citations),
        "createdAt": rfc3339(message.created_at),
    }


def answered(sent: Sent) -> dict[str, Any]:
    """What sending a message answers."""
    replies = [told(reply) for reply in sent.replies]
    return {"message": told(sent.message), "reply": replies[0] if replies else None, "replies": replies}
