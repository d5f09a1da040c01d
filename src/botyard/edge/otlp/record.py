"""A log record of OpenTelemetry, whichever encoding it came in, and the entry that it becomes."""

import base64
import math
from typing import Any, NamedTuple

import msgspec

from botyard.core.logs.types import NewEntry
from botyard.kit import clock
from botyard.kit.redaction import redact

LOG_TYPE = "otel"
_TYPE_ATTRIBUTE = "log.type"
_SERVICE = "service.name"
_CORRELATION = "correlation_id"  # a sender's own word goes before its trace
# The four numbers of each severity, from 1 on.
_LEVELS = ("trace", "debug", "info", "warning", "error", "critical")
_NS_IN_US = 1000
_LAST_NS = 2**63 - 1  # in the year 2262; a later moment is a mistake
_TRACE_BYTES, _SPAN_BYTES = 16, 8


class Record(NamedTuple):
    """One record with what its resource and its scope say of it; `at_ns` is 0 where no moment is named."""

    body: Any
    severity: int
    severity_text: str
    at_ns: int
    trace_id: bytes
    span_id: bytes
    event_name: str
    attributes: dict[str, Any]
    resource: dict[str, Any]
    scope: str


def entry(record: Record) -> NewEntry:
    """The entry of a record. Raises Invalid for a type or a size that no entry has."""
    kind = record.attributes.get(_TYPE_ATTRIBUTE, LOG_TYPE)
    data = {
        "message": _message(record),
        "level": _level(record),
        "source": record.resource.get(_SERVICE, ""),
        "timestamp": _moment(record.at_ns),
        "correlation_id": record.attributes.get(_CORRELATION),
        "trace_id": _id(record.trace_id, _TRACE_BYTES),
        "span_id": _id(record.span_id, _SPAN_BYTES),
        "event_name": record.event_name,
        "scope": record.scope,
        "body": None if isinstance(record.body, str) else record.body,
        "attributes": record.attributes,
        "resource": record.resource,
    }
    return NewEntry.of(
        str(kind), {name: value for name, value in data.items() if value not in ("", None, {})}
    )


def number(value: float) -> float | str:
    """A number as JSON can say it: the three that it cannot are words."""
    return value if math.isfinite(value) else str(value)


def text_of(value: bytes) -> str:
    """Bytes as JSON can say them."""
    return base64.b64encode(value).decode()


def _message(record: Record) -> str:
    body = record.body
    if isinstance(body, str):
        return body
    if isinstance(body, dict) and isinstance(body.get("message"), str):
        return str(body["message"])
    # Secrets go by the names of fields, which a text no longer has.
    return record.event_name if body is None else msgspec.json.encode(redact(body, whole=True)).decode()


def _level(record: Record) -> str:
    if 1 <= record.severity <= 4 * len(_LEVELS):
        return _LEVELS[(record.severity - 1) // 4]
    return record.severity_text


def _moment(at_ns: int) -> str:
    return clock.rfc3339(clock.from_us(at_ns // _NS_IN_US)) if 0 < at_ns <= _LAST_NS else ""


def _id(value: bytes, length: int) -> str:
    """As hexadecimal digits; empty for what the specification calls invalid."""
    return value.hex() if len(value) == length and any(value) else ""
