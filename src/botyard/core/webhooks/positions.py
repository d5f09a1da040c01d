"""How far the relay has told each log of events: the other half of the outbox, where retention looks, too."""

from collections.abc import Mapping

from sqlalchemy import exists, select

from botyard.core.realtime.source import MAIN_EVENTS, STREAM_EVENTS, EventTable
from botyard.core.webhooks.models import WebhookEndpoint, WebhookPosition
from botyard.kit.db import Session

SOURCES: tuple[EventTable, ...] = (MAIN_EVENTS, STREAM_EVENTS)


async def read(session: Session) -> dict[str, int]:
    """The last id that was told, by the key of the source; a source that was never begun is missing."""
    rows = await session.scalars(select(WebhookPosition).execution_options(populate_existing=True))
    return {row.source: row.position for row in rows}


async def hold(session: Session) -> dict[str, int]:
    """As `read`, and until the commit nobody else tells anything."""
    query = select(WebhookPosition).order_by(WebhookPosition.source).with_for_update()
    rows = await session.scalars(query.execution_options(populate_existing=True))
    return {row.source: row.position for row in rows}


async def begin(session: Session, ends: Mapping[str, int]) -> None:
    """Start each source that was never begun at its present end.

    One that ends before its position was put back from a backup, or its last rows were deleted; in both cases what
    comes next stands behind its present end.
    """
    known = await hold(session)
    for key, end in ends.items():
        if key not in known:
            session.add(WebhookPosition(source=key, position=end))
    await session.flush()
    await move(session, {key: min(position, ends[key]) for key, position in known.items()})


async def move(session: Session, positions: Mapping[str, int]) -> None:
    """Write how far it is now; the caller holds the rows."""
    for row in await session.scalars(select(WebhookPosition)):
        row.position = positions.get(row.source, row.position)


async def needed_after(session: Session) -> dict[str, int] | None:
    """Positions behind which events still have to be told; None while no webhook is enabled."""
    if not await session.scalar(select(exists().where(WebhookEndpoint.enabled))):
        return None
    return await read(session)
