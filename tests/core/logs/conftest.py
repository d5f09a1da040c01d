"""Writer, reader and hub of one process, on stores of this test's own."""

from collections.abc import AsyncIterator

import pytest

from botyard.core.ingest.reader import StreamReader
from botyard.core.ingest.writer import Writer
from botyard.core.logs.sources import EntrySource
from botyard.core.realtime.hub import Hub
from botyard.kit.db import Database


@pytest.fixture
async def hub(db: Database) -> AsyncIterator[Hub]:
    """A hub that hears of entries."""
    hub = Hub(db, sources=[EntrySource()])
    await hub.start()
    yield hub
    await hub.stop()


@pytest.fixture
async def writer(db: Database, hub: Hub) -> AsyncIterator[Writer]:
    """The writer; what it commits reaches the hub."""
    writer = Writer(db.stores, max_rows=20_000, on_commit=hub.committed)
    await writer.start()
    db.parts.add(writer)
    yield writer
    await writer.stop()


@pytest.fixture
async def reader(db: Database) -> AsyncIterator[StreamReader]:
    """The reader."""
    reader = StreamReader(db.stores)
    await reader.start()
    yield reader
    await reader.stop()
