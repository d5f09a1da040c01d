"""What a live page is made of: what it hears, and how it is drawn again."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from fastapi import FastAPI
from pydantic import BaseModel, ValidationError

from botyard.core.accounts.types import Principal
from botyard.core.ingest.reader import StreamReader
from botyard.core.realtime.hub import Delivery, Hub
from botyard.features.fleet.presence import Presence
from botyard.features.fleet.traffic import Traffic
from botyard.kit.db import Database
from botyard.kit.errors import Malformed
from botyard.web.lists import address

Asked = TypeVar("Asked", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Scene:
    """For whom a page is drawn, with what it was asked for and the pieces it reads from."""

    app: FastAPI
    caller: Principal
    params: Mapping[str, str]

    @property
    def db(self) -> Database:
        """Both stores."""
        db: Database = self.app.state.db
        return db

    @property
    def owner_id(self) -> int | None:
        """Whose things are shown: one's own, or everybody's to administrators."""
        return None if self.caller.is_admin else self.caller.user_id

    @property
    def stream(self) -> StreamReader:
        """Reader of the stream store."""
        return self.db.parts.get(StreamReader)

    @property
    def hub(self) -> Hub:
        """The hub of live events."""
        return self.db.parts.get(Hub)

    @property
    def presence(self) -> Presence:
        """Who is online."""
        return self.db.parts.get(Presence)

    @property
    def traffic(self) -> Traffic:
        """What was logged lately; made when it is first looked at."""
        found = self.db.parts.find(Traffic)
        if found is None:
            found = Traffic(self.stream)
            self.db.parts.add(found)
        return found

    def asked(self, kind: type[Asked]) -> Asked:
        """The page's parameters in their own form. Raises Malformed."""
        try:
            return kind.model_validate(dict(self.params))
        except ValidationError as error:
            raise Malformed(f"{error.errors()[0]['loc'][0]} cannot be that.") from None

    def says(self, name: str) -> str:
        """A parameter of the page, empty where it was not given."""
        return self.params.get(name, "")


Pieces = dict[str, str]  # selector of an element to its new content


async def nothing(_scene: Scene) -> Pieces:
    """For pages where nothing but the tail is live."""
    return {}


async def everybody(_scene: Scene) -> None:
    """For pages that every viewer may have."""


@dataclass(frozen=True, slots=True)
class Tail:
    """The growing end of a page: what was heard as new rows, and all rows again after too long a gap."""

    rows: Callable[[Scene, Sequence[Delivery]], Awaitable[str]]
    refill: Callable[[Scene], Awaitable[Pieces]]


@dataclass(frozen=True, slots=True)
class View:
    """One kind of live page.

    `draw` answers its pieces; it is called when one of `names` was heard, a few times a second at most, and
    every `every_s` seconds where that is set. `check` refuses what the viewer may not see, before the
    stream begins.
    """

    names: frozenset[str]
    draw: Callable[[Scene], Awaitable[Pieces]] = nothing
    every_s: float | None = None
    tail: Tail | None = None
    check: Callable[[Scene], Awaitable[None]] = everybody


def live_address(view: str, params: Mapping[str, object]) -> str:
    """Where the page's stream is."""
    return address(f"/live/{view}", params)
