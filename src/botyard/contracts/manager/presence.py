"""Beyond the document: bots that say hello, that they are there, and goodbye."""

from typing import Annotated, Literal

from fastapi import Depends
from pydantic import BaseModel, Field

from botyard.contracts.manager.envelope import section
from botyard.contracts.manager.schemas import Json, Ok
from botyard.core.bots import service as bots
from botyard.core.bots.models import BotKind
from botyard.edge.caller import Caller
from botyard.edge.parts import part
from botyard.edge.session import Reader
from botyard.features.fleet.presence import Presence
from botyard.kit import clock

router = section("Presence", prefix="/api/bot/{bot_id}")

Watch = Annotated[Presence, Depends(part(Presence))]


class Hello(BaseModel):
    """What a bot says of itself."""

    version: str = Field("", max_length=100)
    capabilities: list[Annotated[str, Field(max_length=100)]] = Field([], max_length=200)
    host: str = Field("", max_length=200)


class BotName(BaseModel):
    """Which bot the token belongs to."""

    id: str
    name: str


class Welcome(BaseModel):
    """What a bot needs to begin."""

    status: Literal["ok"] = "ok"
    bot: BotName
    settings: Json
    server_time: str


@router.post("/hello")
async def hello(bot_id: str, body: Hello, session: Reader, caller: Caller, presence: Watch) -> Welcome:
    """Begin: the bot tells what it is and learns its name and settings."""
    bot = await bots.get_for(session, bot_id, kind=BotKind.fleet, caller=caller)
    await presence.describe(caller, body.model_dump())
    return Welcome(
        bot=BotName(id=bot.id, name=bot.name), settings=bot.settings, server_time=clock.rfc3339(clock.now())
    )


@router.post("/heartbeat")
async def heartbeat(bot_id: str, caller: Caller) -> Ok:
    """Stay online; any other call does the same."""
    return Ok()


@router.post("/bye")
async def bye(bot_id: str, caller: Caller, presence: Watch) -> Ok:
    """Go offline at once."""
    await presence.bye(caller)
    return Ok()
