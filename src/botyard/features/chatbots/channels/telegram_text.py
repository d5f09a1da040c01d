"""A chatbot's message as Telegram takes it: in parts that are short enough, choices below the last one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from botyard.features.chatbots.conversation_types import Message

MAX_UNITS = 4096  # of UTF-16, as Telegram counts
_MAX_BUTTONS = 100
_BREAKS = ("\n\n", "\n", ". ", " ")


@dataclass(frozen=True, slots=True)
class Part:
    """One call."""

    method: str
    params: Mapping[str, Any] = field(default_factory=dict)


def parts_of(message: Message) -> list[Part]:
    """The calls that say a message, in order; always the same for the same message."""
    parts: list[Part] = []
    if message.image.startswith(("https://", "http://")):
        parts.append(Part("sendPhoto", {"photo": message.image}))
    text = "\n\n".join(part for part in (message.text.strip(), _sources(message)) if part)
    if not text and message.buttons:
        text = "…"  # choices stand below a text, never alone
    if text:
        parts += [Part("sendMessage", {"text": piece}) for piece in split(text)]
    if message.buttons:
        last = parts.pop()
        parts.append(Part(last.method, {**last.params, "reply_markup": _keyboard(message)}))
    return parts


def split(text: str, limit: int = MAX_UNITS) -> list[str]:
    """The text in pieces of at most `limit` units, cut where a paragraph, a line, a sentence or a word ends."""
    pieces = []
    rest = text
    while len(rest) * 2 > limit and _units(rest) > limit:
        end = _cut(rest, limit)
        pieces.append(rest[:end].rstrip())
        rest = rest[end:].lstrip()
    pieces.append(rest)
    return [piece for piece in pieces if piece]


def _units(text: str) -> int:
    return len(text) + sum(char > "\uffff" for char in text)


def _cut(text: str, limit: int) -> int:
    end = used = 0
    for char in text:
        used += 2 if char > "\uffff" else 1
        if used > limit:
            break
        end += 1
    for sign in _BREAKS:
        found = text.rfind(sign, end // 2, end)
        if found > 0:
            return found + len(sign)
    return end


def _sources(message: Message) -> str:
    lines = [
        " ".join(part for part in (f"[{at}]", str(one.get("title", "")), str(one.get("url", ""))) if part)
        for at, one in enumerate(message.citations, 1)
    ]
    return "\n".join(lines)


def _keyboard(message: Message) -> dict[str, Any]:
    shown: Sequence[Mapping[str, Any]] = message.buttons[:_MAX_BUTTONS]
    rows = []
    for index, button in enumerate(shown):
        url = str(button.get("url", ""))
        does = (
            {"url": url}
            if url.startswith(("https://", "http://"))
            else {"callback_data": f"{message.seq}:{index}"}
        )
        rows.append([{"text": str(button["title"]), **does}])
    return {"inline_keyboard": rows}
