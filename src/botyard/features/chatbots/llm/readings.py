"""The form in which a language model says how it reads a message: the closed list of commands, and nothing else."""

from collections.abc import Sequence
from typing import Any

from botyard.features.chatbots.llm import structured
from botyard.features.chatbots.llm.errors import ReplyUnusable
from botyard.features.chatbots.runtime.commands import MAX_COMMANDS
from botyard.features.chatbots.runtime.version import Version

_NAMES = (
    *("start_flow", "set_slots", "correct_slot", "clarify", "answer"),
    *("knowledge", "chitchat", "handover", "cancel_flow", "none"),
)


def schema(version: Version) -> dict[str, Any]:
    """Commands that name only what the chatbot has; servers that enforce it let nothing else be written."""
    flows, intents = sorted(version.flows), sorted(version.intents)
    slots = sorted(version.content.slots)
    fields: dict[str, dict[str, Any]] = {
        "start_flow": {"flow": _one_of(flows)},
        "set_slots": {"slots": {"type": "object", "properties": dict.fromkeys(slots, _VALUE)}},
        "correct_slot": {"slot": _one_of(slots), "value": _VALUE},
        "clarify": {"intents": {"type": "array", "items": _one_of(intents)}},
        "answer": {"intent": _one_of(intents)},
    }
    needed = {
        "start_flow": flows,
        "set_slots": slots,
        "correct_slot": slots,
        "clarify": intents,
        "answer": intents,
    }
    kinds = [_command(name, fields.get(name, {})) for name in _NAMES if needed.get(name, True)]
    commands = {"type": "array", "maxItems": MAX_COMMANDS, "items": {"anyOf": kinds}}
    return {
        "type": "object",
        "properties": {"commands": commands},
        "required": ["commands"],
        "additionalProperties": False,
    }


def read(raw: str) -> Sequence[object]:
    """The commands as the model wrote them, unchecked. Raises ReplyUnusable where there is no list of them."""
    value = structured.value_of(raw)
    commands = value.get("commands") if value else None
    if not isinstance(commands, list):
        raise ReplyUnusable
    return [_tidy(each) for each in commands[: MAX_COMMANDS + 1]]


_VALUE = {"type": ["string", "number", "boolean", "null"]}


def _one_of(names: list[str]) -> dict[str, Any]:
    return {"type": "string", "enum": names}


def _command(name: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"do": {"type": "string", "enum": [name]}, **fields},
        "required": ["do", *fields],
        "additionalProperties": False,
    }


def _tidy(command: object) -> object:
    """Without what belongs to no command: the reason of a hand-over is not a model's to write."""
    if isinstance(command, dict) and command.get("do") == "handover":
        return {"do": "handover"}
    return command
