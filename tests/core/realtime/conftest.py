"""Hubs of the tests, stopped afterwards."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from botyard.core.ingest import Writer
from botyard.core.realtime.hub import Hub
from botyard.kit.db import Database, Stores


@pytest.fixture
async def make_hub(db: Database) -> AsyncIterator[Callable[..., Awaitable[Hub]]]:
    """make_hub(db=…, look_s=3600, …) answers a started hub; nothing is found by merely looking in time."""
    made: list[Hub] = []

    async def make(**options: Any) -> Hub:
        hub = Hub(options.pop("db", db), **({"look_s": 3600} | options))
        made.append(hub)
        await hub.start()
        return hub

    yield make
    for hub in made:
        await hub.stop()


@pytest.fixture
async def hub(make_hub: Callable[..., Awaitable[Hub]]) -> Hub:
    """The hub of this test's process."""
    return await make_hub()


@pytest.fixture
async def writer(stores: Stores, hub: Hub) -> AsyncIterator[Writer]:
    """A writer whose commits go to the hub."""
    writer = Writer(stores, max_rows=20_000, on_commit=hub.committed)
    await writer.start()
    yield writer
    await writer.stop()
