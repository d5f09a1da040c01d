"""Which events of chatbots webhooks tell, under which names and with which data."""

from typing import Any

from botyard.core.webhooks import catalogue
from botyard.features.chatbots import events, wire_names
from botyard.kit import clock


def _at(moment_us: int) -> str:
    return clock.rfc3339(clock.from_us(moment_us))


def _of_conversation(event: Any) -> dict[str, Any]:
    return {"conversationId": event.conversation_id, "chatbotId": event.chatbot_id}


def _created(event: events.ConversationCreated) -> dict[str, Any]:
    return _of_conversation(event) | {
        "channel": event.channel,
        "environment": event.environment,
        "createdAt": _at(event.created_us),
    }


def _received(event: events.MessageReceived) -> dict[str, Any]:
    intent = {"name": event.intent, "confidence": event.confidence} if event.intent else None
    message = {
        "id": event.message_id,
        "text": event.text,
        "sender": "user",
        "intent": intent,
        "createdAt": _at(event.at_us),
    }
    return _of_conversation(event) | {"message": message}


def _sent(event: events.MessageSent) -> dict[str, Any]:
    message: dict[str, Any] = {
        "id": event.message_id,
        "text": event.text,
        "sender": event.sender,
        "intent": None,
        "createdAt": _at(event.at_us),
    }
    if event.buttons:
        message["buttons"] = event.buttons
    if event.citations:
        message["citations"] = wire_names.camel(event.citations)
    return _of_conversation(event) | {"message": message}


def _handover(event: events.HandoverRequested) -> dict[str, Any]:
    return _of_conversation(event) | {
        "reason": event.reason,
        "staffed": event.staffed,
        "requestedAt": _at(event.waiting_us),
    }


def _closed(event: events.ConversationClosed) -> dict[str, Any]:
    return _of_conversation(event) | {"messages": event.messages, "closedAt": _at(event.at_us)}


def _trained(event: events.TrainingFinished) -> dict[str, Any]:
    return {
        "chatbotId": event.chatbot_id,
        "jobId": event.training_id,
        "modelId": event.model_id,
        "metrics": wire_names.camel(event.metrics),
    }


def _failed(event: events.TrainingFailed) -> dict[str, Any]:
    return {"chatbotId": event.chatbot_id, "jobId": event.training_id, "error": event.error}


def _deployed(event: events.Deployed) -> dict[str, Any]:
    return {
        "chatbotId": event.chatbot_id,
        "deploymentId": str(event.deployment_id),
        "environment": event.environment,
        "kind": event.kind,
        "versionId": event.version_id,
        "version": event.number,
    }


_ABOUT: list[tuple[str, Any, Any, str]] = [
    ("conversation.created", events.ConversationCreated, _created, "A conversation began."),
    ("message.received", events.MessageReceived, _received, "The user wrote."),
    ("message.sent", events.MessageSent, _sent, "The chatbot or a person answered."),
    ("conversation.handover_requested", events.HandoverRequested, _handover, "A person is waited for."),
    ("conversation.closed", events.ConversationClosed, _closed, "A conversation ended."),
    ("training.completed", events.TrainingFinished, _trained, "A training brought a model."),
    ("training.failed", events.TrainingFailed, _failed, "A training ended without a model."),
    ("chatbot.deployed", events.Deployed, _deployed, "Other versions answer from now on."),
]

for _name, _event, _data, _about in _ABOUT:
    catalogue.declare(_name, event=_event, data=_data, about=_about)
