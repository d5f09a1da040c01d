"""The log of deliveries: reading it, sending again what is in it, and trying a webhook out."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, insert, or_, select, update

from botyard.core.accounts.types import Principal
from botyard.core.audit import service as audit
from botyard.core.webhooks import claiming, service, signing
from botyard.core.webhooks.bell import ring_after_commit
from botyard.core.webhooks.errors import NoSuchDelivery, WebhookDisabled
from botyard.core.webhooks.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookMessage
from botyard.core.webhooks.types import PING, Delivery, DeliveryDetail, DeliveryState
from botyard.kit import clock, ids
from botyard.kit.db import Session
from botyard.kit.ecmascript import stringify

REPLAYED_AT_ONCE = 10_000  # messages of one call; the next call goes on behind them
_CHUNK = 500

_Found = Select[WebhookDelivery, str, datetime]


def text_of(event: str, at: datetime, data: dict[str, Any]) -> str:
    """What is signed and sent of an event, without the signature."""
    return stringify({"event": event, "timestamp": clock.rfc3339(at), "data": data})


def new_message(owner_id: int, event: str, text: str, at: datetime) -> dict[str, Any]:
    """A row of a message; made in the order of the events, ids sort as they happened."""
    return {"id": ids.new("evt"), "owner_id": owner_id, "event": event, "text": text, "created_at": at}


def new_delivery(endpoint: WebhookEndpoint, message_id: str, now: datetime) -> dict[str, Any]:
    """A row of a delivery that is due at once."""
    return {
        "id": ids.new("whd"),
        "endpoint_id": endpoint.id,
        "owner_id": endpoint.owner_id,
        "message_id": message_id,
        "state": DeliveryState.pending,
        "attempts": 0,
        "next_at": now,
        "signature": "",
        "error": "",
        "created_at": now,
    }


async def list_deliveries(
    session: Session,
    endpoint_id: str,
    *,
    owner_id: int,
    state: DeliveryState | None = None,
    limit: int = 50,
    offset: int = 0,
) -> list[Delivery]:
    """Deliveries to a webhook, the newest first. Raises NoSuchEndpoint."""
    endpoint = await service.get(session, endpoint_id, owner_id=owner_id)
    query = _of_endpoint(endpoint, state).order_by(WebhookDelivery.id.desc()).limit(limit).offset(offset)
    return [_shown(*row) for row in await session.execute(query)]


async def count_deliveries(
    session: Session, endpoint_id: str, *, owner_id: int, state: DeliveryState | None = None
) -> int:
    """How many of them there are. Raises NoSuchEndpoint."""
    endpoint = await service.get(session, endpoint_id, owner_id=owner_id)
    found = _of_endpoint(endpoint, state).with_only_columns(func.count(), maintain_column_froms=True)
    return int(await session.scalar(found) or 0)


async def get_delivery(session: Session, delivery_id: str, *, owner_id: int) -> DeliveryDetail:
    """One delivery with its body and attempts. Raises NoSuchDelivery, also for another account's."""
    query = (
        select(WebhookDelivery, WebhookMessage)
        .join(WebhookMessage, WebhookMessage.id == WebhookDelivery.message_id)
        .where(WebhookDelivery.id == delivery_id, WebhookDelivery.owner_id == owner_id)
    )
    row = (await session.execute(query)).one_or_none()
    if row is None:
        raise NoSuchDelivery
    delivery, message = row
    attempts = select(WebhookAttempt).where(WebhookAttempt.delivery_id == delivery_id)
    # Before the first attempt there is no signature yet.
    body = signing.body(message.text, delivery.signature) if delivery.signature else message.text
    return DeliveryDetail(
        _shown(delivery, message.event, message.created_at),
        body,
        list(await session.scalars(attempts.order_by(WebhookAttempt.id))),
    )


async def replay(
    session: Session, delivery_id: str, *, owner_id: int, actor: Principal, address: str = ""
) -> Delivery:
    """Send a delivery again now, under the same `webhook-id`, with a whole new series of attempts.

    One that is being sent is left alone. Raises NoSuchDelivery, WebhookDisabled.
    """
    owned = (WebhookDelivery.id == delivery_id) & (WebhookDelivery.owner_id == owner_id)
    endpoint_id = await session.scalar(select(WebhookDelivery.endpoint_id).where(owned))
    if endpoint_id is None:
        raise NoSuchDelivery
    await _hold_enabled(session, endpoint_id, owner_id)
    query = _with_event().where(WebhookDelivery.id == delivery_id)
    row = (await session.execute(query.with_for_update(of=WebhookDelivery))).one_or_none()
    if row is None:
        raise NoSuchDelivery
    delivery, event, happened_at = row
    if delivery.lease is None:
        for name, value in _anew(clock.now()).items():
            setattr(delivery, name, value)
    target = f"webhook:{endpoint_id}"
    details = {"delivery": delivery_id}
    await audit.record(
        session, actor=actor, action="webhook.replayed", target=target, details=details, address=address
    )
    ring_after_commit(session)
    return _shown(delivery, event, happened_at)


