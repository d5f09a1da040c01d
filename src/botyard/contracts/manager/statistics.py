"""Document section "Statistics & Analytics APIs"."""

from typing import Annotated

from fastapi import Depends
from pydantic import BaseModel

from botyard.contracts.manager.bots import CommandCounts, command_counts
from botyard.contracts.manager.envelope import section
from botyard.contracts.manager.realtime import Sockets
from botyard.core.accounts import profiles
from botyard.core.bots import service as bots
from botyard.core.bots.models import BotKind
from botyard.edge.caller import Caller
from botyard.edge.parts import Stream, part
from botyard.edge.session import Reader
from botyard.features.fleet import stats

router = section("Statistics", prefix="/api/stats")


class Overview(BaseModel):
    """Numbers of everything for administrators, of one's own otherwise (M-11)."""

    total_users: int
    total_bots: int
    user_bots: int
    total_commands: int
    pending_commands: int
    total_logs: int
    total_messages: int
    connected_clients: int


@router.get("/overview")
async def overview(
    session: Reader, stream: Stream, caller: Caller, sockets: Annotated[Sockets, Depends(part(Sockets))]
) -> Overview:
    """Answer the numbers of the yard."""
    owner_id = None if caller.is_admin else caller.user_id
    tallies = await stats.of_owner(stream, owner_id=owner_id)
    return Overview(
        total_users=await profiles.count(session),
        total_bots=await bots.count(session, kind=BotKind.fleet, owner_id=owner_id),
        user_bots=await bots.count(session, kind=BotKind.fleet, owner_id=caller.user_id),
        total_commands=tallies["commands"],
        pending_commands=tallies["commands_pending"],
        total_logs=tallies["logs"],
        total_messages=tallies["messages"],
        connected_clients=sockets.connected(owner_id),
    )


class BotStatistics(CommandCounts):
    """Numbers of one bot."""

    total_logs: int
    total_messages: int
    command_types: dict[str, int]


@router.get("/bot/{bot_id}")
async def bot_statistics(bot_id: str, session: Reader, stream: Stream, caller: Caller) -> BotStatistics:
    """Answer the numbers of one bot."""
    bot = await bots.get_for(session, bot_id, kind=BotKind.fleet, caller=caller)
    tallies = await stats.of_bot(stream, bot_id=bot.id)
    types = {name.removeprefix("type:"): n for name, n in tallies.items() if name.startswith("type:")}
    return BotStatistics(
        **command_counts(tallies),
        total_logs=tallies["logs"],
        total_messages=tallies["messages"],
        command_types=types,
    )
