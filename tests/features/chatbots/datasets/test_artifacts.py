"""Files by their digest: whole or absent, stored once, gone when nothing refers to them."""

import asyncio
import hashlib

import pytest
import sqlalchemy as sa

from botyard.features.chatbots import artifact_jobs, artifacts
from botyard.features.chatbots.artifacts import PART, ArtifactDamaged, ArtifactMissing, StorageFull
from botyard.features.chatbots.models import Artifact, TrainingJob
from botyard.kit.clock import FrozenClock
from botyard.kit.db import Database
from botyard.settings import Settings
from tests.features.chatbots.datasets.conftest import ALICE, BOB

LARGE = bytes(range(256)) * (PART // 128) + b"end"  # two parts and a bit


async def rows(db: Database) -> int:
    async with db.reader() as session:
        return int(await session.scalar(sa.select(sa.func.count()).select_from(Artifact)) or 0)


@pytest.mark.parametrize(
    "data", [b"", b"one", LARGE[:PART], LARGE], ids=["empty", "small", "one part", "three"]
)
async def test_what_is_put_is_got_back_under_its_digest(db: Database, data: bytes) -> None:
    digest = await artifacts.put(db, ALICE, data)

    assert digest == hashlib.sha256(data).hexdigest()
    assert await artifacts.get(db, ALICE, digest) == data


async def test_the_same_again_is_stored_once(db: Database) -> None:
    await artifacts.put(db, ALICE, LARGE)
    await artifacts.put(db, ALICE, LARGE)

    assert await rows(db) == 3
    async with db.reader() as session:
        assert await artifacts.usage(session, ALICE) == len(LARGE)


async def test_files_of_another_account_are_absent(db: Database) -> None:
    digest = await artifacts.put(db, ALICE, b"hers")

    with pytest.raises(ArtifactMissing):
        await artifacts.get(db, BOB, digest)


async def test_an_interrupted_put_is_nobodys_file_until_it_is_completed(db: Database) -> None:
    digest = await artifacts.put(db, ALICE, LARGE)
    async with db.session() as session:
        await session.execute(sa.delete(Artifact).where(Artifact.part == 2))

    with pytest.raises(ArtifactMissing):
        await artifacts.get(db, ALICE, digest)
    assert await artifacts.put(db, ALICE, LARGE) == digest
    assert await artifacts.get(db, ALICE, digest) == LARGE


async def test_a_changed_file_is_not_handed_out(db: Database) -> None:
    digest = await artifacts.put(db, ALICE, LARGE)
    async with db.session() as session:
        await session.execute(sa.update(Artifact).where(Artifact.part == 1).values(data=b"other"))

    with pytest.raises(ArtifactDamaged):
        await artifacts.get(db, ALICE, digest)


async def test_files_go_a_day_after_nothing_refers_to_them(db: Database, clock: FrozenClock) -> None:
    unused = await artifacts.put(db, ALICE, LARGE)
    used = await artifacts.put(db, ALICE, b"a snapshot")
    renewed = await artifacts.put(db, ALICE, b"asked for again")
    await refer_to(db, used)
    clock.advance(23 * 3600)
    await artifacts.put(db, ALICE, b"asked for again")

    assert await artifact_jobs.tidy.run_inline(db) == 0
    clock.advance(2 * 3600)
    assert await artifact_jobs.tidy.run_inline(db) == 1
    with pytest.raises(ArtifactMissing):
        await artifacts.get(db, ALICE, unused)
    assert await artifacts.get(db, ALICE, used) == b"a snapshot"
    assert await artifacts.get(db, ALICE, renewed) == b"asked for again"
    assert await rows(db) == 2


def allow(db: Database, *, mib: int) -> None:
    """So much an account may keep."""
    db.parts.add(Settings(_env_file=None, chatbot_storage_mb=mib))


async def used(db: Database) -> int:
    async with db.reader() as session:
        return await artifacts.usage(session, ALICE)


async def test_an_account_keeps_no_more_than_it_may_and_takes_nothing_from_others(
    db: Database, clock: FrozenClock
) -> None:
    allow(db, mib=1)
    first = await artifacts.put(db, ALICE, LARGE)
    await refer_to(db, first)
    clock.advance(3 * 3600)

    with pytest.raises(StorageFull):
        await artifacts.put(db, ALICE, LARGE[:-1])
    async with db.reader() as session:
        await artifacts.check_room(session, ALICE)  # there is room for smaller ones
    assert await artifacts.put(db, ALICE, LARGE) == first  # what is there takes no more room
    assert await artifacts.put(db, BOB, LARGE[:-1])
    assert (await used(db), await rows(db)) == (len(LARGE), 3 + 3)


async def test_uploads_at_the_same_moment_fit_together_or_not_at_all(db: Database) -> None:
    allow(db, mib=1)
    tries = [artifacts.put(db, ALICE, bytes([number]) * 400_000) for number in range(6)]

    answers = await asyncio.gather(*tries, return_exceptions=True)

    assert [type(each) for each in answers].count(StorageFull) == 4
    assert await used(db) == 800_000


async def test_what_nothing_refers_to_makes_room_after_two_hours(db: Database, clock: FrozenClock) -> None:
    allow(db, mib=1)
    abandoned = await artifacts.put(db, ALICE, LARGE)
    of_bob = await artifacts.put(db, BOB, LARGE)
    with pytest.raises(StorageFull):
        await artifacts.put(db, ALICE, b"n" * 600_000)  # it may be waited for

    clock.advance(2 * 3600 + 1)
    assert await used(db) == 0
    await artifacts.put(db, ALICE, b"n" * 600_000)
    with pytest.raises(ArtifactMissing):
        await artifacts.get(db, ALICE, abandoned)
    assert await artifacts.get(db, BOB, of_bob) == LARGE


async def refer_to(db: Database, digest: str) -> None:
    """A training of Alice's that was made of that snapshot; its chatbot does not matter here."""
    async with db.session() as session:
        await session.execute(
            sa.text(
                "INSERT INTO bots (id, owner_id, kind, name, metadata, settings, created_at, updated_at) "
                "VALUES ('bot_1', 1, 'chatbot', 'b', '{}', '{}', '2026-06-01', '2026-06-01')"
            )
        )
        await session.execute(
            sa.text(
                "INSERT INTO chatbots (id, owner_id, type, status, content, revision) "
                "VALUES ('bot_1', 1, 'ai', 'draft', '{}', 0)"
            )
        )
        values = {
            "id": "train_1",
            "owner_id": ALICE,
            "chatbot_id": "bot_1",
            "snapshot": digest,
            "state": "done",
        }
        at = sa.func.current_timestamp()
        await session.execute(
            sa.insert(TrainingJob.__table__).values(**values, error="", options={}, created_at=at)
        )
