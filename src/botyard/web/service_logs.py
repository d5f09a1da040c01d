"""What services log, for administrators: search, filters, a live tail, and each entry with all its data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any
from zlib import crc32

import msgspec
from fastapi import APIRouter, Query
from pydantic import AfterValidator, BaseModel, BeforeValidator
from starlette.responses import Response

from botyard.core.ingest.reader import Row
from botyard.core.logs import service as entries
from botyard.core.logs.events import EntryReceived
from botyard.core.realtime.hub import Delivery
from botyard.edge.guard import GuardedRoute
from botyard.kit import clock
from botyard.kit.errors import Forbidden
from botyard.web.lists import Key, address, after_key
from botyard.web.rendering import render
from botyard.web.scene import Pieces, Scene, Tail, View, live_address
from botyard.web.shell import PageFor, SceneFor

router = APIRouter(route_class=GuardedRoute)
PATH = "/logs/services"
TABS = (("bots", "Bots", "/logs"), ("services", "Services", PATH))
SHOWN = 200
_LEVELS = (
    ("", "All"),
    ("debug", "Debug"),
    ("info", "Info"),
    ("warning", "Warning"),
    ("error", "Error"),
    ("critical", "Critical"),
)
_TONES = {"critical": "error", "error": "error", "warning": "warning"}
_MINUTE = "%Y-%m-%dT%H:%M"  # as a browser writes the value of such a field

# Nothing chosen is an empty text in a form; what is chosen is in UTC, as the fields say.
Moment = Annotated[
    datetime | None,
    BeforeValidator(lambda value: value or None),
    AfterValidator(lambda at: at if at is None or at.tzinfo else at.replace(tzinfo=UTC)),
]


class Wanted(BaseModel):
    """What the reader looks for, from `begin` to `end`; `before` is the id that the page begins below."""

    q: str = ""
    level: str = ""
    type: str = ""
    source: str = ""
    correlation: str = ""
    begin: Moment = None
    end: Moment = None
    before: Key = 0

    @property
    def params(self) -> dict[str, str]:
        """All but the place in the list, as an address holds it."""
        return {
            "q": self.q.strip(),
            "level": self.level,
            "type": self.type,
            "source": self.source,
            "correlation": self.correlation.strip(),
            "begin": self.begin.strftime(_MINUTE) if self.begin else "",
            "end": self.end.strftime(_MINUTE) if self.end else "",
        }

    @property
    def narrowed(self) -> bool:
        """Whether anything is looked for at all."""
        return any(self.params.values())


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry, stored or just heard."""

    log_id: str
    type: str
    level: str
    source: str
    message: str
    correlation_id: str
    sender: str
    at_us: int
    data: Mapping[str, Any]

    @property
    def tone(self) -> str:
        """How loud the row is: one of the three that logs of bots know."""
        return _TONES.get(self.level, "info")


@router.get(PATH)
async def page(page: PageFor, scene: SceneFor, wanted: Annotated[Wanted, Query()]) -> Response:
    """Entries, newest first. The stream begins where the reading did, so that none is lost in between."""
    since = scene.hub.cursor()
    found = await _read(scene, wanted)
    params = wanted.params
    heard = {**params, "since": since}
    moving = not wanted.before and wanted.end is None
    return page.show(
        "service_logs.html",
        tabs=TABS,
        path=PATH,
        query=wanted,
        params=params,
        types=_with(await entries.types(scene.stream), wanted.type),
        sources=_with(await entries.sources(scene.stream), wanted.source),
        levels=[(key, word, address(PATH, {**params, "level": key})) for key, word in _LEVELS],
        rows=[_stored(row) for row in found],
        pager=after_key(
            found,
            limit=SHOWN,
            path=PATH,
            params=params,
            before=wanted.before,
            last=found[-1]["id"] if found else 0,
        ),
        # An older page stands still, and so does a time that is over; the newest page lives.
        live=live_address("service-logs", heard) if moving else "",
        stream_key=crc32(repr(heard).encode()),
    )


def _with(choices: Sequence[str], chosen: str) -> list[str]:
    """The choices, with the one that was made although there may be nothing of it left."""
    return sorted({*choices, chosen} - {""})


async def _read(scene: Scene, wanted: Wanted) -> list[Row]:
    return await entries.search(
        scene.stream,
        type=wanted.type or None,
        level=wanted.level or None,
        source=wanted.source or None,
        correlation_id=wanted.correlation.strip() or None,
        text=wanted.q.strip() or None,
        since=wanted.begin,
        until=wanted.end,
        before_id=wanted.before or None,
        limit=SHOWN,
    )


def _stored(row: Row) -> Entry:
    return Entry(**{name: row[name] for name in Entry.__slots__})


async def check(scene: Scene) -> None:
    """The tail is for administrators. Raises Forbidden, Malformed."""
    if not scene.caller.is_admin:
        raise Forbidden
    scene.asked(Wanted)


async def refill(scene: Scene) -> Pieces:
    """The newest entries again, after a gap too long to be replayed."""
    wanted = scene.asked(Wanted).model_copy(update={"before": 0})
    rows = [_stored(row) for row in await _read(scene, wanted)]
    return {"[data-rows]": render("_entries.html", rows=rows)}


async def rows(scene: Scene, heard: Sequence[Delivery]) -> str:
    """What was heard, as rows, newest first; at most as many as the page keeps."""
    wanted = scene.asked(Wanted)
    events = [delivery.event for delivery in heard if isinstance(delivery.event, EntryReceived)]
    chosen = [event for event in events if _matches(event, wanted)][-SHOWN:]
    found = [Entry(**{name: getattr(event, name) for name in Entry.__slots__}) for event in chosen]
    return render("_entries.html", rows=found[::-1]) if found else ""


def _matches(event: EntryReceived, wanted: Wanted) -> bool:
    text = wanted.q.strip().lower()
    correlation = wanted.correlation.strip()
    return (
        (not wanted.type or event.type == wanted.type)
        and (not wanted.level or event.level == wanted.level)
        and (not wanted.source or event.source == wanted.source)
        and (not correlation or event.correlation_id == correlation)
        and (wanted.begin is None or event.at_us >= clock.to_us(wanted.begin))
        and (not text or text in event.message.lower() or text in _written(event.data))
    )


def _written(data: Mapping[str, Any]) -> str:
    return msgspec.json.encode(data).decode().lower()


TAIL = Tail(rows, refill)
LIVE = View(frozenset({EntryReceived.name}), tail=TAIL, check=check)
