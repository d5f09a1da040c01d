"""The closed form of a model's answer: `{"reply": …, "action": …}`, read while it is written and checked at its end."""

import json
import re
from collections.abc import Sequence
from typing import Any, get_args

from botyard.features.chatbots.llm.errors import ReplyUnusable
from botyard.features.chatbots.llm.port import Action, Reply

MAX_REPLY = 4000  # characters of what is said
MAX_RAW = 64 * 1024  # of what the model writes in all
_ACTIONS: tuple[str, ...] = get_args(Action)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def schema(actions: Sequence[Action]) -> dict[str, Any]:
    """The form of an answer that may choose among these actions."""
    return {
        "type": "object",
        "properties": {"reply": {"type": "string"}, "action": {"type": "string", "enum": list(actions)}},
        "required": ["reply", "action"],
        "additionalProperties": False,
    }


class ReplyReader:
    """Follows a JSON object as it is written, and gives out the text of its `reply` alone."""

    def __init__(self) -> None:
        self._depth = 0
        self._string: list[str] | None = None  # the string that is being read
        self._escape = ""
        self._key: str | None = None  # of the value that comes next, at the outermost level
        self._last = ""
        self._speaking = False
        self._high = ""  # first half of a character that is written in two
        self.said: list[str] = []

    def feed(self, piece: str) -> str:
        """What the piece adds to the reply."""
        before = len(self.said)
        for character in piece:
            if self._string is None:
                self._outside(character)
            else:
                self._inside(character)
        return "".join(self.said[before:])

    def _outside(self, character: str) -> None:
        if character == '"' and self._depth:
            self._string = []
            self._speaking = self._depth == 1 and self._key == "reply" and not self.said
        elif character in "{[":
            self._depth += 1
        elif character in "}]":
            self._depth -= 1
        elif character == ":" and self._depth == 1:
            self._key = self._last
        elif character == "," and self._depth == 1:
            self._key = None

    def _inside(self, character: str) -> None:
        if self._escape:
            self._escaped(character)
        elif character == "\\":
            self._escape = character
        elif character == '"':
            self._last = "".join(self._string or [])
            self._string, self._speaking = None, False
        else:
            self._take(character)

    def _escaped(self, character: str) -> None:
        self._escape += character
        if self._escape[1] != "u":
            self._take(_ESCAPES.get(character, character))
            self._escape = ""
        elif len(self._escape) == 6:
            try:
                self._unit(int(self._escape[2:], 16))
            except ValueError:
                self._take("\ufffd")
            self._escape = ""

    def _unit(self, unit: int) -> None:
        if 0xD800 <= unit < 0xDC00:
            self._high = chr(unit)
        elif 0xDC00 <= unit < 0xE000 and self._high:
            self._take(chr(0x10000 + ((ord(self._high) - 0xD800) << 10) + unit - 0xDC00))
            self._high = ""
        else:
            self._take(chr(unit))

    def _take(self, character: str) -> None:
        assert self._string is not None
        if len(self._string) < MAX_REPLY:
            self._string.append(character)
            if self._speaking and not _CONTROLS.match(character):
                self.said.append(character)


def parse(raw: str, actions: Sequence[Action]) -> Reply:
    """The answer, checked. What was cut off in the middle of its text is kept as far as it goes, without an action.

    Raises ReplyUnusable where there is no text.
    """
    value = value_of(raw)
    if value is None:
        reader = ReplyReader()
        reader.feed(raw)
        if said := "".join(reader.said).strip():
            return Reply(said[:MAX_REPLY], notes=("The answer was cut off.",))
        raise ReplyUnusable
    text, action = value.get("reply"), value.get("action", "none")
    if not isinstance(text, str):
        raise ReplyUnusable
    said = _CONTROLS.sub("", text).strip()[:MAX_REPLY]
    if action not in actions or action not in _ACTIONS:
        return Reply(said, notes=(f"The action {str(action)[:60]!r} is not on the list and was dropped.",))
    return Reply(said, action=action)


def value_of(raw: str) -> dict[str, Any] | None:
    """The JSON object in what a model wrote, also within a fence; None where there is none that is whole."""
    start, end = raw.find("{"), raw.rfind("}")
    try:
        value = json.loads(raw[start : end + 1]) if 0 <= start < end else None
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
