"""Stores that a module's tests share: each test has an account and a chatbot of its own in them."""

from collections.abc import AsyncIterator, Iterator

import pytest

from botyard.kit.clock import FrozenClock
from botyard.kit.db import Stores
from tests.features.chatbots.conversations.room import Room
from tests.stores import Templates


@pytest.fixture(scope="package")
def stores_of_package(
    store_templates: Templates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stores]:
    with store_templates.fresh(tmp_path_factory.mktemp("conversations")) as stores:
        yield stores


@pytest.fixture
async def room(stores_of_package: Stores, clock: FrozenClock) -> AsyncIterator[Room]:
    """One process, at a clock that stands."""
    room = Room(stores_of_package)
    await room.start()
    yield room
    await room.stop()


@pytest.fixture
async def other_room(room: Room) -> AsyncIterator[Room]:
    """A second process with the same chatbot, or another account's: `start` makes the difference."""
    other = Room(room.db.stores)
    await other.start()
    yield other
    await other.stop()
