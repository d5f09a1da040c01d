"""Checks a JSON value against the shape language of the contract inventories.

A mapping is an object: its keys must be there, `key?` may be absent, further keys are tolerated. A list of
one element is an array whose items all match it. `true`, `false` and numbers stand for themselves. A text is
a type, or several with `|` between them:

`any` `null` `bool` `int` `num` `str` `text` (not empty) `id` (a text, not empty) `obj` `list` `uuid`
`url` (absolute URL or absolute path) `ts` (ISO 8601) `utc` (ISO 8601 with offset zero) `unix` (seconds
since 1970) `jwt` `in:a,b` (one of these texts) `=word` (this text) `map:TYPE` (object, all values of that
type) `$name` (a named shape). `TYPE=value` gives a default, where requests are described.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

Shape = Any
Check = Callable[[Any], bool]

_DEFAULT = re.compile(r"^(\w+)=.*$")
_JWT = re.compile(r"^[\w-]+\.[\w-]+\.[\w-]+$")
_UNIX_RANGE = (datetime(2020, 1, 1, tzinfo=UTC).timestamp(), datetime(2100, 1, 1, tzinfo=UTC).timestamp())


class UnknownType(ValueError):
    """The inventory uses a word that is not part of the shape language."""


class Shapes:
    """The named shapes of one document."""

    def __init__(self, named: Mapping[str, Shape] | None = None) -> None:
        self.named = dict(named or {})

    def problems(self, value: Any, shape: Shape) -> list[str]:
        """What does not match, one sentence each with its place; empty when all does. Raises UnknownType."""
        return list(self._compare(value, shape, "$"))

    def _compare(self, value: Any, shape: Shape, place: str) -> Iterator[str]:
        if isinstance(shape, dict):
            yield from self._compare_object(value, shape, place)
        elif isinstance(shape, list):
            yield from self._compare_array(value, shape, place)
        elif isinstance(shape, str):
            yield from self._compare_type(value, shape, place)
        elif type(value) is not type(shape) or value != shape:
            yield f"{place} is {value!r}, not {shape!r}"

    def _compare_object(self, value: Any, shape: dict[str, Shape], place: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"{place} is {_kind(value)}, not an object"
            return
        for key, inner in shape.items():
            name = key.removesuffix("?")
            if name in value:
                yield from self._compare(value[name], inner, f"{place}.{name}")
            elif name == key:
                yield f"{place}.{name} is missing"

    def _compare_array(self, value: Any, shape: list[Shape], place: str) -> Iterator[str]:
        if len(shape) != 1:
            raise UnknownType(f"an array has one element shape, not {len(shape)}")
        if not isinstance(value, list):
            yield f"{place} is {_kind(value)}, not an array"
            return
        for number, item in enumerate(value):
            yield from self._compare(item, shape[0], f"{place}[{number}]")

    def _compare_type(self, value: Any, expression: str, place: str) -> Iterator[str]:
        found: list[str] = []
        for word in expression.split("|"):
            problems = list(self._compare_word(value, word, place))
            if not problems:
                return
            found += problems
        # a deeper problem says more than "not this, nor that"
        deeper = [problem for problem in found if not problem.startswith(f"{place} is")]
        yield from deeper or [f"{place} is {_shown(value)}, not {expression}"]

    def _compare_word(self, value: Any, word: str, place: str) -> Iterator[str]:
        if word.startswith("$"):
            if word[1:] not in self.named:
                raise UnknownType(f"no shape is called {word}")
            yield from self._compare(value, self.named[word[1:]], place)
        elif word.startswith("map:"):
            yield from self._compare_map(value, word.removeprefix("map:"), place)
        elif not _check(word)(value):
            yield f"{place} is {_shown(value)}, not {word}"

    def _compare_map(self, value: Any, inner: str, place: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"{place} is {_kind(value)}, not an object"
            return
        for key, item in value.items():
            yield from self._compare(item, inner, f"{place}.{key}")


def _check(word: str) -> Check:
    if word.startswith("in:"):
        allowed = word.removeprefix("in:").split(",")
        return lambda value: isinstance(value, str) and value in allowed
    if word.startswith("="):
        return lambda value: value == word[1:]
    if default := _DEFAULT.match(word):
        word = default[1]
    try:
        return _TYPES[word]
    except KeyError:
        raise UnknownType(f"the shape language has no word {word!r}") from None


def _is_moment(value: Any) -> bool:
    return _moment(value) is not None


def _is_utc(value: Any) -> bool:
    moment = _moment(value)
    return moment is not None and moment.utcoffset() == timedelta(0)


def _moment(value: Any) -> datetime | None:
    if not isinstance(value, str) or "T" not in value:
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


def _is_uuid(value: Any) -> bool:
    try:
        return isinstance(value, str) and str(UUID(value)) == value.lower()
    except ValueError:
        return False


def _is_url(value: Any) -> bool:
    if not isinstance(value, str) or " " in value:
        return False
    parts = urlsplit(value)
    return bool(parts.scheme and parts.netloc) or value.startswith("/")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


_TYPES: Mapping[str, Check] = {
    "any": lambda _: True,
    "null": lambda value: value is None,
    "bool": lambda value: isinstance(value, bool),
    "int": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "num": _is_number,
    "str": lambda value: isinstance(value, str),
    "text": lambda value: isinstance(value, str) and value != "",
    "id": lambda value: isinstance(value, str) and value != "",
    "obj": lambda value: isinstance(value, dict),
    "list": lambda value: isinstance(value, list),
    "uuid": _is_uuid,
    "url": _is_url,
    "ts": _is_moment,
    "utc": _is_utc,
    "unix": lambda value: _is_number(value) and _UNIX_RANGE[0] < value < _UNIX_RANGE[1],
    "jwt": lambda value: isinstance(value, str) and _JWT.match(value) is not None,
}


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "an array", str: "a text", bool: "a truth value", type(None): "null"}
    return names.get(type(value), "a number")


def _shown(value: Any) -> str:
    return _kind(value) if isinstance(value, (dict, list)) else repr(value)
