"""Secrets among settings: in the vault, and nowhere else."""

import gzip
from pathlib import Path

import pytest
from sqlalchemy import select, text

from botyard.core import vault
from botyard.core.audit.models import AuditEntry
from botyard.core.config import service as config
from botyard.core.config.errors import NoSuchSecret, SecretGone
from botyard.core.vault.models import VaultRecord
from botyard.kit.db import Base, Database
from tests.core.config.conftest import ROOT, History, Read, Undo, Update

PLANTED = "planted-4f1c9e-secret"


async def reveal(db: Database, service: str, key: str) -> str:
    async with db.session() as session:
        return await config.reveal(session, service, key, actor=ROOT, address="192.0.2.7")


async def dump(db: Database) -> str:
    """Every row of every table of the main store, as text."""
    async with db.reader() as session:
        tables = [
            (await session.execute(text(f'SELECT * FROM "{table.name}"'))).all()
            for table in Base.metadata.sorted_tables
        ]
    return str(tables)


async def test_a_secret_shows_as_a_reference(update: Update, read: Read, house: Database) -> None:
    assert await update("mailer", key={"$secret": PLANTED}) == {"key": {"$secret": {"version": 1}}}
    assert (await update("mailer", key={"$secret": "other"}))["key"] == {"$secret": {"version": 2}}
    assert await read("mailer") == {"key": {"$secret": {"version": 2}}}
    assert await reveal(house, "mailer", "key") == "other"


async def test_a_secret_is_nowhere_in_the_store(
    update: Update, undo: Undo, house: Database, tmp_path: Path
) -> None:
    await update("mailer", key={"$secret": PLANTED})
    await reveal(house, "mailer", "key")
    await update("mailer", key={"$secret": "other"})
    await undo(2)
    await update("mailer", key=None)
    await update("mailer", key={"$secret": PLANTED})
    assert PLANTED not in await dump(house)
    for file in tmp_path.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            content = gzip.decompress(content) if file.suffix == ".gz" else content
            assert PLANTED.encode() not in content, file


async def test_a_refused_secret_is_not_repeated(update: Update) -> None:
    with pytest.raises(config.SettingRefused) as refused:
        await update("mailer", key={"inner": {"$secret": PLANTED}})
    assert PLANTED not in f"{refused.value} {refused.value.details} {refused.value.reason}"


async def test_every_look_is_written_down(update: Update, house: Database) -> None:
    await update("mailer", key={"$secret": PLANTED})
    await reveal(house, "mailer", "key")
    async with house.reader() as session:
        entry = (await session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()))).first()
    assert entry is not None
    assert (entry.action, entry.target, entry.actor_user_id) == ("config.secret_read", "config:mailer", 7)
    assert "key" in entry.details


async def test_what_is_no_secret_cannot_be_revealed(update: Update, house: Database) -> None:
    await update("mailer", sender="a@example.org")
    for key in ("sender", "absent"):
        with pytest.raises(NoSuchSecret):
            await reveal(house, "mailer", key)


async def test_the_same_secret_and_its_reference_are_no_change(update: Update, history: History) -> None:
    await update("mailer", key={"$secret": PLANTED})
    await update("mailer", key={"$secret": PLANTED})
    await update("mailer", key={"$secret": {"version": 1}})
    assert len(await history()) == 1


async def test_a_removed_secret_leaves_the_vault(update: Update, undo: Undo, house: Database) -> None:
    await update("mailer", key={"$secret": PLANTED})
    await update("mailer", key=None)
    async with house.reader() as session:
        assert await vault.list_names(session, kind="config", id="mailer") == []
    with pytest.raises(SecretGone):
        await undo(2)


async def test_a_plain_value_in_place_of_a_secret_empties_the_vault(
    update: Update, history: History, house: Database
) -> None:
    await update("mailer", key={"$secret": PLANTED})
    assert await update("mailer", key="public") == {"key": "public"}
    async with house.reader() as session:
        assert await vault.list_names(session, kind="config", id="mailer") == []
    assert [(change.secret, change.after) for change in await history(limit=1)] == [(True, "public")]


async def test_a_former_secret_comes_back_while_the_vault_has_it(
    update: Update, undo: Undo, history: History, house: Database
) -> None:
    await update("mailer", key={"$secret": "first"})
    await update("mailer", key={"$secret": "second"})
    made = await undo(2)
    assert (made.before, made.after) == ({"$secret": {"version": 2}}, {"$secret": {"version": 3}})
    assert await reveal(house, "mailer", "key") == "first"
    async with house.session() as session:
        await vault.drop(session, kind="config", id="mailer")
    with pytest.raises(SecretGone):
        await undo((await history())[0].id)


async def test_a_secret_that_does_not_open_any_more_can_be_replaced(update: Update, house: Database) -> None:
    await update("mailer", key={"$secret": "first"})
    async with house.session() as session:
        await session.execute(text("UPDATE vault_records SET name = 'other' WHERE name = 'key'"))
    with pytest.raises(vault.VaultCorrupt):
        async with house.session() as session:
            await vault.reveal(session, kind="config", id="mailer", name="other")
    await update("mailer", key={"$secret": "second"})
    assert await reveal(house, "mailer", "key") == "second"


async def test_a_service_with_a_long_name_keeps_secrets_too(update: Update, house: Database) -> None:
    name = "n" * 100
    await update(name, {"k" * 200: {"$secret": PLANTED}})
    assert await reveal(house, name, "k" * 200) == PLANTED


async def test_a_secret_that_does_not_open_is_an_error_and_an_entry(update: Update, house: Database) -> None:
    await update("mailer", key={"$secret": PLANTED})
    async with house.session() as session:
        record = (await session.scalars(select(VaultRecord).where(VaultRecord.kind == "config"))).one()
        record.ciphertext = record.ciphertext[:-1] + bytes([record.ciphertext[-1] ^ 1])

    with pytest.raises(vault.VaultCorrupt):
        await reveal(house, "mailer", "key")

    async with house.reader() as session:
        newest = (await session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()))).first()
    assert newest is not None
    assert PLANTED not in newest.details
    assert (newest.action, newest.target) == ("config.secret_unreadable", "config:mailer")
