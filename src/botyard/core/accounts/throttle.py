"""Wrong sign-ins make the next ones wait, longer and longer; nobody is ever locked out for good.

Counted per account and network of the caller, so that many accounts behind one address do not disturb
each other, and per account alone at ten times the number, against many networks at once. Networks from
which the account was signed in to lately are spared the second count: strangers cannot shut the owner out.
"""

import asyncio
import ipaddress
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from weakref import WeakValueDictionary

from sqlalchemy import bindparam, delete, select, text

from botyard.core.accounts.models import SigninFailures, UserSession
from botyard.core.accounts.token_keys import TokenKeys
from botyard.kit import clock
from botyard.kit.db import Session, UtcDateTime
from botyard.settings import Settings

MAX_WAIT_S = 900
FORGET_AFTER = timedelta(hours=24)
KNOWN_FOR = timedelta(days=30)
_ACCOUNT_FACTOR = 10  # how many networks' worth of failures an account bears before strangers must wait
_ATTEMPTS_AT_ONCE: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

_COUNT = text(
    """
    INSERT INTO signin_failures (key, failures, last_at) VALUES (:key, 1, :now)
    ON CONFLICT (key) DO UPDATE SET
        failures = CASE WHEN signin_failures.last_at < :stale THEN 1 ELSE signin_failures.failures + 1 END,
        last_at = :now
    RETURNING failures
    """
).bindparams(bindparam("now", type_=UtcDateTime()), bindparam("stale", type_=UtcDateTime()))


@dataclass(frozen=True, slots=True)
class Place:
    """Whose sign-in is tried from where: the two keys that failures are counted under."""

    pair: str
    account: str
    user_id: int | None
    network: str


def network(address: str) -> str:
    """The neighbourhood that one party usually commands: /24 of IPv4, /64 of IPv6; empty when unknown."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is None:
            return str(ipaddress.ip_network((ip, 64), strict=False))
        ip = ip.ipv4_mapped
    return str(ipaddress.ip_network((ip, 24), strict=False))


def place(session: Session, *, user_id: int | None, identity: str, address: str) -> Place:
    """Keys for an account, or for a name that nobody has: both are counted alike."""
    keys = session.part(TokenKeys)
    who = f"user:{user_id}" if user_id is not None else f"name:{identity}"
    where = network(address)
    return Place(keys.subject(f"{who} {where}"), keys.subject(who), user_id, where)


@asynccontextmanager
async def one_at_a_time(where: Place) -> AsyncIterator[asyncio.Lock]:
    """Let attempts on one account from one network follow each other.

    A thousand at once would otherwise all be let through before the first failure is counted.
    """
    lock = _ATTEMPTS_AT_ONCE.setdefault(where.pair, asyncio.Lock())
    async with lock:
        yield lock


async def wait_s(session: Session, where: Place) -> float:
    """Seconds until the next attempt is let through; 0 when one is free."""
    allowed = session.part(Settings).signin_attempts
    rows = await session.scalars(
        select(SigninFailures).where(SigninFailures.key.in_([where.pair, where.account]))
    )
    waits = {
        row.key: _remaining(row, allowed * (1 if row.key == where.pair else _ACCOUNT_FACTOR)) for row in rows
    }
    everywhere = waits.get(where.account, 0.0)
    if everywhere > 0 and await _known(session, where):
        everywhere = 0.0
    return max(waits.get(where.pair, 0.0), everywhere)


async def count(session: Session, where: Place) -> bool:
    """Count a failure; true when it is the one after which the network must wait."""
    failures = 0
    for key in (where.account, where.pair):  # in this order everywhere, so that two never wait for each other
        now = clock.now()
        values = {"key": key, "now": now, "stale": now - FORGET_AFTER}
        failures = int((await session.execute(_COUNT, values)).scalar_one())
    return failures == session.part(Settings).signin_attempts


async def clear(session: Session, where: Place) -> None:
    """Forget the failures from this network; those of strangers stay counted."""
    await session.execute(delete(SigninFailures).where(SigninFailures.key == where.pair))


async def forget_old(session: Session) -> None:
    """Remove counts that no longer matter."""
    await session.execute(delete(SigninFailures).where(SigninFailures.last_at < clock.now() - FORGET_AFTER))


def _remaining(row: SigninFailures, allowed: int) -> float:
    since = (clock.now() - row.last_at).total_seconds()
    if row.failures < allowed or since >= FORGET_AFTER.total_seconds():
        return 0.0
    delay = min(2.0 ** min(row.failures - allowed, 20), MAX_WAIT_S)
    # A clock that was set back must not make anybody wait longer than the delay itself.
    return max(0.0, delay - max(since, 0.0))


async def _known(session: Session, where: Place) -> bool:
    if where.user_id is None or not where.network:
        return False
    query = select(UserSession.id).where(
        UserSession.user_id == where.user_id,
        UserSession.network == where.network,
        UserSession.created_at > clock.now() - KNOWN_FOR,
    )
    return await session.scalar(query.limit(1)) is not None
