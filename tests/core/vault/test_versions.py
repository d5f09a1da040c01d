"""Former versions: kept where that is asked for, restorable for a while, and then gone."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import update

from botyard.core import vault
from botyard.core.vault.models import VaultRecord
from botyard.core.vault.service import MAX_VERSIONS
from botyard.kit.clock import FrozenClock
from botyard.kit.db import Database
from botyard.kit.errors import NotFound
from tests.core.vault.conftest import Put, Reveal

PLACE = {"kind": "bot", "id": "bot_1", "name": "token"}


async def numbers(db: Database, **place: str) -> list[int]:
    async with db.reader() as session:
        return [found.version for found in await vault.list_versions(session, **PLACE | place)]


async def restore(db: Database, version: int, *, account_id: int = 1) -> int:
    async with db.session() as session:
        return await vault.restore(session, account_id=account_id, version=version, **PLACE)


async def test_versions_say_when_they_were_current_and_how_large_they_are(
    db: Database, clock: FrozenClock, put: Put
) -> None:
    began = clock.now()
    await put("one", keep=True)
    clock.advance(60)
    await put("ключ", keep=True)

    async with db.reader() as session:
        newest, former = await vault.list_versions(session, **PLACE)

    minute = timedelta(seconds=60)
    assert newest == vault.Version(2, created_at=began + minute, superseded_at=None, size=8)
    assert former == vault.Version(1, created_at=began, superseded_at=began + minute, size=3)


async def test_former_versions_can_be_read_by_number(put: Put, reveal: Reveal) -> None:
    for value in ("one", "two", "three"):
        await put(value, keep=True)

    assert [await reveal(version=number) for number in (1, 2, 3)] == ["one", "two", "three"]
    assert await reveal() == "three"


async def test_putting_without_keeping_leaves_no_former_version(db: Database, put: Put) -> None:
    await put("one", keep=True)
    await put("two", keep=True)
    await put("three")

    assert await numbers(db) == [3]


async def test_a_name_has_so_many_versions_at_most(db: Database, put: Put) -> None:
    for number in range(MAX_VERSIONS + 2):
        await put(str(number), keep=True)

    assert await numbers(db) == list(range(MAX_VERSIONS + 2, 2, -1))


async def test_restoring_stores_the_former_content_as_a_new_version(
    db: Database, put: Put, reveal: Reveal
) -> None:
    await put("one", keep=True)
    await put("two", keep=True)

    assert await restore(db, 1) == 3

    assert await reveal() == "one"
    assert await reveal(version=2) == "two"
    assert await numbers(db) == [3, 2, 1]


async def test_a_version_that_is_gone_or_another_accounts_cannot_be_restored(db: Database, put: Put) -> None:
    await put("one", keep=True)

    for version, account_id in ((2, 1), (1, 2)):
        with pytest.raises(NotFound):
            await restore(db, version, account_id=account_id)


async def test_old_versions_are_cleared_away_and_the_current_one_never(
    db: Database, clock: FrozenClock, put: Put, reveal: Reveal
) -> None:
    await put("one", keep=True)
    clock.advance(40 * 86_400)
    await put("two", keep=True)
    clock.advance(29 * 86_400)
    await put("three", keep=True)

    assert await vault.clear_superseded(db, days=30) == 0
    clock.advance(2 * 86_400)
    assert await vault.clear_superseded(db, days=30) == 1
    clock.advance(400 * 86_400)
    assert await vault.clear_superseded(db, days=30) == 1

    assert await numbers(db) == [3]
    assert await reveal() == "three"


async def test_more_old_versions_than_one_bite(db: Database, clock: FrozenClock, put: Put) -> None:
    for number in range(12):
        for _ in range(45):
            await put("x", id=f"bot_{number}", keep=True)
    clock.advance(86_400)

    assert await vault.clear_superseded(db, days=0) == 12 * 44


async def test_holdings_count_versions_and_open_nothing(db: Database, put: Put) -> None:
    await put("one", keep=True)
    await put("four", keep=True)
    await put("{}", id="bot_2", name="data", keep=True)
    async with db.session() as session:
        await session.execute(update(VaultRecord).values(nonce=b"?"))

    async with db.reader() as session:
        found = await vault.holdings(session, kind="bot", ids=["bot_1", "bot_2", "bot_3"])
        none = await vault.holdings(session, kind="bot", ids=[])

    assert [(one.id, one.name, one.version, one.versions, one.size) for one in found] == [
        ("bot_1", "token", 2, 2, 4),
        ("bot_2", "data", 1, 1, 2),
    ]
    assert none == []


async def test_former_versions_are_sealed_anew_dropped_and_shredded_with_the_rest(
    db: Database, put: Put, reveal: Reveal
) -> None:
    for account_id in (1, 2, 3):
        for value in ("one", "two"):
            await put(value, account_id=account_id, id=f"bot_{account_id}", keep=True)

    assert (await vault.reencrypt(db)).done == 6
    async with db.session() as session:
        await vault.drop(session, kind="bot", id="bot_2")
        assert await vault.shred(session, account_id=3) == 2

    assert [await reveal(version=number) for number in (1, 2)] == ["one", "two"]
    assert [await numbers(db, id=f"bot_{number}") for number in (1, 2, 3)] == [[2, 1], [], []]


async def test_storing_and_restoring_at_once_loses_nothing(db: Database, put: Put, reveal: Reveal) -> None:
    await put("0", keep=True)

    await asyncio.gather(*(put(str(n), keep=True) for n in range(1, 6)), *(restore(db, 1) for _ in range(3)))

    assert await numbers(db) == list(range(9, 0, -1))
    assert sorted([await reveal(version=n) for n in range(1, 10)]) == sorted("000012345")
