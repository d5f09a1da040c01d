"""Channels of chatbots: made, changed, removed by their owner, found by their public key."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from sqlalchemy import func, select

from botyard.core import audit, vault
from botyard.core.accounts.types import Principal
from botyard.core.realtime.events import publish
from botyard.features.chatbots import service as chatbots
from botyard.features.chatbots.channels import settings as settings_of
from botyard.features.chatbots.channels.errors import AccountTaken, NoSuchChannel
from botyard.features.chatbots.channels.events import ChannelChanged
from botyard.features.chatbots.models import Channel
from botyard.kit import clock, crypto, ids
from botyard.kit.db import Session
from botyard.kit.errors import Invalid

Kind = Literal["widget", "telegram"]
KINDS: tuple[str, ...] = get_args(Kind)
MAX_CHANNELS = 20  # of one chatbot
MAX_NAME = 200
_MAX_ORIGINS = 50
_KEY_BYTES, _KEY_CHARS = 12, 17
_TOKEN = re.compile(r"([0-9]{1,20}):[A-Za-z0-9_-]{20,100}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ChannelInfo:
    """One channel as people see it; the token of a messenger is never shown."""

    id: str
    owner_id: int
    chatbot_id: str
    kind: str
    name: str
    key: str
    account: str | None
    enabled: bool
    origins: Sequence[str]
    settings: dict[str, Any]
    revision: int
    problem: str
    created_at: datetime

    @property
    def widget(self) -> settings_of.WidgetSettings:
        """The settings of a widget."""
        return settings_of.widget(self.settings)

    @property
    def telegram(self) -> settings_of.TelegramSettings:
        """The settings of a Telegram channel."""
        return settings_of.telegram(self.settings)


async def create(
    session: Session,
    chatbot_id: str,
    *,
    owner_id: int,
    kind: str,
    name: str,
    origins: Sequence[str] = (),
    settings: Any = None,
    token: str = "",
    actor: Principal,
    address: str = "",
) -> ChannelInfo:
    """Open a channel. `token` is that of a Telegram bot, and goes into the vault.

    Raises NoSuchChatbot, Invalid, AccountTaken.
    """
    await chatbots.hold(session, chatbot_id, owner_id=owner_id)
    if kind not in KINDS:
        raise Invalid(f"The kind of a channel is one of {', '.join(KINDS)}.", details={"field": "kind"})
    there = select(func.count()).select_from(Channel).where(Channel.chatbot_id == chatbot_id)
    if (await session.scalar(there) or 0) >= MAX_CHANNELS:
        raise Invalid(f"A chatbot has at most {MAX_CHANNELS} channels; remove one that is not needed.")
    row = Channel(
        id=ids.new("ch"),
        owner_id=owner_id,
        chatbot_id=chatbot_id,
        kind=kind,
        name=_name(name),
        key=_new_key(),
        account=None,
        enabled=True,
        origins=_origins(origins),
        settings=settings_of.written(kind, {} if settings is None else settings),
        revision=0,
        problem="",
        update_id=0,
        created_at=clock.now(),
    )
    session.add(row)
    await session.flush()
    if kind == "telegram":
        await _keep_token(session, row, token)
    await _note(session, row, "opened", actor, address)
    return _info(row)


async def get(session: Session, channel_id: str, *, owner_id: int) -> ChannelInfo:
    """One channel of an account. Raises NoSuchChannel, also for another account's."""
    return _info(await _row(session, channel_id, owner_id))


async def list_all(session: Session, chatbot_id: str, *, owner_id: int) -> list[ChannelInfo]:
    """Every channel of a chatbot, oldest first. Raises NoSuchChatbot."""
    await chatbots.get(session, chatbot_id, owner_id=owner_id)
    query = select(Channel).where(Channel.chatbot_id == chatbot_id).order_by(Channel.created_at, Channel.id)
    return [_info(row) for row in await session.scalars(query)]


async def find_by_key(session: Session, key: str) -> ChannelInfo:
    """An open channel by its public key. Raises NoSuchChannel."""
    row = await session.scalar(select(Channel).where(Channel.key == key, Channel.enabled))
    if row is None:
        raise NoSuchChannel
    return _info(row)


async def find_open(session: Session, channel_id: str) -> ChannelInfo:
    """An open channel by its id, whosever it is. Raises NoSuchChannel."""
    row = await session.get(Channel, channel_id)
    if row is None or not row.enabled:
        raise NoSuchChannel
    return _info(row)


async def list_open(session: Session, kind: Kind) -> list[ChannelInfo]:
    """Open channels of a kind, of every account."""
    query = select(Channel).where(Channel.kind == kind, Channel.enabled).order_by(Channel.id)
    return [_info(row) for row in await session.scalars(query)]


async def update(
    session: Session,
    channel_id: str,
    *,
    owner_id: int,
    name: str | None = None,
    enabled: bool | None = None,
    origins: Sequence[str] | None = None,
    settings: Any = None,
    token: str | None = None,
    actor: Principal,
    address: str = "",
) -> ChannelInfo:
    """Change what is given; the rest stays. Raises NoSuchChannel, Invalid, AccountTaken."""
    row = await _row(session, channel_id, owner_id, lock=True)
    if name is not None:
        row.name = _name(name)
    if enabled is not None:
        row.enabled = enabled
    if origins is not None:
        row.origins = _origins(origins)
    if settings is not None:
        row.settings = settings_of.written(row.kind, settings)
    if token:
        await _keep_token(session, row, token)
    row.problem = ""
    row.revision += 1
    await _note(session, row, "changed", actor, address)
    return _info(row)


