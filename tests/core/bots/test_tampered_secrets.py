"""Whoever changes the tables or comes with another master key gets an error and an entry, and no secret."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from botyard.core import audit, vault
from botyard.core.accounts.models import User
from botyard.core.accounts.types import Principal
from botyard.core.audit.models import AuditEntry
from botyard.core.audit.verify import verify
from botyard.core.bots import secrets
from botyard.core.bots import service as bots
from botyard.core.bots.models import Bot, BotKind
from botyard.core.vault import Keyring, MasterKeyUnknown, VaultCorrupt
from botyard.core.vault.masters import LocalMaster
from botyard.core.vault.models import VaultKey, VaultRecord
from botyard.kit import crypto
from botyard.kit.db import Database, Stores
from tests.core.accounts.people import ADDRESS
from tests.core.bots.conftest import MakeBot
from tests.planted import found, secret

DATA = {"api_key": secret("data")}


@pytest.fixture
async def pair(house: Database, make_bot: MakeBot) -> tuple[Bot, Bot]:
    """Two bots of one account with secret data."""
    one, other = await make_bot("one"), await make_bot("other")
    for bot, data in ((one, DATA), (other, {"api_key": secret("other")})):
        async with house.session() as session:
            await secrets.store(session, bot, data, actor=Principal(user_id=bot.owner_id))
    return one, other


async def change(db: Database, bot: Bot, **values: Any) -> None:
    """As somebody with the database in hand would."""
    async with db.session() as session:
        await session.execute(update(VaultRecord).where(VaultRecord.record_id == bot.id).values(**values))


async def sealed(db: Database, bot: Bot) -> VaultRecord:
    async with db.reader() as session:
        return (await session.scalars(select(VaultRecord).where(VaultRecord.record_id == bot.id))).one()


async def moved_from_another_bot(db: Database, pair: tuple[Bot, Bot]) -> None:
    theirs = await sealed(db, pair[1])
    await change(db, pair[0], nonce=theirs.nonce, ciphertext=theirs.ciphertext)


async def row_given_to_another_bot(db: Database, pair: tuple[Bot, Bot]) -> None:
    await change(db, pair[0], record_id="elsewhere")
    await change(db, pair[1], record_id=pair[0].id)


async def flipped_bit(db: Database, pair: tuple[Bot, Bot]) -> None:
    own = await sealed(db, pair[0])
    await change(db, pair[0], ciphertext=own.ciphertext[:-1] + bytes([own.ciphertext[-1] ^ 1]))


async def cut_short(db: Database, pair: tuple[Bot, Bot]) -> None:
    await change(db, pair[0], ciphertext=b"")


async def older_value_as_the_present_one(db: Database, pair: tuple[Bot, Bot]) -> None:
    former = await sealed(db, pair[0])
    async with db.session() as session:
        await secrets.store(session, pair[0], {"new": 1}, actor=Principal(user_id=pair[0].owner_id))
        newest = update(VaultRecord).where(VaultRecord.record_id == pair[0].id, VaultRecord.version == 2)
        await session.execute(newest.values(nonce=former.nonce, ciphertext=former.ciphertext))


async def broken_data_key(db: Database, pair: tuple[Bot, Bot]) -> None:
    async with db.session() as session:
        for key in await session.scalars(select(VaultKey)):
            db.parts.get(Keyring).forget(key.id)
        await session.execute(update(VaultKey).values(wrapped=crypto.new_key() * 2))


async def other_master_key(db: Database, pair: tuple[Bot, Bot]) -> None:
    db.parts.add(Keyring(LocalMaster([crypto.new_key()])))


Harm = Callable[[Database, tuple[Bot, Bot]], Awaitable[None]]
CORRUPT: list[Harm] = [
    moved_from_another_bot,
    row_given_to_another_bot,
    flipped_bit,
    cut_short,
    older_value_as_the_present_one,
    broken_data_key,
]
HARMS = [*((harm, VaultCorrupt) for harm in CORRUPT), (other_master_key, MasterKeyUnknown)]


async def read(db: Database, bot: Bot) -> None:
    async with db.session() as session:
        await secrets.retrieve(session, bot, actor=Principal(user_id=bot.owner_id), address=ADDRESS)


async def restore(db: Database, bot: Bot) -> None:
    async with db.session() as session:
        newest = (await secrets.versions(session, bot))[0].version
        await secrets.restore(session, bot, newest, actor=Principal(user_id=bot.owner_id), address=ADDRESS)


async def unreadable(db: Database) -> list[AuditEntry]:
    async with db.reader() as session:
        assert (await verify(session)).ok
        return await audit.list_entries(session, action="botdata.unreadable")


@pytest.mark.parametrize(("harm", "error"), HARMS, ids=[harm.__name__ for harm, _ in HARMS])
@pytest.mark.parametrize("act", [read, restore])
async def test_harm_gives_a_clear_error_and_an_entry_and_no_secret(
    house: Database,
    alice: User,
    pair: tuple[Bot, Bot],
    harm: Harm,
    error: type[Exception],
    act: Callable[[Database, Bot], Awaitable[None]],
) -> None:
    await harm(house, pair)

    with pytest.raises(error) as refused:
        await act(house, pair[0])

    assert "planted" not in repr(refused.value) + str(refused.value.__context__)
    assert "does not open" in str(refused.value) or "rotated" in str(refused.value)
    (entry,) = await unreadable(house)
    assert (entry.actor_user_id, entry.target, entry.address) == (alice.id, f"bot:{pair[0].id}", ADDRESS)
    reason = "master_key_unknown" if error is MasterKeyUnknown else "vault_corrupt"
    assert json.loads(entry.details) == {"name": "data", "reason": reason}
    async with house.reader() as session:
        assert await audit.list_entries(session, action="botdata.read") == []
        assert await audit.list_entries(session, action="botdata.restored") == []


async def test_credentials_that_do_not_open_are_written_down_too(house: Database, bot: Bot) -> None:
    async with house.session() as session:
        await secrets.store_credentials(session, bot, DATA, actor=Principal(user_id=bot.owner_id))
    await flipped_bit(house, (bot, bot))

    async def use() -> None:
        async with house.reader() as session:
            await secrets.reveal_credentials(session, bot)

    with pytest.raises(VaultCorrupt):
        await use()
    (entry,) = await unreadable(house)
    assert (entry.actor_kind, json.loads(entry.details)["name"]) == ("server", "credentials")


async def test_token_that_does_not_open_is_written_down_too(house: Database, make_bot: MakeBot) -> None:
    house.parts.add(crypto.Digests(b"d" * 32))
    made = await make_bot("desk", kind=BotKind.fleet)
    owner = Principal(user_id=made.owner_id)

    async def with_bot(act: Callable[..., Awaitable[str]]) -> str:
        async with house.session() as session:
            bot = await bots.get(session, made.id, kind=BotKind.fleet, owner_id=made.owner_id)
            return await act(session, bot, actor=owner)

    token = await with_bot(bots.issue_token)
    assert await with_bot(bots.reveal_token) == token
    await flipped_bit(house, (made, made))

    with pytest.raises(VaultCorrupt):
        await with_bot(bots.reveal_token)
    (entry,) = await unreadable(house)
    assert json.loads(entry.details)["name"] == "token"


async def test_whole_neighbour_still_opens(house: Database, pair: tuple[Bot, Bot]) -> None:
    await flipped_bit(house, pair)

    await read(house, pair[1])

    assert await unreadable(house) == []


async def test_after_shredding_there_are_no_data_and_nothing_to_write_down(
    house: Database, alice: User, pair: tuple[Bot, Bot]
) -> None:
    async with house.session() as session:
        await vault.shred(session, account_id=alice.id)
        with pytest.raises(secrets.NotFound):
            await secrets.retrieve(session, pair[0], actor=Principal(user_id=alice.id))
    assert await unreadable(house) == []


async def test_planted_secrets_are_in_no_file_table_or_log(
    stores: Stores, house: Database, pair: tuple[Bot, Bot], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    owner = Principal(user_id=pair[0].owner_id)
    async with house.session() as session:
        await secrets.store_credentials(session, pair[0], {"token": secret("credential")}, actor=owner)
        await secrets.store(session, pair[0], {"nested": [secret("second")]}, actor=owner)
        await secrets.retrieve(session, pair[0], actor=owner)
        await secrets.restore(session, pair[0], 1, actor=owner)
    await change(house, pair[1], nonce=b"?" * 12)
    with pytest.raises(VaultCorrupt):
        await read(house, pair[1])

    assert found(stores, tmp_path) == []
    assert found(stores, tmp_path, marks=[pair[0].id]) != [], "these are the places where they would be"
    assert "planted" not in caplog.text
