"""The world of the manager document."""

from collections.abc import AsyncIterator

import pytest

from tests.contracts.conftest import ADMIN_PASSWORD
from tests.contracts.manager.world import Account, World
from tests.contracts.running import Running


@pytest.fixture(scope="module")
async def world(running: Running) -> AsyncIterator[World]:
    """Makes accounts and bots on the running server."""
    world = World(running)
    yield world
    await world.close()


@pytest.fixture(scope="module")
async def admin(world: World) -> Account:
    """The first administrator."""
    return await world.sign_in("admin", ADMIN_PASSWORD)


@pytest.fixture(scope="module")
async def account(world: World) -> Account:
    """Somebody; shared by the tests of a module, so leave the account as it is."""
    return await world.make_account()


@pytest.fixture(scope="module")
async def stranger(world: World) -> Account:
    """Somebody else."""
    return await world.make_account()
