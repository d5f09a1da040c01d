"""X on loopback, a bot that posts there, and the settings that let it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

from botyard.core.accounts.models import User
from botyard.core.accounts.types import Principal
from botyard.core.bots import secrets
from botyard.core.bots import service as bots
from botyard.core.bots.models import BotKind
from botyard.features.studio.calls import Line
from botyard.features.studio.platforms.x import X
from botyard.features.studio.registry import Platforms
from botyard.kit.db import Database
from botyard.kit.http import guarded_client
from botyard.settings import Settings
from tests.core.accounts.fixtures import alice, house, make_user, queue, root
from tests.features.studio.description import PUBLISHED, Description, load
from tests.features.studio.fake_x import FakeX
from tests.features.studio.fake_x_auth import OAUTH1

__all__ = ["alice", "house", "make_user", "queue", "root"]
MakeLine = Callable[..., Awaitable[Line]]
TIMEOUT_S = 5.0


def description(name: str) -> Description:
    """A description of X; the test says at the end that it did not run where the published one is absent."""
    if name == "published" and not PUBLISHED.exists():
        pytest.skip("X's published OpenAPI description is not on this machine")
    return Description(load(name))


@pytest.fixture(params=["published", "recorded"])
async def fake_x(request: pytest.FixtureRequest) -> AsyncIterator[FakeX]:
    """X as its published description has it, and as it was recorded."""
    async with FakeX(description(request.param)).serving() as fake:
        yield fake


@pytest.fixture
async def some_x() -> AsyncIterator[FakeX]:
    """X by the best description that there is, for what does not depend on it."""
    async with FakeX(description("published" if PUBLISHED.exists() else "recorded")).serving() as fake:
        yield fake


def connector(fake: FakeX) -> X:
    """The connector, led to the fake."""
    return X(guarded_client(allow_private=True, timeout_s=TIMEOUT_S), api=fake.url, site=fake.url)


@pytest.fixture
async def x(fake_x: FakeX) -> AsyncIterator[X]:
    """The connector on both kinds of fake."""
    made = connector(fake_x)
    yield made
    await made.close()


@pytest.fixture
async def studio(house: Database, some_x: FakeX, settings: Settings) -> AsyncIterator[Database]:
    """A database whose X is the fake, switched on, with ten dollars a month."""
    settings.x_enabled, settings.x_monthly_cap_usd = True, Decimal(10)
    made = connector(some_x)
    house.parts.add(Platforms({"x": made}))
    yield house
    await made.close()


@pytest.fixture
def make_line(studio: Database, alice: User) -> MakeLine:
    """make_line(credentials) stores an X bot of Alice's and answers its line."""

    async def make(credentials: dict[str, Any] | None = None, *, name: str = "Harbour") -> Line:
        actor = Principal(user_id=alice.id)
        async with studio.session() as session:
            bot = await bots.create(session, owner_id=alice.id, kind=BotKind.x, name=name)
            keys = {"oauth1": OAUTH1} if credentials is None else credentials
            if keys:
                await secrets.store_credentials(session, bot, keys, actor=actor)
        return Line.of(studio, bot)

    return make
