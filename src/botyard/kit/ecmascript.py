"""JSON exactly as JavaScript writes it: what `JSON.stringify(JSON.parse(text))` gives for any text of the value.

Whoever checks a signature in JavaScript parses what came and writes it again; that must be the signed text.
"""

import math
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from json.encoder import encode_basestring
from typing import Any

_LONE = re.compile("[\ud800-\udfff]")
# Keys that are array indices, up to 2^32 - 2: objects give them first, and by size.
_INDEX = re.compile(r"(?:0|[1-9][0-9]{0,9})", re.ASCII)
_LAST_INDEX = 4_294_967_294
_PLAIN = (1e-4, 1e16)  # between these `repr` writes a number as JavaScript does, apart from `.0`
_LARGEST_WRITTEN_OUT, _SMALLEST_WRITTEN_OUT = 21, -6  # places before and behind the point


def stringify(value: Any) -> str:
    """The text of a JSON value. Decimals become texts, since a number would lose digits; NaN and infinity null.

    Raises TypeError for what is no JSON, also for a key that is no text.
    """
    if isinstance(value, str):
        return _quoted(str(value))
    if value is None:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{_quoted(key)}:{stringify(item)}" for key, item in _members(value)) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join([stringify(item) for item in value]) + "]"
    if isinstance(value, Decimal):
        return _quoted(str(value))
    raise TypeError(f"{type(value).__name__} is no JSON")


def _members(value: Mapping[Any, Any]) -> Iterator[tuple[str, Any]]:
    members: dict[str, Any] = {}
    for key, item in value.items():
        if not isinstance(key, str):
            raise TypeError(f"a key of an object is a text, not {type(key).__name__}")
        members[_merged(str(key))] = item
    indices = [key for key in members if _INDEX.fullmatch(key) and int(key) <= _LAST_INDEX]
    for key in sorted(indices, key=int):
        yield key, members.pop(key)
    yield from members.items()


def _quoted(text: str) -> str:
    if text.isascii():
        return encode_basestring(text)
    return _LONE.sub(lambda found: f"\\u{ord(found[0]):04x}", encode_basestring(_merged(text)))


def _merged(text: str) -> str:
    """The text with halves of a character that stand side by side made one, as JavaScript sees them."""
    if text.isascii() or not _LONE.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def _number(value: float) -> str:
    if isinstance(value, int):
        if -(2**53) <= value <= 2**53:
            return int.__repr__(value)
        try:
            value = float(value)
        except OverflowError:  # JavaScript reads it as infinity
            return "null"
    if not math.isfinite(value):
        return "null"
    if value == 0:
        return "0"  # also for -0.0
    text = float.__repr__(value)
    if _PLAIN[0] <= abs(value) < _PLAIN[1]:
        return text.removesuffix(".0")
    return _laid_out(text)


def _laid_out(text: str) -> str:
    """The same digits as in `text`, such as `-1.5e+16`, in JavaScript's layout."""
    mantissa, _, exponent = text.partition("e")
    sign, mantissa = ("-", mantissa[1:]) if mantissa.startswith("-") else ("", mantissa)
    digits = mantissa.replace(".", "")
    point = int(exponent) + 1  # how many digits stand before it
    if len(digits) <= point <= _LARGEST_WRITTEN_OUT:
        return sign + digits.ljust(point, "0")
    if 0 < point <= _LARGEST_WRITTEN_OUT:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if _SMALLEST_WRITTEN_OUT < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{fraction}e{point - 1:+d}"
