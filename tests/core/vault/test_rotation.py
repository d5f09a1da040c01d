"""Changing keys under running readers and writers, and after a crash at every step."""

import asyncio
import base64
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from botyard.core import vault
from botyard.core.vault.errors import MasterKeyUnknown, RotationIncomplete, RotationNotPrepared
from botyard.core.vault.masters import LocalMaster, Wrapped
from botyard.core.vault.models import VaultKey, VaultRecord, VaultState
from botyard.kit import crypto
from botyard.kit.db import Database
from botyard.kit.errors import NotFound
from botyard.kit.keys import KeyFiles, KeyRefused, key_id
from tests.core.vault.conftest import Put, Reveal


def setting(*keys: bytes) -> str:
    return ",".join(base64.b64encode(key).decode() for key in keys)


async def fill(put: Put, accounts: int, secrets: int = 1) -> None:
    for account_id in range(1, accounts + 1):
        for number in range(secrets):
            await put(
                f"{account_id}-{number}", account_id=account_id, id=f"bot_{account_id}", name=f"n{number}"
            )


async def kids(db: Database) -> set[str]:
    async with db.reader() as session:
        return set(await session.scalars(select(VaultKey.master_kid)))


async def count(db: Database, table: type[VaultKey | VaultRecord]) -> int:
    async with db.reader() as session:
        return await session.scalar(select(func.count()).select_from(table)) or 0


@asynccontextmanager
async def running(*actions: Callable[[], Any]) -> AsyncIterator[list[BaseException]]:
    """Repeat these until the block ends; gives what went wrong."""
    ended, wrong = asyncio.Event(), []

    async def repeat(action: Callable[[], Any]) -> None:
        while not ended.is_set():
            try:
                await action()
            except Exception as error:
                wrong.append(error)
                return
            await asyncio.sleep(0)

    tasks = [asyncio.create_task(repeat(action)) for action in actions]
    yield wrong
    ended.set()
    await asyncio.gather(*tasks)


# --- the master key ---------------------------------------------------------------------------------


async def test_rotating_replaces_the_key_in_the_file_and_every_wrapping(
    db: Database, put: Put, reveal: Reveal, data_dir: Path, keyring: vault.Keyring
) -> None:
    await fill(put, 5)
    before = keyring.master.kid
    steps: list[tuple[int, int]] = []
    outcome = await vault.rotate_local(
        db, data_dir=data_dir, one_file=True, progress=lambda done, of: steps.append((done, of))
    )
    (key,) = KeyFiles(data_dir).master_keys(has_data=True)
    assert (outcome.done, outcome.failed, steps[-1]) == (5, [], (5, 5))
    assert await kids(db) == {key_id(key)} != {before}
    assert await reveal(id="bot_3", name="n0") == "3-0"


async def test_on_postgresql_an_unprepared_rotation_is_refused_before_anything_changes(
    db: Database, put: Put, data_dir: Path, other_process: Callable[[], Database], tmp_path: Path
) -> None:
    await fill(put, 2)
    if db.embedded:
        await vault.rotate_local(db, data_dir=data_dir)  # no other machine reads these files
        return
    files, elsewhere = KeyFiles(data_dir), tmp_path / "other machine"
    shutil.copytree(data_dir, elsewhere)
    before = files.master_keys(has_data=True)
    with pytest.raises(RotationNotPrepared, match="first line above the old one"):
        await vault.rotate_local(db, data_dir=data_dir)
    assert files.master_keys(has_data=True) == before
    other = other_process()
    await vault.open_keyring(other, data_dir=elsewhere)  # the other machine can still restart

    fresh = crypto.new_key()
    for folder in (data_dir, elsewhere):
        KeyFiles(folder).replace_master([fresh, *before])
    await vault.rotate_local(db, data_dir=data_dir)

    assert await kids(db) == {key_id(fresh)}
    await vault.open_keyring(other, data_dir=elsewhere)
    await other.close()


async def test_after_rotating_only_the_new_key_opens_the_database(
    db: Database, put: Put, data_dir: Path, other_process: Callable[[], Database]
) -> None:
    old = KeyFiles(data_dir).master_keys(has_data=True)
    await fill(put, 2)
    await vault.rotate_local(db, data_dir=data_dir, one_file=True)
    new = KeyFiles(data_dir).master_keys(has_data=True)
    other = other_process()
    with pytest.raises(vault.MasterKeyWrong):
        await vault.open_keyring(other, data_dir=data_dir, master_key=setting(*old))
    await vault.open_keyring(other, data_dir=data_dir, master_key=setting(*new))
    async with other.reader() as session:
        assert await vault.reveal(session, kind="bot", id="bot_2", name="n0") == "2-0"
    await other.close()


