"""Request bodies, read once, bounded and checked before any route sees them.

msgspec refuses what Python's own parser lets through and a store cannot keep: lone surrogates, NaN,
numbers out of range, bytes that are not UTF-8. What it lets through is checked here: depth, NUL
characters (PostgreSQL cannot keep them) and integers of more than 64 bits.
"""

from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec
from starlette.types import Message, Receive, Scope

from botyard.kit.errors import Malformed, TooLarge

MAX_DEPTH = 100  # deeper than any document's example by far, and far from Python's recursion limit
_MAX_INT = 2**63
T = TypeVar("T")


async def read(scope: Scope, receive: Receive, *, limit: int) -> bytes:
    """The whole body; TooLarge as soon as it is known to exceed `limit` bytes."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and int(value) > limit:
            raise TooLarge(f"The request body is larger than the {limit} bytes that this address accepts.")
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise Malformed("The connection was closed before the whole request had arrived.")
        if chunk := message.get("body", b""):
            parts.append(chunk)
            size += len(chunk)
            if size > limit:
                raise TooLarge(
                    f"The request body is larger than the {limit} bytes that this address accepts."
                )
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


def content_type(scope: Scope) -> str:
    """What the body is said to be, without parameters, in lower case; empty where nothing is said."""
    found = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
    return str(found.decode("latin-1").partition(";")[0].strip().lower())


def must_be_json(scope: Scope) -> None:
    """Raise Malformed for a body that is not said to be JSON."""
    if content_type(scope) != "application/json":
        raise Malformed("Send the body as JSON, with the header Content-Type: application/json.")


def replay(body: bytes, receive: Receive) -> Receive:
    """A receive channel that gives `body` again, then whatever the real one brings (a disconnect)."""
    given = False

    async def channel() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return channel


_ANY = msgspec.json.Decoder()
_TOO_DEEP = f"The JSON body is nested more than {MAX_DEPTH} levels deep."


def parse(body: bytes) -> Any:
    """The JSON value of a body, or Malformed saying what is wrong with it."""
    return decode(body, _ANY)


def decode(body: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """The body as the decoder's type, or Malformed saying where it does not fit."""
    if not body:
        raise Malformed("The request body is missing.")
    try:
        value = decoder.decode(body)
        if body.count(b"[") + body.count(b"{") > MAX_DEPTH and _deeper(value, MAX_DEPTH):
            raise Malformed(_TOO_DEEP)
        if b"\\u0000" in body or _may_hold_big_number(body):
            _check(value if decoder is _ANY else _ANY.decode(body))
    except msgspec.ValidationError as error:
        raise Malformed(f"The request body does not fit: {error}.") from None
    except RecursionError:
        raise Malformed(_TOO_DEEP) from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Malformed(f"The request body is not valid JSON in UTF-8: {error}.") from None
    return value


def storable(value: Any) -> None:
    """Raise Malformed for a decoded value that no store could keep, wherever it came from."""
    try:
        if _deeper(value, MAX_DEPTH):
            raise Malformed(_TOO_DEEP)
        _check(value)
    except RecursionError:
        raise Malformed(_TOO_DEEP) from None


def _may_hold_big_number(body: bytes) -> bool:
    """Whether 19 digits stand in a row somewhere; cheap, and may be wrong only towards checking."""
    return len(body) > 18 and _nineteen_digits(body)


def _nineteen_digits(body: bytes) -> bool:
    return b"0" * 19 in body.translate(_DIGITS)


_DIGITS = bytes(0x30 if 0x30 <= byte <= 0x39 else byte for byte in range(256))


def _deeper(value: Any, levels: int) -> bool:
    """Whether containers nest in `value` more than so many levels."""
    items: Iterable[Any]
    if isinstance(value, dict):
        items = value.values()
    elif isinstance(value, list):
        items = value
    elif isinstance(value, msgspec.Struct):
        items = [getattr(value, name) for name in value.__struct_fields__]
    else:
        return False
    return levels == 0 or any(_deeper(item, levels - 1) for item in items if type(item) not in _PLAIN)


_PLAIN = frozenset({str, int, float, bool, type(None)})


def _check(value: Any) -> None:
    if isinstance(value, str):
        if "\x00" in value:
            raise Malformed("Texts cannot hold the NUL character.")
    elif isinstance(value, int):
        if not -_MAX_INT <= value < _MAX_INT:
            raise Malformed("Whole numbers are limited to 64 bits.")
    elif isinstance(value, dict):
        for key, item in value.items():
            _check(key)
            _check(item)
    elif isinstance(value, list):
        for item in value:
            _check(item)
