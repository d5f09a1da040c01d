"""The vault's jobs: keys replaced under load by a job, and old versions cleared away."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select, update

from botyard.core import audit, vault
from botyard.core.accounts.models import User
from botyard.core.accounts.types import Principal
from botyard.core.bots import secrets
from botyard.core.bots.models import Bot
from botyard.core.jobs import JobEngine, JobState, Unrecoverable
from botyard.core.vault import jobs
from botyard.core.vault.errors import RotationRunning
from botyard.core.vault.models import VaultKey, VaultRecord
from botyard.kit import crypto
from botyard.kit.clock import FrozenClock
from botyard.kit.db import Database
from botyard.kit.keys import KeyFiles, key_id
from botyard.settings import Settings
from tests.core.accounts.fixtures import alice, house, make_user, root
from tests.core.accounts.people import MakeUser
from tests.core.bots.conftest import MakeBot, bot, make_bot
from tests.core.jobs.conftest import QUICK
from tests.core.vault.test_rotation import setting

__all__ = ["alice", "bot", "house", "make_bot", "make_user", "root"]


@pytest.fixture
def yard(house: Database, tmp_path: Path) -> Database:
    """The house with settings that know where its keys are."""
    house.parts.add(Settings(data_dir=tmp_path / "data"))
    return house


@pytest.fixture
async def engine(yard: Database) -> AsyncIterator[JobEngine]:
    """An engine that works."""
    running = JobEngine(yard, timing=QUICK)
    await running.start()
    yield running
    await running.stop(grace_s=0)


async def keys_and_records(db: Database) -> tuple[set[str], set[str], set[bytes]]:
    async with db.reader() as session:
        kids = set(await session.scalars(select(VaultKey.master_kid)))
        key_ids = set(await session.scalars(select(VaultRecord.key_id)))
        sealed = set(await session.scalars(select(VaultRecord.ciphertext)))
    return kids, key_ids, sealed


def prepare(db: Database, data_dir: Path) -> None:
    """What PostgreSQL asks for: a new key in front of the old one."""
    files = KeyFiles(data_dir)
    if not db.embedded:
        files.replace_master([crypto.new_key(), *files.master_keys(has_data=True)])


async def put(db: Database, bot: Bot, data: object) -> int:
    async with db.session() as session:
        return await secrets.store(session, bot, {"is": data}, actor=Principal(user_id=bot.owner_id))


async def get(db: Database, bot: Bot, version: int | None = None) -> object:
    async with db.session() as session:
        actor = Principal(user_id=bot.owner_id)
        return (await secrets.retrieve(session, bot, actor=actor, version=version))["is"]


async def test_rotation_replaces_master_key_data_keys_and_every_ciphertext(
    yard: Database, bot: Bot, tmp_path: Path
) -> None:
    await put(yard, bot, "one")
    await put(yard, bot, "two")
    prepare(yard, tmp_path / "data")
    before = await keys_and_records(yard)

    result = await jobs.rotate.run_inline(yard, started_by=1)

    after = await keys_and_records(yard)
    assert all(not old & new for old, new in zip(before, after, strict=True))
    (key,) = KeyFiles(tmp_path / "data").master_keys(has_data=True)
    assert after[0] == {key_id(key)}
    assert [await get(yard, bot, version) for version in (1, 2)] == ["one", "two"]
    # alice's data key, and that of the audit log; her two versions, and the audit log's key
    assert result == {
        "master_key": "replaced",
        "data_keys": 2,
        "records": 3,
        "unreadable_records": 0,
        "unreadable": [],
    }


async def test_master_key_of_a_setting_stays_and_everything_else_is_sealed_anew(
    yard: Database, bot: Bot, tmp_path: Path
) -> None:
    await put(yard, bot, "one")
    files = KeyFiles(tmp_path / "data")
    held = files.master_keys(has_data=True)
    yard.parts.add(Settings(data_dir=tmp_path / "data", master_key=setting(*held)))
    before = await keys_and_records(yard)

    result = await jobs.rotate.run_inline(yard, started_by=1)

    after = await keys_and_records(yard)
    assert (after[0], files.master_keys(has_data=True)) == (before[0], held)
    assert not before[1] & after[1]
    assert (result["master_key"], result["data_keys"]) == ("kept: a setting holds it", 0)
    assert await get(yard, bot) == "one"


async def test_on_postgresql_the_master_key_stays_unless_the_file_holds_a_new_one_already(
    yard: Database, bot: Bot, tmp_path: Path
) -> None:
    await put(yard, bot, "one")
    held = KeyFiles(tmp_path / "data").master_keys(has_data=True)

    result = await jobs.rotate.run_inline(yard, started_by=1)

    told = "replaced" if yard.embedded else "kept: the key file holds no new key"
    assert (result["master_key"], result["records"]) == (told, 2)
    assert (KeyFiles(tmp_path / "data").master_keys(has_data=True) == held) is not yard.embedded
    assert await get(yard, bot) == "one"


async def test_rotation_under_load_loses_nothing_and_stops_nobody(
    yard: Database, make_user: MakeUser, make_bot: MakeBot
) -> None:
    owners = [await make_user("ann"), await make_user("ben")]
    bots = [await make_bot(f"bot {n}", owner=owners[n % 2]) for n in range(8)]
    ended, rounds = asyncio.Event(), [0] * 8
    stored: list[dict[int, int]] = [{} for _ in bots]

    async def work(n: int) -> None:
        for value in itertools.count():
            stored[n][await put(yard, bots[n], value)] = value
            assert await get(yard, bots[n]) == value
            rounds[n] += 1
            if ended.is_set():
                return

    async def rotate() -> None:
        try:
            for _ in range(3):
                await jobs.rotate.run_inline(yard, started_by=owners[0].id)
        finally:
            ended.set()

    await asyncio.gather(*(work(n) for n in range(8)), rotate())

    assert min(rounds) > 1, "nobody stood still while the keys were replaced"
    for n, each in enumerate(bots):
        async with yard.reader() as session:
            kept = [found.version for found in await secrets.versions(session, each)]
        assert kept == sorted(stored[n], reverse=True)[:50]
        assert [await get(yard, each, version) for version in kept] == [stored[n][v] for v in kept]


async def test_administrator_starts_one_rotation_at_a_time_and_sees_what_it_did(
    yard: Database, engine: JobEngine, root: User, bot: Bot, tmp_path: Path
) -> None:
    actor = Principal(user_id=root.id)
    await put(yard, bot, "one")
    prepare(yard, tmp_path / "data")
    async with yard.session() as session:
        job_id = await jobs.start_rotation(session, actor=actor)
        with pytest.raises(RotationRunning):
            await jobs.start_rotation(session, actor=actor)

    async with asyncio.timeout(60):
        while not (found := await engine.get(job_id)).state.finished:
            await asyncio.sleep(0.02)

    assert (found.state, found.error, found.owner_id) == (JobState.done, "", root.id)
    assert (found.done, found.total) == (2, 2)  # alice's secret and the audit log's key
    assert await get(yard, bot) == "one"
    async with yard.session() as session:
        (started,) = await audit.list_entries(session, action="vault.rotation_started")
        (done,) = await audit.list_entries(session, action="vault.rotated")
        assert (started.target, done.target) == (f"job:{job_id}", f"job:{job_id}")
        assert json.loads(done.details) == {
            "master_key": "replaced",
            "data_keys": 2,
            "records": 2,
            "unreadable_records": 0,
        }
        await jobs.start_rotation(session, actor=actor)


async def test_data_key_that_does_not_open_ends_the_job_and_keeps_the_old_master_key(
    yard: Database, bot: Bot, tmp_path: Path
) -> None:
    await put(yard, bot, "one")
    prepare(yard, tmp_path / "data")
    keyring = yard.parts.get(vault.Keyring)
    async with yard.session() as session:
        for key in await session.scalars(select(VaultKey).where(VaultKey.account_id == bot.owner_id)):
            keyring.forget(key.id)
        broken = update(VaultKey).where(VaultKey.account_id == bot.owner_id)
        await session.execute(broken.values(wrapped=crypto.new_key() * 2))

    with pytest.raises(Unrecoverable, match=f"account {bot.owner_id} does not open"):
        await jobs.rotate.run_inline(yard, started_by=1)

    assert len(KeyFiles(tmp_path / "data").master_keys(has_data=True)) == 2


async def test_versions_are_cleared_away_after_the_days_of_the_setting(
    yard: Database, clock: FrozenClock, bot: Bot
) -> None:
    await put(yard, bot, "one")
    await put(yard, bot, "two")
    yard.parts.get(Settings).vault_version_days = 2
    clock.advance(2 * 86_400)
    assert await jobs.retain.run_inline(yard) == 0
    clock.advance(1)
    assert await jobs.retain.run_inline(yard) == 1
    assert await get(yard, bot) == "two"
