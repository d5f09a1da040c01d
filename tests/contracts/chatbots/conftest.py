"""The world of the chatbots document: limits are off but where a test is about them."""

from collections.abc import AsyncIterator

import pytest

from botyard.settings import Settings
from tests.contracts.chatbots.cast import Cast, make_cast
from tests.contracts.running import Running


@pytest.fixture(scope="module")
def works() -> bool:
    """Every training would start a process that learns for seconds; other tests are about that."""
    return False


@pytest.fixture(scope="module")
async def cast(running: Running) -> AsyncIterator[Cast]:
    """Everybody who takes part; leave accounts and objects as they are, or make your own."""
    settings = running.db.parts.get(Settings)
    settings.rate_limits = "off"
    settings.allow_private_networks = True  # nothing else can be reached from a test
    cast = await make_cast(running)
    yield cast
    await cast.close()
