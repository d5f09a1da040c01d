"""One X bot: writing a post, what became of each, how they fare, and its keys."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from botyard.core.accounts import profiles, second_factor
from botyard.core.bots import service as bots
from botyard.core.bots.models import Bot, BotKind
from botyard.core.jobs.events import JobChanged
from botyard.core.vault import list_names
from botyard.edge.guard import GuardedRoute
from botyard.features.studio import posts, spend
from botyard.features.studio.platform import Platform, Post
from botyard.features.studio.registry import Platforms
from botyard.kit import ids
from botyard.settings import Settings
from botyard.web import words
from botyard.web.rendering import render
from botyard.web.scene import Pieces, Scene, View, live_address
from botyard.web.shell import Page, PageFor, SceneFor
from botyard.web.x_bots import CONNECTED, PLATFORM, XBotRow, XState

router = APIRouter(prefix="/x-bots/{bot_id}", route_class=GuardedRoute)
_TABS = (("posts", "Posts", ""), ("access", "Access", "/access"))


async def load(scene: Scene, bot_id: str) -> Bot:
    """An X bot that the viewer may work with. Raises NotFound."""
    async with scene.db.reader() as session:
        return await bots.get_for(session, bot_id, kind=BotKind.x, caller=scene.caller)


async def _bot(request: Request, scene: SceneFor) -> Bot:
    return await load(scene, request.path_params["bot_id"])


async def _connector(scene: SceneFor) -> Platform:
    return scene.db.parts.get(Platforms).get(PLATFORM)


XBotOf = Annotated[Bot, Depends(_bot)]
Connector = Annotated[Platform, Depends(_connector)]


@dataclass(frozen=True, slots=True)
class Draft:
    """A text as X counts it, and what posting it costs."""

    length: int
    limit: int
    price: str

    @classmethod
    def of(cls, platform: Platform, text: str) -> "Draft":
        """Of the text as far as it is written."""
        post = Post(text)
        usd = platform.prices[platform.call_for(post)].usd
        return cls(platform.limits.measure(text), platform.limits.text, words.usd(usd))


async def _show(page: Page, scene: Scene, bot: Bot, tab: str, **context: Any) -> Response:
    tabs = [(key, word, f"/x-bots/{bot.id}{path}") for key, word, path in _TABS]
    async with scene.db.reader() as session:
        owners = await profiles.usernames(session, {bot.owner_id} - {page.viewer.id})
        state = await XState.read(session)
    row = XBotRow.of(bot, owners)
    return page.show(f"x_bot_{tab}.html", bot=row, x=state, tab=tab, tabs=tabs, **context)


@router.get("")
async def posts_tab(page: PageFor, scene: SceneFor, bot: XBotOf, platform: Connector) -> Response:
    """Write a post, and what became of earlier ones."""
    return await _show(
        page,
        scene,
        bot,
        "posts",
        draft=Draft.of(platform, ""),
        intent=ids.new("intent"),
        live=live_address("x-bot", {"bot": bot.id}),
        **await _posts(scene, bot),
    )


async def _posts(scene: Scene, bot: Bot) -> dict[str, Any]:
    platform = scene.db.parts.get(Platforms).get(PLATFORM)
    async with scene.db.reader() as session:
        found = await posts.list_posts(session, bot)
        spent = await spend.spent_by(session, PLATFORM, bot_id=bot.id)
    readable = len(posts.published(found))
    return {
        "posts": found,
        "post_states": words.X_POST,
        "readable": readable,
        "delete_price": words.usd(platform.prices["delete"].usd),
        "metrics_price": words.usd(platform.prices["metrics"].usd * readable),
        "spent": words.usd(spent),
    }


@router.get("/access")
async def access_tab(
    request: Request, page: PageFor, scene: SceneFor, bot: XBotOf, platform: Connector
) -> Response:
    """Keys, account, name and end of the bot."""
    async with scene.db.reader() as session:
        factor = await second_factor.is_on(session, scene.caller.user_id)
        names = await list_names(session, kind="bot", id=bot.id)
    return await _show(
        page,
        scene,
        bot,
        "access",
        second_factor=factor,
        has_keys="credentials" in names,
        verify_price=words.usd(platform.prices["verify"].usd),
        redirect_uri=redirect_uri(request, scene.db.parts.get(Settings)),
    )


def redirect_uri(request: Request, settings: Settings) -> str:
    """The address that is registered at X: what the settings say, else how the reader came here."""
    root = settings.base_url if settings.public_url else str(request.base_url).rstrip("/")
    return f"{root}{CONNECTED}"


# --- live ---------------------------------------------------------------------------------------------


async def check(scene: Scene) -> None:
    """A bot's stream is for those who may see the bot. Raises NotFound."""
    await load(scene, scene.says("bot"))


async def draw(scene: Scene) -> Pieces:
    """The posts again."""
    bot = await load(scene, scene.says("bot"))
    return {"#posts": render("_x_posts.html", bot=bot, **await _posts(scene, bot))}


LIVE = View(frozenset({JobChanged.name}), draw, check=check)
