"""A piece that listens for as long as the process runs."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from sqlalchemy.exc import OperationalError

from botyard.core.realtime.hub import Delivery, Hub
from botyard.core.realtime.listening import listen
from botyard.kit.clock import FrozenClock
from botyard.kit.db import Database
from botyard.kit.errors import Unavailable
from tests.core.realtime.happenings import Knocked, happen, numbers

NAMES = frozenset({Knocked.name})
TROUBLE = [OperationalError("SELECT", {}, Exception("away")), Unavailable(), KeyError("odd")]


class Piece:
    """Hears numbers, and fails once at the beginning and once at a number."""

    def __init__(self, error: Exception) -> None:
        self.errors = {"begin": error, "hear": error}
        self.begun = 0
        self.heard: asyncio.Queue[int] = asyncio.Queue()
        self.ready = asyncio.Event()

    async def begin(self) -> None:
        self.begun += 1
        if error := self.errors.pop("begin", None):
            raise error
        self.ready.set()

    async def hear(self, news: Sequence[Delivery]) -> None:
        self.ready.clear()
        if error := self.errors.pop("hear", None):
            raise error
        for number in numbers(list(news)):
            self.heard.put_nowait(number)


@pytest.fixture(params=TROUBLE, ids=lambda error: type(error).__name__)
async def piece(request: pytest.FixtureRequest, hub: Hub, clock: FrozenClock) -> AsyncIterator[Piece]:
    """A piece that meets this trouble."""
    piece = Piece(request.param)
    task = asyncio.create_task(listen(hub, owner_id=1, names=NAMES, begin=piece.begin, hear=piece.hear))
    yield piece
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_listener_goes_on_after_whatever_went_wrong_and_begins_again(
    db: Database, piece: Piece
) -> None:
    async with asyncio.timeout(10):
        await piece.ready.wait()
        await happen(db, Knocked(owner_id=1, n=1))  # what it fails at
        while piece.begun < 3:
            await asyncio.sleep(0)
        await piece.ready.wait()
        await happen(db, Knocked(owner_id=1, n=2))
        assert await piece.heard.get() == 2
    assert piece.begun == 3
