"""Opening the vault: first start, later starts, and what is refused with a sentence that helps."""

import asyncio
import base64
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select, update

from botyard.core import vault
from botyard.core.vault.models import VaultState
from botyard.kit import crypto
from botyard.kit.db import Database, Stores
from botyard.kit.keys import KeyFiles, KeyMissing


def encoded(key: bytes) -> str:
    return base64.b64encode(key).decode()


async def test_the_first_start_makes_a_key_and_later_ones_use_it(db: Database, data_dir: Path) -> None:
    first = await vault.open_keyring(db, data_dir=data_dir)
    second = await vault.open_keyring(db, data_dir=data_dir)
    assert first.master.kid == second.master.kid
    assert KeyFiles(data_dir).master.stat().st_mode & 0o777 == 0o600


async def test_a_database_without_tables_has_no_data(tmp_path: Path) -> None:
    empty = Database(Stores.at("", tmp_path / "empty"))
    assert not await vault.has_data(empty)
    await empty.close()


async def test_a_missing_master_key_beside_data_is_refused(db: Database, data_dir: Path) -> None:
    assert not await vault.has_data(db)
    await vault.open_keyring(db, data_dir=data_dir)
    assert await vault.has_data(db)
    KeyFiles(data_dir).master.unlink()
    with pytest.raises(KeyMissing, match=r"Put the file back at .*master\.key or set BOTYARD_MASTER_KEY"):
        await vault.open_keyring(db, data_dir=data_dir)
    assert not KeyFiles(data_dir).master.exists()


@pytest.mark.parametrize("place", ["file", "setting"])
async def test_a_wrong_master_key_is_refused(db: Database, data_dir: Path, place: str) -> None:
    await vault.open_keyring(db, data_dir=data_dir)
    wrong = crypto.new_key()
    if place == "file":
        KeyFiles(data_dir).replace_master([wrong])
    with pytest.raises(vault.MasterKeyWrong, match="Put the right key into"):
        await vault.open_keyring(
            db, data_dir=data_dir, master_key=encoded(wrong) if place == "setting" else ""
        )


async def test_a_touched_canary_is_noticed(db: Database, data_dir: Path) -> None:
    await vault.open_keyring(db, data_dir=data_dir)
    async with db.session() as session:
        state = (await session.scalars(select(VaultState))).one()
        await session.execute(update(VaultState).values(canary=state.canary[:-1] + b"\0\0"))
    with pytest.raises(vault.MasterKeyWrong):
        await vault.open_keyring(db, data_dir=data_dir)


async def test_a_key_from_the_setting_leaves_no_file(db: Database, data_dir: Path) -> None:
    key = encoded(crypto.new_key())
    await vault.open_keyring(db, data_dir=data_dir, master_key=key)
    await vault.open_keyring(db, data_dir=data_dir, master_key=key)
    assert not (data_dir / "keys").exists()


async def test_a_key_moves_from_the_file_to_the_setting(db: Database, data_dir: Path) -> None:
    first = await vault.open_keyring(db, data_dir=data_dir)
    text = KeyFiles(data_dir).master.read_text().strip()
    KeyFiles(data_dir).master.unlink()
    assert (await vault.open_keyring(db, data_dir=data_dir, master_key=text)).master.kid == first.master.kid


async def test_two_processes_at_their_first_start_agree(
    db: Database, data_dir: Path, other_process: Callable[[], Database]
) -> None:
    others = [other_process() for _ in range(3)]
    keyrings = await asyncio.gather(*(vault.open_keyring(x, data_dir=data_dir) for x in (db, *others)))
    assert len({keyring.master.kid for keyring in keyrings}) == 1
    for other in others:
        await other.close()


async def test_two_machines_with_different_keys_do_not_share_a_database(
    db: Database, data_dir: Path, other_process: Callable[[], Database]
) -> None:
    other = other_process()
    results = await asyncio.gather(
        vault.open_keyring(db, data_dir=data_dir, master_key=encoded(crypto.new_key())),
        vault.open_keyring(other, data_dir=data_dir, master_key=encoded(crypto.new_key())),
        return_exceptions=True,
    )
    await other.close()
    assert [type(result) for result in results if isinstance(result, BaseException)] == [vault.MasterKeyWrong]
