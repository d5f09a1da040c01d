"""Bots that post on X: the list with what the month costs, making one, and the way back from X's consent page."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from botyard.core.accounts import profiles
from botyard.core.bots import secrets
from botyard.core.bots import service as bots
from botyard.core.bots.models import Bot, BotKind
from botyard.edge.caller import Address, Caller
from botyard.edge.guard import GuardedRoute
from botyard.edge.session import Reader, Session, Stores
from botyard.features.studio import connect, spend
from botyard.features.studio.registry import Platforms
from botyard.features.studio.spend import MonthSummary
from botyard.kit.db import Session as UnitOfWork
from botyard.web.forms import Fields, Form
from botyard.web.lists import PageNumber, slice_of
from botyard.web.shell import PageFor, SceneFor, go

router = APIRouter(prefix="/x-bots", route_class=GuardedRoute)
PLATFORM = "x"
CONNECTED = "/x-bots/connected"
KEYS = ("consumer_key", "consumer_secret", "access_token", "access_token_secret")
APPLICATION = ("client_id", "client_secret")


@dataclass(frozen=True, slots=True)
class XState:
    """Whether X may be called from here, and what the month has cost so far."""

    enabled: bool
    month: MonthSummary

    @classmethod
    async def read(cls, session: UnitOfWork) -> "XState":
        """As it is now."""
        return cls(spend.enabled(session, PLATFORM), await spend.month_summary(session, PLATFORM))

    @property
    def ready(self) -> bool:
        """Whether a call could be made."""
        return self.enabled and self.month.left_usd > 0


@dataclass(frozen=True, slots=True)
class XBotRow:
    """An X bot with its account there. `owner` is empty for one's own."""

    id: str
    name: str
    handle: str
    url: str
    tone: str
    word: str
    trouble: str  # what is wrong with the keys, in a sentence
    verified_at: datetime | None
    owner: str

    @classmethod
    def of(cls, bot: Bot, owners: Mapping[int, str]) -> "XBotRow":
        """From what the platform said of the account last."""
        account = _object(bot.extra.get("account"))
        refused, incomplete = (str(bot.extra.get(name) or "") for name in ("refused", "incomplete"))
        if refused:
            tone, word = "bad", "Refused"
        elif incomplete:
            tone, word = "warn", "Keys missing"
        else:
            tone, word = ("good", "Verified") if account else ("", "Not verified")
        verified_at = _moment(account.get("verified_at"))
        return cls(
            id=bot.id,
            name=bot.name,
            handle=str(account.get("handle", "")),
            url=str(account.get("url", "")),
            tone=tone,
            word=word,
            trouble=refused or incomplete,
            verified_at=verified_at,
            owner=owners.get(bot.owner_id, ""),
        )


@router.get("")
async def page(page: PageFor, scene: SceneFor, reader: Reader, number: PageNumber = 0) -> Response:
    """Every X bot that the viewer may see."""
    found = await bots.list_bots(reader, kind=BotKind.x, owner_id=scene.owner_id)
    owners = await profiles.usernames(reader, {bot.owner_id for bot in found} - {page.viewer.id})
    rows, pager = slice_of(
        [XBotRow.of(bot, owners) for bot in found], path="/x-bots", params={}, page=number, what="bots"
    )
    state = await XState.read(reader)
    prices = scene.db.parts.get(Platforms).get(PLATFORM).prices
    return page.show("x_bots.html", bots=rows, pager=pager, x=state, prices=prices)


@router.post("")
async def create(
    request: Request, form: Form, session: Session, caller: Caller, address: Address
) -> Response:
    """Make an X bot; its keys go straight into the vault."""
    bot = await bots.create(
        session,
        owner_id=caller.user_id,
        kind=BotKind.x,
        name=form.needed("name", "The name"),
        actor=caller,
        address=address,
    )
    if keys := credentials(form):
        await secrets.store_credentials(session, bot, keys, actor=caller, address=address)
    return go(request, f"/x-bots/{bot.id}/access", f"{bot.name} is made.")


@router.get("/connected")
async def connected(
    request: Request,
    db: Stores,
    caller: Caller,
    address: Address,
    state: str = "",
    code: str = "",
) -> Response:
    """Where X sends the account's owner back to, with a code where they allowed it."""
    bot = await connect.finish(db, state=state, code=code, caller=caller, kind=BotKind.x, address=address)
    if not code:
        return go(
            request, f"/x-bots/{bot.id}/access", "X was not allowed to connect the account.", kind="warn"
        )
    return go(
        request, f"/x-bots/{bot.id}/access", "The account is connected. Verify it to see which one it is."
    )


def credentials(form: Fields) -> dict[str, Any]:
    """What a form of keys holds, as the connector knows it; fields left empty are left out."""
    keys = {name: value for name in KEYS if (value := form[name].strip())}
    application = {name: value for name in APPLICATION if (value := form[name].strip())}
    return ({"oauth1": keys} if keys else {}) | ({"oauth2": application} if application else {})


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _moment(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None
