"""A table of the tests' own in the stream store, and writers on it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from botyard.core.ingest import Committed, Writer
from botyard.kit.db import Stores
from tests.core.ingest.lines import Gate, ask, create


@pytest.fixture
def lines(stores: Stores) -> Callable[[], list[tuple[Any, ...]]]:
    """lines() answers the committed rows of the table `lines`: (id, bot_id, text)."""
    create(stores)
    return lambda: ask(stores, "SELECT id, bot_id, text FROM lines ORDER BY id")


@pytest.fixture
def commits() -> list[Committed]:
    """What the writer of this test told about its commits."""
    return []


@pytest.fixture
async def make_writer(
    stores: Stores, lines: object, commits: list[Committed]
) -> AsyncIterator[Callable[..., Awaitable[Writer]]]:
    """make_writer(max_rows=1000, …) answers a started writer; it is stopped after the test."""
    made: list[Writer] = []

    async def make(**options: Any) -> Writer:
        writer = Writer(
            options.pop("stores", stores), **({"max_rows": 1000, "on_commit": commits.append} | options)
        )
        made.append(writer)
        await writer.start()
        return writer

    yield make
    for writer in made:
        await writer.stop()


@pytest.fixture
async def writer(make_writer: Callable[..., Awaitable[Writer]]) -> Writer:
    """A writer of at most 1000 waiting rows."""
    return await make_writer()


@pytest.fixture
def gate() -> Gate:
    """A gate that is closed."""
    return Gate()
