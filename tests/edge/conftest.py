"""A small document on a database that nothing is asked of."""

from pathlib import Path

import pytest

from botyard.kit.db import Database, Stores
from botyard.settings import Settings


@pytest.fixture
def bare_settings(tmp_path: Path) -> Settings:
    """Settings of a server without stores."""
    return Settings(_env_file=None, data_dir=tmp_path, max_body_mb=1)


@pytest.fixture
def bare_db(bare_settings: Settings) -> Database:
    """A database that is never opened."""
    return Database(Stores.at("", bare_settings.data_dir))