async def test_more_data_keys_than_one_transaction_takes(db: Database, put: Put, data_dir: Path) -> None:
    await fill(put, 7)
    steps: list[tuple[int, int]] = []
    await vault.rotate_local(
        db, chunk=3, data_dir=data_dir, one_file=True, progress=lambda *step: steps.append(step)
    )
    assert steps == [(3, 7), (6, 7), (7, 7)]
    assert len(await kids(db)) == 1


async def test_a_running_server_follows_a_rotation_of_another_process(
    db: Database, put: Put, data_dir: Path, other_process: Callable[[], Database]
) -> None:
    await fill(put, 1)
    server = other_process()
    held = await vault.open_keyring(server, data_dir=data_dir)
    await vault.rotate_local(db, data_dir=data_dir, one_file=True)
    async with server.session() as session:
        assert await vault.reveal(session, kind="bot", id="bot_1", name="n0") == "1-0"
        await vault.put(session, account_id=9, kind="bot", id="bot_9", name="n0", value="new account")
    await server.close()
    assert len(await kids(db)) == 1, "the server wrapped the new account's key with the new master key"
    assert held.master.kid in await kids(db)


async def test_a_server_that_cannot_have_the_new_key_refuses_rather_than_wrap_with_the_old_one(
    db: Database, put: Put, data_dir: Path, other_process: Callable[[], Database]
) -> None:
    await fill(put, 1)
    old = setting(*KeyFiles(data_dir).master_keys(has_data=True))
    server = other_process()
    await vault.open_keyring(server, data_dir=data_dir, master_key=old)
    await vault.rotate_local(db, data_dir=data_dir, one_file=True)

    async def new_account() -> None:
        async with server.session() as session:
            await vault.put(session, account_id=9, kind="bot", id="bot_9", name="n0", value="x")

    with pytest.raises(MasterKeyUnknown):
        await new_account()
    await server.close()
    assert len(await kids(db)) == 1


@pytest.mark.parametrize("rewrapped", [0, 2, 4])
async def test_a_rotation_cut_short_goes_on_where_it_was(
    db: Database,
    put: Put,
    reveal: Reveal,
    data_dir: Path,
    keyring: vault.Keyring,
    rewrapped: int,
    other_process: Callable[[], Database],
) -> None:
    """Cut after the file was written, after some of the rows, and after all rows but before the file's last write."""
    await fill(put, 4)
    files, fresh = KeyFiles(data_dir), crypto.new_key()
    files.replace_master([fresh, *files.master_keys(has_data=True)])
    if rewrapped:
        with suppress(Cut):
            await vault.rotate(
                db, chunk=1, new_master=CutMaster([fresh], after=rewrapped + 1)
            )  # and the canary
    async with db.reader() as session:
        fresh_rows = select(func.count()).where(VaultKey.master_kid == key_id(fresh))
        assert await session.scalar(fresh_rows) == rewrapped
    restarted = other_process()
    await vault.open_keyring(restarted, data_dir=data_dir)
    async with restarted.reader() as session:
        for account_id in range(1, 5):
            assert (
                await vault.reveal(session, kind="bot", id=f"bot_{account_id}", name="n0")
                == f"{account_id}-0"
            )
    await vault.rotate_local(restarted, data_dir=data_dir, one_file=True)
    await restarted.close()
    assert files.master_keys(has_data=True) == [fresh]
    assert await kids(db) == {key_id(fresh)}


class Cut(Exception):
    """The process ended here."""


class CutMaster(LocalMaster):
    """Ends the process at its n-th wrapping; what was committed before stays."""

    def __init__(self, keys: list[bytes], *, after: int) -> None:
        super().__init__(keys)
        self.left = after

    async def wrap(self, key: bytes, context: bytes) -> Wrapped:
        if self.left == 0:
            raise Cut
        self.left -= 1
        return await super().wrap(key, context)


