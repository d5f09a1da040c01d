"""Document section "Bot Operations APIs"."""

from pydantic import BaseModel, Field

from botyard.contracts.manager.envelope import section
from botyard.contracts.manager.schemas import (
    CommandAnswer,
    CommandList,
    Json,
    Text,
    command_json,
    command_list,
)
from botyard.core.accounts.types import Principal
from botyard.core.bots import service as bots
from botyard.core.bots.models import BotKind
from botyard.edge.caller import Caller
from botyard.edge.idempotency import Once
from botyard.edge.parts import Ingest, Stream
from botyard.edge.query import Limit
from botyard.edge.session import Reader, Session
from botyard.features.fleet import commands
from botyard.features.fleet.types import CommandRecord
from botyard.kit.db import Session as UnitOfWork

router = section("Operations", prefix="/api/bot/{bot_id}")


class NewCommand(BaseModel):
    """What to do; the last four fields are ours."""

    type: Text
    payload: Json | None = None
    priority: int = Field(0, ge=-1000, le=1000, description="Higher ones are handed out first.")
    delay: float = Field(0, ge=0, le=31_536_000, description="Seconds before it may be handed out.")
    expires_in: float | None = Field(None, gt=0, le=31_536_000, description="Seconds after which it is void.")
    dedup_key: str | None = Field(None, max_length=200, description="The same key again queues nothing new.")


async def queue(
    session: UnitOfWork, writer: Ingest, caller: Principal, bot_id: str, body: NewCommand, once: Once
) -> CommandRecord:
    """Queue a command for a bot that the caller may work with; the same `once` again queues nothing new."""
    bot = await bots.get_for(session, bot_id, kind=BotKind.fleet, caller=caller)
    return await commands.create(
        writer,
        bot_id=bot.id,
        owner_id=bot.owner_id,
        created_by=caller.user_id,
        type=body.type,
        payload=body.payload,
        priority=body.priority,
        delay_s=body.delay,
        expires_in_s=body.expires_in,
        dedup_key=body.dedup_key,
        key=once,
    )


def _answer(command: CommandRecord) -> CommandAnswer:
    return CommandAnswer.model_validate({"command": command_json(command)})


@router.post("/send-command")
async def send_command(
    bot_id: str, body: NewCommand, session: Reader, writer: Ingest, caller: Caller, once: Once
) -> CommandAnswer:
    """Queue a command for a bot."""
    return _answer(await queue(session, writer, caller, bot_id, body, once))


@router.post("/restart")
async def restart(bot_id: str, session: Reader, writer: Ingest, caller: Caller, once: Once) -> CommandAnswer:
    """Ask a bot to restart."""
    return _answer(await queue(session, writer, caller, bot_id, NewCommand(type="restart"), once))


@router.post("/stop")
async def stop(bot_id: str, session: Reader, writer: Ingest, caller: Caller, once: Once) -> CommandAnswer:
    """Ask a bot to stop."""
    return _answer(await queue(session, writer, caller, bot_id, NewCommand(type="stop"), once))


class Settings(BaseModel):
    """The bot's settings."""

    settings: Json


@router.get("/settings")
async def get_settings(bot_id: str, session: Reader, caller: Caller) -> Settings:
    """Answer a bot's settings; the bot itself may ask (M-09)."""
    bot = await bots.get_for(session, bot_id, kind=BotKind.fleet, caller=caller)
    return Settings(settings=bot.settings)


class SettingsChanged(BaseModel):
    """The settings after the change."""

    success: bool = True
    settings: Json


@router.put("/settings")
async def put_settings(bot_id: str, body: Json, session: Session, caller: Caller) -> SettingsChanged:
    """Merge settings at the top level; null removes a key (M-10)."""
    bot = await bots.get_for(session, bot_id, kind=BotKind.fleet, caller=caller)
    return SettingsChanged(settings=await bots.merge_settings(session, bot, body))


@router.get("/commands-history")
async def commands_history(
    bot_id: str,
    session: Reader,
    stream: Stream,
    caller: Caller,
    limit: Limit = 50,
) -> CommandList:
    """List a bot's commands in every state, newest first (M-25)."""
    bot = await bots.get_for(session, bot_id, kind=BotKind.fleet, caller=caller)
    found = await commands.history(stream, bot_id=bot.id, limit=limit)
    return CommandList.model_validate(command_list(found))
