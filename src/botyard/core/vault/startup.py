"""Opening the vault when a process starts: which master key, and whether it is the right one."""

from pathlib import Path

from sqlalchemy import inspect, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from botyard.core.vault.errors import MasterKeyUnknown, MasterKeyWrong
from botyard.core.vault.keyring import Keyring
from botyard.core.vault.masters import LocalMaster, MasterKey, Wrapped
from botyard.core.vault.models import VaultState
from botyard.kit import clock, crypto
from botyard.kit.db import Database
from botyard.kit.keys import KeyFiles

STATE_ID = 1
_CANARY = b"botyard vault canary: opened ok!"
_CANARY_CONTEXT = crypto.aad("botyard/vault-canary/1")


async def open_keyring(db: Database, *, data_dir: Path, master_key: str = "") -> Keyring:
    """The key ring of this process, checked against the database and added to its parts.

    Makes the master key at a first start. Raises KeyMissing, KeyRefused, KeyExposed, MasterKeyWrong.
    """
    files = KeyFiles(data_dir)
    keys = files.master_keys(master_key, has_data=await has_data(db))
    # A key from the environment cannot change while the process runs; a file can.
    reload = None if master_key else lambda: files.master_keys(has_data=True)
    keyring = Keyring(LocalMaster(keys, reload))
    db.parts.add(keyring)
    await check_canary(db)
    return keyring


async def has_data(db: Database) -> bool:
    """Whether this database was sealed with some master key before; false too before the first migration."""
    async with db.readers.connect() as connection:
        if not await connection.run_sync(lambda sync: inspect(sync).has_table(VaultState.__tablename__)):
            return False
        return await _has_state(connection)


async def check_canary(db: Database) -> None:
    """Make sure that the master key is the one of this database; the first start leaves the canary.

    Raises MasterKeyWrong.
    """
    master = db.parts.get(Keyring).master
    try:
        async with db.session() as session:
            state = await session.get(VaultState, STATE_ID)
            if state is None:
                sealed = await seal_canary(master)
                session.add(
                    VaultState(
                        id=STATE_ID,
                        master_kid=sealed.kid,
                        canary=sealed.blob,
                        created_at=clock.now(),
                        rotated_at=None,
                    )
                )
    except IntegrityError:  # another process left its canary first: then that is the one to open
        async with db.reader() as session:
            state = await session.get(VaultState, STATE_ID)
    if state is not None:
        await _open_canary(master, state)


async def seal_canary(master: MasterKey) -> Wrapped:
    """A value that only this master key opens."""
    return await master.wrap(_CANARY, _CANARY_CONTEXT)


async def _open_canary(master: MasterKey, state: VaultState) -> None:
    try:
        opened = await master.unwrap(Wrapped(state.master_kid, state.canary), _CANARY_CONTEXT)
    except (crypto.Tampered, MasterKeyUnknown):
        opened = b""
    if opened != _CANARY:
        raise MasterKeyWrong(
            f"The master key ({master.kid}) is not the one this database was sealed with ({state.master_kid}). "
            "Put the right key into keys/master.key of the data folder or into BOTYARD_MASTER_KEY, or start "
            "with the database that belongs to this key."
        )


async def _has_state(connection: AsyncConnection) -> bool:
    return (await connection.execute(select(VaultState.id).limit(1))).first() is not None