async def rotate_key(
    session: Session, channel_id: str, *, owner_id: int, actor: Principal, address: str = ""
) -> ChannelInfo:
    """Give a channel another key: pages with the old one, and conversations begun by it, are let in no more."""
    row = await _row(session, channel_id, owner_id, lock=True)
    row.key = _new_key()
    row.revision += 1
    await _note(session, row, "key_rotated", actor, address)
    return _info(row)


async def delete(
    session: Session, channel_id: str, *, owner_id: int, actor: Principal, address: str = ""
) -> None:
    """Remove a channel; its conversations stay, to be read. Raises NoSuchChannel."""
    row = await _row(session, channel_id, owner_id, lock=True)
    await vault.drop(session, account_id=owner_id, kind="bot", id=row.chatbot_id, name=_secret(row.id))
    await _note(session, row, "removed", actor, address)
    await session.delete(row)


async def reveal_token(session: Session, channel: ChannelInfo) -> str:
    """The token of a messenger, for calls to it. Raises NotFound."""
    return await vault.reveal(
        session,
        account_id=channel.owner_id,
        kind="bot",
        id=channel.chatbot_id,
        name=_secret(channel.id),
    )


async def set_problem(session: Session, channel_id: str, problem: str) -> None:
    """Note why a channel does not work, or that it works again (empty); tells only what is new."""
    row = await session.get(Channel, channel_id, with_for_update=True)
    if row is not None and row.problem != problem:
        row.problem = problem
        _tell(session, row)


async def set_username(session: Session, channel_id: str, username: str) -> None:
    """Note what a messenger calls the bot."""
    row = await session.get(Channel, channel_id, with_for_update=True)
    if row is not None and username and row.settings.get("username") != username[:120]:
        row.settings = {**row.settings, "username": username[:120]}
        _tell(session, row)


async def _row(session: Session, channel_id: str, owner_id: int, *, lock: bool = False) -> Channel:
    row = await session.get(Channel, channel_id, with_for_update=lock or None)
    if row is None or row.owner_id != owner_id:
        raise NoSuchChannel
    return row


async def _keep_token(session: Session, row: Channel, token: str) -> None:
    found = _TOKEN.fullmatch(token.strip())
    if found is None:
        raise Invalid(
            "A Telegram bot token reads like 123456:ABC…; BotFather gives it to you.",
            details={"field": "token"},
        )
    taken = select(Channel.id).where(
        Channel.kind == row.kind, Channel.account == found[1], Channel.id != row.id
    )
    if await session.scalar(taken) is not None:
        raise AccountTaken
    if row.account != found[1]:
        row.account, row.update_id = found[1], 0
    await session.flush()
    await vault.put(
        session,
        account_id=row.owner_id,
        kind="bot",
        id=row.chatbot_id,
        name=_secret(row.id),
        value=token.strip(),
    )


def _secret(channel_id: str) -> str:
    return f"telegram_token_{channel_id}"


def _new_key() -> str:
    return f"ck_{crypto.base62(clock.token_bytes(_KEY_BYTES), _KEY_CHARS)}"


def _name(value: str) -> str:
    name = value.strip()
    if not 1 <= len(name) <= MAX_NAME:
        raise Invalid(f"The name of a channel has 1 to {MAX_NAME} characters.", details={"field": "name"})
    return name


def _origins(values: Sequence[str]) -> list[str]:
    if len(values) > _MAX_ORIGINS:
        raise Invalid(f"A channel has at most {_MAX_ORIGINS} origins.", details={"field": "origins"})
    return list(dict.fromkeys(_origin(value) for value in values))


def _origin(value: str) -> str:
    """An origin as browsers write it."""
    try:
        parts = urlsplit(value.strip().rstrip("/").lower())
        host, port = (parts.hostname or "").encode("idna").decode(), parts.port
        plain = not (parts.path or parts.query or parts.fragment or parts.username or parts.password)
    except ValueError:  # also of names that no browser could write
        host, port, plain = "", None, False
    if not plain or not host or parts.scheme not in ("http", "https") or len(value) > 300:
        raise Invalid(
            f"{value[:80]!r} is no origin; write it like https://shop.example.org, without a path.",
            details={"field": "origins"},
        )
    written = f"[{host}]" if ":" in host else host
    usual = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{written}" + (f":{port}" if port not in (None, usual) else "")


async def _note(session: Session, row: Channel, what: str, actor: Principal, address: str) -> None:
    await audit.record(
        session,
        actor=actor,
        action=f"chatbot.channel_{what}",
        target=f"channel:{row.id}",
        details={"chatbot": row.chatbot_id, "kind": row.kind, "name": row.name, "enabled": row.enabled},
        address=address,
    )
    _tell(session, row)


def _tell(session: Session, row: Channel) -> None:
    publish(
        session,
        ChannelChanged(owner_id=row.owner_id, chatbot_id=row.chatbot_id, channel_id=row.id, kind=row.kind),
    )


def _info(row: Channel) -> ChannelInfo:
    return ChannelInfo(**{name: getattr(row, name) for name in ChannelInfo.__slots__})
