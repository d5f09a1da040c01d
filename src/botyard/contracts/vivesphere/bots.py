"""Document section "2. Bot Manager Microservice"; nothing is sent to X by it (V-11)."""

from typing import Literal

from pydantic import BaseModel

from botyard.contracts.vivesphere.envelope import section
from botyard.contracts.vivesphere.schemas import Json, Text
from botyard.core.bots import secrets
from botyard.core.bots import service as bots
from botyard.core.bots.models import BotKind
from botyard.edge.caller import Address, Caller
from botyard.edge.session import Reader, Session

router = section("Bots")


class NewBot(BaseModel):
    """Name, unique among one's own bots, and credentials, which go into the vault and never come back (V-03)."""

    bot_name: Text
    credentials: Json


class BotMade(BaseModel):
    """The new bot's id."""

    bot_id: str
    status: Literal["created"] = "created"


@router.post("/bots/create", status_code=201)
async def create_bot(body: NewBot, session: Session, caller: Caller, address: Address) -> BotMade:
    """Make a bot that acts on X."""
    bot = await bots.create(
        session,
        owner_id=caller.user_id,
        kind=BotKind.x,
        name=body.bot_name,
        actor=caller,
        address=address,
    )
    await secrets.store_credentials(session, bot, body.credentials, actor=caller, address=address)
    return BotMade(bot_id=bot.id)


class BotIds(BaseModel):
    """Ids of one's own bots, oldest first."""

    bots: list[str]


@router.get("/bots/list")
async def list_bots(session: Reader, caller: Caller, user_id: str | None = None) -> BotIds:
    """List the caller's bots; `user_id` is accepted and not needed, the token decides (V-02)."""
    return BotIds(bots=await bots.list_ids(session, kind=BotKind.x, owner_id=caller.user_id))
