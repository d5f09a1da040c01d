"""Document section "Commands APIs", with the leases that it needs (M-15)."""

from functools import partial
from typing import Annotated, Any, Literal

import msgspec
from fastapi import Request, Response
from pydantic import BaseModel, Field

from botyard.contracts.manager.envelope import section
from botyard.contracts.manager.operations import NewCommand, queue
from botyard.contracts.manager.records import owner_of
from botyard.contracts.manager.schemas import (
    Command,
    CommandAnswer,
    CommandList,
    Text,
    at,
    command_json,
    command_list,
)
from botyard.core.bots import service as bots
from botyard.core.bots.models import BotKind
from botyard.core.ingest.reader import StreamReader
from botyard.core.ingest.writer import Writer
from botyard.edge import body as bodies
from botyard.edge import fast
from botyard.edge.caller import Caller
from botyard.edge.guard import admit_again
from botyard.edge.idempotency import Once
from botyard.edge.parts import Ingest, Stream
from botyard.edge.query import Limit
from botyard.edge.session import Reader
from botyard.features.fleet import commands
from botyard.features.fleet.bell import CommandBell
from botyard.features.fleet.presence import Presence
from botyard.kit import clock
from botyard.kit.db import Parts
from botyard.kit.errors import Gone

router = section("Commands")
hot = section("Commands", hot=True)

MAX_WAIT_S = 60


@router.get("/api/commands")
async def list_commands(
    session: Reader,
    stream: Stream,
    caller: Caller,
    bot_id: str | None = None,
    limit: Limit = 100,
) -> CommandList:
    """List commands of one's own bots in every state, newest first."""
    if bot_id:
        bot = await bots.get_for(session, bot_id, kind=BotKind.fleet, caller=caller)
        found = await commands.history(stream, bot_id=bot.id, limit=limit)
    else:
        owner_id = None if caller.is_admin else caller.user_id
        found = await commands.history(stream, owner_id=owner_id, limit=limit)
    return CommandList.model_validate(command_list(found))


class CommandForBot(NewCommand):
    """What to do, and which bot shall do it."""

    bot_id: Text


class Queued(BaseModel):
    """The command waits for its bot."""

    status: Literal["queued"] = "queued"
    command: Command


@router.post("/api/commands")
async def create_command(
    body: CommandForBot, session: Reader, writer: Ingest, caller: Caller, once: Once
) -> Queued:
    """Queue a command for a bot."""
    command = await queue(session, writer, caller, body.bot_id, body, once)
    return Queued.model_validate({"command": command_json(command)})


def _query(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": description}


_PENDING = {
    "parameters": [
        _query(
            "limit", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 10}, "How many at most."
        ),
        _query("lease", {"type": "number", "minimum": 1, "maximum": 3600}, "Take them for so many seconds."),
        _query("wait", {"type": "number", "minimum": 0, "maximum": MAX_WAIT_S}, "Seconds to wait for one."),
    ]
}


@hot.get("/api/bot/{bot_id}/commands", openapi_extra=_PENDING, responses={200: {"model": CommandList}})
async def pending_commands(request: Request) -> Response:
    """List what the bot has still to do, oldest first.

    A plain call takes nothing away. With `lease` the commands are this caller's until the lease ends;
    with `wait` the answer waits until there is one, but not so long that the bot would seem offline.
    """
    await owner_of(request)
    await fast.content(request)  # what comes after it is only that the caller hung up
    limit = fast.integer(request, "limit", default=10, low=1, high=1000)
    wait_s = fast.number(request, "wait", default=0, low=0, high=MAX_WAIT_S)
    lease = fast.number(request, "lease", default=0, low=1, high=commands.MAX_LEASE_S)
    parts: Parts = request.app.state.db.parts
    bot_id: str = request.path_params["bot_id"]
    reader = parts.get(StreamReader)
    if not lease and not wait_s:
        found = await commands.pending(reader, bot_id=bot_id, limit=limit, now_us=clock.now_us())
    else:
        found = await parts.get(CommandBell).lease_waiting(
            parts.get(Writer),
            reader,
            bot_id=bot_id,
            caller=fast.caller(request),
            recheck=partial(_still_there, request),
            limit=limit,
            lease_s=lease or None,
            wait_s=min(wait_s, parts.get(Presence).longest_silence_s),
        )
    return fast.answer(command_list(found))


async def _still_there(request: Request, *, fresh: bool) -> None:
    """Raise when the caller hung up: a command leased to nobody would be late by the whole lease."""
    if await request.is_disconnected():
        raise Gone("The caller hung up.")
    await admit_again(request, fresh=fresh)


class Ack(msgspec.Struct):
    """How a command ended."""

    status: Literal["completed", "failed"]
    result: dict[str, Any] | None = None
    lease_id: str | None = None


_ack = msgspec.json.Decoder(Ack)
_ACK_SCHEMA = fast.body_schema(
    {
        "type": "object",
        "required": ["status"],
        "properties": {
            "status": {"enum": ["completed", "failed"]},
            "result": {"anyOf": [{"type": "object"}, {"type": "null"}]},
            "lease_id": {
                "anyOf": [{"type": "string"}, {"type": "null"}],
                "description": "The lease under which the command ran; refused while another one is live.",
            },
        },
    }
)


@hot.post(
    "/api/commands/{command_id}/ack", openapi_extra=_ACK_SCHEMA, responses={200: {"model": CommandAnswer}}
)
async def acknowledge(request: Request) -> Response:
    """Finish a command; the first acknowledgement stands, an equal one again answers the same.

    With `lease_id`, 409 while somebody else has the command under another lease.
    """
    body = bodies.decode(await fast.content(request), _ack)
    command = await commands.acknowledge(
        request.app.state.db.parts.get(Writer),
        command_id=request.path_params["command_id"],
        caller=fast.caller(request),
        succeeded=body.status == "completed",
        result=body.result,
        lease_id=body.lease_id,
    )
    return fast.answer({"status": "ok", "command": command_json(command)})


class Lease(BaseModel):
    """Which lease, and for how many more seconds."""

    lease_id: Text
    lease: Annotated[float, Field(ge=1, le=commands.MAX_LEASE_S)] = 60


class Renewed(BaseModel):
    """When the lease ends now."""

    status: Literal["ok"] = "ok"
    lease_until: str | None


@router.post("/api/commands/{command_id}/renew")
async def renew(command_id: str, body: Lease, writer: Ingest, caller: Caller) -> Renewed:
    """Keep a leased command for longer."""
    until = await commands.renew(
        writer, command_id=command_id, caller=caller, lease_id=body.lease_id, lease_s=body.lease
    )
    return Renewed(lease_until=at(until))


class GivenBack(BaseModel):
    """Which lease."""

    lease_id: Text


@router.post("/api/commands/{command_id}/release")
async def release(
    command_id: str, body: GivenBack, writer: Ingest, caller: Caller, once: Once
) -> CommandAnswer:
    """Give a leased command back to the queue."""
    command = await commands.release(
        writer, command_id=command_id, caller=caller, lease_id=body.lease_id, key=once
    )
    return CommandAnswer.model_validate({"command": command_json(command)})


@router.post("/api/commands/{command_id}/cancel")
async def cancel(command_id: str, writer: Ingest, caller: Caller) -> CommandAnswer:
    """Take a command back that has not finished."""
    command = await commands.cancel(writer, command_id=command_id, caller=caller)
    return CommandAnswer.model_validate({"command": command_json(command)})