async def replay_since(
    session: Session,
    endpoint_id: str,
    *,
    owner_id: int,
    since: datetime,
    actor: Principal,
    delivered: bool = False,
    address: str = "",
) -> int:
    """Send again what happened since that moment and did not arrive; answers how many messages.

    That is what failed or was cancelled, what waits for a later attempt after one that failed, and what happened
    while the webhook was disabled; with `delivered` what arrived, too. At most `REPLAYED_AT_ONCE`, the oldest
    first. Raises NoSuchEndpoint, WebhookDisabled.
    """
    endpoint = await _hold_enabled(session, endpoint_id, owner_id)
    states = [DeliveryState.failed, DeliveryState.cancelled] + [DeliveryState.delivered] * delivered
    found = (await session.execute(_missed(endpoint, since, states))).all()
    now = clock.now()
    again = [row.delivery_id for row in found if row.delivery_id is not None]
    for at in range(0, len(again), _CHUNK):
        chosen = WebhookDelivery.id.in_(again[at : at + _CHUNK])
        await session.execute(update(WebhookDelivery).where(chosen).values(**_anew(now)))
    first = [new_delivery(endpoint, row.message_id, now) for row in found if row.delivery_id is None]
    if first:
        await session.execute(insert(WebhookDelivery), first)
    details = {"since": clock.rfc3339(since), "messages": len(found)}
    target = f"webhook:{endpoint.id}"
    await audit.record(
        session, actor=actor, action="webhook.replayed", target=target, details=details, address=address
    )
    ring_after_commit(session)
    return len(found)


async def first_missed(session: Session, endpoint_id: str, *, owner_id: int) -> datetime | None:
    """When the oldest event happened that is still known and did not arrive. Raises NoSuchEndpoint."""
    endpoint = await service.get(session, endpoint_id, owner_id=owner_id)
    missed = [DeliveryState.failed, DeliveryState.cancelled]
    oldest = _of_endpoint(endpoint, None).where(WebhookDelivery.state.in_(missed))
    row = (await session.execute(oldest.order_by(WebhookDelivery.id).limit(1))).one_or_none()
    return None if row is None else row.created_at


async def ping(session: Session, endpoint_id: str, *, owner_id: int) -> Delivery:
    """Send a webhook the event `webhook.ping`, which every webhook gets whatever it listens to.

    Raises NoSuchEndpoint, WebhookDisabled.
    """
    endpoint = await _hold_enabled(session, endpoint_id, owner_id)
    now = clock.now()
    text = text_of(PING, now, {"webhookId": endpoint.id})
    message = new_message(owner_id, PING, text, now)
    await session.execute(insert(WebhookMessage), [message])
    row = new_delivery(endpoint, message["id"], now)
    await session.execute(insert(WebhookDelivery), [row])
    ring_after_commit(session)
    delivery = await session.get_one(WebhookDelivery, row["id"])
    return _shown(delivery, PING, now)


async def _hold_enabled(session: Session, endpoint_id: str, owner_id: int) -> WebhookEndpoint:
    endpoint = await service.hold(session, endpoint_id, owner_id=owner_id)
    if not endpoint.enabled:
        raise WebhookDisabled
    return endpoint


def _anew(now: datetime) -> dict[str, Any]:
    """A delivery as on its first day; signed anew, since the secret may be another one by now."""
    return {
        "state": DeliveryState.pending,
        "attempts": 0,
        "next_at": now,
        "signature": "",
        "status": None,
        "error": "",
        "finished_at": None,
    }


def _missed(endpoint: WebhookEndpoint, since: datetime, states: Sequence[DeliveryState]) -> Select[str, str]:
    """Messages for a webhook since then, with its delivery where there is one, that are to be sent again."""
    mine = (WebhookDelivery.message_id == WebhookMessage.id) & (WebhookDelivery.endpoint_id == endpoint.id)
    query = select(WebhookMessage.id.label("message_id"), WebhookDelivery.id.label("delivery_id"))
    return (
        query.outerjoin(WebhookDelivery, mine)
        .where(
            WebhookMessage.owner_id == endpoint.owner_id,
            WebhookMessage.created_at >= max(since, endpoint.created_at),
            WebhookMessage.event.in_(endpoint.events),
            or_(WebhookDelivery.id.is_(None), WebhookDelivery.state.in_(states), _tried_in_vain()),
        )
        .order_by(WebhookMessage.created_at, WebhookMessage.id)
        .limit(REPLAYED_AT_ONCE)
    )


def _tried_in_vain() -> ColumnElement[bool]:
    """Whether a delivery failed and waits, perhaps for a day, while its receiver may be well again."""
    return claiming.PENDING & (WebhookDelivery.attempts > 0) & WebhookDelivery.lease.is_(None)


def _with_event() -> _Found:
    return select(WebhookDelivery, WebhookMessage.event, WebhookMessage.created_at).join(
        WebhookMessage, WebhookMessage.id == WebhookDelivery.message_id
    )


def _of_endpoint(endpoint: WebhookEndpoint, state: DeliveryState | None) -> _Found:
    query = _with_event().where(WebhookDelivery.endpoint_id == endpoint.id)
    return query if state is None else query.where(WebhookDelivery.state == state)


def _shown(row: WebhookDelivery, event: str, happened_at: datetime) -> Delivery:
    pending = row.state == DeliveryState.pending
    return Delivery(
        id=row.id,
        endpoint_id=row.endpoint_id,
        message_id=row.message_id,
        event=event,
        state=DeliveryState(row.state),
        sending=pending and row.lease is not None,
        attempts=row.attempts,
        status=row.status,
        error=row.error,
        happened_at=happened_at,
        created_at=row.created_at,
        next_at=row.next_at if pending and row.lease is None else None,
        finished_at=row.finished_at,
    )
