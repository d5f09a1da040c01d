"""From a credential to a principal, without a query for every call."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError

from botyard.core.accounts.errors import KeyRejected, SessionOver, TokenRejected
from botyard.core.accounts.models import ApiKey, User, UserSession
from botyard.core.accounts.token_keys import TokenKeys, secret_hash
from botyard.core.accounts.types import Kind, Principal, Role
from botyard.kit import clock, crypto
from botyard.kit.cache import TtlCache
from botyard.kit.db import Database, Session
from botyard.kit.errors import BotyardError

log = structlog.get_logger(__name__)

TTL_S = 1.0  # how long another process' revocation may go unnoticed
_AHEAD_S = 0.5  # a credential in use is looked up again before that, so that no call waits for it
_SEEN_EVERY = timedelta(seconds=60)  # how exact "last used" is
_FLUSH_AFTER_S = 10.0
_MAX_CACHED = 20_000


@dataclass(frozen=True, slots=True)
class _Known:
    principal: Principal
    until: datetime | None
    loaded_at: float = field(default_factory=clock.monotonic)


class Authenticator:
    """Checks cookies, access tokens and API keys.

    What this process revokes it refuses at once; what another one revokes, within `TTL_S`.
    """

    def __init__(self, db: Database, keys: TokenKeys | None = None) -> None:
        self._db = db
        self._keys = keys
        self._cache: TtlCache[str, _Known] = TtlCache(TTL_S, _MAX_CACHED)
        self._loading: dict[str, asyncio.Task[_Known]] = {}
        self._seen: dict[type[Any], dict[str, datetime]] = {UserSession: {}, ApiKey: {}}
        self._flushed = clock.monotonic()
        self._flushing: asyncio.Task[None] | None = None

    async def resolve_cookie(self, value: str) -> Principal:
        """The person whose session cookie this is. Raises SessionOver."""
        return await self._resolve("cookie", value, self._load_cookie)

    async def resolve_bearer(self, token: str) -> Principal:
        """The person whose access token this is. Raises TokenRejected or SessionOver."""
        return await self._resolve("bearer", token, self._load_bearer)

    async def resolve_api_key(self, key: str) -> Principal:
        """The account that this API key acts for. Raises KeyRejected."""
        return await self._resolve("key", key, self._load_key)

    async def renew(self, caller: Principal) -> Principal:
        """The caller as the store knows it now; the caller itself before its end is due, without a look.

        For sockets and streams: an access token's own end does not count, that of its session does.
        Raises SessionOver, KeyRejected.
        """
        if caller.until is None or caller.until > clock.now():
            return caller
        if caller.kind is Kind.api_key:
            return (await self._load_key_of(caller.api_key_id)).principal
        return (await self._load_session(UserSession.id == caller.session_id, caller.kind)).principal

    @property
    def looking(self) -> int:
        """How many credentials are being looked up right now."""
        return len(self._loading)

    def forget(self) -> None:
        """Look every credential up again at its next use; called after each revocation."""
        self._loading.clear()  # what is being read now may be what was just revoked: nobody else joins it
        self._cache.clear()

    async def flush(self) -> None:
        """Write when sessions and keys were last used; also done now and then by itself."""
        self._flushed = clock.monotonic()
        pending = {table: stamps for table, stamps in self._seen.items() if stamps}
        self._seen = {table: {} for table in self._seen}
        if not pending:
            return
        async with self._db.session() as session:
            for table, stamps in pending.items():
                for row_id, at in sorted(stamps.items()):
                    await session.execute(update(table).where(table.id == row_id).values(last_used_at=at))

    async def close(self) -> None:
        """Write what is left to write; call it before the database closes."""
        await asyncio.gather(*self._loading.values(), return_exceptions=True)
        if self._flushing is not None:
            await self._flushing
        await self.flush()

    async def _resolve(
        self, kind: str, credential: str, load: Callable[[str], Awaitable[_Known]]
    ) -> Principal:
        cache_key = kind + crypto.fingerprint(credential.encode("utf-8", "surrogatepass"))
        known = self._cache.get(cache_key)
        if known is None or (known.until is not None and known.until <= clock.now()):
            known = await asyncio.shield(self._look_up(cache_key, load, credential))
        elif clock.monotonic() - known.loaded_at >= _AHEAD_S:
            self._look_up(cache_key, load, credential)
        return known.principal

    def _look_up(
        self, cache_key: str, load: Callable[[str], Awaitable[_Known]], credential: str
    ) -> "asyncio.Task[_Known]":
        """Read it from the store, once for everybody who asks for it meanwhile."""
        task = self._loading.get(cache_key)
        if task is None:
            task = asyncio.create_task(self._read(cache_key, load, credential), name="look-up")
            self._loading[cache_key] = task
            task.add_done_callback(_retrieved)
        return task

    async def _read(
        self, cache_key: str, load: Callable[[str], Awaitable[_Known]], credential: str
    ) -> _Known:
        try:
            known = await load(credential)
            if self._loading.get(cache_key) is asyncio.current_task():  # nothing was revoked meanwhile
                self._cache.put(cache_key, known)
            return known
        except BotyardError:
            self._cache.drop(cache_key)
            raise
        finally:
            if self._loading.get(cache_key) is asyncio.current_task():
                del self._loading[cache_key]

    async def _load_cookie(self, value: str) -> _Known:
        digest = secret_hash(value) if value.isascii() else ""
        return await self._load_session(UserSession.token_hash == digest, Kind.cookie)

    async def _load_bearer(self, token: str) -> _Known:
        keys = self._keys or self._db.parts.get(TokenKeys)
        claims = keys.read(token)
        known = await self._load_session(UserSession.id == claims.session_id, Kind.token)
        if known.principal.user_id != claims.user_id:
            raise TokenRejected
        return _Known(known.principal, min(claims.expires_at, known.until or claims.expires_at))

    async def _load_session(self, where: Any, kind: Kind) -> _Known:
        query = select(UserSession, User.role, User.tier, User.is_active).join(
            User, User.id == UserSession.user_id
        )
        async with self._db.reader() as session:
            found = (await session.execute(query.where(where))).one_or_none()
        if found is None:
            raise SessionOver
        row, role, tier, active = found
        if row.kind != kind or row.ended_at is not None or row.expires_at <= clock.now() or not active:
            raise SessionOver
        self._note(UserSession, row.id, row.last_used_at)
        principal = Principal(
            kind=kind, user_id=row.user_id, role=role, session_id=row.id, tier=tier, until=row.expires_at
        )
        return _Known(principal, row.expires_at)

    async def _load_key(self, key: str) -> _Known:
        token = crypto.parse_token(key, "key") if key.isascii() else None
        if token is None:
            raise KeyRejected
        return await self._load_key_of(f"key_{token.id}", crypto.fingerprint(key))

    async def _load_key_of(self, key_id: str, fingerprint: str | None = None) -> _Known:
        query = select(ApiKey, User.role, User.tier, User.is_active).join(User, User.id == ApiKey.user_id)
        async with self._db.reader() as session:
            found = (await session.execute(query.where(ApiKey.id == key_id))).one_or_none()
        if found is None or (fingerprint is not None and not crypto.same(found[0].digest, fingerprint)):
            raise KeyRejected
        row, owner_role, tier, active = found
        expired = row.expires_at is not None and row.expires_at <= clock.now()
        # A service key is worth what its owner may still give.
        outgrown = row.role is Role.service and owner_role is Role.user
        if row.revoked_at is not None or expired or not active or outgrown:
            raise KeyRejected
        self._note(ApiKey, row.id, row.last_used_at)
        principal = Principal(
            kind=Kind.api_key,
            user_id=row.user_id,
            role=row.role,
            api_key_id=row.id,
            scopes=frozenset(row.scopes),
            tier=tier,
            until=row.expires_at,
        )
        return _Known(principal, row.expires_at)

    def _note(self, table: type[Any], row_id: str, last_used_at: datetime | None) -> None:
        now = clock.now()
        if last_used_at is None or now - last_used_at >= _SEEN_EVERY:
            self._seen[table][row_id] = now
            busy = self._flushing is not None and not self._flushing.done()
            if not busy and clock.monotonic() - self._flushed >= _FLUSH_AFTER_S:
                self._flushing = asyncio.get_running_loop().create_task(self._flush_now_and_then())

    async def _flush_now_and_then(self) -> None:
        try:
            await self.flush()
        except (SQLAlchemyError, OSError) as error:  # nobody's sign-in may fail for it
            log.warning("last_use_not_written", error=str(error))


def _retrieved(task: "asyncio.Task[_Known]") -> None:
    """Whoever waits for the look-up has its error; one that nobody waits for is repeated by the next call."""
    if not task.cancelled() and (error := task.exception()) and not isinstance(error, BotyardError):
        log.warning("credential_not_looked_up", error=type(error).__name__)


def forget(session: Session) -> None:
    """Let this process' Authenticator look everything up again once the transaction has committed."""

    async def after(session: Session) -> None:
        # A command of the command line authenticates nobody and has none.
        if (authenticator := session.find_part(Authenticator)) is not None:
            authenticator.forget()

    session.after_commit(after)
