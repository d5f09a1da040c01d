"""What people do with an X bot: post, take back, settle what is open, verify, change its keys, remove it."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from botyard.core.bots import secrets
from botyard.core.bots import service as bots
from botyard.core.bots.models import BotKind
from botyard.edge.caller import Address, Caller
from botyard.edge.guard import GuardedRoute
from botyard.edge.session import Session, Stores
from botyard.features.studio import calls, connect, posts, spend
from botyard.features.studio.calls import Line
from botyard.features.studio.errors import PlatformOff, SpendCapReached
from botyard.features.studio.platform import Post
from botyard.kit.errors import Invalid
from botyard.settings import Settings
from botyard.web import words
from botyard.web.forms import Form
from botyard.web.proof import prove
from botyard.web.shell import go, part
from botyard.web.x_bot import Connector, Draft, XBotOf, redirect_uri
from botyard.web.x_bots import PLATFORM, XState, credentials

router = APIRouter(prefix="/x-bots/{bot_id}", route_class=GuardedRoute)
_LONGEST = 25_000  # of a draft that is measured


@router.post("/measure")
async def measure(form: Form, bot: XBotOf, platform: Connector) -> Response:
    """How long the text is as X counts, and what posting it costs."""
    return part(
        "_x_measure.html", "#measure", closes=False, draft=Draft.of(platform, _text(form["text"])[:_LONGEST])
    )


@router.post("/review")
async def review(form: Form, bot: XBotOf, platform: Connector, session: Session) -> Response:
    """Show what would be posted and what it costs, before anything leaves."""
    text = _text(form["text"])
    post = Post(text)
    platform.check(post)
    state = await XState.read(session)
    return part(
        "_x_review.html",
        "#review",
        bot=bot,
        text=text,
        ai=form["ai"] == "yes",
        intent=form["intent"],
        draft=Draft.of(platform, text),
        left=words.usd(state.month.left_usd),
        hindrance=await _hindrance(session, platform, post),
    )


async def _hindrance(session: Session, platform: Connector, post: Post) -> str:
    """Why the post would not be sent as things stand, and what to do then; empty where it would."""
    try:
        await spend.require_room(session, PLATFORM, platform.prices[platform.call_for(post)].usd)
    except (PlatformOff, SpendCapReached) as error:
        return str(error)
    return ""


@router.post("/posts")
async def post(
    request: Request, bot: XBotOf, form: Form, session: Session, caller: Caller, address: Address
) -> Response:
    """Have the text posted."""
    await posts.ask(
        session,
        bot,
        text=_text(form["text"]),
        made_with_ai=form["ai"] == "yes",
        intent=form["intent"],
        actor=caller,
        address=address,
    )
    return go(request, f"/x-bots/{bot.id}", "The post is on its way to X.")


@router.post("/posts/{post_id}/delete")
async def delete_post(
    request: Request, bot: XBotOf, post_id: str, session: Session, caller: Caller, address: Address
) -> Response:
    """Take a post back on X."""
    await posts.take_back(session, bot, post_id, actor=caller, address=address)
    return go(request, f"/x-bots/{bot.id}", "The post is being deleted on X.")


@router.post("/posts/{intent}/cancel")
async def cancel_post(
    request: Request, bot: XBotOf, intent: str, session: Session, caller: Caller, address: Address
) -> Response:
    """Let a post that waits not be sent."""
    await posts.cancel(session, bot, intent, actor=caller, address=address)
    return go(request, f"/x-bots/{bot.id}", "The post is cancelled; nothing of it is sent.")


@router.post("/posts/{intent}/settle")
async def settle(
    request: Request,
    bot: XBotOf,
    intent: str,
    form: Form,
    session: Session,
    caller: Caller,
    address: Address,
) -> Response:
    """Say what became of a post that X never confirmed."""
    happened = form["happened"] == "yes"
    await posts.settle(
        session, bot, intent, happened=happened, link=form["link"].strip(), actor=caller, address=address
    )
    said = "The post is marked as published." if happened else "The post is sent again."
    return go(request, f"/x-bots/{bot.id}", said)


@router.post("/metrics")
async def metrics(bot: XBotOf, db: Stores) -> Response:
    """Ask X how the newest posts fare."""
    async with db.reader() as session:
        found = await posts.list_posts(session, bot)
    figures = await calls.metrics(Line.of(db, bot), posts.published(found))
    texts = {each.post_id: each for each in found}
    return part("_x_metrics.html", "#metrics", figures=[(each, texts[each.post_id]) for each in figures])


@router.post("/verify")
async def verify(request: Request, bot: XBotOf, db: Stores) -> Response:
    """Ask X who the keys belong to."""
    account = await calls.verify(Line.of(db, bot))
    return go(request, f"/x-bots/{bot.id}/access", f"X knows these keys: they belong to {account.handle}.")


@router.post("/keys")
async def store_keys(
    request: Request, bot: XBotOf, form: Form, session: Session, caller: Caller, address: Address
) -> Response:
    """Put new keys in place of those that are stored."""
    keys = credentials(form)
    if not keys:
        raise Invalid("Fill in the keys of one of the two ways.", details={"field": "consumer_key"})
    held = await bots.get_for(session, bot.id, kind=BotKind.x, caller=caller)
    await secrets.store_credentials(session, held, keys, actor=caller, address=address)
    await bots.update(session, held, extra=calls.unverified(held.extra))
    return go(request, f"/x-bots/{bot.id}/access", "The keys are stored. Verify them next.")


@router.post("/connect")
async def begin_connecting(request: Request, bot: XBotOf, db: Stores, caller: Caller) -> Response:
    """Send the account's owner to X, to allow it there."""
    back = redirect_uri(request, db.parts.get(Settings))
    async with db.session() as session:
        url = await connect.begin(session, Line.of(db, bot), redirect_uri=back, caller=caller)
    return go(request, url)


@router.post("/name")
async def rename(request: Request, bot: XBotOf, form: Form, session: Session, caller: Caller) -> Response:
    """Call the bot something else."""
    held = await bots.get_for(session, bot.id, kind=BotKind.x, caller=caller)
    await bots.update(session, held, name=form["name"])
    return go(request, f"/x-bots/{bot.id}/access", "The name is saved.")


@router.post("/delete")
async def delete(
    request: Request, bot_id: str, form: Form, db: Stores, caller: Caller, address: Address
) -> Response:
    """Remove the bot and its keys; its posts stay on X."""
    await prove(db, caller, form, address)
    async with db.session() as session:
        bot = await bots.get_for(session, bot_id, kind=BotKind.x, caller=caller)
        await bots.delete(session, bot, actor=caller, address=address)
    return go(request, "/x-bots", f"{bot.name} is removed. What it posted stays on X.")


def _text(text: str) -> str:
    """As it was typed: browsers send line ends of two characters, X counts one."""
    return text.replace("\r\n", "\n").strip()
