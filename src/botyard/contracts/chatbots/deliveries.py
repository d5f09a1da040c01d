"""What became of each message to a webhook: beyond the document (C-17)."""

from typing import Annotated

from fastapi import Query

from botyard.contracts.chatbots.envelope import Received, Shown, Success, ok, section
from botyard.contracts.chatbots.paging import Paged, Pages, page
from botyard.contracts.chatbots.schemas import Instant, Moment
from botyard.core.webhooks import deliveries
from botyard.core.webhooks.errors import NoSuchDelivery
from botyard.core.webhooks.types import DeliveryDetail, DeliveryState
from botyard.edge.caller import Address, Caller
from botyard.edge.session import Reader, Session
from botyard.kit.db import Session as UnitOfWork

router = section("Deliveries of webhooks", "/webhooks/{webhook_id}")
State = Annotated[DeliveryState | None, Query(description="Only deliveries in this state.")]


class DeliveryShown(Shown):
    """A message on its way to a webhook; `messageId` is what it carries as `webhook-id`."""

    id: str
    message_id: str
    event: str
    state: DeliveryState
    attempts: int
    status: int | None
    error: str
    created_at: Moment
    next_at: Moment | None
    finished_at: Moment | None


class AttemptShown(Shown):
    """One try: what came back, cut short, and how long it took."""

    number: int
    at: Moment
    latency_ms: int
    status: int | None
    error: str
    reply: str


class DeliveryWhole(DeliveryShown):
    """A delivery with what was sent and every attempt."""

    body: str
    log: list[AttemptShown]


@router.post("/test", status_code=201)
async def ping(webhook_id: str, session: Session, caller: Caller) -> Success[DeliveryShown]:
    """Send the event `webhook.ping`, which every webhook gets whatever it listens to."""
    sent = await deliveries.ping(session, webhook_id, owner_id=caller.user_id)
    return ok(DeliveryShown.model_validate(sent))


@router.get("/deliveries")
async def list_deliveries(
    webhook_id: str, session: Reader, caller: Caller, paging: Pages, state: State = None
) -> Success[Paged[DeliveryShown]]:
    """List deliveries, newest first."""
    owner = caller.user_id
    found = await deliveries.list_deliveries(
        session, webhook_id, owner_id=owner, state=state, limit=paging.size, offset=paging.offset
    )
    total = await deliveries.count_deliveries(session, webhook_id, owner_id=owner, state=state)
    return page([DeliveryShown.model_validate(one) for one in found], total, paging)


@router.get("/deliveries/{delivery_id}")
async def get_delivery(
    webhook_id: str, delivery_id: str, session: Reader, caller: Caller
) -> Success[DeliveryWhole]:
    """Get one delivery with its body and attempts."""
    found = await _of(session, webhook_id, delivery_id, caller.user_id)
    shown = DeliveryShown.model_validate(found.delivery).model_dump()
    log = [AttemptShown.model_validate(attempt) for attempt in found.attempts]
    return ok(DeliveryWhole(body=found.body, log=log, **shown))


@router.post("/deliveries/{delivery_id}/replay")
async def replay(
    webhook_id: str, delivery_id: str, session: Session, caller: Caller, address: Address
) -> Success[DeliveryShown]:
    """Send one again, under the same `webhook-id`."""
    await _of(session, webhook_id, delivery_id, caller.user_id)
    again = await deliveries.replay(
        session, delivery_id, owner_id=caller.user_id, actor=caller, address=address
    )
    return ok(DeliveryShown.model_validate(again))


class Since(Received):
    """From when on; `delivered` repeats what arrived, too."""

    since: Instant
    delivered: bool = False


class Replayed(Shown):
    """How many messages are sent again."""

    messages: int


@router.post("/replay")
async def replay_since(
    webhook_id: str, body: Since, session: Session, caller: Caller, address: Address
) -> Success[Replayed]:
    """Send again what happened since a moment and did not arrive."""
    count = await deliveries.replay_since(
        session,
        webhook_id,
        owner_id=caller.user_id,
        since=body.since,
        actor=caller,
        delivered=body.delivered,
        address=address,
    )
    return ok(Replayed(messages=count))


async def _of(session: UnitOfWork, webhook_id: str, delivery_id: str, owner_id: int) -> DeliveryDetail:
    found = await deliveries.get_delivery(session, delivery_id, owner_id=owner_id)
    if found.delivery.endpoint_id != webhook_id:
        raise NoSuchDelivery
    return found
