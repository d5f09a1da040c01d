"""A fleet without HTTP: writer, reader, hub, bell and presence on stores that each test finds empty."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

from botyard.kit.clock import FrozenClock
from botyard.kit.db import Database, Stores
from tests.features.fleet.fleet import Fleet, empty
from tests.stores import Templates


@pytest.fixture(scope="module")
def stores_of_module(
    store_templates: Templates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stores]:
    """Made once for a module, which spares seconds on PostgreSQL."""
    with store_templates.fresh(tmp_path_factory.mktemp("fleet")) as stores:
        yield stores


@pytest.fixture
def stores(stores_of_module: Stores) -> Stores:
    """Emptied before each test."""
    empty(stores_of_module)
    return stores_of_module


@pytest.fixture
async def make_fleet(db: Database) -> AsyncIterator[Callable[..., Awaitable[Fleet]]]:
    """make_fleet() starts the pieces of one server process; on PostgreSQL several may run at once."""
    made: list[Fleet] = []

    async def make(**options: float) -> Fleet:
        fleet = Fleet(db.stores, **options)
        made.append(fleet)
        await fleet.start()
        return fleet

    yield make
    for fleet in reversed(made):
        await fleet.stop()


@pytest.fixture
async def fleet(clock: FrozenClock, make_fleet: Callable[..., Awaitable[Fleet]]) -> Fleet:
    """One process' pieces, at a clock that stands."""
    return await make_fleet()
