"""An entry as a service hands it in, checked and without what looks like a secret."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec

from botyard.kit import clock
from botyard.kit.errors import Invalid
from botyard.kit.redaction import may_hold_secret, redact, redact_text

MAX_DATA = 64 * 1024  # bytes of JSON
MAX_MESSAGE = 8 * 1024  # characters that a list shows and finds; the whole text stays in the data
MAX_SOURCE = 200
MAX_CORRELATION = 128
MAX_LEVEL = 16
_TYPE = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
_MESSAGES = ("message", "msg")
_LEVELS = ("level", "severity")
_SOURCES = ("source", "service")
_CORRELATIONS = ("correlation_id", "request_id", "trace_id")
# Other words for the same; an unknown one stays as it is.
_SAME_LEVEL = {
    "warn": "warning",
    "err": "error",
    "fatal": "critical",
    "crit": "critical",
    "information": "info",
}
_encode = msgspec.json.Encoder().encode


class NewEntry(msgspec.Struct, frozen=True):
    """One entry ready to be stored. `data` is JSON and holds what was lifted out of it, too."""

    type: str
    level: str
    source: str
    message: str
    correlation_id: str
    at_us: int | None
    data: str | None

    @classmethod
    def of(cls, log_type: str, log_data: Mapping[str, Any]) -> "NewEntry":
        """Check a type and its data, hide secrets, and lift out what is searched for. Raises Invalid."""
        kind = _checked(log_type)
        text = _json(log_data)
        if may_hold_secret(text):
            log_data = redact(log_data, whole=True)
            text = _json(log_data)
        return cls(
            type=kind,
            level=_level(_first(log_data, _LEVELS)),
            source=_first(log_data, _SOURCES)[:MAX_SOURCE],
            message=_first(log_data, _MESSAGES)[:MAX_MESSAGE],
            correlation_id=_first(log_data, _CORRELATIONS)[:MAX_CORRELATION],
            at_us=_moment(log_data.get("timestamp")),
            data=text if log_data else None,
        )


@lru_cache(maxsize=256)
def _checked(log_type: str) -> str:
    if not _TYPE.fullmatch(log_type):
        raise Invalid("A log type has 1 to 64 letters, digits, dots, dashes or underscores, such as debug.")
    if redact_text(log_type) != log_type:
        raise Invalid("This log type looks like a secret; name the kind of log, such as debug.")
    return log_type


def _json(data: Mapping[str, Any]) -> str:
    try:
        encoded = _encode(data)
    except (OverflowError, UnicodeEncodeError, RecursionError, TypeError) as error:
        raise Invalid(f"Log data are what JSON can hold: {error}.") from None
    if len(encoded) > MAX_DATA:
        raise Invalid(
            f"Log data have at most {MAX_DATA // 1024} KiB as JSON; these have {len(encoded)} bytes. "
            "Send less, or in several entries."
        )
    return encoded.decode()


def _first(data: Mapping[str, Any], names: tuple[str, ...]) -> str:
    """The first of these fields that is a text or a whole number, as a text that every store can hold."""
    for name in names:
        value = data.get(name)
        if isinstance(value, str) and value:
            return value.replace("\x00", "\ufffd") if "\x00" in value else value
        if type(value) is int:
            return str(value)
    return ""


def _level(text: str) -> str:
    level = text[:MAX_LEVEL].lower()
    return _SAME_LEVEL.get(level, level)


# What a number of that size can only be, in microseconds: seconds, milliseconds, microseconds, nanoseconds.
_UNITS = ((1e11, 1_000_000), (1e14, 1_000), (1e17, 1), (1e20, 0.001))


def _moment(value: object) -> int | None:
    """Microseconds since 1970 of an RFC 3339 text or a Unix time; None for what is neither."""
    if isinstance(value, str):
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            return None
        return clock.to_us(at if at.tzinfo else at.replace(tzinfo=UTC))
    if isinstance(value, int | float) and not isinstance(value, bool):
        for most, factor in _UNITS:
            if -most < value < most:
                return int(value * factor)
    return None
