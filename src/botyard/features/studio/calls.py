"""Calls to a platform on behalf of a bot: with its credentials, renewed where they ran out, within the cap."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from botyard.core.accounts.types import Principal
from botyard.core.bots import secrets
from botyard.core.bots import service as bots
from botyard.core.bots.models import Bot
from botyard.features.studio import spend
from botyard.features.studio.platform import (
    Account,
    AuthDead,
    Credentials,
    CredentialsIncomplete,
    Metrics,
    NotSent,
    Platform,
    Refused,
)
from botyard.features.studio.registry import Platforms
from botyard.features.studio.spend import CallOutcome
from botyard.kit import clock
from botyard.kit.db import Database
from botyard.kit.errors import NotFound

Result = TypeVar("Result")
MOST_METRICS = 50  # posts of one request: what it costs must stay small enough to be overlooked

# Another process that renews at the same moment stores what it got within this time.
_LOOKS, _LOOK_S = 5, 0.5
_TROUBLE = ("refused", "incomplete")  # notes of what is wrong with the credentials that are stored
_renewing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()


@dataclass(frozen=True, slots=True)
class Line:
    """A bot and the connector of its platform."""

    db: Database
    bot: Bot
    platform: Platform

    @classmethod
    def of(cls, db: Database, bot: Bot) -> "Line":
        """The line of a bot whose kind is a platform. Raises NotFound without a connector for it."""
        return cls(db, bot, db.parts.get(Platforms).get(str(bot.kind)))


async def verify(line: Line) -> Account:
    """Ask the platform who the bot is there, and keep the answer with the bot; also that it refuses the credentials,
    or that it could not be asked with what is stored."""
    try:
        account = await paid(line, "verify", line.platform.verify)
    except CredentialsIncomplete as error:
        await _note(line, {"incomplete": str(error)})
        raise
    except AuthDead as error:
        await _note(line, {"refused": str(error)})
        raise
    known = {"id": account.id, "handle": account.handle, "name": account.name, "url": account.url}
    await _note(line, {"account": {**known, "verified_at": clock.rfc3339(clock.now())}})
    return account


def unverified(extra: Mapping[str, Any]) -> dict[str, Any]:
    """What stays of the notes of a bot that got other credentials: nothing of what was said of the former ones."""
    return {key: value for key, value in extra.items() if key not in ("account", *_TROUBLE)}


async def metrics(line: Line, post_ids: list[str]) -> list[Metrics]:
    """How the newest of these posts fare, `MOST_METRICS` at most. Costs by the post."""
    wanted = post_ids[:MOST_METRICS]
    if not wanted:
        return []
    return await paid(line, "metrics", lambda keys: line.platform.metrics(keys, wanted), count=len(wanted))


async def paid(
    line: Line, call: str, act: Callable[[Credentials], Awaitable[Result]], *, count: int = 1
) -> Result:
    """Make one call that costs money. `call` names its price.

    Refused credentials are renewed once and tried again where that can be: a refused call did not happen. Raises
    what the platform raises, PlatformOff and SpendCapReached.
    """
    credentials, renewed = await _current(line)
    try:
        return await _once(line, call, act, credentials, count)
    except AuthDead:
        if renewed or not line.platform.renewable(credentials):
            raise
    return await _once(line, call, act, await _renew(line, credentials), count)


async def _once(
    line: Line,
    call: str,
    act: Callable[[Credentials], Awaitable[Result]],
    credentials: Credentials,
    count: int,
) -> Result:
    platform, bot = line.platform, line.bot
    async with line.db.session() as session:
        number = await spend.reserve(
            session,
            platform.platform,
            call,
            price=platform.prices[call],
            owner_id=bot.owner_id,
            bot_id=bot.id,
            count=count,
        )
    outcome = CallOutcome.unknown
    try:
        result = await act(credentials)
        outcome = CallOutcome.done
        return result
    except NotSent:
        outcome = CallOutcome.not_sent
        raise
    except CredentialsIncomplete:
        outcome = CallOutcome.not_sent
        raise
    except Refused:
        outcome = CallOutcome.refused
        raise
    finally:
        async with line.db.session() as session:
            await spend.settle(session, number, outcome)


async def _current(line: Line) -> tuple[Credentials, bool]:
    """The bot's credentials, and whether they were renewed just now because they had run out."""
    async with line.db.reader() as session:
        spend.require_enabled(session, line.platform.platform)
    credentials = await _stored(line)
    if line.platform.stale(credentials):
        return await _renew(line, credentials), True
    return credentials, False


async def _renew(line: Line, spent: Credentials) -> Credentials:
    """Fresh credentials in place of these, stored before anybody uses them; whoever comes second gets the first's."""
    lock = _renewing.setdefault(line.bot.id, asyncio.Lock())
    async with lock:
        stored = await _stored(line)
        if stored != spent:
            return stored
        try:
            fresh = await line.platform.renew(stored)
        except AuthDead:
            if found := await _replaced_elsewhere(line, stored):
                return found
            raise
        return await _store(line, stored, fresh)


async def _replaced_elsewhere(line: Line, spent: Credentials) -> Credentials | None:
    """What another process stored, that used the refresh token first."""
    for _ in range(_LOOKS):
        stored = await _stored(line)
        if stored != spent:
            return stored
        await clock.sleep(_LOOK_S)
    return None


async def _store(line: Line, before: Credentials, fresh: dict[str, Any]) -> Credentials:
    async with line.db.session() as session:
        bot = await session.get(Bot, line.bot.id, with_for_update=True)
        if bot is None:
            raise NotFound("There is no such bot.")
        found = await secrets.reveal_credentials(session, bot)
        if found != before:  # their owner replaced them meanwhile, and knows better
            return found
        await secrets.store_credentials(session, bot, fresh, actor=Principal(user_id=bot.owner_id))
        return fresh


async def _stored(line: Line) -> dict[str, Any]:
    async with line.db.reader() as session:
        try:
            return await secrets.reveal_credentials(session, line.bot)
        except NotFound:
            raise CredentialsIncomplete("This bot has no credentials yet; store them first.") from None


async def _note(line: Line, what: dict[str, Any]) -> None:
    """Keep what the platform said of the account with the bot, for its page."""
    async with line.db.session() as session:
        bot = await session.get(Bot, line.bot.id)
        if bot is not None:
            kept = {key: value for key, value in bot.extra.items() if key not in _TROUBLE}
            await bots.update(session, bot, extra={**kept, **what})
