"""Values of slots: read from what was said, kept small and fit for JSON."""

import math
import re
from typing import Any, Final

import msgspec

from botyard.features.chatbots.content import Content, Slot
from botyard.features.chatbots.runtime import words

MAX_TEXT = 2000
_MAX_ITEMS = 50
# Entities that are known by their form, wherever they stand: a text without one is no answer to a question for it.
FORMS = frozenset({"email", "url", "phone", "date", "duration", "money", "percentage", "number"})
_MAX_DEPTH = 4
_MAX_DIGITS = 15  # a double holds no more
_NUMBER = re.compile(r"(?<![\w.,])[-+]?\d+(?:[.,]\d+)*(?!\w)")
_POINT_IS_DECIMAL = ("en", "zh", "ja", "ko", "th", "he", "hi")


class Missing:
    """No value, where None is a value."""


MISSING: Final = Missing()


def storable(value: Any, depth: int = 0) -> Any:
    """The value as JSON has it, cut to a bounded size; what JSON does not know becomes text."""
    match value:
        case None | bool():
            return value
        case int():
            return value if abs(value) < 2**53 else str(value)[:MAX_TEXT]
        case float():
            return value if math.isfinite(value) else None
        case str():
            return value[:MAX_TEXT]
        case dict() if depth < _MAX_DEPTH:
            items = list(value.items())[:_MAX_ITEMS]
            return {str(key)[:200]: storable(one, depth + 1) for key, one in items}
        case list() | tuple() | set() if depth < _MAX_DEPTH:
            return [storable(one, depth + 1) for one in list(value)[:_MAX_ITEMS]]
        case msgspec.Struct() if depth < _MAX_DEPTH:
            return storable(msgspec.structs.asdict(value), depth + 1)
        case _:
            return str(value)[:MAX_TEXT]


def fitting(slot: Slot, value: Any, language: str) -> Any:
    """The value as the slot holds it, or MISSING where it does not fit the slot's type."""
    match slot.type:
        case "number":
            return _as_number(value, language)
        case "bool":
            found = value if isinstance(value, bool) else words.decision(str(value))
            return MISSING if found is None else found
        case "category":
            return _category(slot, str(value))
        case "list":
            return storable(value if isinstance(value, list) else [value])
        case "text":
            return str(value).strip()[:MAX_TEXT] or MISSING
        case _:
            return storable(value)


def spoken(slot: Slot, text: str, language: str) -> Any:
    """What a message that answers a question gives the slot, or MISSING."""
    if slot.type == "category":
        return _category(slot, text)
    if slot.type == "list":
        parts = [part.strip() for part in re.split(r"[,;\n]", text)]
        return [part[:MAX_TEXT] for part in parts if part][:_MAX_ITEMS] or MISSING
    return fitting(slot, text.strip(), language) if text.strip() else MISSING


def is_strict(slot: Slot) -> bool:
    """Whether not every text is an answer."""
    return slot.type in ("number", "bool", "category")


def has_form(slot: Slot, content: Content) -> bool:
    """Whether an answer is known by its form: the slot's entity is one that rules find, or has patterns alone."""
    entity = slot.entity.partition(":")[0]
    own = content.entities.get(entity)
    known = bool(own.patterns) and not own.values if own else entity in FORMS
    return slot.type in ("text", "any") and known


def _as_number(value: Any, language: str) -> Any:
    if isinstance(value, bool):
        return MISSING
    if isinstance(value, int | float):
        kept = storable(value)
        return kept if isinstance(kept, int | float) else MISSING
    found = _NUMBER.search(str(value))
    return _read_number(found[0], language) if found else MISSING


def _read_number(written: str, language: str) -> Any:
    if sum(sign.isdigit() for sign in written) > _MAX_DIGITS:
        return MISSING
    separators = [sign for sign in written if sign in ".,"]
    decimal = ""
    if separators and len(set(separators)) == 2:
        decimal = separators[-1] if separators.count(separators[-1]) == 1 else ""
    elif len(separators) == 1:
        grouping = "," if language.partition("-")[0] in (*_POINT_IS_DECIMAL, "") else "."
        groups = separators[0] == grouping and len(written.rpartition(grouping)[2]) == 3
        decimal = "" if groups else separators[0]
    whole, _, rest = written.partition(decimal) if decimal else (written, "", "")
    digits = re.sub(r"[.,]", "", whole)
    return float(f"{digits}.{rest}") if rest else int(digits)


def _category(slot: Slot, text: str) -> Any:
    said = words.plain(text)
    named = {words.plain(value): value for value in slot.values}
    if said in named:
        return named[said]
    found = [value for key, value in named.items() if words.says(said, key)]
    return found[0] if len(found) == 1 else MISSING
