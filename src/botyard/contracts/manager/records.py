"""Document section "Logs & Messages APIs"; its posts are hot routes."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from fastapi import Request, Response
from pydantic import BaseModel

from botyard.contracts.manager.envelope import section
from botyard.contracts.manager.exports import visible_rows
from botyard.contracts.manager.schemas import Json, Log, Message, Ok, at, log_json, message_json
from botyard.core.accounts.types import Principal
from botyard.core.bots import service as bots
from botyard.core.bots.models import BotKind
from botyard.core.ingest.writer import Writer
from botyard.edge import body as bodies
from botyard.edge import fast
from botyard.edge.caller import Caller, is_bot
from botyard.edge.idempotency import Once
from botyard.edge.parts import Ingest, Stream
from botyard.edge.query import Limit
from botyard.edge.session import Reader
from botyard.features.fleet import data, records
from botyard.features.fleet.types import NewLog, NewMessage
from botyard.kit import clock
from botyard.kit.db import Database

router = section("Logs and messages")
hot = section("Logs and messages", hot=True)

_Filled = Annotated[str, msgspec.Meta(min_length=1)]


class LogIn(msgspec.Struct):
    """A log line on the wire."""

    type: Literal["info", "error", "warning"]
    message: _Filled
    metadata: dict[str, Any] | None = None
    timestamp: datetime | None = None


class MessageIn(msgspec.Struct):
    """A message on the wire."""

    message: _Filled
    author_id: str
    author_name: str
    thread_id: str
    thread_type: Literal["GROUP", "USER"]
    metadata: dict[str, Any] | None = None
    timestamp: datetime | None = None


_logs = msgspec.json.Decoder(LogIn | list[LogIn])
_messages = msgspec.json.Decoder(MessageIn | list[MessageIn])


class LogList(BaseModel):
    """Log lines and how many are in this answer."""

    logs: list[Log]
    count: int


@router.get("/api/logs", response_model=LogList)
async def list_logs(
    session: Reader, stream: Stream, caller: Caller, bot_id: str | None = None, limit: Limit = 100
) -> Any:
    """List log lines of one's own bots, newest first."""
    rows = await visible_rows("logs", session, stream, caller, bot_id=bot_id, limit=limit)
    return {"logs": [log_json(row) for row in rows], "count": len(rows)}


class Received(Ok):
    """How many lines are stored."""

    received: int


def _one_or_many(item: dict[str, Any]) -> dict[str, Any]:
    many = {"type": "array", "items": item, "maxItems": records.MAX_ROWS}
    return fast.body_schema({"anyOf": [item, many]})


_TIMESTAMP = {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}
_METADATA = {"anyOf": [{"type": "object"}, {"type": "null"}]}
_LOG_SCHEMA = {
    "type": "object",
    "required": ["type", "message"],
    "properties": {
        "type": {"enum": ["info", "error", "warning"]},
        "message": {"type": "string", "minLength": 1},
        "metadata": _METADATA,
        "timestamp": _TIMESTAMP,
    },
}
_MESSAGE_SCHEMA = {
    "type": "object",
    "required": ["message", "author_id", "author_name", "thread_id", "thread_type"],
    "properties": {
        "message": {"type": "string", "minLength": 1},
        "author_id": {"type": "string"},
        "author_name": {"type": "string"},
        "thread_id": {"type": "string"},
        "thread_type": {"enum": ["GROUP", "USER"]},
        "metadata": _METADATA,
        "timestamp": _TIMESTAMP,
    },
}


