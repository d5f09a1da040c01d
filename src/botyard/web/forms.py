"""What a form holds, and the checks that stand before every form of somebody who is not signed in."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import FormData
from starlette.requests import HTTPConnection

from botyard.edge.guard import check_origin
from botyard.kit import clock
from botyard.kit.errors import Invalid

_MOST_FIELDS = 1000


class Fields:
    """Texts of a form; a field that was not sent is empty."""

    def __init__(self, data: FormData) -> None:
        self._data = data

    def __getitem__(self, name: str) -> str:
        value = self._data.get(name, "")
        return value if isinstance(value, str) else ""

    def all(self, name: str) -> list[str]:
        """Every text that was sent under this name, in order."""
        return [value for value in self._data.getlist(name) if isinstance(value, str)]

    def needed(self, name: str, word: str) -> str:
        """The text without surrounding blanks. Raises Invalid where there is none."""
        text = self[name].strip()
        if not text:
            raise Invalid(f"{word} is missing.", details={"field": name})
        return text

    def number(self, name: str, word: str, *, low: float, high: float) -> float | None:
        """The number, None where the field is empty. Raises Invalid for anything else or beyond the bounds."""
        text = self[name].strip()
        if not text:
            return None
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise Invalid(f"{word} is a number from {low:g} to {high:g}.", details={"field": name})
        return value


async def _fields(request: Request) -> Fields:
    data = await request.form(max_files=0, max_fields=_MOST_FIELDS)
    if any("\x00" in value for value in data.values() if isinstance(value, str)):
        raise Invalid("Texts cannot hold the NUL character.")
    return Fields(data)


async def _same_origin(connection: HTTPConnection) -> None:
    check_origin(connection)


def expiry(fields: Fields) -> datetime | None:
    """The moment that many `days` from now; None where the field is empty. Raises Invalid."""
    days = fields.number("days", "The number of days", low=1, high=3650)
    return None if days is None else clock.now() + timedelta(days=days)


Form = Annotated[Fields, Depends(_fields)]
SameOrigin = Depends(_same_origin)


def pairs(fields: Fields) -> Mapping[str, str]:
    """Keys and values of a form that holds both as lists; rows without a key are left out."""
    keys, values = fields.all("key"), fields.all("value")
    return {key.strip(): value for key, value in zip(keys, values, strict=False) if key.strip()}
