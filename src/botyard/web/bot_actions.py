"""What people do with one bot: send commands and messages, change it, look at its token, delete it."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from botyard.core.bots import service as bots
from botyard.core.bots.models import Bot, BotKind
from botyard.edge import body as bodies
from botyard.edge.caller import Address, Caller
from botyard.edge.guard import GuardedRoute
from botyard.edge.parts import Ingest
from botyard.edge.session import Session, Stores
from botyard.features.fleet import commands
from botyard.kit.errors import Invalid, Malformed
from botyard.settings import Settings
from botyard.web.bot import BotOf
from botyard.web.fleet import base_url
from botyard.web.forms import Form, pairs
from botyard.web.proof import prove
from botyard.web.shell import go, part

router = APIRouter(prefix="/fleet/{bot_id}", route_class=GuardedRoute)
_YEAR_S = 365 * 24 * 3600


async def _send(
    writer: Ingest, bot: Bot, caller: Caller, order: str, payload: Any = None, **more: Any
) -> None:
    await commands.create(
        writer,
        bot_id=bot.id,
        owner_id=bot.owner_id,
        created_by=caller.user_id,
        type=order,
        payload=payload,
        **more,
    )


@router.post("/commands")
async def send_command(request: Request, bot: BotOf, form: Form, writer: Ingest, caller: Caller) -> Response:
    """Queue a command."""
    await _send(
        writer,
        bot,
        caller,
        form.needed("type", "The command"),
        _payload(form["payload"]),
        priority=int(form.number("priority", "The priority", low=-1000, high=1000) or 0),
        expires_in_s=form.number("expires_in", "The time after which it expires", low=1, high=_YEAR_S),
    )
    return go(request, f"/fleet/{bot.id}/commands", "The command is queued.")


@router.post("/commands/{command_id}/cancel")
async def cancel_command(
    request: Request, bot: BotOf, command_id: str, writer: Ingest, caller: Caller
) -> Response:
    """Take a command back."""
    await commands.cancel(writer, command_id=command_id, caller=caller)
    return go(request, f"/fleet/{bot.id}/commands", "The command is cancelled.")


@router.post("/restart")
async def restart(request: Request, bot: BotOf, writer: Ingest, caller: Caller) -> Response:
    """Ask the bot to restart."""
    await _send(writer, bot, caller, "restart")
    return go(request, f"/fleet/{bot.id}/commands", "The bot is asked to restart.")


@router.post("/stop")
async def stop(request: Request, bot: BotOf, writer: Ingest, caller: Caller) -> Response:
    """Ask the bot to stop."""
    await _send(writer, bot, caller, "stop")
    return go(request, f"/fleet/{bot.id}/commands", "The bot is asked to stop.")


@router.post("/messages")
async def send_message(request: Request, bot: BotOf, form: Form, writer: Ingest, caller: Caller) -> Response:
    """Have the bot say something in a thread; a command like any other."""
    thread = form.needed("thread_id", "The thread")
    payload = {
        "thread_id": thread,
        "thread_type": form["thread_type"],
        "message": form.needed("message", "The message"),
        "attachments": [],
        "metadata": {},
    }
    await _send(writer, bot, caller, "send_message", payload)
    return go(request, f"/fleet/{bot.id}/commands", "The message is on its way to the bot.")


@router.post("/settings")
async def save_settings(
    request: Request, bot_id: str, form: Form, session: Session, caller: Caller
) -> Response:
    """Make the bot's settings what the form says; keys that it does not have any more go."""
    bot = await bots.get_for(session, bot_id, kind=BotKind.fleet, caller=caller)
    wanted = {key: _value(value) for key, value in pairs(form).items()}
    gone = dict.fromkeys(set(bot.settings) - set(wanted))
    await bots.merge_settings(session, bot, {**gone, **wanted})
    return go(request, f"/fleet/{bot_id}/settings", "The settings are saved.")


@router.post("/name")
async def rename(request: Request, bot_id: str, form: Form, session: Session, caller: Caller) -> Response:
    """Call the bot something else."""
    bot = await bots.get_for(session, bot_id, kind=BotKind.fleet, caller=caller)
    await bots.update(session, bot, name=form["name"])
    return go(request, f"/fleet/{bot_id}/access", "The name is saved.")


@router.post("/token/reveal")
async def reveal_token(
    request: Request, bot_id: str, form: Form, db: Stores, caller: Caller, address: Address
) -> Response:
    """Show the token to somebody who proves to be the one who signed in; the audit log tells of it."""
    await prove(db, caller, form, address)
    async with db.session() as session:
        bot = await bots.get_for(session, bot_id, kind=BotKind.fleet, caller=caller)
        token = await bots.reveal_token(session, bot, actor=caller, address=address)
    return part("_join.html", "#token-panel", bot=bot, token=token, url=_url(request, db))


@router.post("/token/renew")
async def renew_token(
    request: Request, bot_id: str, form: Form, db: Stores, caller: Caller, address: Address
) -> Response:
    """Replace the token and show the new one."""
    await prove(db, caller, form, address)
    async with db.session() as session:
        bot = await bots.get_for(session, bot_id, kind=BotKind.fleet, caller=caller)
        token = await bots.issue_token(session, bot, actor=caller, address=address)
    return part("_join.html", "#token-panel", bot=bot, token=token, url=_url(request, db))


@router.post("/delete")
async def delete(
    request: Request, bot_id: str, form: Form, db: Stores, caller: Caller, address: Address
) -> Response:
    """Remove the bot and everything of it."""
    await prove(db, caller, form, address)
    async with db.session() as session:
        bot = await bots.get_for(session, bot_id, kind=BotKind.fleet, caller=caller)
        await bots.delete(session, bot, actor=caller, address=address)
    return go(request, "/fleet", f"{bot.name} is deleted.")


def _url(request: Request, db: Stores) -> str:
    return base_url(request, db.parts.get(Settings))


def _payload(text: str) -> Any:
    if not text.strip():
        return None
    try:
        return bodies.parse(text.encode())
    except Malformed:
        message = 'This is not JSON. Texts stand in quotes, for example {"text": "hello"}.'
        raise Invalid(message, details={"field": "payload"}) from None


def _value(text: str) -> Any:
    """JSON where it is JSON, else the text itself."""
    try:
        return bodies.parse(text.encode())
    except Malformed:
        return text
