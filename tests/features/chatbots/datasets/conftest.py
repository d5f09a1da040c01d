"""Accounts with datasets, on stores that are made once for a module and emptied before each test."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from botyard.core.accounts.models import User
from botyard.features.chatbots import datasets
from botyard.features.chatbots.examples import NewExample
from botyard.features.chatbots.models import Artifact, Dataset, Example, ModelVersion, TrainingJob
from botyard.kit import clock as clocks
from botyard.kit.clock import FrozenClock
from botyard.kit.db import Database, Stores
from botyard.settings import Settings
from tests.stores import Templates

MakeDataset = Callable[..., Awaitable[str]]
ALICE, BOB = 1, 2


@pytest.fixture(scope="module")
def stores_of_module(
    store_templates: Templates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stores]:
    """Made once for a module, which spares seconds on PostgreSQL."""
    with store_templates.fresh(tmp_path_factory.mktemp("datasets")) as stores:
        yield stores


@pytest.fixture
async def db(stores_of_module: Stores, clock: FrozenClock) -> AsyncIterator[Database]:
    """Two accounts and nothing else, at a clock that stands."""
    database = Database(stores_of_module)
    database.parts.add(Settings(_env_file=None))
    async with database.session() as session:
        for table in (ModelVersion, TrainingJob, Example, Dataset, Artifact, User):
            await session.execute(sa.delete(table))
        for number, name in ((ALICE, "alice"), (BOB, "bob")):
            session.add(
                User(
                    id=number,
                    username=name,
                    username_key=name,
                    email=f"{name}@example.org",
                    email_key=f"{name}@example.org",
                    password_hash="none",
                    created_at=clocks.now(),
                )
            )
    yield database
    await database.close()


@pytest.fixture
def make_dataset(db: Database) -> MakeDataset:
    """make_dataset({"greet": ["hi", "hello"]}) stores a dataset of Alice's and answers its id."""

    async def make(texts: dict[str, list[str]], **fields: Any) -> str:
        examples = [NewExample(text=text, intent=intent) for intent, those in texts.items() for text in those]
        async with db.session() as session:
            made = await datasets.create(
                session, **{"owner_id": ALICE, "name": "Parcels", "examples": examples} | fields
            )
            return made.id

    return make
