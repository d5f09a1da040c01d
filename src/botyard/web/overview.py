"""The first page: figures, traffic of the last hour, what happened last, and the bots."""

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from botyard.edge.guard import GuardedRoute
from botyard.features.fleet import stats
from botyard.features.fleet.traffic import Hour
from botyard.web import bot_rows, feed
from botyard.web.bot_rows import BotRow
from botyard.web.rendering import render
from botyard.web.scene import Pieces, Scene, View, live_address
from botyard.web.shell import PageFor, SceneFor

router = APIRouter(route_class=GuardedRoute)
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Figures:
    """The numbers on top."""

    bots: int
    online: int
    never_seen: int
    pending: int
    completed: int
    failed: int
    logs: int
    trouble: int
    messages: int
    messages_stored: int


@router.get("/")
async def page(page: PageFor, scene: SceneFor) -> Response:
    """The overview."""
    return page.show("overview.html", live=live_address("overview", {}), **await _context(scene))


async def _context(scene: Scene) -> dict[str, Any]:
    rows = await bot_rows.all_of(scene)
    hour = await scene.traffic.of(owner_id=scene.owner_id)
    counts = await stats.of_owner(scene.stream, owner_id=scene.owner_id)
    return {
        "figures": _figures(rows, hour, counts),
        "traffic": hour,
        "activity": await feed.lines(scene, limit=7),
        "bots": rows[:_SHOWN],
        "none_title": "No bots yet",
        "none_text": "Make one, start its agent with the token, and what it does shows here.",
        "none_action": False,
    }


def _figures(rows: list[BotRow], hour: Hour, counts: dict[str, int]) -> Figures:
    return Figures(
        bots=len(rows),
        online=sum(row.state == "online" for row in rows),
        never_seen=sum(row.state == "new" for row in rows),
        pending=max(counts["commands_pending"], 0),
        completed=counts["commands_completed"],
        failed=counts["commands_failed"],
        logs=sum(hour.all),
        trouble=sum(hour.trouble),
        messages=sum(hour.messages),
        messages_stored=counts["messages"],
    )


async def draw(scene: Scene) -> Pieces:
    """Every live part again."""
    context = await _context(scene)
    parts = {
        "#kpis": "_kpis.html",
        "#traffic": "_traffic.html",
        "#activity": "_activity.html",
        "#bots": "_bots.html",
    }
    return {target: render(template, **context) for target, template in parts.items()}


# Not every log line is heard here: the figures are read anew every few seconds instead.
LIVE = View(feed.NAMES, draw, every_s=3)
