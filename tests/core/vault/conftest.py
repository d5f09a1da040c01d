"""A vault on this test's store, and short ways to use it."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from botyard.core import vault
from botyard.kit.db import Database, Stores

Put = Callable[..., Awaitable[int]]
Reveal = Callable[..., Awaitable[str]]


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
async def keyring(db: Database, data_dir: Path) -> vault.Keyring:
    """The open vault of `db`."""
    return await vault.open_keyring(db, data_dir=data_dir)


@pytest.fixture
def put(db: Database, keyring: vault.Keyring) -> Put:
    """put("secret", account_id=1, id="bot_1", name="token") stores it and answers the version."""

    async def put(value: str | bytes, **place: Any) -> int:
        where = {"account_id": 1, "kind": "bot", "id": "bot_1", "name": "token"} | place
        async with db.session() as session:
            return await vault.put(session, value=value, **where)

    return put


@pytest.fixture
def reveal(db: Database, keyring: vault.Keyring) -> Reveal:
    """reveal(id="bot_1", name="token") answers the secret; also account_id and version."""

    async def reveal(**place: Any) -> str:
        async with db.reader() as session:
            return await vault.reveal(session, **{"kind": "bot", "id": "bot_1", "name": "token"} | place)

    return reveal


@pytest.fixture
def other_process(stores: Stores) -> Callable[[], Database]:
    """other_process() opens the same stores once more, as another process would; the test closes it."""
    return lambda: Database(stores)
