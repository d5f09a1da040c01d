"""A process with a chatbot, keys and a signed-in owner; each test has its own account in shared stores."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from botyard.kit.clock import FrozenClock
from botyard.kit.db import Stores
from botyard.settings import Settings
from tests.features.chatbots.channels.booth import Booth
from tests.stores import Templates


@pytest.fixture(scope="package")
def stores_of_package(
    store_templates: Templates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stores]:
    with store_templates.fresh(tmp_path_factory.mktemp("channels")) as stores:
        yield stores


@pytest.fixture
async def booth(stores_of_package: Stores, clock: FrozenClock, tmp_path: Path) -> AsyncIterator[Booth]:
    """One process, at a clock that stands."""
    settings = Settings(_env_file=None, data_dir=tmp_path, public_url="https://yard.example")
    booth = Booth(stores_of_package, settings)
    await booth.open()
    yield booth
    await booth.stop()
