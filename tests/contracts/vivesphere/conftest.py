"""The world of the ViveSphere document: accounts made elsewhere on the same server (V-08), tokens from here."""

from collections.abc import AsyncIterator

import pytest

from tests.contracts.conftest import ADMIN_PASSWORD
from tests.contracts.manager.world import Account, World
from tests.contracts.running import Running
from tests.contracts.vivesphere.cast import Cast, make_cast


@pytest.fixture(scope="module")
async def world(running: Running) -> AsyncIterator[World]:
    """Makes accounts on the running server."""
    world = World(running)
    yield world
    await world.close()


@pytest.fixture(scope="module")
async def admin(world: World) -> Account:
    """The first administrator."""
    return await world.sign_in("admin", ADMIN_PASSWORD)


@pytest.fixture(scope="module")
async def cast(world: World, admin: Account) -> Cast:
    """Everybody who takes part; leave accounts and bots as they are, or make your own with `make_cast`."""
    return await make_cast(world, admin)
