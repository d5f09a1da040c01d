"""What is kept as JSON under this server's names, under the document's: camel case, moments by RFC 3339."""

import re
from collections.abc import Mapping
from typing import Any

from botyard.kit import clock

_SNAKE = re.compile(r"(?<=[a-z0-9])_([a-z0-9])")
# What stands below these is somebody's own: names of slots, intents and kinds, and values of any shape.
_OWN = frozenset({"slots", "value", "intents", "languages", "counts"})


def camel(value: Any) -> Any:
    """The same JSON with its fields in camel case; names that people gave stay theirs."""
    if isinstance(value, Mapping):
        return {_renamed(name): one if name in _OWN else camel(one) for name, one in value.items()}
    return [camel(one) for one in value] if isinstance(value, list | tuple) else value


def traced(event: Mapping[str, Any]) -> dict[str, Any]:
    """One event of `conversations.trace`."""
    told: dict[str, Any] = camel({name: one for name, one in event.items() if not name.endswith("_us")})
    took_us = event["latency_us"]
    told["at"] = clock.rfc3339(clock.from_us(event["at_us"]))
    told["latencyMs"] = None if took_us is None else took_us / 1000
    return told


def _renamed(name: str) -> str:
    return _SNAKE.sub(lambda found: found[1].upper(), name)
