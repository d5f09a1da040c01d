"""Conditions of flows: questions about slots that always have an answer, whatever is in the slots."""

from collections.abc import Mapping
from typing import Any

from botyard.features.chatbots.content import Condition
from botyard.features.chatbots.runtime import words

_MAX_DEPTH = 20


def holds(condition: Condition | None, slots: Mapping[str, Any], depth: int = 0) -> bool:
    """Whether the condition is true; an absent one is, one that is nested too deep is not."""
    if condition is None:
        return True
    if depth > _MAX_DEPTH:
        return False
    if condition.all:
        return all(holds(one, slots, depth + 1) for one in condition.all)
    if condition.any:
        return any(holds(one, slots, depth + 1) for one in condition.any)
    return _test(condition, slots.get(condition.slot))


def _test(condition: Condition, value: Any) -> bool:
    match condition.test:
        case "is_set":
            return _is_set(value)
        case "not_set":
            return not _is_set(value)
        case "equals":
            return _same(value, condition.value)
        case "not_equals":
            return not _same(value, condition.value)
        case "greater":
            return _compare(value, condition.value) > 0
        case "less":
            return _compare(value, condition.value) < 0
        case "contains":
            return _contains(value, condition.value)
        case "one_of":
            options = condition.value if isinstance(condition.value, list) else [condition.value]
            return any(_same(value, option) for option in options)


def _is_set(value: Any) -> bool:
    return value is not None and value not in ("", [])


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    first, second = _number(one), _number(other)
    if first is not None and second is not None:
        return first == second
    if isinstance(one, str) and isinstance(other, str):
        return words.plain(one) == words.plain(other) if words.plain(one) else one == other
    return bool(one == other)


def _compare(one: Any, other: Any) -> int:
    """Above 0 where `one` is more; 0 also where the two cannot be compared. Texts such as dates go by letters."""
    first, second = _number(one), _number(other)
    if first is not None and second is not None:
        return (first > second) - (first < second)
    if isinstance(one, str) and isinstance(other, str):
        return (one > other) - (one < other)
    return 0


def _contains(value: Any, part: Any) -> bool:
    if isinstance(value, list):
        return any(_same(one, part) for one in value)
    return isinstance(value, str) and words.says(words.plain(value), words.plain(str(part)))
