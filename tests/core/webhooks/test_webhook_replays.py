"""What is sent again, and from when on."""

from collections.abc import Awaitable, Callable
from typing import Any

from botyard.core.accounts.models import User
from botyard.core.accounts.types import Principal
from botyard.core.webhooks import deliveries, service
from botyard.core.webhooks.dispatcher import Dispatcher
from botyard.core.webhooks.models import WebhookEndpoint
from botyard.core.webhooks.relay import Relay
from botyard.kit.clock import FrozenClock
from botyard.kit.db import Database
from tests.core.webhooks.receiver import Receiver, Reply
from tests.core.webhooks.sales import Sold, happen

MakeEndpoint = Callable[..., Awaitable[WebhookEndpoint]]


async def test_replay_sends_at_once_what_waits_for_a_later_attempt(
    yard: Database,
    relay: Relay,
    dispatcher: Dispatcher,
    endpoint: WebhookEndpoint,
    receiver: Receiver,
    alice: User,
    clock: FrozenClock,
) -> None:
    me: dict[str, Any] = {"owner_id": alice.id, "actor": Principal(user_id=alice.id)}
    since = clock.now()
    receiver.answers(Reply(500))
    await happen(yard, Sold(owner_id=alice.id, n=1), Sold(owner_id=alice.id, n=2))
    await relay.tell()
    await dispatcher.send_due()
    await happen(yard, Sold(owner_id=alice.id, n=3))
    await relay.tell()  # the third waits for its first attempt anyway
    receiver.answers(Reply())

    async with yard.session() as session:
        assert await deliveries.replay_since(session, endpoint.id, **me, since=since) == 2

    await dispatcher.send_due()
    assert len(receiver.got) == 5
    async with yard.reader() as session:
        found = await deliveries.list_deliveries(session, endpoint.id, owner_id=alice.id)
    assert [(one.state, one.attempts) for one in found] == [("delivered", 1)] * 3


async def test_first_missed_is_the_oldest_event_that_did_not_arrive(
    yard: Database,
    relay: Relay,
    dispatcher: Dispatcher,
    endpoint: WebhookEndpoint,
    receiver: Receiver,
    alice: User,
    clock: FrozenClock,
) -> None:
    me: dict[str, Any] = {"owner_id": alice.id, "actor": Principal(user_id=alice.id)}
    receiver.answers(Reply(), Reply(410))
    moments = []
    for n in range(3):
        moments.append(clock.now())
        await happen(yard, Sold(owner_id=alice.id, n=n))
        await relay.tell()
        await dispatcher.send_due()
        clock.advance(3600)

    async with yard.session() as session:
        await service.update_endpoint(session, endpoint.id, **me, enabled=True)
        assert await deliveries.first_missed(session, endpoint.id, owner_id=alice.id) == moments[1]
        assert await deliveries.replay_since(session, endpoint.id, **me, since=moments[1]) == 2


async def test_delivery_made_by_a_replay_says_when_its_event_happened(
    yard: Database, relay: Relay, endpoint: WebhookEndpoint, alice: User, clock: FrozenClock
) -> None:
    me: dict[str, Any] = {"owner_id": alice.id, "actor": Principal(user_id=alice.id)}
    since = clock.now()
    async with yard.session() as session:
        await service.update_endpoint(session, endpoint.id, **me, enabled=False)
    await happen(yard, Sold(owner_id=alice.id, n=1))
    await relay.tell()
    clock.advance(3600)
    async with yard.session() as session:
        await service.update_endpoint(session, endpoint.id, **me, enabled=True)
        await deliveries.replay_since(session, endpoint.id, **me, since=since)
        [found] = await deliveries.list_deliveries(session, endpoint.id, owner_id=alice.id)
    assert (found.happened_at, (found.created_at - found.happened_at).total_seconds()) == (since, 3600)
