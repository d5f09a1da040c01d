"""Document section "Data Export APIs"."""

from typing import Annotated, Any

from fastapi import Depends, Query
from pydantic import BaseModel

from botyard.contracts.manager.envelope import section
from botyard.contracts.manager.schemas import (
    Json,
    Log,
    Message,
    bot_owned,
    command_json,
    log_json,
    message_json,
)
from botyard.core.accounts.types import Principal
from botyard.core.bots import service as bots
from botyard.core.bots.models import BotKind
from botyard.core.ingest.reader import Row
from botyard.edge.caller import Caller
from botyard.edge.parts import Stream, part
from botyard.edge.query import Whole
from botyard.edge.session import Reader
from botyard.features.fleet import commands, data, records
from botyard.features.fleet.presence import Presence
from botyard.kit import clock

router = section("Export", prefix="/api/export")

Watch = Annotated[Presence, Depends(part(Presence))]
MAX_ROWS = 10_000
Limit = Annotated[int, Whole, Query(ge=1, le=MAX_ROWS, description="How many at most.")]


class LogExport(BaseModel):
    """Log lines as a file would hold them."""

    exported_at: str
    count: int
    logs: list[Log]


class MessageExport(BaseModel):
    """Messages as a file would hold them."""

    exported_at: str
    count: int
    messages: list[Message]


async def visible_rows(
    table: str, session: Reader, stream: Stream, caller: Principal, *, bot_id: str | None, limit: int
) -> list[Row]:
    """Rows of one's own bots, newest first; of all bots for administrators (M-12). Raises NotFound for a
    bot that is not the caller's."""
    if bot_id:
        bot = await bots.get_for(session, bot_id, kind=BotKind.fleet, caller=caller)
        return await records.list_rows(stream, table, bot_id=bot.id, limit=limit)
    owner_id = None if caller.is_admin else caller.user_id
    return await records.list_rows(stream, table, owner_id=owner_id, limit=limit)


@router.get("/logs", response_model=LogExport)
async def export_logs(
    session: Reader, stream: Stream, caller: Caller, bot_id: str | None = None, limit: Limit = 1000
) -> Any:
    """Export log lines."""
    rows = await visible_rows("logs", session, stream, caller, bot_id=bot_id, limit=limit)
    logs = [log_json(row) for row in rows]
    return {"exported_at": clock.rfc3339(clock.now()), "count": len(logs), "logs": logs}


@router.get("/messages", response_model=MessageExport)
async def export_messages(
    session: Reader, stream: Stream, caller: Caller, bot_id: str | None = None, limit: Limit = 1000
) -> Any:
    """Export messages."""
    rows = await visible_rows("messages", session, stream, caller, bot_id=bot_id, limit=limit)
    messages = [message_json(row) for row in rows]
    return {"exported_at": clock.rfc3339(clock.now()), "count": len(messages), "messages": messages}


class BotExport(BaseModel):
    """Everything of one bot."""

    exported_at: str
    bot: Json
    data: Json | None
    commands: list[Json]
    logs: list[Json]
    messages: list[Json]


@router.get("/bot-data/{bot_id}")
async def export_bot(
    bot_id: str, session: Reader, stream: Stream, caller: Caller, presence: Watch
) -> BotExport:
    """Export everything of one bot: up to 10,000 of its newest commands, log lines and messages each."""
    bot = await bots.get_for(session, bot_id, kind=BotKind.fleet, caller=caller)
    logs = await records.list_rows(stream, "logs", bot_id=bot.id, limit=MAX_ROWS)
    messages = await records.list_rows(stream, "messages", bot_id=bot.id, limit=MAX_ROWS)
    online = await presence.online([bot.id])
    return BotExport(
        exported_at=clock.rfc3339(clock.now()),
        bot={
            **bot_owned(bot, online=bot.id in online).model_dump(),
            "metadata": bot.extra,
            "settings": bot.settings,
        },
        data=(await data.get(stream, bot_id=bot.id)).data,
        commands=[command_json(row) for row in await commands.history(stream, bot_id=bot.id, limit=MAX_ROWS)],
        logs=[log_json(row) for row in logs],
        messages=[message_json(row) for row in messages],
    )