@hot.post(
    "/api/bot/{bot_id}/logs", openapi_extra=_one_or_many(_LOG_SCHEMA), responses={200: {"model": Received}}
)
async def post_logs(request: Request) -> Response:
    """Store one log line or many, all or none of them; answers when they are on disk."""
    owner_id = await owner_of(request)
    content = await fast.content(request)
    body = bodies.decode(content, _logs)
    logs = [
        NewLog(line.type, line.message, line.metadata, _moment(line.timestamp))
        for line in (body if isinstance(body, list) else (body,))
    ]
    received = await records.append_logs(
        _writer(request),
        bot_id=request.path_params["bot_id"],
        owner_id=owner_id,
        logs=logs,
        key=fast.request_key(request, content),
    )
    return fast.answer({"status": "ok", "received": received})


class MessageList(BaseModel):
    """Messages and how many are in this answer."""

    messages: list[Message]
    count: int


@router.get("/api/messages", response_model=MessageList)
async def list_messages(
    session: Reader, stream: Stream, caller: Caller, bot_id: str | None = None, limit: Limit = 100
) -> Any:
    """List messages of one's own bots, newest first."""
    rows = await visible_rows("messages", session, stream, caller, bot_id=bot_id, limit=limit)
    return {"messages": [message_json(row) for row in rows], "count": len(rows)}


@hot.post(
    "/api/bot/{bot_id}/messages",
    openapi_extra=_one_or_many(_MESSAGE_SCHEMA),
    responses={200: {"model": Received}},
)
async def post_messages(request: Request) -> Response:
    """Store one message or many, all or none of them; answers when they are on disk."""
    owner_id = await owner_of(request)
    content = await fast.content(request)
    body = bodies.decode(content, _messages)
    messages = [
        NewMessage(
            one.message,
            one.author_id,
            one.author_name,
            one.thread_id,
            one.thread_type,
            one.metadata,
            _moment(one.timestamp),
        )
        for one in (body if isinstance(body, list) else (body,))
    ]
    received = await records.append_messages(
        _writer(request),
        bot_id=request.path_params["bot_id"],
        owner_id=owner_id,
        messages=messages,
        key=fast.request_key(request, content),
    )
    return fast.answer({"status": "ok", "received": received})


class Sync(BaseModel):
    """What the bot knows of its world."""

    groups: list[Any]
    friends: list[Any]
    metadata: Json | None = None


@router.post("/api/bot/{bot_id}/sync")
async def sync(bot_id: str, body: Sync, session: Reader, writer: Ingest, caller: Caller, once: Once) -> Ok:
    """Replace what is kept of the bot's friends, groups and the like: at most 1 MiB as JSON together."""
    bot = await bots.get_for(session, bot_id, kind=BotKind.fleet, caller=caller)
    await data.sync(
        writer, bot_id=bot.id, owner_id=bot.owner_id, data=body.model_dump(exclude_none=True), key=once
    )
    return Ok()


class Synced(BaseModel):
    """What the bot last synced; nulls before the first time (M-14)."""

    data: Json | None
    source: Literal["database", "memory"]
    updated_at: str | None


@router.get("/api/bot/{bot_id}/data")
async def get_data(bot_id: str, session: Reader, stream: Stream, caller: Caller) -> Synced:
    """Answer what the bot last synced."""
    bot = await bots.get_for(session, bot_id, kind=BotKind.fleet, caller=caller)
    synced = await data.get(stream, bot_id=bot.id)
    return Synced(data=synced.data, source="database", updated_at=at(synced.updated_us))


async def owner_of(request: Request) -> int:
    """The account of the bot in the path. A bot's own token says it; anybody else is looked up."""
    caller: Principal = fast.caller(request)
    if is_bot(caller):
        return caller.user_id
    db: Database = request.app.state.db
    async with db.reader() as session:
        bot = await bots.get_for(session, request.path_params["bot_id"], kind=BotKind.fleet, caller=caller)
    return bot.owner_id


def _writer(request: Request) -> Writer:
    writer: Writer = request.app.state.db.parts.get(Writer)
    return writer


def _moment(timestamp: datetime | None) -> int | None:
    if timestamp is None:
        return None
    return clock.to_us(timestamp if timestamp.tzinfo else timestamp.replace(tzinfo=UTC))
