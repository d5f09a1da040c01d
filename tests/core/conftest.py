"""Stores for tests of what only PostgreSQL has: several processes on one database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from botyard.core.accounts import administration, deletion
from botyard.kit.db import Stores
from tests.servers import Servers
from tests.stores import PostgresTemplates


@pytest.fixture(autouse=True)
def own_hooks() -> Iterator[None]:
    """What a server that another test of this process ran has asked to be called for is not there."""
    hooks = (deletion._on_delete, administration._on_disable)
    before = [list(one) for one in hooks]
    for one in hooks:
        one.clear()
    yield
    for one, kept in zip(hooks, before, strict=True):
        one[:] = kept


@pytest.fixture(scope="session")
def _postgres_templates(
    servers: Servers, worker: str, pytestconfig: pytest.Config
) -> Iterator[PostgresTemplates]:
    if "postgres" not in pytestconfig.getoption("--stores").split(","):
        pytest.skip("PostgreSQL is left out by --stores")
    templates = PostgresTemplates(servers.postgres().url, f"{worker}_only")
    yield templates
    templates.close()


@pytest.fixture
def postgres_stores(_postgres_templates: PostgresTemplates, tmp_path: Path) -> Iterator[Stores]:
    """Migrated stores in a PostgreSQL database of this test's own."""
    with _postgres_templates.fresh(tmp_path / "data") as stores:
        yield stores
