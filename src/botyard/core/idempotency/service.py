"""The same request sent twice under one key is done once, and both get the same answer.

Two ways to use it. A quick effect: `begin`, the effect and `finish` in one transaction; a failure rolls all of
it back and the key is free again. A slow effect: `begin` in a short transaction of its own, `finish` together
with the effect's last write, `abandon` when it failed; the hold of a process that died ends after `hold_s`.
"""

import hashlib
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, func, select

from botyard.core.idempotency.errors import InFlight, KeyReused, KeyUnusable, ReplyLost
from botyard.core.idempotency.models import IdempotentRequest
from botyard.kit import clock, crypto
from botyard.kit.db import Session
from botyard.kit.keys import SigningKey

RETENTION = timedelta(hours=24)
HOLD_S = 60.0  # longer than any request may take, so that only a dead process' hold ends this way
_MAX_KEY = 255
_PURPOSE = "idempotency"
_LOCK_SPACE = 0x6964656D  # "idem": these advisory locks stand apart from everybody else's


@dataclass(frozen=True, slots=True)
class Replay:
    """The answer that the first request got."""

    status: int
    body: bytes


def hash_request(method: str, path: str, body: bytes) -> str:
    """What makes two requests the same one: method, path with query, and the body byte for byte."""
    return hashlib.sha256(crypto.aad(method, path, body)).hexdigest()


def check(key: str) -> str:
    """The key, which can be one. Raises KeyUnusable."""
    if not 1 <= len(key) <= _MAX_KEY or not all("!" <= c <= "~" for c in key):
        raise KeyUnusable
    return key


async def begin(
    session: Session,
    *,
    principal_key: str,
    route: str,
    key: str,
    request_hash: str,
    hold_s: float = HOLD_S,
) -> Replay | None:
    """The stored answer, or None: then do it, and call `finish` or `abandon` with the same names.

    Raises KeyUnusable, KeyReused (the same key, another payload), InFlight, ReplyLost.
    """
    check(key)
    await _claim(session, principal_key, route, key)
    digest = _digest(session, request_hash)
    now = clock.now()
    row = await session.get(IdempotentRequest, (principal_key, route, key), populate_existing=True)
    if row is not None and row.created_at > now - RETENTION:
        if not crypto.same(row.request_digest, digest):
            raise KeyReused
        if row.status is not None:
            return Replay(row.status, _open(session, row))
        if row.held_until > now:
            raise InFlight(retry_after_s=1.0)
    await _hold(session, row, (principal_key, route, key), digest, hold_s)
    return None


async def find(
    session: Session, *, principal_key: str, route: str, key: str, request_hash: str
) -> Replay | None:
    """The stored answer, for those who want to know before they begin; claims nothing.

    Raises KeyUnusable, KeyReused, ReplyLost.
    """
    check(key)
    row = await session.get(IdempotentRequest, (principal_key, route, key))
    if row is None or row.created_at <= clock.now() - RETENTION:
        return None
    if not crypto.same(row.request_digest, _digest(session, request_hash)):
        raise KeyReused
    return None if row.status is None else Replay(row.status, _open(session, row))


async def finish(
    session: Session, *, principal_key: str, route: str, key: str, status: int, body: bytes
) -> None:
    """Keep the answer for later repeats, in the transaction of the effect.

    Answers that invite another try (429 and every 5xx) are not kept: the key is free again.
    """
    if status == 429 or status >= 500:
        await abandon(session, principal_key=principal_key, route=route, key=key)
        return
    row = await session.get_one(IdempotentRequest, (principal_key, route, key))
    row.status = status
    row.body = bytes(crypto.seal(_sealing_key(session), body, _context(row, status)))


async def abandon(session: Session, *, principal_key: str, route: str, key: str) -> None:
    """Free a key whose request failed, so that it may be tried again; an unknown one changes nothing."""
    row = await session.get(IdempotentRequest, (principal_key, route, key))
    if row is not None and row.status is None:
        await session.delete(row)
        await session.flush()


async def cleanup(session: Session) -> int:
    """Forget keys older than 24 hours; says how many."""
    old = delete(IdempotentRequest).where(IdempotentRequest.created_at <= clock.now() - RETENTION)
    return len((await session.execute(old.returning(IdempotentRequest.key))).all())


async def _claim(session: Session, *names: str) -> None:
    """Let only one transaction at a time look at a key; on SQLite the single writer does that.

    Raises InFlight instead of waiting for a transaction that holds it.
    """
    if session.get_bind().dialect.name != "postgresql":
        return
    number = int.from_bytes(hashlib.sha256(crypto.aad(*names)).digest()[:4], "big", signed=True)
    if not await session.scalar(select(func.pg_try_advisory_xact_lock(_LOCK_SPACE, number))):
        raise InFlight(retry_after_s=1.0)


async def _hold(
    session: Session, row: IdempotentRequest | None, names: tuple[str, str, str], digest: str, hold_s: float
) -> None:
    now = clock.now()
    if row is None:
        row = IdempotentRequest(principal_key=names[0], route=names[1], key=names[2])
        session.add(row)
    row.request_digest, row.status, row.body = digest, None, None
    row.held_until, row.created_at = now + timedelta(seconds=hold_s), now
    await session.flush()


def _digest(session: Session, request_hash: str) -> str:
    return crypto.digest(session.part(SigningKey).secret, _PURPOSE, request_hash)


def _sealing_key(session: Session) -> bytes:
    return session.part(SigningKey).derive(_PURPOSE)


def _context(row: IdempotentRequest, status: int) -> bytes:
    return crypto.aad(
        "botyard/idempotency/1", row.principal_key, row.route, row.key, row.request_digest, status
    )


def _open(session: Session, row: IdempotentRequest) -> bytes:
    try:
        sealed = crypto.Sealed.parse(row.body or b"")
        return crypto.open_sealed(_sealing_key(session), sealed, _context(row, row.status or 0))
    except crypto.Tampered:
        raise ReplyLost from None
