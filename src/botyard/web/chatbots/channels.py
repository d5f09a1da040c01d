"""Where people meet a chatbot: the widget for web pages and bots on Telegram, as the settings list them."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from botyard.edge.caller import Address, Caller
from botyard.edge.guard import GuardedRoute
from botyard.edge.session import Session
from botyard.features.chatbots.channels import service as channels
from botyard.features.chatbots.channels import settings as channel_settings
from botyard.features.chatbots.channels.errors import NoSuchChannel
from botyard.features.chatbots.channels.events import ChannelChanged
from botyard.features.chatbots.channels.service import ChannelInfo
from botyard.features.chatbots.service import ChatbotInfo
from botyard.kit.db import Session as UnitOfWork
from botyard.web.chatbots.content_forms import lines
from botyard.web.chatbots.frame import PATH, ROOT, ChatbotOf, check, load
from botyard.web.forms import Fields, Form
from botyard.web.rendering import render
from botyard.web.scene import Pieces, Scene, View
from botyard.web.shell import go

router = APIRouter(prefix=PATH + "/settings/channels", route_class=GuardedRoute)
KINDS = {"widget": ("world", "Widget for web pages"), "telegram": ("brand-telegram", "Telegram")}
THEMES = (("auto", "as the page's reader has it"), ("light", "light"), ("dark", "dark"))
SIDES = (("right", "right"), ("left", "left"))
MODES = (("polling", "this server asks Telegram"), ("webhook", "Telegram calls this server"))


async def listed(session: UnitOfWork, chatbot_id: str, owner_id: int) -> dict[str, Any]:
    """The channels as the settings show them, each with its own settings read."""
    found = await channels.list_all(session, chatbot_id, owner_id=owner_id)
    rows = [
        (
            each,
            channel_settings.widget(each.settings)
            if each.kind == "widget"
            else channel_settings.telegram(each.settings),
            state_of(each),
        )
        for each in found
    ]
    return {"channels": rows, "channel_kinds": KINDS, "themes": THEMES, "sides": SIDES, "modes": MODES}


def state_of(channel: ChannelInfo) -> tuple[str, str]:
    """Whether people get through."""
    if not channel.enabled:
        return "", "Switched off"
    return ("bad", "Does not work") if channel.problem else ("good", "Open")


@router.post("")
async def create(
    request: Request, chatbot: ChatbotOf, form: Form, session: Session, caller: Caller, address: Address
) -> Response:
    """Open a channel; a bot's token goes into the vault."""
    kind = form["kind"]
    made = await channels.create(
        session,
        chatbot.id,
        owner_id=chatbot.owner_id,
        kind=kind,
        name=form.needed("name", "The name"),
        origins=lines(form["origins"]) if kind == "widget" else (),
        token=form["token"],
        settings={"voice": bool(form["voice"])} if kind == "widget" else {},
        actor=caller,
        address=address,
    )
    said = "Copy its line into your pages." if kind == "widget" else "It connects within seconds."
    return go(request, _here(chatbot), f"{made.name} is open. {said}")


@router.post("/{channel_id}")
async def save(
    request: Request,
    chatbot: ChatbotOf,
    channel_id: str,
    form: Form,
    session: Session,
    caller: Caller,
    address: Address,
) -> Response:
    """Change a channel; an empty token stays as it is."""
    channel = await _channel(session, chatbot, channel_id)
    await channels.update(
        session,
        channel_id,
        owner_id=chatbot.owner_id,
        name=form.needed("name", "The name"),
        enabled=bool(form["enabled"]),
        origins=lines(form["origins"]),
        settings=channel.settings | (_widget(form) if channel.kind == "widget" else _telegram(form)),
        token=form["token"].strip() or None,
        actor=caller,
        address=address,
    )
    return go(request, _here(chatbot), "The channel is saved.")


def _widget(form: Fields) -> dict[str, Any]:
    color = form["color"].strip()
    texts = {name: form[name].strip() for name in ("title", "theme", "side", "person_words")}
    ticks = {name: bool(form[name]) for name in ("person", "rating", "voice")}
    return {**texts, **ticks, "color": color}


def _telegram(form: Fields) -> dict[str, Any]:
    return {"mode": form["mode"], "language": form["language"].strip()}


@router.post("/{channel_id}/key")
async def rotate_key(
    request: Request,
    chatbot: ChatbotOf,
    channel_id: str,
    session: Session,
    caller: Caller,
    address: Address,
) -> Response:
    """Give a channel another key."""
    await _channel(session, chatbot, channel_id)
    await channels.rotate_key(session, channel_id, owner_id=chatbot.owner_id, actor=caller, address=address)
    return go(request, _here(chatbot), "The channel has another key: copy its line into your pages again.")


@router.post("/{channel_id}/delete")
async def delete(
    request: Request,
    chatbot: ChatbotOf,
    channel_id: str,
    session: Session,
    caller: Caller,
    address: Address,
) -> Response:
    """Close a channel for good; its conversations stay."""
    await _channel(session, chatbot, channel_id)
    await channels.delete(session, channel_id, owner_id=chatbot.owner_id, actor=caller, address=address)
    return go(request, _here(chatbot), "The channel is removed. Its conversations stay.")


async def _channel(session: UnitOfWork, chatbot: ChatbotInfo, channel_id: str) -> ChannelInfo:
    channel = await channels.get(session, channel_id, owner_id=chatbot.owner_id)
    if channel.chatbot_id != chatbot.id:
        raise NoSuchChannel
    return channel


def _here(chatbot: ChatbotInfo) -> str:
    return f"{ROOT}/{chatbot.id}/settings"


async def draw(scene: Scene) -> Pieces:
    """The list of channels again, with what is wrong with one."""
    chatbot = await load(scene, scene.says("bot"))
    async with scene.db.reader() as session:
        found = await listed(session, chatbot.id, chatbot.owner_id)
    return {"#channel-list": render("chatbots/_channel_list.html", **found, server=scene.says("server"))}


LIVE = {"chatbot-settings": View(frozenset({ChannelChanged.name}), draw, check=check)}
