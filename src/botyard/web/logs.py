"""Log lines with search, filters and a live tail: of all bots here, of one bot on its own page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from zlib import crc32

from fastapi import APIRouter, Query
from pydantic import BaseModel
from starlette.responses import Response

from botyard.core.bots import service as bots
from botyard.core.bots.models import BotKind
from botyard.core.ingest.reader import Row
from botyard.core.realtime.hub import Delivery
from botyard.edge.guard import GuardedRoute
from botyard.features.fleet import records
from botyard.features.fleet.events import LogReceived
from botyard.web import bot_rows
from botyard.web.lists import Key, address, after_key
from botyard.web.rendering import render
from botyard.web.scene import Pieces, Scene, Tail, View, live_address
from botyard.web.service_logs import TABS
from botyard.web.shell import PageFor, SceneFor

router = APIRouter(route_class=GuardedRoute)
SHOWN = 200
_LEVELS = (("", "All"), ("info", "Info"), ("warning", "Warning"), ("error", "Error"))


class Wanted(BaseModel):
    """What the reader looks for; `before` is the id that the page begins below."""

    q: str = ""
    level: str = ""
    bot: str = ""
    before: Key = 0


@dataclass(frozen=True, slots=True)
class Line:
    """One log line, stored or just heard."""

    type: str
    message: str
    bot_id: str
    at_us: int
    metadata: Mapping[str, Any]


@router.get("/logs")
async def page(page: PageFor, scene: SceneFor, wanted: Annotated[Wanted, Query()]) -> Response:
    """Log lines of every bot that the viewer may see."""
    return page.show("logs.html", tabs=TABS, **await context(scene, wanted, path="/logs", show_bot=True))


async def context(
    scene: Scene, wanted: Wanted, *, path: str, show_bot: bool, view: str = "logs"
) -> dict[str, Any]:
    """All that `_log_section.html` shows.

    The stream begins where the reading did, so that no line is lost in between.
    """
    since = scene.hub.cursor()
    names = await bot_rows.names(scene) if show_bot else {}
    found = await _read(scene, wanted)
    params = {"q": wanted.q, "level": wanted.level, "bot": wanted.bot if show_bot else ""}
    heard = {"q": wanted.q, "level": wanted.level, "bot": wanted.bot, "named": int(show_bot), "since": since}
    return {
        "path": path,
        "query": wanted,
        "show_bot": show_bot,
        "bots": sorted(names.items(), key=lambda pair: pair[1].casefold()),
        "names": names,
        "rows": [_stored(row) for row in found],
        "levels": [(key, word, address(path, {**params, "level": key})) for key, word in _LEVELS],
        "pager": after_key(
            found,
            limit=SHOWN,
            path=path,
            params=params,
            before=wanted.before,
            last=found[-1]["id"] if found else 0,
        ),
        # An older page stands still; the newest one lives.
        "live": "" if wanted.before else live_address(view, heard),
        "stream_key": crc32(repr(heard).encode()),
    }


async def _read(scene: Scene, wanted: Wanted) -> Sequence[Row]:
    return await records.list_rows(
        scene.stream,
        "logs",
        owner_id=scene.owner_id,
        bot_id=wanted.bot or None,
        limit=SHOWN,
        before_id=wanted.before or None,
        type=wanted.level if wanted.level in records.LOG_TYPES else None,
        text=wanted.q.strip() or None,
    )


def _stored(row: Row) -> Line:
    return Line(row["type"], row["message"], row["bot_id"], row["at_us"], row["metadata"])


async def check(scene: Scene) -> None:
    """A tail of one bot is for those who may see the bot. Raises NotFound, Malformed."""
    scene.asked(Wanted)
    if bot_id := scene.says("bot"):
        async with scene.db.reader() as session:
            await bots.get_for(session, bot_id, kind=BotKind.fleet, caller=scene.caller)


async def refill(scene: Scene) -> Pieces:
    """The newest lines again, after a gap too long to be replayed."""
    wanted = scene.asked(Wanted)
    wanted.before = 0
    show_bot = scene.says("named") == "1"
    names = await bot_rows.names(scene) if show_bot else {}
    rows = [_stored(row) for row in await _read(scene, wanted)]
    return {"[data-rows]": render("_log_rows.html", rows=rows, names=names, show_bot=show_bot)}


async def rows(scene: Scene, heard: Sequence[Delivery]) -> str:
    """What was heard, as rows, newest first; at most as many as the page keeps."""
    wanted = scene.asked(Wanted)
    lines = [_heard(delivery.event) for delivery in heard if isinstance(delivery.event, LogReceived)]
    chosen = [line for line in lines if _matches(line, wanted)][-SHOWN:]
    if not chosen:
        return ""
    show_bot = scene.says("named") == "1"
    names = await bot_rows.names(scene) if show_bot else {}
    return render("_log_rows.html", rows=chosen[::-1], names=names, show_bot=show_bot)


def _heard(event: LogReceived) -> Line:
    return Line(event.type, event.message, event.bot_id, event.at_us, event.metadata)


def _matches(line: Line, wanted: Wanted) -> bool:
    return (
        (not wanted.bot or line.bot_id == wanted.bot)
        and (not wanted.level or line.type == wanted.level)
        and wanted.q.strip().lower() in line.message.lower()
    )


TAIL = Tail(rows, refill)
LIVE = View(frozenset({LogReceived.name}), tail=TAIL, check=check)
