"""Keeping live events only as long as the settings say."""

from collections.abc import Awaitable, Callable, Mapping

from sqlalchemy import ColumnElement, and_, delete, or_, select

from botyard.core.ingest.retention import sweep
from botyard.core.ingest.writer import Writer
from botyard.core.jobs import JobContext, job, recurring
from botyard.core.realtime.forgetting import forget
from botyard.core.realtime.models import EventRow
from botyard.core.realtime.source import MAIN_EVENTS, STREAM_EVENTS
from botyard.kit import clock
from botyard.kit.db import Database, Session
from botyard.settings import Settings

_CHUNK = 500  # the store's only writer is free again in between
HEARD_AFTER_S = 60.0  # until then every process has heard an event
_DAY_US = 24 * 3600 * 1_000_000
_GRACE_DAYS = 7  # events wait no longer than this beyond their days for a follower that stands still

# The last id that a follower has dealt with, by the key of the source; None where it needs none at present.
Follower = Callable[[Session], Awaitable[Mapping[str, int] | None]]
_followers: list[Follower] = []


def keep_for(follower: Follower) -> None:
    """Keep events that a follower of the logs has not dealt with yet beyond their days, for a week at most."""
    if follower not in _followers:
        _followers.append(follower)


async def dealt_with(db: Database) -> dict[str, int]:
    """The last id that no follower needs any more, by the key of the source; a source that nobody follows is missing."""
    least: dict[str, int] = {}
    async with db.reader() as session:
        for follower in _followers:
            for key, position in (await follower(session) or {}).items():
                least[key] = min(position, least.get(key, position))
    return least


async def forget_events(db: Database, *, event_days: int, upto: int | None = None) -> int:
    """Remove old events of the main store in small bites; answers how many. Safe to repeat.

    Those behind `upto` are still needed, and get a week more.
    """
    found = select(EventRow.id).where(_old(event_days, upto)).limit(_CHUNK)
    total = 0
    while True:
        async with db.session() as session:
            ids = list(await session.scalars(found))
            await session.execute(delete(EventRow).where(EventRow.id.in_(ids)))
        total += len(ids)
        if len(ids) < _CHUNK:
            return total


def _old(event_days: int, upto: int | None) -> ColumnElement[bool]:
    now_us = clock.now_us()
    old = EventRow.at < clock.from_us(now_us - event_days * _DAY_US)
    if upto is None:
        return old
    very_old = EventRow.at < clock.from_us(now_us - (event_days + _GRACE_DAYS) * _DAY_US)
    return or_(and_(old, EventRow.id <= upto), very_old)


@job("realtime.forget_account", queue="maintenance", retries=5)
async def forget_account(ctx: JobContext, *, user_id: int) -> int:
    """Remove the live events of a deleted account, which hold what its bots did and said."""
    return await forget(ctx.db, owner_id=user_id)


async def forget_all_of(session: Session, user_id: int) -> None:
    """With the deletion of an account; somewhat later, when every process has heard its last events."""
    await forget_account.enqueue(
        session, key=f"realtime.forget_account:{user_id}", delay_s=HEARD_AFTER_S, user_id=user_id
    )


@recurring("realtime.retention", cron="47 * * * *")
async def retain(ctx: JobContext) -> dict[str, int]:
    """Remove what nobody can ask for any more: old live events, keys of batches."""
    days = ctx.db.parts.get(Settings).event_retention_days
    upto = await dealt_with(ctx.db)
    swept = await sweep(
        ctx.db.parts.get(Writer),
        event_days=days,
        upto=upto.get(STREAM_EVENTS.key),
        grace_days=_GRACE_DAYS,
    )
    return {"events": await forget_events(ctx.db, event_days=days, upto=upto.get(MAIN_EVENTS.key)), **swept}
