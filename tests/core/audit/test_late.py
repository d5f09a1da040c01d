"""A start that the vault refused is in the log as soon as a log can be written again."""

import json
from pathlib import Path

import pytest

from botyard.core import audit, vault
from botyard.core.audit import late
from botyard.core.audit.models import AuditEntry
from botyard.kit import clock as clocks
from botyard.kit import crypto
from botyard.kit.clock import FrozenClock
from botyard.kit.db import Database
from botyard.kit.errors import BotyardError
from botyard.kit.keys import KeyFiles
from tests.core.vault.test_rotation import setting


@pytest.fixture
async def sealed(db: Database, clock: FrozenClock, tmp_path: Path) -> Path:
    """The data folder of a database that was sealed with the key in it."""
    await vault.open_keyring(db, data_dir=tmp_path)
    await audit.open_key(db)
    return tmp_path


async def start(db: Database, data_dir: Path, master_key: str = "") -> None:
    with late.noting_refusals(data_dir):
        await vault.open_keyring(db, data_dir=data_dir, master_key=master_key)
        await audit.open_key(db)
    await late.enter_refusals(db, data_dir)


async def refused(db: Database, data_dir: Path, master_key: str = "") -> str:
    with pytest.raises(BotyardError) as error:
        await start(db, data_dir, master_key)
    return error.value.code


async def entries(db: Database) -> list[AuditEntry]:
    async with db.reader() as session:
        assert (await audit.verify(session)).ok
        return await audit.list_entries(session, action=late.ACTION)


async def test_refused_starts_are_entered_by_the_next_one(
    db: Database, sealed: Path, clock: FrozenClock
) -> None:
    first = clocks.rfc3339(clock.now())
    assert await refused(db, sealed, setting(crypto.new_key())) == "master_key_wrong"
    clock.advance(60)
    second = clocks.rfc3339(clock.now())
    master = KeyFiles(sealed).master
    kept = master.read_bytes()
    master.unlink()
    assert await refused(db, sealed) == "key_missing"
    assert await entries(db) == []
    master.write_bytes(kept)
    master.chmod(0o600)
    clock.advance(60)

    await start(db, sealed)

    found = [json.loads(entry.details) for entry in reversed(await entries(db))]
    assert found == [
        {"at": first, "reason": "master_key_wrong"},
        {"at": second, "reason": "key_missing"},
    ]
    await start(db, sealed)
    assert len(await entries(db)) == 2, "each is entered once"


async def test_file_is_for_its_owner_and_does_not_grow_for_ever(db: Database, sealed: Path) -> None:
    other = setting(crypto.new_key())
    for _ in range(400):
        await refused(db, sealed, other)

    file = sealed / late.FILE
    assert file.stat().st_mode & 0o077 == 0
    assert file.stat().st_size < 21_000


async def test_damaged_lines_are_told_and_stop_no_start(db: Database, sealed: Path) -> None:
    (sealed / late.FILE).write_bytes(b'{"at": 1}\n\xff\xfe\n')

    await start(db, sealed)

    assert [json.loads(entry.details)["at"] for entry in await entries(db)] == ["", ""]


async def test_folder_that_cannot_be_written_hides_no_error(db: Database, sealed: Path) -> None:
    (sealed / late.FILE).mkdir()

    assert await refused(db, sealed, setting(crypto.new_key())) == "master_key_wrong"
