"""What one can do with a bot whatever its kind: make, find, change, delete, hand out its token."""

import unicodedata
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError, InvalidRequestError

from botyard.core import vault
from botyard.core.accounts.types import Principal
from botyard.core.audit import service as audit
from botyard.core.bots import jobs
from botyard.core.bots.errors import BotNameTaken
from botyard.core.bots.events import BotChanged, BotCreated, BotDeleted, BotTokenChanged
from botyard.core.bots.models import Bot, BotKind
from botyard.core.bots.secrets import opening
from botyard.core.bots.tokens import BotAuthenticator
from botyard.core.realtime.events import publish
from botyard.kit import clock, crypto, ids
from botyard.kit.db import Session
from botyard.kit.errors import Invalid, NotFound

MAX_NAME = 200
MAX_JSON = 256 * 1024  # of metadata and of settings each, since every look at a bot loads them
_SEEN = "LMNPS"  # letters, marks, numbers, punctuation, symbols: something that a reader sees
_UNFIT = ("Cc", "Cs", "Zl", "Zp")
# They turn the direction of writing, so that a name reads as another one.
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

# Features clean up after their kind of bot; each cleaner runs in the deleting transaction.
Cleaner = Callable[[Session, Bot], Awaitable[None]]
_cleaners: dict[BotKind, Cleaner] = {}


def on_delete(kind: BotKind, cleaner: Cleaner) -> None:
    """Let a feature clean up when a bot of its kind is deleted."""
    _cleaners[kind] = cleaner


async def create(
    session: Session,
    *,
    owner_id: int,
    kind: BotKind,
    name: str,
    extra: dict[str, Any] | None = None,
    actor: Principal | None = None,
    address: str = "",
) -> Bot:
    """Make a bot without a token; `issue_token` gives it one. Without `actor` its owner made it.

    Raises BotNameTaken for a second X bot of that name of the same owner; other kinds may share a name.
    Raises Invalid for metadata that are too large.
    """
    now = clock.now()
    bot = Bot(
        id=ids.new("bot"),
        owner_id=owner_id,
        kind=kind,
        name=_name(name),
        extra=_fitting(extra or {}, "metadata of a bot have"),
        settings={},
        created_at=now,
        updated_at=now,
    )
    async with _naming(session, kind):
        session.add(bot)
    who = actor or Principal(user_id=owner_id)
    details = {"kind": kind.value, "name": bot.name}
    await audit.record(
        session, actor=who, action="bot.created", target=f"bot:{bot.id}", details=details, address=address
    )
    publish(session, BotCreated(owner_id=owner_id, bot_id=bot.id, kind=kind.value, bot_name=bot.name))
    return bot


async def get(session: Session, bot_id: str, *, kind: BotKind, owner_id: int | None) -> Bot:
    """One bot of an account, or of any account where `owner_id` is None. Raises NotFound."""
    bot = await session.get(Bot, bot_id)
    if bot is None or bot.kind != kind or (owner_id is not None and bot.owner_id != owner_id):
        raise NotFound("There is no such bot.")
    return bot


async def get_for(session: Session, bot_id: str, *, kind: BotKind, caller: Principal) -> Bot:
    """One bot that the caller may work with: its own account's, any for administrators, itself for a bot."""
    if caller.bot_id and caller.bot_id != bot_id:
        raise NotFound("There is no such bot.")
    return await get(session, bot_id, kind=kind, owner_id=None if caller.is_admin else caller.user_id)


async def list_bots(
    session: Session, *, kind: BotKind, owner_id: int | None, limit: int = 1000, offset: int = 0
) -> list[Bot]:
    """Bots of one kind, oldest first; of every account where `owner_id` is None."""
    query = select(Bot).where(Bot.kind == kind).order_by(Bot.created_at, Bot.id).limit(limit).offset(offset)
    if owner_id is not None:
        query = query.where(Bot.owner_id == owner_id)
    return list(await session.scalars(query))


async def list_ids(session: Session, *, kind: BotKind, owner_id: int) -> list[str]:
    """Ids of all bots of one kind that an account has, oldest first."""
    query = select(Bot.id).where(Bot.kind == kind, Bot.owner_id == owner_id)
    return list(await session.scalars(query.order_by(Bot.created_at, Bot.id)))


async def count(session: Session, *, kind: BotKind | None = None, owner_id: int | None = None) -> int:
    """How many bots there are, of one kind or account where named."""
    query = select(func.count()).select_from(Bot)
    if kind is not None:
        query = query.where(Bot.kind == kind)
    if owner_id is not None:
        query = query.where(Bot.owner_id == owner_id)
    return int(await session.scalar(query) or 0)


async def update(
    session: Session, bot: Bot, *, name: str | None = None, extra: dict[str, Any] | None = None
) -> Bot:
    """Change what is given; the rest stays. Raises BotNameTaken and Invalid as `create` does."""
    await _hold(session, bot)
    if name is not None:
        async with _naming(session, BotKind(bot.kind)):
            bot.name = _name(name)
    if extra is not None:
        bot.extra = _fitting(extra, "metadata of a bot have")
    _changed(session, bot, "details")
    return bot


