"""Document section "Bot Management APIs"."""

from typing import Annotated, Any

from fastapi import Depends
from pydantic import BaseModel, Field

from botyard.contracts.manager.envelope import section
from botyard.contracts.manager.schemas import BotMine, Json, Success, Text, at, bot_mine
from botyard.contracts.manager.users import MOST, OwnedList, owned_list
from botyard.core.accounts.types import Principal
from botyard.core.bots import service as bots
from botyard.core.bots.models import Bot, BotKind
from botyard.edge.caller import Address, Caller
from botyard.edge.parts import Stream, part
from botyard.edge.session import Reader, Session
from botyard.features.fleet import data, stats
from botyard.features.fleet.presence import Presence

router = section("Bots")

Watch = Annotated[Presence, Depends(part(Presence))]


class MyBots(BaseModel):
    """Bots and how many are in this answer."""

    bots: list[BotMine]
    count: int


@router.get("/api/my-bots")
async def list_bots(session: Reader, caller: Caller, presence: Watch) -> MyBots:
    """List one's own bots, oldest first."""
    found = await bots.list_bots(session, kind=BotKind.fleet, owner_id=caller.user_id, limit=MOST)
    online = await presence.online([bot.id for bot in found])
    rows = [bot_mine(bot, online=bot.id in online) for bot in found]
    return MyBots(bots=rows, count=len(rows))


Metadata = Annotated[Json | None, Field(description="Any object, at most 256 KiB as JSON.")]


class NewBot(BaseModel):
    """A bot to be."""

    name: Text
    metadata: Metadata = None


class BotMade(Success):
    """The new bot and the token that it signs in with."""

    bot_id: str
    token: str


@router.post("/api/my-bots")
async def create_bot(body: NewBot, session: Session, caller: Caller, address: Address) -> BotMade:
    """Make a bot and its token."""
    bot = await bots.create(
        session,
        owner_id=caller.user_id,
        kind=BotKind.fleet,
        name=body.name,
        extra=body.metadata,
        actor=caller,
        address=address,
    )
    return BotMade(bot_id=bot.id, token=await bots.issue_token(session, bot, actor=caller))


class BotFull(BotMine):
    """A bot and when it was last heard of."""

    last_active: str | None


class BotAnswer(BaseModel):
    """One bot."""

    bot: BotFull


@router.get("/api/my-bots/{bot_id}")
async def get_bot(bot_id: str, session: Reader, caller: Caller, presence: Watch) -> BotAnswer:
    """Answer one of one's own bots."""
    bot = await _mine(session, bot_id, caller)
    seen = await presence.last_seen([bot.id])
    return BotAnswer(
        bot=BotFull(**(await _shown(bot, presence)).model_dump(), last_active=at(seen.get(bot.id)))
    )


class BotChange(BaseModel):
    """Absent fields stay."""

    name: Text | None = None
    metadata: Metadata = None


@router.put("/api/my-bots/{bot_id}")
async def update_bot(bot_id: str, body: BotChange, session: Session, caller: Caller) -> Success:
    """Change name or metadata."""
    await bots.update(session, await _mine(session, bot_id, caller), name=body.name, extra=body.metadata)
    return Success()


@router.delete("/api/my-bots/{bot_id}")
async def delete_bot(bot_id: str, session: Session, caller: Caller, address: Address) -> Success:
    """Delete a bot with its logs, messages and commands."""
    await bots.delete(session, await _mine(session, bot_id, caller), actor=caller, address=address)
    return Success()


class Token(BaseModel):
    """What the bot signs in with."""

    token: str


@router.get("/api/my-bots/{bot_id}/token")
async def get_token(bot_id: str, session: Session, caller: Caller, address: Address) -> Token:
    """Show the bot's token; every look is audited."""
    bot = await _mine(session, bot_id, caller)
    return Token(token=await bots.reveal_token(session, bot, actor=caller, address=address))


class NewToken(Success):
    """The token that replaces the former one."""

    token: str


@router.post("/api/my-bots/{bot_id}/regenerate-token")
async def regenerate_token(bot_id: str, session: Session, caller: Caller, address: Address) -> NewToken:
    """Replace the bot's token; the former one stops working at once."""
    bot = await _mine(session, bot_id, caller)
    return NewToken(token=await bots.issue_token(session, bot, actor=caller, address=address))


class BotData(BaseModel):
    """What the bot last synced, null before the first time."""

    data: Json | None


@router.get("/api/my-bots/{bot_id}/data")
async def get_data(bot_id: str, session: Reader, caller: Caller, stream: Stream) -> BotData:
    """Answer what the bot last synced."""
    bot = await _mine(session, bot_id, caller)
    return BotData(data=(await data.get(stream, bot_id=bot.id)).data)


@router.get("/api/admin/bots")
async def list_all_bots(session: Reader, presence: Watch) -> OwnedList:
    """List the bots of every account."""
    return await owned_list(session, presence, owner_id=None)


class CommandCounts(BaseModel):
    """How a bot's commands stand."""

    total_commands: int
    pending_commands: int
    completed_commands: int
    failed_commands: int


class BotInfo(BaseModel):
    """A bot, its commands' counts and whether it is there."""

    bot: BotMine
    stats: CommandCounts
    online: bool


@router.get("/api/bot/{bot_id}/info")
async def bot_info(bot_id: str, session: Reader, caller: Caller, stream: Stream, presence: Watch) -> BotInfo:
    """Answer a bot with its numbers."""
    bot = await bots.get_for(session, bot_id, kind=BotKind.fleet, caller=caller)
    shown = await _shown(bot, presence)
    counts = CommandCounts(**command_counts(await stats.of_bot(stream, bot_id=bot_id)))
    return BotInfo(bot=shown, stats=counts, online=shown.status == "online")


def command_counts(tallies: dict[str, int]) -> dict[str, Any]:
    """The four counts that the document shows of commands."""
    return {
        "total_commands": tallies["commands"],
        "pending_commands": tallies["commands_pending"],
        "completed_commands": tallies["commands_completed"],
        "failed_commands": tallies["commands_failed"],
    }


async def _mine(session: Reader, bot_id: str, caller: Principal) -> Bot:
    return await bots.get(session, bot_id, kind=BotKind.fleet, owner_id=caller.user_id)


async def _shown(bot: Bot, presence: Presence) -> BotMine:
    return bot_mine(bot, online=bot.id in await presence.online([bot.id]))