async def test_a_data_key_that_does_not_open_keeps_the_old_master_key_in_the_file(
    db: Database, put: Put, reveal: Reveal, data_dir: Path, keyring: vault.Keyring
) -> None:
    await fill(put, 3)
    async with db.session() as session:
        await session.execute(update(VaultKey).where(VaultKey.account_id == 2).values(wrapped=b"x" * 60))
    async with db.reader() as session:
        for key in await session.scalars(select(VaultKey)):
            keyring.forget(key.id)
    with pytest.raises(RotationIncomplete, match="account 2"):
        await vault.rotate_local(db, data_dir=data_dir, one_file=True)
    assert len(KeyFiles(data_dir).master_keys(has_data=True)) == 2
    assert [await reveal(id=f"bot_{n}", name="n0") for n in (1, 3)] == ["1-0", "3-0"]


async def test_only_one_rotation_of_a_file_runs_at_a_time(db: Database, put: Put, data_dir: Path) -> None:
    before = KeyFiles(data_dir).master.read_bytes()
    with KeyFiles(data_dir).rotating(), pytest.raises(KeyRefused, match="being rotated already"):
        await vault.rotate_local(db, data_dir=data_dir, one_file=True)
    assert KeyFiles(data_dir).master.read_bytes() == before


async def test_a_key_from_the_setting_needs_its_successor_beside_it(db: Database, data_dir: Path) -> None:
    old, new = crypto.new_key(), crypto.new_key()
    await vault.open_keyring(db, data_dir=data_dir, master_key=setting(old))
    async with db.session() as session:
        await vault.put(session, account_id=1, kind="bot", id="bot_1", name="token", value="hush")
    with pytest.raises(RotationNotPrepared, match="BOTYARD_MASTER_KEY=new,old"):
        await vault.rotate_local(db, data_dir=data_dir, master_key=setting(old))

    await vault.open_keyring(db, data_dir=data_dir, master_key=setting(new, old))
    async with (
        db.session() as session
    ):  # before the rotation: still sealed so that servers with the old one open it
        await vault.put(session, account_id=2, kind="bot", id="bot_2", name="token", value="hush too")
    assert await kids(db) == {key_id(old)}
    await vault.rotate_local(db, data_dir=data_dir, master_key=setting(new, old))

    await vault.open_keyring(db, data_dir=data_dir, master_key=setting(new))
    async with db.reader() as session:
        assert await vault.reveal(session, kind="bot", id="bot_1", name="token") == "hush"
        assert await vault.reveal(session, kind="bot", id="bot_2", name="token") == "hush too"


async def test_a_setting_in_the_wrong_order_after_a_rotation_wraps_with_the_right_key(
    db: Database, data_dir: Path
) -> None:
    old, new = crypto.new_key(), crypto.new_key()
    await vault.open_keyring(db, data_dir=data_dir, master_key=setting(old))
    await vault.rotate_local(db, data_dir=data_dir, master_key=setting(new, old))
    await vault.open_keyring(db, data_dir=data_dir, master_key=setting(old, new))
    async with db.session() as session:
        await vault.put(session, account_id=1, kind="bot", id="bot_1", name="token", value="hush")
    assert await kids(db) == {key_id(new)}


async def test_readers_and_writers_go_on_while_the_master_key_rotates(
    db: Database,
    put: Put,
    reveal: Reveal,
    data_dir: Path,
    other_process: Callable[[], Database],
) -> None:
    await fill(put, 12)
    rotator = other_process()  # the command line, beside the server
    await vault.open_keyring(rotator, data_dir=data_dir)
    accounts = iter(range(100, 10_000))

    async def new_account() -> None:
        account_id = next(accounts)
        await put("x", account_id=account_id, id=f"bot_{account_id}")
        assert await reveal(id=f"bot_{account_id}") == "x"

    async def read() -> None:
        assert await reveal(id="bot_7", name="n0") == "7-0"

    async with running(read, new_account) as wrong:
        for _ in range(3):
            await vault.rotate_local(rotator, chunk=2, data_dir=data_dir, one_file=True)
    await rotator.close()
    assert wrong == []
    (key,) = KeyFiles(data_dir).master_keys(has_data=True)
    assert await kids(db) == {key_id(key)}
    assert await count(db, VaultKey) > 12, "accounts came while it rotated"


