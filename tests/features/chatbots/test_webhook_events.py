"""Webhooks tell conversations in the document's words."""

from typing import Any

import pytest

from botyard.core.webhooks import catalogue
from botyard.features.chatbots import events, webhook_events

assert webhook_events

OF = {"owner_id": 7, "chatbot_id": "bot_1", "conversation_id": "conv_1"}
NOON_US = 1_780_315_200_000_000
NOON = "2026-06-01T12:00:00.000000Z"


@pytest.mark.parametrize(
    ("event", "name", "data"),
    [
        (
            events.MessageReceived(
                **OF, message_id="msg_1", text="Hi", at_us=NOON_US, intent="greet", confidence=0.9
            ),
            "message.received",
            {
                "conversationId": "conv_1",
                "chatbotId": "bot_1",
                "message": {
                    "id": "msg_1",
                    "text": "Hi",
                    "sender": "user",
                    "intent": {"name": "greet", "confidence": 0.9},
                    "createdAt": NOON,
                },
            },
        ),
        (
            events.MessageSent(**OF, message_id="msg_2", sender="person", text="Hello", at_us=NOON_US),
            "message.sent",
            {
                "conversationId": "conv_1",
                "chatbotId": "bot_1",
                "message": {
                    "id": "msg_2",
                    "text": "Hello",
                    "sender": "person",
                    "intent": None,
                    "createdAt": NOON,
                },
            },
        ),
        (
            events.HandoverRequested(**OF, reason="asked", staffed=True, waiting_us=NOON_US),
            "conversation.handover_requested",
            {
                "conversationId": "conv_1",
                "chatbotId": "bot_1",
                "reason": "asked",
                "staffed": True,
                "requestedAt": NOON,
            },
        ),
        (
            events.MessageSent(
                **OF,
                message_id="msg_3",
                sender="bot",
                text="At ten [1].",
                at_us=NOON_US,
                citations=[{"number": 1, "source_id": "src_1", "title": "Hours"}],
            ),
            "message.sent",
            {
                "conversationId": "conv_1",
                "chatbotId": "bot_1",
                "message": {
                    "id": "msg_3",
                    "text": "At ten [1].",
                    "sender": "bot",
                    "intent": None,
                    "createdAt": NOON,
                    "citations": [{"number": 1, "sourceId": "src_1", "title": "Hours"}],
                },
            },
        ),
        (
            events.TrainingFinished(
                owner_id=7,
                chatbot_id="bot_1",
                training_id="train_1",
                model_id="model_1",
                metrics={"accuracy": 0.9, "macro_f1": 0.8},
            ),
            "training.completed",
            {
                "chatbotId": "bot_1",
                "jobId": "train_1",
                "modelId": "model_1",
                "metrics": {"accuracy": 0.9, "macroF1": 0.8},
            },
        ),
        (
            events.TrainingFailed(
                owner_id=7, chatbot_id="bot_1", training_id="train_1", error="No examples."
            ),
            "training.failed",
            {"chatbotId": "bot_1", "jobId": "train_1", "error": "No examples."},
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_events_become_what_the_document_says(event: Any, name: str, data: dict[str, Any]) -> None:
    [declared] = catalogue.made_of(event)
    assert declared.name == name
    assert declared.data(event) == data


def test_the_events_of_the_document_can_be_listened_to() -> None:
    expected = {
        "chatbot.deployed",
        "conversation.closed",
        "conversation.created",
        "conversation.handover_requested",
        "message.received",
        "message.sent",
        "training.completed",
        "training.failed",
    }
    assert expected <= set(catalogue.names())
