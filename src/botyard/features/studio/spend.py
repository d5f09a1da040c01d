"""What calls to platforms cost: entered before each call, held against the cap of the month, settled after it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import func, select, text

from botyard.features.studio.errors import PlatformOff, SpendCapReached
from botyard.features.studio.models import PlatformCall
from botyard.features.studio.platform import Price
from botyard.kit import clock
from botyard.kit.db import Session
from botyard.settings import Settings

_LOCK_SPACE = 0x7370656E  # "spen": advisory locks of spending stand apart from everybody else's
_LEAST = Decimal("0.000001")


class CallOutcome(StrEnum):
    """How a call ended. All but `not_sent` count at full price: whether a platform charges for what it refuses or never
    answers is not known here, and the cap must hold either way."""

    sent = "sent"
    done = "done"
    refused = "refused"
    not_sent = "not_sent"
    unknown = "unknown"


@dataclass(frozen=True, slots=True)
class MonthSummary:
    """A platform's calendar month (UTC): what was spent, for how many calls, and what may be."""

    month: str
    spent_usd: Decimal
    calls: int
    cap_usd: Decimal

    @property
    def left_usd(self) -> Decimal:
        """What may still be spent, never below zero."""
        return max(self.cap_usd - self.spent_usd, Decimal(0))


async def reserve(
    session: Session,
    platform: str,
    call: str,
    *,
    price: Price,
    owner_id: int,
    bot_id: str,
    count: int = 1,
) -> int:
    """Enter a call with its price and answer its number; commit before the call is made, and `settle` after it.

    `count` is how many things the price stands for. Raises PlatformOff while an administrator has not switched the
    platform on, SpendCapReached where the month's sum would pass the cap; racing processes cannot pass it either.
    """
    await _lock(session, platform)
    cost = price.usd * count
    await require_room(session, platform, cost)
    now = clock.now()
    entry = PlatformCall(
        platform=platform,
        month=month_of(now),
        call=call,
        price_usd=cost,
        owner_id=owner_id,
        bot_id=bot_id,
        outcome=CallOutcome.sent.value,
        at=now,
    )
    session.add(entry)
    await session.flush()
    return entry.id


async def require_room(session: Session, platform: str, cost: Decimal) -> None:
    """Raise PlatformOff or SpendCapReached where a call of that cost could not be made as things stand."""
    require_enabled(session, platform)
    summary = await month_summary(session, platform)
    if summary.spent_usd + cost > summary.cap_usd:
        raise SpendCapReached(platform, cap=summary.cap_usd, spent=summary.spent_usd, cost=cost)


async def settle(session: Session, call_id: int, outcome: CallOutcome) -> None:
    """Write down how a reserved call ended; one that was certainly not sent costs nothing. May be called twice."""
    entry = await session.get(PlatformCall, call_id, with_for_update=True)
    if entry is None:
        return
    entry.outcome = outcome.value
    if outcome is CallOutcome.not_sent:
        entry.price_usd = Decimal(0)


async def month_summary(session: Session, platform: str, *, at: datetime | None = None) -> MonthSummary:
    """The month of that moment, the present one unless it is given."""
    month = month_of(at or clock.now())
    query = select(func.sum(PlatformCall.price_usd), func.count()).where(
        PlatformCall.platform == platform,
        PlatformCall.month == month,
        PlatformCall.outcome != CallOutcome.not_sent.value,
    )
    spent, calls = (await session.execute(query)).one()
    return MonthSummary(month, Decimal(spent or 0).quantize(_LEAST), calls, cap_of(session, platform))


async def spent_by(session: Session, platform: str, *, bot_id: str) -> Decimal:
    """What one bot has spent in the present month."""
    query = select(func.sum(PlatformCall.price_usd)).where(
        PlatformCall.platform == platform,
        PlatformCall.month == month_of(clock.now()),
        PlatformCall.bot_id == bot_id,
    )
    return Decimal(await session.scalar(query) or 0).quantize(_LEAST)


def month_of(moment: datetime) -> str:
    """2026-11, as the cap counts."""
    return f"{moment:%Y-%m}"


def require_enabled(session: Session, platform: str) -> None:
    """Raise PlatformOff unless an administrator has switched the platform on."""
    if not enabled(session, platform):
        raise PlatformOff(platform)


def enabled(session: Session, platform: str) -> bool:
    """Whether calls to the platform are switched on; platforms without such a switch are free of charge and always on."""
    return bool(getattr(session.part(Settings), f"{platform}_enabled", True))


def cap_of(session: Session, platform: str) -> Decimal:
    """What the platform may cost a month, as it is set now; nothing where nobody set anything."""
    return Decimal(getattr(session.part(Settings), f"{platform}_monthly_cap_usd", 0))


async def _lock(session: Session, platform: str) -> None:
    """Let one at a time look at the sum and add to it; SQLite has one writer anyway."""
    if session.get_bind().dialect.name == "postgresql":
        lock = text("SELECT pg_advisory_xact_lock(:space, hashtext(:platform))")
        await session.execute(lock, {"space": _LOCK_SPACE, "platform": platform})
