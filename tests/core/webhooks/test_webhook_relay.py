"""Events become messages once each, whatever stops and starts in between."""

import asyncio
from collections.abc import Awaitable, Callable

from sqlalchemy import func, select, update

from botyard.core.accounts.models import User
from botyard.core.accounts.types import Principal
from botyard.core.ingest import Writer
from botyard.core.realtime.hub import Hub
from botyard.core.realtime.jobs import retain
from botyard.core.webhooks import deliveries, service
from botyard.core.webhooks.bell import DueBell
from botyard.core.webhooks.models import (
    WebhookDelivery,
    WebhookEndpoint,
    WebhookMessage,
    WebhookPosition,
)
from botyard.core.webhooks.relay import Relay
from botyard.kit.clock import FrozenClock
from botyard.kit.db import Database, Stores
from botyard.settings import Settings
from tests.core.accounts.people import MakeUser
from tests.core.webhooks.sales import Lost, Sold, happen, stream

MakeEndpoint = Callable[..., Awaitable[WebhookEndpoint]]
URL = "http://127.0.0.1:9/hook"
_DAY_S = 24 * 3600


async def texts(db: Database) -> list[str]:
    """Every message in the order of its id."""
    async with db.reader() as session:
        return list(await session.scalars(select(WebhookMessage.text).order_by(WebhookMessage.id)))


def sold(n: int) -> str:
    data = f'{{"1":1,"2":"é","n":{n}}}'
    return f'{{"event":"item.sold","timestamp":"2026-06-01T12:00:00.000000Z","data":{data}}}'


async def test_events_of_both_logs_are_told_once_to_those_who_listen(
    yard: Database,
    writer: Writer,
    relay: Relay,
    make_endpoint: MakeEndpoint,
    make_user: MakeUser,
    alice: User,
) -> None:
    bob = await make_user("bob")
    await happen(yard, Sold(owner_id=alice.id, n=0))  # before there was any webhook
    await relay.tell()
    first = await make_endpoint(URL)
    await make_endpoint(URL, events=["item.lost"])
    await happen(yard, Sold(owner_id=alice.id, n=1), Sold(owner_id=bob.id, n=2))
    await stream(writer, Sold(owner_id=alice.id, n=3), Sold(owner_id=alice.id, n=4, secretly=True))
    # what nobody can tell does not stop what comes behind it
    await stream(writer, Lost(owner_id=alice.id), Sold(owner_id=alice.id, n=5))
    # whether the relay itself was quicker or not, nothing is told twice
    await relay.tell()
    await Relay(yard, yard.parts.get(Hub), DueBell()).tell()
    assert await texts(yard) == [sold(1), sold(3), sold(5)]
    async with yard.reader() as session:
        found = await deliveries.list_deliveries(session, first.id, owner_id=alice.id)
        assert [one.state for one in found] == ["pending"] * 3
        assert await session.scalar(select(func.count()).select_from(WebhookDelivery)) == 3


async def test_a_first_start_begins_at_the_end_and_a_later_one_where_the_last_one_stopped(
    yard: Database, make_endpoint: MakeEndpoint, alice: User
) -> None:
    hub, bell = yard.parts.get(Hub), DueBell()
    await make_endpoint(URL)
    await happen(yard, Sold(owner_id=alice.id, n=1))
    first = Relay(yard, hub, bell)
    await first.start()
    await first.stop()
    await happen(yard, Sold(owner_id=alice.id, n=2))
    again = Relay(yard, hub, bell)
    await again.start()
    await asyncio.wait_for(bell.rung.wait(), 10)  # noqa: TID251 - nothing is returned that could get lost
    await happen(yard, Sold(owner_id=alice.id, n=3))
    bell.rung.clear()
    await asyncio.wait_for(bell.rung.wait(), 10)  # noqa: TID251
    await again.stop()
    assert await texts(yard) == [sold(2), sold(3)]


async def test_two_processes_tell_everything_once(
    yard: Database, stores: Stores, relay: Relay, make_endpoint: MakeEndpoint, alice: User
) -> None:
    await make_endpoint(URL)
    await relay.stop()
    other = Database(stores)
    hub = yard.parts.get(Hub)
    relays = [Relay(yard, hub, DueBell()), Relay(other, hub, DueBell())]
    for n in range(0, 60, 20):
        await happen(yard, *[Sold(owner_id=alice.id, n=n + each) for each in range(20)])
        made = await asyncio.gather(*[one.tell() for one in relays])
        assert sum(made) == 20
    await other.close()
    assert await texts(yard) == [sold(n) for n in range(60)]


async def test_what_happened_while_a_webhook_was_disabled_is_replayed_afterwards(
    yard: Database, relay: Relay, endpoint: WebhookEndpoint, alice: User, clock: FrozenClock
) -> None:
    me = Principal(user_id=alice.id)
    since = clock.now()
    async with yard.session() as session:
        await service.update_endpoint(session, endpoint.id, owner_id=alice.id, actor=me, enabled=False)
    await happen(yard, *[Sold(owner_id=alice.id, n=n) for n in range(3)])
    await relay.tell()
    async with yard.session() as session:
        assert await deliveries.count_deliveries(session, endpoint.id, owner_id=alice.id) == 0
        await service.update_endpoint(session, endpoint.id, owner_id=alice.id, actor=me, enabled=True)
        whose = {"owner_id": alice.id, "since": since, "actor": me}
        assert await deliveries.replay_since(session, endpoint.id, **whose) == 3
        assert await deliveries.replay_since(session, endpoint.id, **whose) == 0
        assert await deliveries.count_deliveries(session, endpoint.id, owner_id=alice.id) == 3


async def test_events_wait_for_the_relay_for_a_week_beyond_their_days(
    yard: Database,
    writer: Writer,
    relay: Relay,
    endpoint: WebhookEndpoint,
    settings: Settings,
    alice: User,
    clock: FrozenClock,
) -> None:
    await relay.stop()
    await happen(yard, *[Sold(owner_id=alice.id, n=n) for n in range(3)])
    await stream(writer, *[Sold(owner_id=alice.id, n=n) for n in range(3)])
    async with yard.session() as session:  # the relay stood still behind the first of each
        await session.execute(update(WebhookPosition).values(position=WebhookPosition.position + 1))
    clock.advance(settings.event_retention_days * _DAY_S + 60)
    kept = await retain.run_inline(yard)
    assert (kept["events"], kept["stream_events"]) == (1, 1)
    clock.advance(7 * _DAY_S)
    gone = await retain.run_inline(yard)
    assert (gone["events"], gone["stream_events"]) == (2, 2)