async def merge_settings(session: Session, bot: Bot, changes: dict[str, Any]) -> dict[str, Any]:
    """Merge at the top level; a null removes its key. Answers the settings after it. Raises Invalid."""
    await _hold(session, bot)
    merged = {**bot.settings, **changes}
    bot.settings = _fitting(
        {key: value for key, value in merged.items() if value is not None}, "settings of a bot have together"
    )
    _changed(session, bot, "settings")
    return bot.settings


async def delete(session: Session, bot: Bot, *, actor: Principal, address: str = "") -> None:
    """Remove a bot and everything of it; its token stops working with the commit."""
    await _remove(session, bot, actor=actor, address=address)
    await jobs.forget_soon(session, owner_id=bot.owner_id, bot_id=bot.id)


async def _remove(session: Session, bot: Bot, *, actor: Principal, address: str = "") -> None:
    await _hold(session, bot)
    if cleaner := _cleaners.get(BotKind(bot.kind)):
        await cleaner(session, bot)
    await vault.drop(session, account_id=bot.owner_id, kind="bot", id=bot.id)
    await audit.record(session, actor=actor, action="bot.deleted", target=f"bot:{bot.id}", address=address)
    publish(session, BotDeleted(owner_id=bot.owner_id, bot_id=bot.id, bot_name=bot.name))
    session.after_commit(_forget(bot.id))
    await session.delete(bot)


async def delete_all_of(session: Session, user_id: int) -> None:
    """Remove every bot of an account that is being deleted, of whatever kind; its events go with the account's."""
    for bot in await session.scalars(select(Bot).where(Bot.owner_id == user_id)):
        await _remove(session, bot, actor=Principal(user_id=user_id))


async def forget_all_of(session: Session, user_id: int) -> None:
    """Let the bots of an account that is being disabled sign in anew, which then fails."""

    async def forget(session: Session) -> None:
        if authenticator := session.find_part(BotAuthenticator):  # none where no bot can sign in
            authenticator.forget_owner(user_id)

    session.after_commit(forget)


async def issue_token(session: Session, bot: Bot, *, actor: Principal, address: str = "") -> str:
    """Give the bot a new token and answer it; a former one stops working with the commit."""
    await _hold(session, bot)
    renewed = bot.token_digest is not None
    token = crypto.make_token("bot", bot.id.removeprefix("bot_"))
    bot.token_digest = session.part(crypto.Digests).digest("bot-token", token)
    await vault.put(session, account_id=bot.owner_id, kind="bot", id=bot.id, name="token", value=token)
    if renewed:
        await audit.record(
            session, actor=actor, action="bot.token_renewed", target=f"bot:{bot.id}", address=address
        )
        publish(session, BotTokenChanged(owner_id=bot.owner_id, bot_id=bot.id))
        session.after_commit(_forget(bot.id))
    return token


async def reveal_token(session: Session, bot: Bot, *, actor: Principal, address: str = "") -> str:
    """The bot's token in clear; every look is audited, also one that fails."""
    async with opening(session, bot, "token", actor, address):
        token = await vault.reveal(session, account_id=bot.owner_id, kind="bot", id=bot.id, name="token")
    await audit.record(
        session, actor=actor, action="bot.token_revealed", target=f"bot:{bot.id}", address=address
    )
    return token


async def _hold(session: Session, bot: Bot) -> None:
    """Read the bot again and keep it until the commit: of two that change it at once, the second sees the
    first's work. Raises NotFound when it is gone meanwhile."""
    if bot in session.new:
        return
    try:
        await session.refresh(bot, with_for_update=True)
    except InvalidRequestError:
        raise NotFound("There is no such bot.") from None


@asynccontextmanager
async def _naming(session: Session, kind: BotKind) -> AsyncIterator[None]:
    """Give a name; the index that keeps names of X bots apart is asked at once. Raises BotNameTaken."""
    if kind is not BotKind.x:
        yield
        return
    try:
        async with session.begin_nested():
            yield
    except IntegrityError as error:
        if "name" not in str(error.orig):  # the other thing that can be missing is the owner
            raise
        raise BotNameTaken from None


def _changed(session: Session, bot: Bot, what: str) -> None:
    bot.updated_at = clock.now()
    publish(session, BotChanged(owner_id=bot.owner_id, bot_id=bot.id, bot_name=bot.name, what=what))


def _forget(bot_id: str) -> Callable[[Session], Awaitable[None]]:
    async def forget(session: Session) -> None:
        if authenticator := session.find_part(BotAuthenticator):
            authenticator.forget(bot_id)

    return forget


def _fitting(value: dict[str, Any], what: str) -> dict[str, Any]:
    if len(msgspec.json.encode(value)) > MAX_JSON:
        raise Invalid(f"The {what} at most {MAX_JSON // 1024} KiB as JSON; keep larger data elsewhere.")
    return value


def _name(name: str) -> str:
    cleaned = unicodedata.normalize("NFC", name).strip()
    if not any(unicodedata.category(sign)[0] in _SEEN for sign in cleaned):
        raise Invalid("A bot needs a name.")
    if any(unicodedata.category(sign) in _UNFIT or sign in _TURNING for sign in cleaned):
        raise Invalid("The name of a bot is one line of text, without control characters.")
    if len(cleaned) > MAX_NAME:
        raise Invalid(f"The name of a bot has at most {MAX_NAME} characters.")
    return cleaned
