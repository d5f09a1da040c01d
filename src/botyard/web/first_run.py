"""First steps: from an empty server to a bot that answered a command."""

from dataclasses import dataclass, replace

from fastapi import APIRouter, Request
from starlette.responses import Response

from botyard.core.accounts import second_factor
from botyard.core.accounts.models import User
from botyard.core.bots import service as bots
from botyard.core.bots.models import BotKind
from botyard.edge.guard import GuardedRoute
from botyard.features.fleet import stats
from botyard.features.fleet.events import CommandChanged, PresenceChanged
from botyard.kit.db import Database
from botyard.web import bot_rows
from botyard.web.rendering import render
from botyard.web.scene import Pieces, Scene, View, live_address
from botyard.web.shell import PageFor, SceneFor, go

router = APIRouter(route_class=GuardedRoute)
PATH = "/welcome"
_SKIPPED = "welcome"
_YEAR_S = 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the tour; `opens` names a dialog, `href` a page. `now` is the first that is to be done."""

    title: str
    text: str
    action: str
    done: bool
    href: str = ""
    opens: str = ""
    optional: bool = False
    now: bool = False


async def is_due(request: Request, db: Database, user: User) -> bool:
    """Whether somebody who signs in is shown the tour: nobody who skipped it or has a bot."""
    if request.cookies.get(_SKIPPED) == "skipped":
        return False
    async with db.reader() as session:
        return await bots.count(session, owner_id=user.id) == 0


@router.get(PATH)
async def page(page: PageFor, scene: SceneFor) -> Response:
    """The tour as far as it has come."""
    return page.show("welcome.html", steps=await steps(scene), live=live_address("welcome", {}))


@router.post(f"{PATH}/skip")
async def skip(request: Request) -> Response:
    """Never show the tour by itself again in this browser."""
    response = go(request, "/")
    response.set_cookie(_SKIPPED, "skipped", max_age=_YEAR_S, httponly=True, samesite="lax")
    return response


async def steps(scene: Scene) -> list[Step]:
    """What is done is read from what there is, so the tour can be left and taken up anywhere."""
    user_id = scene.caller.user_id
    async with scene.db.reader() as session:
        secured = await second_factor.is_on(session, user_id)
        mine = await bots.list_bots(session, kind=BotKind.fleet, owner_id=user_id, limit=1)
    counts = await stats.of_owner(scene.stream, owner_id=user_id)
    seen = bool(mine) and bool(await scene.presence.last_seen([bot.id for bot in mine]))
    bot = await bot_rows.one(scene, mine[0]) if mine else None
    place = f"/fleet/{bot.id}" if bot else "/fleet"
    answered = counts["commands_completed"] > 0
    found = [
        Step(
            "Make a bot",
            "A name is enough. It gets a token, which it signs in with from wherever it runs.",
            "New bot",
            bot is not None,
            opens="new-bot",
        ),
        Step(
            "Let it join",
            "Start the agent with the token on the bot's own machine. It shows as online within seconds.",
            "Show how",
            seen or answered,
            href=f"{place}/access",
        ),
        Step(
            "Send it a command",
            "Send the command ping; the bot takes it, runs it, and its answer shows live.",
            "Open its commands",
            answered,
            href=f"{place}/commands#send-command",
        ),
        Step(
            "Protect your account",
            "With a second factor a stolen password is not enough to sign in as you.",
            "Set it up",
            secured,
            href="/account/security",
            optional=True,
        ),
    ]
    return _with_now(found)


def _with_now(found: list[Step]) -> list[Step]:
    following = next((step for step in found if not step.done), None)
    return [replace(step, now=step is following) for step in found]


async def draw(scene: Scene) -> Pieces:
    """The steps again."""
    return {"#steps": render("_steps.html", steps=await steps(scene))}


LIVE = View(frozenset({PresenceChanged.name, CommandChanged.name, "bot.created", "bot.deleted"}), draw)
