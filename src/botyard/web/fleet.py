"""The fleet: every bot in one table, and making new ones."""

from typing import Annotated, Any
from zlib import crc32

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from botyard.core.bots import service as bots
from botyard.core.bots.models import BotKind
from botyard.edge.caller import Address, Caller
from botyard.edge.guard import GuardedRoute
from botyard.edge.session import Session
from botyard.settings import Settings
from botyard.web import bot_rows, feed
from botyard.web.forms import Form
from botyard.web.lists import PageNumber, address, slice_of
from botyard.web.rendering import render
from botyard.web.scene import Pieces, Scene, View, live_address
from botyard.web.shell import PageFor, SceneFor, part

router = APIRouter(route_class=GuardedRoute)
_STATES = (("", "All"), ("online", "Online"), ("offline", "Offline"), ("new", "Never joined"))


class Wanted(BaseModel):
    """What the reader looks for."""

    q: str = ""
    state: str = ""
    page: PageNumber = 0


@router.get("/fleet")
async def page(page: PageFor, scene: SceneFor, wanted: Annotated[Wanted, Query()]) -> Response:
    """The table of bots."""
    params = wanted.model_dump()
    states = [(key, word, address("/fleet", {"q": wanted.q, "state": key})) for key, word in _STATES]
    return page.show(
        "fleet.html",
        query=wanted,
        states=states,
        live=live_address("fleet", params),
        stream_key=crc32(repr(params).encode()),
        **await _context(scene, wanted),
    )


async def _context(scene: Scene, wanted: Wanted) -> dict[str, Any]:
    everything = await bot_rows.all_of(scene)
    found = bot_rows.chosen(everything, q=wanted.q, state=wanted.state)
    rows, pager = slice_of(
        found,
        path="/fleet",
        params={"q": wanted.q, "state": wanted.state},
        page=wanted.page,
        what="bots",
    )
    return {
        "bots": rows,
        "pager": pager,
        "none_title": "No bot matches" if everything else "No bots yet",
        "none_text": "Try another word or state."
        if everything
        else "Make one, start its agent with the token, and it shows here.",
        "none_action": not everything,
    }


async def draw(scene: Scene) -> Pieces:
    """The table again, as it is filtered."""
    wanted = scene.asked(Wanted)
    return {"#bots": render("_bots.html", **await _context(scene, wanted))}


async def check(scene: Scene) -> None:
    """Raises Malformed for what no page asks."""
    scene.asked(Wanted)


LIVE = View(feed.NAMES, draw, every_s=5, check=check)


@router.post("/fleet")
async def create(
    request: Request, form: Form, session: Session, caller: Caller, address: Address
) -> Response:
    """Make a bot and show, this once, how it joins."""
    bot = await bots.create(
        session,
        owner_id=caller.user_id,
        kind=BotKind.fleet,
        name=form.needed("name", "The name"),
        actor=caller,
        address=address,
    )
    token = await bots.issue_token(session, bot, actor=caller, address=address)
    url = base_url(request, session.part(Settings))
    return part("_joined.html", "#new-bot .body", closes=False, bot=bot, token=token, url=url)


def root_url(request: Request, settings: Settings) -> str:
    """Address of this server as programs use it: what the settings say, else how the reader came here."""
    return settings.base_url if settings.public_url else str(request.base_url).rstrip("/")


def base_url(request: Request, settings: Settings) -> str:
    """Address of the manager document as bots use it."""
    return f"{root_url(request, settings)}/manager"
