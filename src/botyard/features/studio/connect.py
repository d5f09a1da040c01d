"""Connecting a bot to its account by the owner's consent in the browser (OAuth 2 with PKCE)."""

import hmac
import json
from datetime import datetime, timedelta
from typing import Any

from botyard.core import vault
from botyard.core.accounts.types import Principal
from botyard.core.bots import secrets
from botyard.core.bots import service as bots
from botyard.core.bots.models import Bot, BotKind
from botyard.features.studio import calls, spend
from botyard.features.studio.calls import Line
from botyard.features.studio.errors import ConsentLost
from botyard.features.studio.platform import Connectable
from botyard.kit import clock, crypto
from botyard.kit.db import Database, Session
from botyard.kit.errors import NotFound

# A kind of its own: what belongs to a way that is under way is no secret of the bot, and its owner looks for none.
_KIND, _NAME = "consent", "oauth2"
_OPEN_FOR = timedelta(minutes=15)


async def begin(session: Session, line: Line, *, redirect_uri: str, caller: Principal) -> str:
    """The platform's page where the owner allows it. What proves the way back is kept in the vault, for this
    sign-in and a quarter of an hour; beginning again makes the earlier way worthless.

    Raises CredentialsIncomplete without what names the application, PlatformOff, and NotFound for a platform that
    knows no such consent.
    """
    bot, platform = line.bot, _connectable(line)
    spend.require_enabled(session, line.platform.platform)
    state = f"{bot.id}.{crypto.base62(clock.token_bytes(32), 43)}"
    try:
        credentials = await secrets.reveal_credentials(session, bot)
    except NotFound:
        credentials = {}
    consent = platform.ask_consent(credentials, redirect_uri=redirect_uri, state=state)
    kept = {
        "state": state,
        "verifier": consent.verifier,
        "redirect_uri": redirect_uri,
        "session_id": caller.session_id,
        "until": clock.rfc3339(clock.now() + _OPEN_FOR),
    }
    await vault.put(
        session, account_id=bot.owner_id, kind=_KIND, id=bot.id, name=_NAME, value=json.dumps(kept)
    )
    return consent.url


async def finish(
    db: Database, *, state: str, code: str, caller: Principal, kind: BotKind, address: str = ""
) -> Bot:
    """Take what the owner came back with, once. Raises ConsentLost for a way that this sign-in did not begin, and
    what the platform says where it does not hand out tokens."""
    async with db.session() as session:
        bot = await _named(session, state, kind, caller)
        kept = await _take(session, bot, state, caller)
        spend.require_enabled(session, str(bot.kind))
        credentials = await secrets.reveal_credentials(session, bot)
    if not code:
        return bot
    line = Line.of(db, bot)
    fresh = await _connectable(line).take_consent(
        credentials, code=code, verifier=kept["verifier"], redirect_uri=kept["redirect_uri"]
    )
    async with db.session() as session:
        bot = await bots.get_for(session, bot.id, kind=kind, caller=caller)
        await secrets.store_credentials(session, bot, fresh, actor=caller, address=address)
        return await bots.update(session, bot, extra=calls.unverified(bot.extra))


async def forget_lost(db: Database) -> int:
    """Remove what was kept for ways that nobody came back from in time; answers how many."""
    return await vault.clear_kind(db, kind=_KIND, before=clock.now() - _OPEN_FOR)


async def _named(session: Session, state: str, kind: BotKind, caller: Principal) -> Bot:
    try:
        return await bots.get_for(session, state.partition(".")[0], kind=kind, caller=caller)
    except NotFound:
        raise ConsentLost from None


async def _take(session: Session, bot: Bot, state: str, caller: Principal) -> dict[str, Any]:
    """What was kept when the way began, which is good once. A stranger's guess does not spend it."""
    try:
        text = await vault.reveal(session, account_id=bot.owner_id, kind=_KIND, id=bot.id, name=_NAME)
    except NotFound:
        raise ConsentLost from None
    kept: dict[str, Any] = json.loads(text)
    fits = hmac.compare_digest(kept["state"].encode(), state.encode())
    if not fits or not caller.session_id or kept["session_id"] != caller.session_id:
        raise ConsentLost
    await vault.drop(session, account_id=bot.owner_id, kind=_KIND, id=bot.id, name=_NAME)
    if datetime.fromisoformat(kept["until"]) < clock.now():
        raise ConsentLost
    return kept


def _connectable(line: Line) -> Connectable:
    if not isinstance(line.platform, Connectable):
        raise NotFound(f"{line.platform.label} knows no such way to connect an account.")
    return line.platform
