"""Document section "5. Secure Bot Data Storage Microservice"."""

from typing import Annotated, Literal

from fastapi import Query, Response
from pydantic import BaseModel

from botyard.contracts.vivesphere.envelope import section
from botyard.contracts.vivesphere.schemas import Json, Text
from botyard.core.accounts.types import Principal
from botyard.core.bots import secrets
from botyard.core.bots import service as bots
from botyard.core.bots.models import Bot, BotKind
from botyard.edge.caller import Address, Caller
from botyard.edge.session import Session
from botyard.kit.db import Session as UnitOfWork

router = section("Bot data")


class NewData(BaseModel):
    """What to keep of a bot; it takes the place of what was kept before (V-07)."""

    bot_id: Text
    data: Json


class Stored(BaseModel):
    """The data are sealed and on disk."""

    status: Literal["stored"] = "stored"
    bot_id: str


@router.post("/botdata/store", status_code=201)
async def store(body: NewData, session: Session, caller: Caller, address: Address) -> Stored:
    """Seal secret data of a bot."""
    bot = await _own(session, body.bot_id, caller)
    await secrets.store(session, bot, body.data, actor=caller, address=address)
    return Stored(bot_id=bot.id)


class Retrieved(BaseModel):
    """The data in clear."""

    bot_id: str
    data: Json


@router.get("/botdata/retrieve")
async def retrieve(
    session: Session,
    caller: Caller,
    address: Address,
    response: Response,
    bot_id: Annotated[str, Query(min_length=1)],
) -> Retrieved:
    """Open secret data of a bot; each look is written into the audit log."""
    bot = await _own(session, bot_id, caller)
    data = await secrets.retrieve(session, bot, actor=caller, address=address)
    response.headers["Cache-Control"] = "no-store"
    return Retrieved(bot_id=bot.id, data=data)


async def _own(session: UnitOfWork, bot_id: str, caller: Principal) -> Bot:
    """Secrets are their owner's alone: to an administrator, too, other people's bots are not there."""
    return await bots.get(session, bot_id, kind=BotKind.x, owner_id=caller.user_id)
