"""What is committed and not followed up, because a process stops or a database goes: nothing stays open for it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import func, insert, select, text

from botyard.core.accounts.models import User
from botyard.core.accounts.types import Principal
from botyard.core.webhooks import claiming, deliveries, service
from botyard.core.webhooks.bell import DueBell
from botyard.core.webhooks.dispatcher import Dispatcher
from botyard.core.webhooks.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookMessage
from botyard.core.webhooks.relay import Relay
from botyard.core.webhooks.sending import Outcome
from botyard.core.webhooks.settling import settle
from botyard.kit import clock
from botyard.kit.db import Database, Session
from botyard.kit.http import GuardedTransport
from tests.core.webhooks.receiver import Receiver, Reply
from tests.core.webhooks.sales import Sold, happen

MakeEndpoint = Callable[..., Awaitable[WebhookEndpoint]]
_LOCKED = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


async def ping(db: Database, endpoint: WebhookEndpoint) -> str:
    """Something that is due."""
    async with db.session() as session:
        return (await deliveries.ping(session, endpoint.id, owner_id=endpoint.owner_id)).id


async def switch(session: Session, endpoint: WebhookEndpoint, *, enabled: bool) -> None:
    """What its owner does."""
    owner_id = endpoint.owner_id
    actor = Principal(user_id=owner_id)
    await service.update_endpoint(session, endpoint.id, owner_id=owner_id, actor=actor, enabled=enabled)


def fail_after_the_next_commit(db: Database, monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """As when the answer to a commit is lost, or the task is cancelled while it waits for that answer."""
    session_of = db.session

    @asynccontextmanager
    async def session_that_says_nothing_of_its_commit() -> AsyncIterator[Session]:
        monkeypatch.setattr(db, "session", session_of)
        async with session_of() as session:
            yield session
        raise error

    monkeypatch.setattr(db, "session", session_that_says_nothing_of_its_commit)


@pytest.mark.parametrize("error", [OSError("the connection is gone"), asyncio.CancelledError()])
async def test_what_was_leased_by_a_commit_without_an_answer_is_sent_at_once(
    yard: Database,
    dispatcher: Dispatcher,
    endpoint: WebhookEndpoint,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
) -> None:
    await ping(yard, endpoint)
    fail_after_the_next_commit(yard, monkeypatch, error)

    with pytest.raises(type(error)):
        await dispatcher.send_due()

    assert receiver.got == []
    assert await dispatcher.send_due() == 1
    assert len(receiver.got) == 1


async def test_what_was_leased_by_a_commit_without_an_answer_is_let_go_at_the_end(
    yard: Database,
    endpoint: WebhookEndpoint,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await ping(yard, endpoint)
    transport = GuardedTransport(allow_private=True, timeout_s=5)
    stopping, other = (Dispatcher(yard, DueBell(), transport=transport, look_s=3600) for _ in range(2))
    fail_after_the_next_commit(yard, monkeypatch, asyncio.CancelledError())
    with pytest.raises(asyncio.CancelledError):
        await stopping.send_due()
    assert await other.send_due() == 0

    await stopping.stop()

    assert await other.send_due() == 1
    await other.stop()


async def test_attempt_of_a_delivery_that_was_cancelled_meanwhile_is_written_once(
    yard: Database, endpoint: WebhookEndpoint
) -> None:
    """It has no lease any more that would show that it is written already."""
    delivery_id = await ping(yard, endpoint)
    async with yard.session() as session:
        now = clock.now()
        held = await claiming.hold_endpoints(session, [endpoint.id], now)
        [claim], _ = await claiming.claim(session, held, claiming.Room([]), now)
    async with yard.session() as session:
        await switch(session, endpoint, enabled=False)
    outcome = Outcome(
        claim=claim, at=clock.now(), latency_ms=7, status=500, error="The receiver answered 500."
    )

    for _ in range(2):  # the first time nobody heard that it was committed
        async with yard.session() as session:
            await settle(session, [outcome])

    async with yard.reader() as session:
        assert await session.scalar(select(func.count()).select_from(WebhookAttempt)) == 1
        found = await deliveries.get_delivery(session, delivery_id, owner_id=endpoint.owner_id)
        kept = await service.get(session, endpoint.id, owner_id=endpoint.owner_id)
    assert (found.delivery.state, found.delivery.attempts, kept.failures) == ("cancelled", 1, 1)


async def states(db: Database, endpoint: WebhookEndpoint) -> list[str]:
    """Where the deliveries of a webhook are."""
    async with db.reader() as session:
        found = await deliveries.list_deliveries(session, endpoint.id, owner_id=endpoint.owner_id)
    return [one.state for one in found]


async def blocked(db: Database, task: asyncio.Task[int]) -> None:
    """Until the task waits for what somebody else holds: for a row, or for SQLite's only writer."""
    while not db.embedded and not task.done():
        async with db.reader() as session:
            if await session.scalar(_LOCKED):
                return
        await asyncio.sleep(0)


async def test_what_is_told_while_a_webhook_is_disabled_does_not_stay_open(
    yard: Database, relay: Relay, endpoint: WebhookEndpoint, alice: User
) -> None:
    await relay.stop()
    await happen(yard, Sold(owner_id=alice.id, n=1))
    async with yard.session() as session:
        await switch(session, endpoint, enabled=False)
        telling = asyncio.create_task(relay.tell())
        await blocked(yard, telling)

    assert await telling == 1
    assert "pending" not in await states(yard, endpoint)


async def test_what_is_told_while_a_receiver_is_given_up_does_not_stay_open(
    yard: Database,
    relay: Relay,
    dispatcher: Dispatcher,
    endpoint: WebhookEndpoint,
    receiver: Receiver,
    alice: User,
) -> None:
    """The relay has stored its deliveries and not committed them when the receiver answers 410."""
    await relay.stop()
    receiver.answers(Reply(410))
    await ping(yard, endpoint)
    async with yard.session() as session:
        now = clock.now()
        message = deliveries.new_message(alice.id, "item.sold", '{"event":"item.sold"}', now)
        await session.execute(insert(WebhookMessage), [message])
        told = deliveries.new_delivery(endpoint, message["id"], now)
        await session.execute(insert(WebhookDelivery), [told])
        sending = asyncio.create_task(dispatcher.send_due())
        await blocked(yard, sending)

    await sending
    assert "pending" not in await states(yard, endpoint)