async def test_moving_to_another_kind_of_master_key(db: Database, put: Put, reveal: Reveal) -> None:
    """Two calls are all that a key service has to offer."""

    class Service:
        kid = "service/1"
        kept: list[bytes] = []

        async def wrap(self, key: bytes, context: bytes) -> Wrapped:
            self.kept.append(key + context)
            return Wrapped(self.kid, str(len(self.kept) - 1).encode())

        async def unwrap(self, wrapped: Wrapped, context: bytes) -> bytes:
            kept = self.kept[int(wrapped.blob)]
            if kept[32:] != context:
                raise crypto.Tampered
            return kept[:32]

    await fill(put, 2)
    await vault.rotate(db, new_master=Service())
    await vault.check_canary(db)
    await put("new", account_id=7, id="bot_7")
    assert await reveal(id="bot_2", name="n0") == "2-0"
    assert await kids(db) == {"service/1"}


# --- data keys and records --------------------------------------------------------------------------


async def test_reencrypting_seals_every_record_under_a_fresh_key(
    db: Database, put: Put, reveal: Reveal
) -> None:
    await fill(put, 3, secrets=5)
    async with db.reader() as session:
        before = {r.id: (r.ciphertext, r.key_id) for r in await session.scalars(select(VaultRecord))}
    steps: list[tuple[int, int]] = []
    outcome = await vault.reencrypt(db, chunk=2, progress=lambda *step: steps.append(step))
    assert (outcome.done, outcome.failed, steps[-1]) == (15, [], (15, 15))
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)
    async with db.reader() as session:
        after = {r.id: (r.ciphertext, r.key_id) for r in await session.scalars(select(VaultRecord))}
    assert after.keys() == before.keys()
    assert all(after[n][0] != before[n][0] and after[n][1] != before[n][1] for n in before)
    assert await count(db, VaultKey) == 3, "the former data keys are gone"
    assert await reveal(id="bot_2", name="n4") == "2-4"


async def test_a_record_that_does_not_open_is_named_and_left_as_it_is(
    db: Database, put: Put, reveal: Reveal
) -> None:
    await fill(put, 1, secrets=3)
    async with db.session() as session:
        await session.execute(
            update(VaultRecord).where(VaultRecord.name == "n1").values(ciphertext=b"x" * 20)
        )
    outcome = await vault.reencrypt(db)
    assert outcome.done == 2
    assert len(outcome.failed) == 1
    assert "n1 of bot bot_1" in outcome.failed[0]
    assert [await reveal(id="bot_1", name=name) for name in ("n0", "n2")] == ["1-0", "1-2"]
    assert await count(db, VaultKey) == 2, "the key that the broken record names stays for whoever repairs it"


async def test_reencrypting_loses_no_write_and_stops_no_reader(
    db: Database, put: Put, reveal: Reveal
) -> None:
    await fill(put, 3, secrets=6)
    written: dict[str, int] = {}

    async def write(name: str) -> None:
        written[name] = written.get(name, 0) + 1
        await put(str(written[name]), account_id=1, id="bot_w", name=name)
        assert await reveal(id="bot_w", name=name) == str(written[name])

    async def read() -> None:
        assert await reveal(id="bot_2", name="n3") == "2-3"

    async with running(lambda: write("a"), lambda: write("b"), read) as wrong:
        for _ in range(3):
            assert (await vault.reencrypt(db, chunk=2)).failed == []
    assert wrong == []
    for name, value in written.items():
        assert await reveal(id="bot_w", name=name) == str(value)
    assert await count(db, VaultKey) == 3


async def test_shredding_and_dropping_while_reencrypting_is_final(
    db: Database, put: Put, reveal: Reveal
) -> None:
    await fill(put, 6, secrets=3)

    async def remove() -> None:
        async with db.session() as session:
            await vault.shred(session, account_id=5)
        async with db.session() as session:
            await vault.drop(session, kind="bot", id="bot_6", name="n1")

    outcome, _ = await asyncio.gather(vault.reencrypt(db, chunk=1), remove())
    assert outcome.failed == []
    for place in ({"id": "bot_5", "name": "n0"}, {"id": "bot_6", "name": "n1"}):
        with pytest.raises(NotFound):
            await reveal(**place)
    assert await reveal(id="bot_6", name="n2") == "6-2"


async def test_the_state_keeps_when_it_was_rotated(db: Database, put: Put, data_dir: Path) -> None:
    await vault.rotate_local(db, data_dir=data_dir, one_file=True)
    async with db.reader() as session:
        assert (await session.scalars(select(VaultState))).one().rotated_at is not None
