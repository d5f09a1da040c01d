"""A store that settings can be kept in, and short ways to change and read them."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from botyard.core import audit, vault
from botyard.core.accounts.types import Kind, Principal, Role
from botyard.core.config import queries
from botyard.core.config import service as config
from botyard.core.config.models import ConfigChange
from botyard.kit.db import Database

ROOT = Principal(kind=Kind.cookie, user_id=7, role=Role.admin, session_id="ses_1")

Update = Callable[..., Awaitable[dict[str, Any]]]
Read = Callable[..., Awaitable[dict[str, Any]]]
Undo = Callable[[int], Awaitable[ConfigChange]]
History = Callable[..., Awaitable[list[ConfigChange]]]


@pytest.fixture
async def house(db: Database, tmp_path: Path) -> Database:
    """The database with an open vault and the audit log's key."""
    await vault.open_keyring(db, data_dir=tmp_path / "data")
    await audit.open_key(db)
    return db


@pytest.fixture
def update(house: Database) -> Update:
    """update("mailer", sender="a@example.org") changes settings and answers them all."""

    async def update(service: str, _changes: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
        async with house.session() as session:
            return await config.update(
                session, service, {**(_changes or {}), **changes}, actor=ROOT, address="192.0.2.7"
            )

    return update


@pytest.fixture
def read(house: Database) -> Read:
    """read("mailer") answers the settings of a service."""

    async def read(service: str) -> dict[str, Any]:
        async with house.reader() as session:
            return await config.read(session, service)

    return read


@pytest.fixture
def history(house: Database) -> History:
    """history(service="mailer") answers the changes, newest first."""

    async def history(**which: Any) -> list[ConfigChange]:
        async with house.reader() as session:
            return await queries.list_changes(session, **which)

    return history


@pytest.fixture
def undo(house: Database) -> Undo:
    """undo(3) takes a change back."""

    async def undo(change_id: int) -> ConfigChange:
        async with house.session() as session:
            return await config.undo(session, change_id, actor=ROOT, address="192.0.2.7")

    return undo
