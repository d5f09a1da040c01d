"""Secrets in, secrets out, and what happens when somebody touches the tables."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import select, update

from botyard.core import vault
from botyard.core.vault.masters import LocalMaster
from botyard.core.vault.models import VaultKey, VaultRecord
from botyard.kit import crypto
from botyard.kit.clock import FrozenClock
from botyard.kit.db import Base, Database
from botyard.kit.errors import NotFound
from tests.core.vault.conftest import Put, Reveal


async def rows(db: Database, table: type[Base] = VaultRecord) -> list[Any]:
    async with db.reader() as session:
        return list(await session.scalars(select(table).order_by(table.id)))  # type: ignore[attr-defined]


async def change(db: Database, record: VaultRecord, **values: object) -> None:
    """As somebody with the database in hand would."""
    async with db.session() as session:
        await session.execute(update(VaultRecord).where(VaultRecord.id == record.id).values(**values))


@pytest.mark.parametrize("secret", ["hush", "", "ключ – 鍵", "x" * 100_000])
async def test_a_secret_comes_back_as_it_was_put(put: Put, reveal: Reveal, secret: str) -> None:
    await put(secret)
    assert await reveal() == secret


async def test_bytes_come_back_as_bytes(db: Database, put: Put) -> None:
    await put(b"\x00\xff")
    async with db.reader() as session:
        assert await vault.reveal_bytes(session, kind="bot", id="bot_1", name="token") == b"\x00\xff"


async def test_nothing_of_a_secret_is_in_the_tables(db: Database, put: Put, keyring: vault.Keyring) -> None:
    await put("hush-hush-hush")
    (record,), (key,) = await rows(db), await rows(db, VaultKey)
    data_key = await keyring.unwrap(key)
    stored = b"".join([record.nonce, record.ciphertext, key.wrapped])
    assert b"hush" not in stored
    assert data_key not in stored


async def test_equal_secrets_look_different(db: Database, put: Put) -> None:
    await put("same", name="a")
    await put("same", name="b")
    one, other = await rows(db)
    assert one.ciphertext != other.ciphertext


async def test_a_new_value_replaces_the_old_one(db: Database, put: Put, reveal: Reveal) -> None:
    assert [await put("one"), await put("two"), await put("three")] == [1, 2, 3]
    assert await reveal() == "three"
    assert len(await rows(db)) == 1


async def test_a_secret_that_was_never_put_is_not_found(reveal: Reveal) -> None:
    with pytest.raises(NotFound):
        await reveal()


async def test_another_accounts_secret_is_not_found(put: Put, reveal: Reveal) -> None:
    await put("hush", account_id=1)
    assert await reveal(account_id=1) == "hush"
    with pytest.raises(NotFound):
        await reveal(account_id=2)


async def test_a_failed_transaction_stores_nothing(db: Database, reveal: Reveal, put: Put) -> None:
    async def fail() -> None:
        async with db.session() as session:
            await vault.put(session, account_id=1, kind="bot", id="bot_1", name="token", value="hush")
            raise RuntimeError("after the put")

    with pytest.raises(RuntimeError, match="after"):
        await fail()
    with pytest.raises(NotFound):
        await reveal()
    await put("again")  # the data key that was rolled back is not remembered as if it were stored
    assert await reveal() == "again"


async def test_a_secret_can_be_read_in_the_transaction_that_puts_it(
    db: Database, keyring: vault.Keyring
) -> None:
    async with db.session() as session:
        for value in ("one", "two"):
            await vault.put(session, account_id=1, kind="bot", id="bot_1", name="token", value=value)
            assert await vault.reveal(session, kind="bot", id="bot_1", name="token") == value


async def test_names_are_listed_without_opening_anything(db: Database, put: Put) -> None:
    await put("1", name="b")
    await put("2", name="a")
    await put("3", name="c", id="bot_2")
    async with db.reader() as session:
        assert await vault.list_names(session, kind="bot", id="bot_1") == ["a", "b"]


async def test_drop_takes_one_secret_or_all_of_a_thing(db: Database, put: Put, reveal: Reveal) -> None:
    for name in ("a", "b", "c"):
        await put(name, name=name)
    await put("other", id="bot_2")
    async with db.session() as session:
        assert await vault.drop(session, kind="bot", id="bot_1", name="a") == 1
        assert await vault.drop(session, kind="bot", id="bot_1", account_id=2) == 0
        assert await vault.drop(session, kind="bot", id="bot_1") == 2
        assert await vault.drop(session, kind="bot", id="bot_1") == 0
    assert await reveal(id="bot_2") == "other"


async def test_each_account_has_one_data_key_of_its_own(db: Database, put: Put) -> None:
    for account_id in (1, 2, 1):
        await put("x", account_id=account_id, id=f"bot_{account_id}")
    assert sorted(key.account_id for key in await rows(db, VaultKey)) == [1, 2]


async def test_first_secrets_of_one_account_put_at_the_same_time_share_its_key(
    db: Database, put: Put
) -> None:
    await asyncio.gather(*(put(str(n), name=f"n{n}") for n in range(8)))
    assert len(await rows(db, VaultKey)) == 1
    assert len(await rows(db)) == 8


async def test_one_secret_put_many_times_at_once_ends_as_one_of_them(put: Put, reveal: Reveal) -> None:
    versions = await asyncio.gather(*(put(str(n)) for n in range(8)))
    assert sorted(versions) == list(range(1, 9))
    assert await reveal() in {str(n) for n in range(8)}


# --- touched tables ---------------------------------------------------------------------------------


@pytest.mark.parametrize("column", ["ciphertext", "nonce"])
@pytest.mark.parametrize("bit", [0, 7, 95])
async def test_a_flipped_bit_is_noticed(
    db: Database, put: Put, reveal: Reveal, column: str, bit: int
) -> None:
    await put("hush-hush-hush")
    (record,) = await rows(db)
    flipped = bytearray(getattr(record, column))
    flipped[bit // 8] ^= 1 << (bit % 8)
    await change(db, record, **{column: bytes(flipped)})
    with pytest.raises(vault.VaultCorrupt, match=r"token of bot bot_1 \(version 1\)") as caught:
        await reveal()
    assert "hush" not in f"{caught.value!r} {caught.value.__context__!r}"


@pytest.mark.parametrize("how", [b"", b"short", None])
async def test_a_cut_ciphertext_is_noticed(db: Database, put: Put, reveal: Reveal, how: bytes | None) -> None:
    await put("hush-hush-hush")
    (record,) = await rows(db)
    await change(db, record, ciphertext=record.ciphertext[:-1] if how is None else how)
    with pytest.raises(vault.VaultCorrupt):
        await reveal()


@pytest.mark.parametrize(
    "moved",
    [
        {"record_id": "bot_2"},
        {"name": "other"},
        {"kind": "key"},
        {"version": 7},
        {"account_id": 2},
    ],
)
async def test_a_secret_moved_to_another_place_does_not_open(
    db: Database, put: Put, keyring: vault.Keyring, moved: dict[str, Any]
) -> None:
    await put("hush")
    (record,) = await rows(db)
    await change(db, record, **moved)
    place = {"kind": "bot", "record_id": "bot_1", "name": "token"} | moved
    async with db.reader() as session:
        with pytest.raises(vault.VaultCorrupt):
            await vault.reveal(session, kind=place["kind"], id=place["record_id"], name=place["name"])


async def test_swapped_secrets_do_not_open(db: Database, put: Put, reveal: Reveal) -> None:
    await put("mine", id="bot_1")
    await put("yours", id="bot_2")
    one, other = await rows(db)
    await change(db, one, ciphertext=other.ciphertext, nonce=other.nonce)
    with pytest.raises(vault.VaultCorrupt):
        await reveal(id="bot_1")
    assert await reveal(id="bot_2") == "yours"


async def test_a_former_value_put_back_as_the_current_version_does_not_open(
    db: Database, put: Put, reveal: Reveal
) -> None:
    await put("old")
    (former,) = await rows(db)
    await put("new")
    (current,) = await rows(db)
    await change(db, current, ciphertext=former.ciphertext, nonce=former.nonce)
    with pytest.raises(vault.VaultCorrupt):
        await reveal()


async def test_swapped_data_keys_do_not_open(
    db: Database, put: Put, reveal: Reveal, keyring: vault.Keyring
) -> None:
    await put("mine", account_id=1, id="bot_1")
    await put("yours", account_id=2, id="bot_2")
    one, other = await rows(db, VaultKey)
    async with db.session() as session:
        await session.execute(update(VaultKey).where(VaultKey.id == one.id).values(wrapped=other.wrapped))
    keyring.forget(one.id)
    with pytest.raises(vault.VaultCorrupt, match=f"data key {one.id}"):
        await reveal(id=f"bot_{one.account_id}")


async def test_an_unusable_data_key_of_one_account_leaves_the_others_alone(
    db: Database, put: Put, reveal: Reveal, keyring: vault.Keyring
) -> None:
    await put("mine", account_id=1, id="bot_1")
    await put("yours", account_id=2, id="bot_2")
    async with db.session() as session:
        await session.execute(update(VaultKey).where(VaultKey.account_id == 1).values(wrapped=b"x"))
    for key in await rows(db, VaultKey):
        keyring.forget(key.id)
    with pytest.raises(vault.VaultCorrupt):
        await reveal(id="bot_1")
    assert await reveal(id="bot_2") == "yours"


async def test_another_master_key_opens_nothing(
    db: Database, put: Put, reveal: Reveal, keyring: vault.Keyring
) -> None:
    await put("hush")
    (key,) = await rows(db, VaultKey)
    keyring.forget(key.id)
    keyring.master = LocalMaster([crypto.new_key()])
    with pytest.raises(vault.MasterKeyUnknown):
        await reveal()


# --- shredding --------------------------------------------------------------------------------------


async def test_shredding_an_account_makes_its_secrets_unreadable_also_from_an_old_copy(
    db: Database, put: Put, reveal: Reveal
) -> None:
    await put("mine", account_id=1, id="bot_1")
    await put("yours", account_id=2, id="bot_2")
    copy = next(record for record in await rows(db) if record.account_id == 1)
    async with db.session() as session:
        assert await vault.shred(session, account_id=1) == 1
    with pytest.raises(NotFound):
        await reveal(id="bot_1")
    columns = [column.key for column in VaultRecord.__table__.columns]
    async with db.session() as session:  # the record comes back from a backup, its key does not
        session.add(VaultRecord(**{name: getattr(copy, name) for name in columns}))
    with pytest.raises(NotFound):
        await reveal(id="bot_1")
    assert await reveal(id="bot_2") == "yours"


async def test_an_account_can_be_used_again_after_shredding(db: Database, put: Put, reveal: Reveal) -> None:
    await put("before")
    async with db.session() as session:
        await vault.shred(session, account_id=1)
    await put("after")
    assert await reveal() == "after"


async def test_shredding_an_account_without_secrets_is_no_error(db: Database, keyring: vault.Keyring) -> None:
    async with db.session() as session:
        assert await vault.shred(session, account_id=99) == 0


# --- remembering data keys --------------------------------------------------------------------------


async def test_a_data_key_is_unwrapped_once_in_a_while(
    db: Database, put: Put, reveal: Reveal, keyring: vault.Keyring, clock: FrozenClock
) -> None:
    before = unwraps()
    await put("hush")
    for _ in range(5):
        await reveal()
    assert unwraps() == before, "the key was made here, so it is known"
    clock.advance(301)
    for _ in range(5):
        await reveal()
    assert unwraps() == before + 1


def unwraps() -> float:
    from botyard.core.vault.metrics import UNWRAPS

    return UNWRAPS._value.get()
