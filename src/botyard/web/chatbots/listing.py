"""All chatbots of the viewer, and making one: empty, or from a template."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from botyard.core.bots.events import BotChanged, BotCreated, BotDeleted
from botyard.core.realtime.events import Event
from botyard.edge.caller import Address, Caller
from botyard.edge.guard import GuardedRoute
from botyard.edge.session import Reader, Session
from botyard.features.chatbots import beginnings, templates
from botyard.features.chatbots import service as chatbots
from botyard.features.chatbots.events import Deployed, TrainingFailed, TrainingFinished
from botyard.web.chatbots.frame import ROOT, TYPES, ChatbotRow
from botyard.web.forms import Form
from botyard.web.lists import PAGE, PageNumber, page_of
from botyard.web.rendering import render
from botyard.web.scene import Pieces, Scene, View, live_address
from botyard.web.shell import PageFor, SceneFor, go

router = APIRouter(prefix=ROOT, route_class=GuardedRoute)
_MOST_TEMPLATES = 100


@router.get("")
async def page(page: PageFor, scene: SceneFor, reader: Reader, number: PageNumber = 0) -> Response:
    """One's chatbots, newest first."""
    owner_id = scene.caller.user_id
    found, _ = await templates.list_page(reader, owner_id=owner_id, limit=_MOST_TEMPLATES)
    begin = [(one.id, one.name, one.description or "") for one in found if one.problem is None]
    live = live_address("chatbots", {"page": str(number)})
    return page.show(
        "chatbots/list.html", templates=begin, types=TYPES, live=live, **await _rows(scene, number)
    )


async def _rows(scene: Scene, number: int) -> dict[str, Any]:
    async with scene.db.reader() as session:
        found, total = await chatbots.list_page(
            session, owner_id=scene.caller.user_id, limit=PAGE, offset=number * PAGE
        )
    pager = page_of(total, shown=len(found), path=ROOT, params={}, page=number, what="chatbots")
    return {"bots": [ChatbotRow(bot) for bot in found], "pager": pager}


@router.post("")
async def create(
    request: Request, form: Form, session: Session, caller: Caller, address: Address
) -> Response:
    """Make a chatbot."""
    made = await beginnings.begin(
        session,
        owner_id=caller.user_id,
        name=form.needed("name", "The name"),
        type=form["type"] or None,
        template_id=form["template"] or None,
        actor=caller,
        address=address,
    )
    return go(request, f"{ROOT}/{made.id}", f"{made.name} is made.")


async def draw(scene: Scene) -> Pieces:
    """The list again."""
    asked = scene.says("page")
    number = int(asked) if asked.isdecimal() and len(asked) < 6 else 0
    return {"#list": render("chatbots/_list.html", **await _rows(scene, number))}


_HEARD: tuple[type[Event], ...] = (
    BotCreated,
    BotChanged,
    BotDeleted,
    Deployed,
    TrainingFinished,
    TrainingFailed,
)
LIVE = {"chatbots": View(frozenset(event.name for event in _HEARD), draw)}
