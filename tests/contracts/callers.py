"""Everybody who may try a call: with each kind of credential, live, expired, revoked, of others."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import httpx
from sqlalchemy import update

from botyard.core.accounts import administration, api_keys, sessions
from botyard.core.accounts.models import ApiKey, UserSession
from botyard.core.accounts.policy import Rule
from botyard.core.accounts.token_keys import TokenKeys
from botyard.core.accounts.types import ALL_SCOPES, Kind, Principal, Role
from botyard.kit import clock
from botyard.kit.clock import FrozenClock
from tests.contracts.manager.requests import Cast
from tests.contracts.manager.world import Account, World

ADMITTED = "admitted"
ADDRESS = "127.0.0.1"
LONG_AGO = timedelta(days=60)


@dataclass(frozen=True)
class Caller:
    """A client, what its credential is worth (None: nothing), and whether the cast's bot and user are its own."""

    http: httpx.AsyncClient
    worth: Kind | None
    owns: bool = False
    role: Role = Role.user
    scopes: frozenset[str] = frozenset()


async def everybody(cast: Cast, stranger: Account) -> Mapping[str, Caller]:
    """Callers by what they are; the cast's account is "the owner"."""
    return {
        **people(cast, stranger),
        **await tokens(cast),
        **await keys(cast),
        **await bots(cast, stranger),
        **await disabled(cast),
    }


def people(cast: Cast, stranger: Account) -> dict[str, Caller]:
    """Callers with cookies, and the one without anything."""
    return {
        "anonymous": Caller(cast.world.anonymous, None),
        "a cookie that never was": Caller(cookie_client(cast.world, "A" * 43), None),
        "another user": Caller(stranger.http, Kind.cookie),
        "the owner": Caller(cast.account.http, Kind.cookie, owns=True),
        "an administrator": Caller(cast.admin.http, Kind.cookie, role=Role.admin),
    }


async def tokens(cast: Cast) -> dict[str, Caller]:
    """Access tokens and sessions of the owner, live, expired, revoked; the refresh token in the wrong place."""
    db, owner = cast.world.running.db, cast.account.id
    async with db.session() as session:
        live = await sessions.open_token(session, owner, address=ADDRESS)
        over = await sessions.open_token(session, owner, address=ADDRESS)
        ended = await sessions.open_token(session, owner, address=ADDRESS)
        old_cookie = await sessions.open_cookie(session, owner, address=ADDRESS)
        ended_cookie = await sessions.open_cookie(session, owner, address=ADDRESS)
        opened = {row.token_hash: row.id for row in await sessions.list_open(session, owner)}
        by_cookie = {value: opened[sessions.secret_hash(value)] for value in (old_cookie, ended_cookie)}
        await sessions.end(session, ended.session_id)
        await sessions.end(session, by_cookie[ended_cookie])
        for session_id in (over.session_id, by_cookie[old_cookie]):
            past = update(UserSession).where(UserSession.id == session_id)
            await session.execute(past.values(expires_at=clock.now() - LONG_AGO))
    with clock.use(FrozenClock(clock.now() - LONG_AGO)):
        stale = db.parts.get(TokenKeys).sign(user_id=owner, session_id=live.session_id)
    bearer = cast.world.with_token
    return {
        "the owner's access token": Caller(bearer(live.access), Kind.token, owns=True),
        "an expired access token": Caller(bearer(stale), None),
        "a token of an expired session": Caller(bearer(over.access), None),
        "a token of an ended session": Caller(bearer(ended.access), None),
        "a refresh token used as access token": Caller(bearer(live.refresh), None),
        "an expired cookie": Caller(cookie_client(cast.world, old_cookie), None),
        "a cookie of an ended session": Caller(cookie_client(cast.world, ended_cookie), None),
    }


