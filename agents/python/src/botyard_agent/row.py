"""Logs and messages as they travel: checked, cut to size and encoded once, where they arise."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple

from botyard_agent.timing import iso

Kind = Literal["log", "message"]
LogType = Literal["info", "warning", "error"]
ThreadType = Literal["USER", "GROUP"]
KINDS: tuple[Kind, ...] = ("log", "message")
LOG_TYPES: tuple[LogType, ...] = ("info", "warning", "error")
# As the scale of the logging module, so that one threshold serves both.
SEVERITY: Mapping[str, int] = {"debug": 10, "info": 20, "warning": 30, "error": 40}
MAX_TEXT = 32 * 1024
MAX_METADATA = 64 * 1024
MAX_VALUES = 10_000
MAX_DEPTH = 20


class Row(NamedTuple):
    """One log or message, ready to be sent; `report` marks what the agent says of itself."""

    kind: Kind
    body: bytes
    at: float
    report: bool = False

    @property
    def size(self) -> int:
        """Bytes on the wire, with the comma."""
        return len(self.body) + 1


def log_row(
    message: str,
    type: LogType = "info",  # noqa: A002 - the word of the document
    metadata: Mapping[str, Any] | None = None,
    *,
    at: datetime,
    report: bool = False,
) -> Row:
    """Raises ValueError for a type the server does not know; whatever else is odd is made to fit."""
    if type not in LOG_TYPES:
        raise ValueError(f"A log is of type {', '.join(LOG_TYPES)}, not {type!r}.")
    body: dict[str, Any] = {"type": type, "message": fitted(message) or "(empty)", "timestamp": iso(at)}
    if metadata:
        body["metadata"] = _fitted_metadata(metadata)
    return Row("log", encoded(body), at.timestamp(), report)


def message_row(
    message: str,
    *,
    author_id: str,
    author_name: str,
    thread_id: str,
    thread_type: ThreadType,
    metadata: Mapping[str, Any] | None,
    at: datetime,
) -> Row:
    """Raises ValueError for an empty message and for a thread that is neither USER nor GROUP."""
    if not (text := fitted(message)):
        raise ValueError("A message has at least one character.")
    if thread_type not in ("USER", "GROUP"):
        raise ValueError(f"A thread is of type USER or GROUP, not {thread_type!r}.")
    body: dict[str, Any] = {
        "message": text,
        "author_id": fitted(author_id),
        "author_name": fitted(author_name),
        "thread_id": fitted(thread_id),
        "thread_type": thread_type,
        "timestamp": iso(at),
    }
    if metadata:
        body["metadata"] = _fitted_metadata(metadata)
    return Row("message", encoded(body), at.timestamp())


def fitted(text: Any) -> str:
    """A text that every store accepts: without NUL, at most 32 Ki characters, its cut marked."""
    whole = str(text)
    if len(whole) > MAX_TEXT:
        kept = MAX_TEXT - 40  # room for the mark, so that fitting twice changes nothing
        whole = f"{whole[:kept]}… [{len(whole) - kept} more characters]"
    return whole.replace("\x00", "\ufffd")


def encoded(value: Any) -> bytes:
    """JSON in UTF-8; half surrogates become `?`, objects their text. Raises ValueError or TypeError."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=str, separators=(",", ":"))
    return text.encode("utf-8", "replace")


def _fitted_metadata(metadata: Mapping[str, Any]) -> Any:
    """The metadata as every store accepts them, or a note in their place: the log itself must not be lost."""
    try:
        fit = storable(metadata)
        size = len(encoded(fit))
    except (ValueError, TypeError, RecursionError) as error:
        return {"metadata_left_out": f"It is not JSON: {error}"[:300]}
    if size > MAX_METADATA:
        return {"metadata_left_out": f"It has {size} bytes; at most {MAX_METADATA} are sent."}
    return fit


def storable(value: Any) -> Any:
    """A copy that JSON can say and every store can keep: no NUL, no number that is none or beyond 64 bits,
    no object of Python's, not too deep. Raises ValueError where it is larger than anyone would read."""
    left = MAX_VALUES

    def fit(item: Any, depth: int) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise ValueError(f"it has more than {MAX_VALUES} values")
        if item is None or isinstance(item, bool):
            return item
        if isinstance(item, int):
            return int(item) if -(2**63) <= item < 2**63 else str(item)
        if isinstance(item, float):
            return float(item) if math.isfinite(item) else str(item)
        if depth and isinstance(item, Mapping):
            return {fitted(key): fit(entry, depth - 1) for key, entry in item.items()}
        if depth and isinstance(item, (list, tuple, set, frozenset)):
            return [fit(entry, depth - 1) for entry in item]
        return fitted(item)

    return fit(value, MAX_DEPTH)
