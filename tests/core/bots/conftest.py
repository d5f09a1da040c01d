"""Fixtures of accounts: bots belong to somebody."""

from collections.abc import Awaitable, Callable

import pytest

from botyard.core.accounts.models import User
from botyard.core.bots import service as bots
from botyard.core.bots.models import Bot, BotKind
from botyard.core.jobs.dispatch import Dispatch
from botyard.kit.db import Database
from tests.core.accounts.fixtures import alice, house, make_user

__all__ = ["alice", "house", "make_user"]


class _Nowhere:
    """Takes every job and starts none."""

    async def carry(self, *_: object) -> None:
        """Nobody works here."""


@pytest.fixture(autouse=True)
def queues(house: Database) -> None:
    """Deleting a bot asks for a job."""
    house.parts.add(_Nowhere(), kind=Dispatch)


MakeBot = Callable[..., Awaitable[Bot]]


@pytest.fixture
def make_bot(house: Database, alice: User) -> MakeBot:
    """make_bot("Harbour", owner=bob) stores an X bot, of alice if not said, and returns it."""

    async def make(name: str = "Harbour", *, owner: User = alice, kind: BotKind = BotKind.x) -> Bot:
        async with house.session() as session:
            return await bots.create(session, owner_id=owner.id, kind=kind, name=name)

    return make


@pytest.fixture
async def bot(make_bot: MakeBot) -> Bot:
    """An X bot of alice."""
    return await make_bot()
