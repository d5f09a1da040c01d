"""The outbox on this test's store, a receiver on loopback, and a webhook between the two."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest

from botyard.core.accounts.models import User
from botyard.core.accounts.types import Principal
from botyard.core.ingest import Writer
from botyard.core.realtime.hub import Hub
from botyard.core.webhooks import service
from botyard.core.webhooks.bell import DueBell
from botyard.core.webhooks.dispatcher import Dispatcher
from botyard.core.webhooks.models import WebhookEndpoint
from botyard.core.webhooks.relay import Relay
from botyard.kit.db import Database, Stores
from botyard.kit.http import GuardedTransport
from botyard.settings import Settings
from tests.core.accounts.fixtures import alice, authenticator, house, make_user, outbox, queue
from tests.core.webhooks import sales
from tests.core.webhooks.receiver import Receiver, receiving

__all__ = ["alice", "authenticator", "house", "make_user", "outbox", "queue"]

SECRET = "a secret of the shop"


@pytest.fixture(autouse=True)
def declared() -> Iterator[None]:
    """The events of the tests are known to webhooks."""
    sales.declare()
    yield
    sales.forget()


@pytest.fixture
async def yard(house: Database, settings: Settings, queue: Any) -> AsyncIterator[Database]:
    """The database with all that webhooks need; receivers may be on this machine."""
    settings.allow_private_networks = True
    hub = Hub(house, look_s=3600)
    await hub.start()
    house.parts.add(hub)
    house.parts.add(DueBell())
    yield house
    await hub.stop()


@pytest.fixture
async def writer(stores: Stores, yard: Database) -> AsyncIterator[Writer]:
    """A writer whose commits go to the hub."""
    writer = Writer(stores, max_rows=20_000, on_commit=yard.parts.get(Hub).committed)
    await writer.start()
    yard.parts.add(writer)
    yield writer
    await writer.stop()


@pytest.fixture
async def relay(yard: Database) -> AsyncIterator[Relay]:
    """A relay that has begun; tests call `tell` where they do not want to wait for it."""
    relay = Relay(yard, yard.parts.get(Hub), yard.parts.get(DueBell), look_s=3600)
    await relay.start()
    yield relay
    await relay.stop()


@pytest.fixture
async def dispatcher(yard: Database) -> AsyncIterator[Dispatcher]:
    """Not started: tests call `send_due`. It waits half a second for receivers."""
    transport = GuardedTransport(allow_private=True, timeout_s=0.5, max_bytes=1 << 40)
    dispatcher = Dispatcher(yard, yard.parts.get(DueBell), transport=transport, look_s=3600)
    yield dispatcher
    await dispatcher.stop()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Who webhooks are sent to."""
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
def make_endpoint(yard: Database, alice: User) -> Callable[..., Awaitable[WebhookEndpoint]]:
    """make_endpoint(url, ordered=True, …) registers a webhook of alice and returns it."""

    async def make(url: str, **options: Any) -> WebhookEndpoint:
        given = {"owner_id": alice.id, "events": ["item.sold"], "secret": SECRET} | options
        async with yard.session() as session:
            made = await service.register(session, url=url, actor=Principal(user_id=alice.id), **given)
        return made.endpoint

    return make


@pytest.fixture
async def endpoint(
    make_endpoint: Callable[..., Awaitable[WebhookEndpoint]], receiver: Receiver
) -> WebhookEndpoint:
    """Alice's webhook at the receiver."""
    return await make_endpoint(receiver.url)
