"""Changing keys while everything runs: the master key (quick), or every data key and record (thorough)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Select, delete, exists, func, select

from botyard.core.vault.errors import MasterKeyUnknown, RotationIncomplete, RotationNotPrepared, VaultCorrupt
from botyard.core.vault.keyring import Keyring, wrap_context
from botyard.core.vault.masters import LocalMaster, MasterKey
from botyard.core.vault.models import VaultKey, VaultRecord, VaultState
from botyard.core.vault.service import lock_account, open_record, seal_into
from botyard.core.vault.startup import seal_canary
from botyard.kit import clock, crypto
from botyard.kit.db import Database, Session
from botyard.kit.keys import KeyFiles

CHUNK = 100  # rows of one transaction: a few milliseconds in which other writers wait

_ON_SEVERAL_MACHINES = (
    "On PostgreSQL other machines may have a key file of their own, and would not have the new key. Make one with "
    "openssl rand -base64 32, write it as the first line above the old one into {file} here and into the key file of "
    "every other machine, then rotate again; afterwards remove the second line on the others. Nothing needs a restart. "
    "Where this file is the only one, rotate with --this-machine-only."
)

Progress = Callable[[int, int], Awaitable[None] | None]  # done, of how many; called between transactions


@dataclass
class Outcome:
    """How many rows were done, and in words which ones could not be opened."""

    done: int = 0
    failed: list[str] = field(default_factory=list)


async def rotate_local(
    db: Database,
    *,
    data_dir: Path,
    master_key: str = "",
    one_file: bool = False,
    progress: Progress | None = None,
    chunk: int = CHUNK,
) -> Outcome:
    """Replace the master key that a file or a setting holds. Running servers follow a file by themselves.

    From a file: a new key is made, every data key is wrapped anew, the old key leaves the file. A rotation that
    was cut short goes on where it was. From the setting: it must hold the new key and then the old one.
    On PostgreSQL other machines may have copies of the file, which would keep the old key only: there the file must
    hold the new key already, unless `one_file` says that every process reads this very file.
    Raises RotationNotPrepared, RotationIncomplete, KeyRefused.
    """
    files = KeyFiles(data_dir)
    if master_key:
        keys = files.master_keys(master_key, has_data=True)
        if len(keys) < 2:
            raise RotationNotPrepared(
                "The master key comes from BOTYARD_MASTER_KEY. Put a new key in front of it "
                "(BOTYARD_MASTER_KEY=new,old; make one with: openssl rand -base64 32), restart the servers, "
                "then rotate again. Remove the old key when that has ended."
            )
        return await rotate(db, new_master=LocalMaster(keys), progress=progress, chunk=chunk)
    with files.rotating():
        keys = files.master_keys(has_data=True)
        if len(keys) < 2:
            if not (db.embedded or one_file):
                raise RotationNotPrepared(_ON_SEVERAL_MACHINES.format(file=files.master))
            keys = [crypto.new_key(), *keys]
            files.replace_master(keys)  # both are safe on disk before anything depends on the new one
        outcome = await rotate(db, new_master=LocalMaster(keys), progress=progress, chunk=chunk)
        files.replace_master(keys[:1])
    return outcome


async def rotate(
    db: Database, *, new_master: MasterKey, progress: Progress | None = None, chunk: int = CHUNK
) -> Outcome:
    """Wrap every data key with `new_master`; secrets themselves are not touched. May be run again after a crash.

    The key ring of this process opens the old wrapping and has the new master afterwards. Raises
    RotationIncomplete, naming the data keys that do not open; keep the old master key then.
    """
    keyring = db.parts.get(Keyring)
    await _announce(db, new_master)
    async with db.reader() as session:
        total = await session.scalar(_count_wrapped_otherwise(new_master)) or 0
    outcome = Outcome()
    last: str | None = ""
    while last is not None:
        async with db.session() as session:
            last = await _rewrap_chunk(session, new_master, outcome, after=last, limit=chunk)
        await _tell(progress, outcome, total)
    keyring.master = new_master
    if outcome.failed:
        raise RotationIncomplete(
            "Some data keys do not open and still need the old master key: " + "; ".join(outcome.failed[:10])
        )
    return outcome


async def reencrypt(db: Database, *, progress: Progress | None = None, chunk: int = CHUNK) -> Outcome:
    """Seal every secret anew under fresh data keys, account by account, while others read and write.

    May be run again after a crash. Records that do not open stay as they are and are named in the outcome.
    """
    async with db.reader() as session:
        total = await session.scalar(select(func.count()).select_from(VaultRecord)) or 0
        accounts = list(
            await session.scalars(select(VaultKey.account_id).distinct().order_by(VaultKey.account_id))
        )
    outcome = Outcome()
    for account_id in accounts:
        last: int | None = 0
        while last is not None:
            async with db.session() as session:
                await lock_account(session, account_id)
                if last == 0 and not await _retire_key(session, account_id):
                    break  # shredded meanwhile
                last = await _reseal_chunk(session, account_id, outcome, after=last, limit=chunk)
            await _tell(progress, outcome, total)
    return outcome


async def _tell(progress: Progress | None, outcome: Outcome, total: int) -> None:
    done = outcome.done + len(outcome.failed)
    if progress is not None and (told := progress(done, max(total, done))) is not None:
        await told


async def _announce(db: Database, new_master: MasterKey) -> None:
    """From this commit on every process wraps new data keys with the new master."""
    async with db.session() as session:
        state = (await session.scalars(select(VaultState).with_for_update())).one()
        if state.master_kid != new_master.kid:
            sealed = await seal_canary(new_master)
            state.master_kid, state.canary, state.rotated_at = sealed.kid, sealed.blob, clock.now()


async def _rewrap_chunk(
    session: Session, new_master: MasterKey, outcome: Outcome, *, after: str, limit: int
) -> str | None:
    """Wrap the next data keys anew; the id of the last one, or None when there are no more."""
    query = (
        select(VaultKey)
        .where(VaultKey.master_kid != new_master.kid, VaultKey.id > after)
        .order_by(VaultKey.id)
        .limit(limit)
        .with_for_update()
    )
    rows = list(await session.scalars(query))
    for row in rows:
        try:
            key = await session.part(Keyring).unwrap(row)
        except (VaultCorrupt, MasterKeyUnknown) as error:
            outcome.failed.append(str(error))
            continue
        wrapped = await new_master.wrap(key, wrap_context(row))
        row.master_kid, row.wrapped = wrapped.kid, wrapped.blob
        outcome.done += 1
    return rows[-1].id if len(rows) == limit else None


async def _retire_key(session: Session, account_id: int) -> bool:
    """Give the account a fresh active key; the former one only opens from now on. False if it had none."""
    query = select(VaultKey).where(VaultKey.account_id == account_id, VaultKey.active)
    former = (await session.scalars(query)).one_or_none()
    if former is None:
        return False
    former.active = False
    await session.flush()
    await session.part(Keyring).make(session, account_id)
    return True


async def _reseal_chunk(
    session: Session, account_id: int, outcome: Outcome, *, after: int, limit: int
) -> int | None:
    """Seal the next records anew; the id of the last one, or None when the account is done."""
    keyring = session.part(Keyring)
    query = (
        select(VaultRecord, VaultKey)
        .join(VaultKey, VaultKey.id == VaultRecord.key_id)
        .where(VaultRecord.account_id == account_id, ~VaultKey.active, VaultRecord.id > after)
        .order_by(VaultRecord.id)
        .limit(limit)
        .with_for_update(of=VaultRecord)
    )
    rows = (await session.execute(query)).all()
    fresh = await keyring.active(session, account_id)
    key = await keyring.unwrap(fresh)
    for record, former in rows:
        try:
            raw = open_record(record, await keyring.unwrap(former))
        except (VaultCorrupt, MasterKeyUnknown) as error:
            outcome.failed.append(str(error))
            continue
        seal_into(record, key, fresh.id, raw)
        record.rotated_at = clock.now()
        outcome.done += 1
    if len(rows) == limit:
        return int(rows[-1][0].id)
    await _drop_unused(session, account_id)
    return None


async def _drop_unused(session: Session, account_id: int) -> None:
    """Remove retired keys that no record needs any more."""
    await session.flush()
    needed = exists().where(VaultRecord.key_id == VaultKey.id)
    unused = delete(VaultKey).where(VaultKey.account_id == account_id, ~VaultKey.active, ~needed)
    for gone in (await session.execute(unused.returning(VaultKey.id))).scalars():
        session.part(Keyring).forget(gone)


def _count_wrapped_otherwise(master: MasterKey) -> Select[int]:
    return select(func.count()).select_from(VaultKey).where(VaultKey.master_kid != master.kid)
