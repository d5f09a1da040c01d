"""The same vectors in PostgreSQL with pgvector, and how a server comes to it."""

import asyncio
import secrets
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import text

from botyard import migrations
from botyard.core.accounts.models import User
from botyard.features.chatbots.knowledge import pgvector
from botyard.features.chatbots.knowledge.encoding import Encoders
from botyard.features.chatbots.knowledge.library import Library
from botyard.features.chatbots.knowledge.search import DEPTH, search
from botyard.features.chatbots.knowledge.vectors import VectorCache, Vectors
from botyard.kit.db import Database, Session, Stores
from tests.features.chatbots.knowledge.conftest import Read
from tests.features.chatbots.knowledge.encoders import OneEncoder
from tests.features.chatbots.knowledge.test_vectors import (
    Scattered,
    asked,
    document,
    test_the_nearest_passages_are_those_of_an_exact_comparison,
    test_vectors_of_several_widths_lie_beside_each_other,
    test_what_is_deleted_or_replaced_is_not_found,
)
from tests.stores import PostgresTemplates

__all__ = [
    "test_the_nearest_passages_are_those_of_an_exact_comparison",
    "test_vectors_of_several_widths_lie_beside_each_other",
    "test_what_is_deleted_or_replaced_is_not_found",
]


@pytest.fixture
def stores(pgvector_templates: PostgresTemplates, tmp_path: Path) -> Iterator[Stores]:
    """In place of the store that tests usually run on."""
    with pgvector_templates.fresh(tmp_path / "data") as fresh:
        yield fresh


@pytest.fixture
def started() -> bool:
    """Whether a server has started on the database before the test."""
    return True


@pytest.fixture
async def db(db: Database, started: bool) -> Database:
    """What the knowledge is kept in."""
    assert not started or await pgvector.prepare(db)
    return db


class NoMatrix(VectorCache):
    """Whoever asks it wants all vectors in memory."""

    async def get(self, session: Session, chatbot_id: str, fingerprint: str) -> Vectors:
        raise AssertionError(chatbot_id)


def standing(db: Database) -> pgvector.Standing:
    with migrations.connect(db.stores.main) as connection:
        return pgvector.standing(connection)


async def test_a_search_keeps_no_vectors_in_memory(house: Database, read: Read, chatbot_id: str) -> None:
    encoder = Scattered()
    house.parts.add(OneEncoder(encoder), kind=Encoders)
    await read(document("Ferry", 5))

    async with house.reader() as session:
        found = await search(session, chatbot_id, "Ferry 3", encoder=encoder, cache=NoMatrix())
    assert "Ferry 3" in {each.heading for each in found.passages}
    assert all(each.cosine for each in found.passages)
    assert standing(house).ready


@pytest.mark.parametrize("started", [False])
async def test_a_server_that_meets_pgvector_later_enters_what_it_has(
    house: Database, read: Read, alice: User, chatbot_id: str
) -> None:
    encoder = Scattered()
    house.parts.add(OneEncoder(encoder), kind=Encoders)
    await read(document("Ferry"))
    assert "Restart" in standing(house).remedy
    async with house.reader() as session:
        before = await (await asked(session, chatbot_id, "When?", encoder)).nearest(DEPTH)

    assert await asyncio.gather(*[pgvector.prepare(house) for _ in range(3)]) == [True] * 3

    async with house.reader() as session:
        likeness = await asked(session, chatbot_id, "When?", encoder)
        assert isinstance(likeness, pgvector.InDatabase)
        after = await likeness.nearest(DEPTH)
    assert [one for one, _ in after] == [one for one, _ in before]
    async with house.session() as session:  # an operator takes it away again, and a start finds it anew
        await session.execute(text("DROP EXTENSION vector CASCADE"))
    assert (await Library(house).find(chatbot_id, "Ferry 3", owner_id=alice.id)).passages[0].cosine
    assert await pgvector.prepare(house)
    async with house.reader() as session:
        assert await (await asked(session, chatbot_id, "When?", encoder)).nearest(DEPTH) == after


@pytest.mark.parametrize("started", [False])
async def test_what_is_being_read_meanwhile_is_entered_too(
    house: Database, read: Read, chatbot_id: str
) -> None:
    encoder = Scattered()
    house.parts.add(OneEncoder(encoder), kind=Encoders)
    await read(document("Ferry", 2))
    async with house.session() as session:
        # As a job does that exchanges passages: written, and not yet committed.
        await session.execute(text("UPDATE chatbot_chunks SET vector = vector WHERE position = 0"))
        assert not await pgvector.ready(session)
        starting = asyncio.create_task(pgvector.prepare(house))
        async with house.reader() as looking:
            waits = "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database WHERE NOT granted AND datname = current_database()"
            while not await looking.scalar(text(waits)):
                await looking.rollback()
        assert not starting.done()
    assert await starting

    async with house.reader() as session:
        assert len(await (await asked(session, chatbot_id, "When?", encoder)).nearest(DEPTH)) == 2


@pytest.mark.parametrize("started", [False])
async def test_a_role_that_may_not_make_it_goes_on_without(
    house: Database, read: Read, chatbot_id: str
) -> None:
    name, password = f"plain_{secrets.token_hex(4)}", secrets.token_hex(8)
    address = house.stores.main.render_as_string(hide_password=False)
    with psycopg.connect(address, autocommit=True) as admin:
        role = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(name), sql.Literal(password))
        admin.execute(role)
    url = house.stores.main.set(username=name, password=password)
    plain = Database(Stores(url, url))

    assert not await pgvector.prepare(plain)
    found = standing(plain)
    await plain.close()

    assert not found.ready
    assert "CREATE EXTENSION vector" in found.remedy
    house.parts.add(OneEncoder(Scattered()), kind=Encoders)
    await read(document("Ferry", 2))
    async with house.reader() as session:
        assert await (await asked(session, chatbot_id, "When?", Scattered())).nearest(DEPTH)
