"""Several processes: what one commits, listeners of the others hear, also when the bus breaks."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from botyard.core.ingest import Writer
from botyard.core.realtime.cursor import Positions
from botyard.core.realtime.hub import Delivery, Hub, Subscription
from botyard.core.realtime.link import Link, LinkedBus
from botyard.core.realtime.postgres_bus import PostgresBus
from botyard.core.realtime.redis_bus import RedisBus
from botyard.kit.db import Database, Stores
from tests.core.realtime.happenings import Knocked, happen, hear, numbers, stream
from tests.proxy import Proxy, in_front_of

MakeHub = Callable[..., Awaitable[Hub]]
MakeBus = Callable[[], LinkedBus]


@pytest.fixture
def stores(postgres_stores: Stores) -> Stores:
    """Several processes share a database only on PostgreSQL."""
    return postgres_stores


@pytest.fixture
async def other_db(stores: Stores) -> AsyncIterator[Database]:
    """The database as another process has it."""
    db = Database(stores)
    yield db
    await db.close()


@pytest.fixture(params=["postgres", "redis"])
async def proxy(request: pytest.FixtureRequest, stores: Stores) -> AsyncIterator[Proxy]:
    """A proxy in front of the server that carries the bus, and only the bus."""
    url = stores.main if request.param == "postgres" else request.getfixturevalue("redis_url")
    proxy = in_front_of(url)
    await proxy.start()
    yield proxy
    await proxy.stop()


@pytest.fixture
async def make_bus(request: pytest.FixtureRequest, proxy: Proxy, stores: Stores) -> AsyncIterator[MakeBus]:
    """make_bus() answers a bus through the proxy, of the kind that the test runs on; it ends with the test."""
    made: list[LinkedBus] = []

    def make() -> LinkedBus:
        if "redis" in request.node.callspec.params.values():
            address: str = request.getfixturevalue("redis_url")
            head, _, tail = address.rpartition("@")
            made.append(RedisBus(f"{head}@127.0.0.1:{proxy.port}/{tail.rpartition('/')[2]}"))
        else:
            made.append(PostgresBus(proxy.url(stores.main)))
        return made[-1]

    yield make
    for bus in made:
        await bus.stop()


async def until(condition: Callable[[], bool]) -> None:
    """Wait, in real time, for what another task does."""
    async with asyncio.timeout(15):
        while not condition():
            await asyncio.sleep(0.005)


async def listening(subscription: Subscription, hub: Hub) -> None:
    await subscription.take(timeout_s=0)
    await until(lambda: not hub.degraded)


async def within(seconds: float, hearing: Awaitable[list[Delivery]]) -> list[int]:
    async with asyncio.timeout(seconds):
        return numbers(await hearing)


async def test_listeners_of_another_process_hear(
    make_hub: MakeHub, make_bus: MakeBus, other_db: Database, db: Database, stores: Stores
) -> None:
    there = await make_hub(db=other_db, bus=make_bus())
    here = await make_hub(bus=make_bus())
    writer = Writer(stores, max_rows=100, on_commit=here.committed)
    await writer.start()
    async with there.subscribe(owner_id=1) as subscription:
        await listening(subscription, there)
        await until(lambda: not here.degraded)
        await happen(db, Knocked(owner_id=1, n=1), Knocked(owner_id=2, n=2))
        assert await within(15, hear(subscription, 1)) == [1]
        await stream(writer, Knocked(owner_id=1, n=3))
        assert await within(15, hear(subscription, 1)) == [3]
        await until(lambda: there.cursor() == here.cursor())
    await writer.stop()


async def test_two_processes_that_commit_at_once_are_both_heard_everywhere(
    make_hub: MakeHub, make_bus: MakeBus, other_db: Database, db: Database, stores: Stores
) -> None:
    hubs = [await make_hub(bus=make_bus()), await make_hub(db=other_db, bus=make_bus())]
    writers = [Writer(stores, max_rows=1000, on_commit=hub.committed) for hub in hubs]
    for hub, writer in zip(hubs, writers, strict=True):
        await writer.start()
        await until(lambda hub=hub: not hub.degraded)  # type: ignore[misc]
    async with hubs[0].subscribe(owner_id=1) as first, hubs[1].subscribe(owner_id=None) as second:
        hearing = [asyncio.create_task(hear(subscription, 200)) for subscription in (first, second)]
        await asyncio.gather(
            *[stream(writers[n % 2], Knocked(owner_id=1, n=n), Knocked(owner_id=1, n=n)) for n in range(100)]
        )
        heard = [await within(15, one) for one in hearing]
        assert heard[0] == heard[1]
        assert sorted(heard[0]) == sorted([*range(100), *range(100)])
    for writer in writers:
        await writer.stop()


async def test_nothing_is_missed_while_the_bus_is_cut(
    make_hub: MakeHub, make_bus: MakeBus, proxy: Proxy, other_db: Database, db: Database
) -> None:
    there = await make_hub(db=other_db, bus=make_bus())
    here = await make_hub(bus=make_bus())
    async with there.subscribe(owner_id=1) as subscription:
        await listening(subscription, there)
        await until(lambda: not here.degraded)
        await happen(db, Knocked(owner_id=1, n=1))
        assert await within(15, hear(subscription, 1)) == [1]

        await proxy.stop()
        await until(lambda: there.degraded and here.degraded)
        await happen(db, Knocked(owner_id=1, n=2))
        await proxy.start()
        await until(lambda: not there.degraded and not here.degraded)
        await happen(db, Knocked(owner_id=1, n=3))
        assert await within(15, hear(subscription, 2)) == [2, 3]
        assert await subscription.take(timeout_s=0.05) == []


async def test_everything_works_without_the_bus_only_later(
    make_hub: MakeHub, make_bus: MakeBus, proxy: Proxy, other_db: Database, db: Database
) -> None:
    await proxy.stop()
    there = await make_hub(db=other_db, bus=make_bus())
    here = await make_hub(bus=make_bus())
    async with there.subscribe(owner_id=1) as far, here.subscribe(owner_id=1) as near:
        await happen(db, Knocked(owner_id=1, n=1))
        assert await within(0.5, hear(near, 1)) == [1]
        assert await within(10, hear(far, 1)) == [1]
        assert there.degraded


async def test_connection_that_went_silent_is_noticed(make_bus: MakeBus, proxy: Proxy) -> None:
    bus = make_bus()
    bus.answer_s = 0.1
    gaps: list[int] = []
    await bus.start(lambda _: None, lambda: gaps.append(1))
    await until(lambda: bus.connected)
    proxy.freeze()
    bus.send({"e": 1})
    await until(lambda: not bus.connected)
    proxy.thaw()
    await until(lambda: bus.connected)
    assert len(gaps) == 2
    await bus.stop()


async def test_server_that_is_silent_from_the_start_is_asked_again(make_bus: MakeBus, proxy: Proxy) -> None:
    bus = make_bus()
    bus.answer_s = 0.1
    proxy.freeze()
    await bus.start(lambda _: None, lambda: None)
    await until(lambda: proxy.accepted > 1)
    proxy.thaw()
    bus.answer_s = 5.0
    await until(lambda: bus.connected)


async def test_driver_that_swallows_the_cancellation_does_not_keep_the_bus_from_stopping() -> None:
    sending = asyncio.Event()

    class Deaf:
        async def send(self, payload: str) -> None:
            sending.set()
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(60)

        async def ping(self) -> None:
            """Be there."""

    class Careless(LinkedBus):
        @asynccontextmanager
        async def open(self) -> AsyncIterator[Link]:
            yield Deaf()

    bus = Careless()
    await bus.start(lambda _: None, lambda: None)
    bus.send({"e": 1})
    await sending.wait()
    async with asyncio.timeout(5):
        await bus.stop()


async def test_driver_that_fails_while_it_closes_does_not_keep_the_bus_from_stopping() -> None:
    class Stubborn(LinkedBus):
        @asynccontextmanager
        async def open(self) -> AsyncIterator[Link]:
            try:
                yield Silent()
            finally:
                raise TimeoutError("the connection does not close")

    class Silent:
        async def send(self, payload: str) -> None:
            """Swallow it."""

        async def ping(self) -> None:
            """Be there."""

    bus = Stubborn()
    await bus.start(lambda _: None, lambda: None)
    await until(lambda: bus.connected)
    async with asyncio.timeout(5):
        await bus.stop()


async def test_hints_that_wait_are_merged_and_survive_the_loss_of_the_connection(
    make_bus: MakeBus, proxy: Proxy
) -> None:
    heard: list[Positions] = []
    sender, receiver = make_bus(), make_bus()
    await receiver.start(heard.append, lambda: None)
    await sender.start(lambda _: pytest.fail("a process need not hear itself"), lambda: None)
    await until(lambda: sender.connected and receiver.connected)
    sender.send({"e": 1})
    sender.send({"e": 3, "s": 7})
    sender.send({"e": 2})
    await until(lambda: bool(heard))
    assert heard == [{"e": 3, "s": 7}]

    await proxy.stop()
    await until(lambda: not sender.connected and not receiver.connected)
    sender.send({"e": 9})
    await proxy.start()
    await until(lambda: len(heard) == 2 or (sender.connected and receiver.connected))
    sender.send({"l": 4})
    await until(lambda: any("l" in news for news in heard))
    assert {key: last for news in heard for key, last in news.items()}["l"] == 4
    for bus in (sender, receiver):
        await bus.stop()


def test_foreign_messages_on_the_channel_are_passed_over(redis_url: str) -> None:
    heard: list[Positions] = []
    bus = RedisBus(redis_url)
    bus.heard = heard.append
    for payload in ("", "nonsense", "somebody e1;drop", "somebody e1"):
        bus.receive(payload)
    assert heard == [{"e": 1}]