async def keys(cast: Cast) -> dict[str, Caller]:
    """API keys of the owner: of every scope, of none that fits, expired, revoked."""
    owner = cast.account.id
    actor = Principal(kind=Kind.cookie, user_id=owner)
    async with cast.world.running.db.session() as session:
        _, full = await api_keys.create(session, user_id=owner, name="all", scopes=ALL_SCOPES)
        expired, old = await api_keys.create(session, user_id=owner, name="old", scopes=ALL_SCOPES)
        revoked, gone = await api_keys.create(session, user_id=owner, name="gone", scopes=ALL_SCOPES)
        _, service = await api_keys.create(
            session, user_id=cast.admin.id, name="s", scopes=ALL_SCOPES, role=Role.service
        )
        await api_keys.revoke(session, revoked.id, user_id=owner, actor=actor)
        await session.execute(
            update(ApiKey).where(ApiKey.id == expired.id).values(expires_at=clock.now() - LONG_AGO)
        )
        narrow = {}
        for scope in sorted(ALL_SCOPES):
            _, narrow[scope] = await api_keys.create(session, user_id=owner, name=scope, scopes=[scope])
    header = cast.world.with_key
    callers = {
        "a key with every scope": Caller(header(full), Kind.api_key, owns=True, scopes=ALL_SCOPES),
        "a service key of another account": Caller(header(service), Kind.api_key, role=Role.service, scopes=ALL_SCOPES),
        "an expired key": Caller(header(old), None),
        "a revoked key": Caller(header(gone), None),
    }  # fmt: skip
    for scope, key in narrow.items():
        callers[f"a key with {scope} only"] = Caller(
            header(key), Kind.api_key, owns=True, scopes=frozenset({scope})
        )
    return callers


async def bots(cast: Cast, stranger: Account) -> dict[str, Caller]:
    """Bot tokens: of the bot in the path, of its neighbour, of somebody else's, replaced."""
    neighbour = await cast.world.make_bot(cast.account)
    foreign = await cast.world.make_bot(stranger)
    renewed = await cast.account.http.post(f"/api/my-bots/{cast.bot.id}/regenerate-token")
    return {
        "the bot itself": Caller(cast.world.with_token(renewed.json()["token"]), Kind.bot, owns=True),
        "another bot of the owner": Caller(neighbour.http, Kind.bot),
        "somebody else's bot": Caller(foreign.http, Kind.bot),
        "a replaced bot token": Caller(cast.bot.http, None),
    }


async def disabled(cast: Cast) -> dict[str, Caller]:
    """What an account had before it was disabled."""
    account = await cast.world.make_account()
    bot = await cast.world.make_bot(account)
    actor = Principal(kind=Kind.cookie, user_id=cast.admin.id, role=Role.admin)
    async with cast.world.running.db.session() as session:
        pair = await sessions.open_token(session, account.id, address=ADDRESS)
        _, key = await api_keys.create(session, user_id=account.id, name="all", scopes=ALL_SCOPES)
    async with cast.world.running.db.session() as session:
        await administration.disable(session, account.id, actor=actor)
    return {
        "a disabled account": Caller(account.http, None),
        "a token of a disabled account": Caller(cast.world.with_token(pair.access), None),
        "a key of a disabled account": Caller(cast.world.with_key(key), None),
        "a bot of a disabled account": Caller(bot.http, None),
    }


def cookie_client(world: World, value: str) -> httpx.AsyncClient:
    return world.keep(world.client(cookie=f"session_token={value}"))


def expected(rule: Rule, caller: Caller, *, own_only: bool = False) -> int | str:
    """What the policy row says about this caller; `own_only` where administrators, too, reach only their own."""
    if rule.public:
        return ADMITTED
    if caller.worth is None or (caller.worth is Kind.cookie and Kind.cookie not in rule.kinds):
        return 401  # a cookie is not even looked at where none is accepted
    if caller.worth not in rule.kinds or (rule.roles and caller.role not in rule.roles):
        return 403
    if caller.worth is Kind.api_key and rule.scope not in caller.scopes:
        return 403
    if not rule.owns or caller.owns:
        return ADMITTED
    if caller.role is Role.admin and not own_only:
        return ADMITTED
    return rule.foreign
