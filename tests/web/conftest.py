"""A running server and people who use its dashboard without a browser."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from botyard.settings import Settings
from tests.contracts.running import Running, run
from tests.stores import Templates
from tests.web.person import ADMIN_PASSWORD, People, Person


@pytest.fixture(scope="module")
def chosen() -> dict[str, Any]:
    """Settings that a module's server differs in."""
    return {}


@pytest.fixture(scope="module")
async def running(
    store_templates: Templates, tmp_path_factory: pytest.TempPathFactory, chosen: dict[str, Any]
) -> AsyncIterator[Running]:
    """One server for all tests of a module, on each store."""
    folder: Path = tmp_path_factory.mktemp("server")
    with store_templates.fresh(folder / "data") as stores:
        url = "" if stores.embedded else stores.main.render_as_string(hide_password=False)
        settings = Settings(
            _env_file=None,
            data_dir=folder / "data",
            database_url=url,
            admin_password=ADMIN_PASSWORD,
            log_level="error",
            **chosen,
        )
        async with run(settings) as running:
            yield running


@pytest.fixture(scope="module")
async def people(running: Running) -> AsyncIterator[People]:
    """people.join("ada") makes and signs in a fresh account."""
    people = People(running)
    yield people
    await people.close()


@pytest.fixture(scope="module")
async def admin(people: People) -> Person:
    """The first administrator, signed in."""
    return await people.sign_in("admin", ADMIN_PASSWORD)


@pytest.fixture
async def ada(people: People) -> Person:
    """Somebody who is nobody special."""
    return await people.join()
