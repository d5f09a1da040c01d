"""Bad input of every kind for any call of a document, made from what its inventory says of the call."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.contracts.document import Call

JSON = {"content-type": "application/json"}
NUL, SURROGATE = r'"a\u0000b"', r'"\ud800"'
_TEXT = ("7", "true", "[]", "{}", NUL, SURROGATE)
# By the word of the shape language: JSON that a field of that type cannot hold.
_WRONG: Mapping[str, tuple[str, ...]] = {
    "text": (*_TEXT, '""'),
    "str": _TEXT,
    "id": (*_TEXT, '""'),
    "obj": (
        '"x"',
        "7",
        "true",
        "[]",
        '{"n": 1e999}',
        f'{{"n": {2**70}}}',
        f'{{"n": {NUL}}}',
        '{"\\u0000": 1}',
    ),
    "list": ('"x"', "7", "true", "{}"),
    "int": ('"x"', "1.5", "[]", "{}"),
    "in": ('"none of these"', "7", "[]", '""'),
}
_NOT_WHOLE = ("abc", "-1", "0", "1.5", "1" + "0" * 30, "", "1_0", "\N{ARABIC-INDIC DIGIT THREE}", "%00")
# What no id looks like, as it stands in an address.
ODD_IDS = (
    "-1",
    "0",
    "1e3",
    "x" * 5000,
    "%00",
    "a%00b",
    "%0A",
    "..%2F..%2Fetc",
    "%F0%9F%92%A9",
    "%FF",
    "'%20OR%20'1'='1",
)


@dataclass(frozen=True)
class Bad:
    """One request that must be refused with one of these statuses."""

    what: str
    statuses: tuple[int, ...] = (400,)
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    query: str = ""


def bodies(call: Call, valid: Any, *, too_large: int, malformed: tuple[int, ...] = (400,)) -> Iterator[Bad]:
    """Bodies that the call cannot take; `too_large` is a size in bytes beyond the server's limit.

    `malformed` are the statuses of a document for a shape that does not fit.
    """
    good = json.dumps(valid if isinstance(valid, dict) else {}).encode()
    whole = {
        "cut off": b"{",
        "no JSON": b"hello",
        "not UTF-8": b'{"a": "\xff"}',
        "UTF-16": '{"a": 1}'.encode("utf-16"),
        "too deep": b'{"a":' * 101 + b"1" + b"}" * 101,
        "far too deep": b"[" * 100_000,
        "not a number": _with(good, "NaN"),
        "a whole number of more than 64 bits": _with(good, str(2**70)),
        "NUL in a further field": _with(good, NUL),
        "half a character in a further field": _with(good, SURROGATE),
        "two values": good + b" {}",
    }
    for what, content in whole.items():
        yield Bad(what, malformed, content, JSON)
    yield Bad("larger than the limit", (413,), b'{"x": "' + b"a" * too_large + b'"}', JSON)
    for kind in ("text/plain", "application/xml", "application/json-seq"):
        yield Bad(f"said to be {kind}", malformed, good, {"content-type": kind})
    yield Bad("said to be nothing", malformed, good)
    yield Bad("packed", malformed, b"\x1f\x8b\x08" + good, {**JSON, "content-encoding": "gzip"})
    if isinstance(call.body, dict):
        yield from _fields(call.body, valid, malformed)


def _fields(shape: Mapping[str, Any], valid: Mapping[str, Any], malformed: tuple[int, ...]) -> Iterator[Bad]:
    for key, word in shape.items():
        name = key.removesuffix("?")
        kind = (
            word.partition(":")[0] if isinstance(word, str) else "obj" if isinstance(word, dict) else "list"
        )
        rest = {known: value for known, value in valid.items() if known != name}
        for value in _WRONG.get(kind, ()):
            content = _with(json.dumps(rest).encode(), value, name)
            yield Bad(f"{name} is {value}", malformed, content, JSON)


def _with(content: bytes, value: str, name: str = "x-further") -> bytes:
    """The object with one more field, its value given as JSON text that Python itself might not write."""
    separator = b"," if content.strip() != b"{}" else b""
    return content.rstrip()[:-1] + separator + json.dumps(name).encode() + b":" + value.encode() + b"}"


def queries(call: Call) -> Iterator[Bad]:
    """Queries that the call cannot take."""
    for key, word in call.query.items():
        name = key.removesuffix("?")
        if word.startswith("int"):
            for value in _NOT_WHOLE:
                yield Bad(f"{name}={value}", query=f"{name}={value}")
        else:
            yield Bad(f"{name} with NUL", query=f"{name}=a%00b")
