"""A running server for the tests of each document."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from botyard.settings import Settings
from tests import planted
from tests.contracts.running import Running, run
from tests.stores import Templates

ADMIN_PASSWORD = "the first administrator's"


@pytest.fixture(scope="module")
async def running(
    request: pytest.FixtureRequest, store_templates: Templates, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Running]:
    """One server for all tests of a module, on each store; tests make accounts of their own.

    It works at jobs too, unless a fixture `works` says no: where they cost much and are not what is tested.
    """
    try:
        works = bool(request.getfixturevalue("works"))
    except pytest.FixtureLookupError:
        works = True
    folder: Path = tmp_path_factory.mktemp("server")
    with store_templates.fresh(folder / "data") as stores:
        url = "" if stores.embedded else stores.main.render_as_string(hide_password=False)
        settings = Settings(
            _env_file=None,
            data_dir=folder / "data",
            database_url=url,
            admin_password=ADMIN_PASSWORD,
            log_level="error",
        )
        async with run(settings, works=works) as running:
            yield running
        assert planted.found(stores, folder) == []  # whatever the tests of the module did with secrets
