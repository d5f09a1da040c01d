"""How the webhooks of an account fare, for a list of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from botyard.core.webhooks import claiming
from botyard.core.webhooks.models import WebhookDelivery, WebhookEndpoint, WebhookMessage
from botyard.core.webhooks.types import DeliveryState
from botyard.kit.db import Session


@dataclass(frozen=True, slots=True)
class Last:
    """The newest delivery of a webhook."""

    id: str
    event: str
    state: DeliveryState
    attempts: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Health:
    """A webhook with what happened to it last; `waiting` deliveries are still to be sent."""

    endpoint: WebhookEndpoint
    last: Last | None
    waiting: int


async def of(session: Session, endpoints: Sequence[WebhookEndpoint]) -> list[Health]:
    """The health of these webhooks, in their order. Costs the same however many deliveries they had."""
    chosen = [endpoint.id for endpoint in endpoints]
    mine = WebhookDelivery.endpoint_id == WebhookEndpoint.id
    newest = select(WebhookDelivery.id).where(mine).order_by(WebhookDelivery.id.desc()).limit(1)
    waiting = select(func.count()).select_from(WebhookDelivery).where(mine, claiming.PENDING)
    query = select(
        WebhookEndpoint.id,
        newest.correlate(WebhookEndpoint).scalar_subquery().label("newest"),
        waiting.correlate(WebhookEndpoint).scalar_subquery().label("waiting"),
    )
    rows = {row.id: row for row in await session.execute(query.where(WebhookEndpoint.id.in_(chosen)))}
    last = await _last(session, [row.newest for row in rows.values() if row.newest])
    return [Health(one, last.get(rows[one.id].newest), rows[one.id].waiting) for one in endpoints]


async def _last(session: Session, delivery_ids: Sequence[str]) -> dict[str, Last]:
    query = select(
        WebhookDelivery.id,
        WebhookMessage.event,
        WebhookDelivery.state,
        WebhookDelivery.attempts,
        WebhookDelivery.created_at,
    ).join(WebhookMessage, WebhookMessage.id == WebhookDelivery.message_id)
    found = await session.execute(query.where(WebhookDelivery.id.in_(delivery_ids)))
    return {row.id: Last(row.id, row.event, DeliveryState(row.state), *row[3:]) for row in found}
