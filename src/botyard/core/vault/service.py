"""Put secrets in, reveal them, drop them, and make an account's secrets unreadable for good."""

from sqlalchemy import delete, func, select, update
from sqlalchemy.sql.elements import ColumnElement

from botyard.core.vault.errors import VaultCorrupt
from botyard.core.vault.keyring import Keyring
from botyard.core.vault.metrics import CORRUPT, OPERATIONS
from botyard.core.vault.models import VaultKey, VaultRecord
from botyard.kit import clock, crypto
from botyard.kit.db import Session
from botyard.kit.errors import NotFound

MAX_VERSIONS = 50  # of one name; a program that stores in a loop must not fill the disk
_LOCK_SPACE = 0x7661756C  # "vaul": advisory locks of the vault stand apart from everybody else's


async def put(
    session: Session,
    *,
    account_id: int,
    kind: str,
    id: str,  # noqa: A002 - the word of the interface
    name: str,
    value: str | bytes,
    keep: bool = False,
) -> int:
    """Seal a secret as the next version of its name and answer that version.

    With `keep` the former versions can be restored until they are cleared away, `MAX_VERSIONS` of them at
    most; without it they are gone.
    """
    keyring = session.part(Keyring)
    await lock_account(session, account_id)
    key_row = await keyring.active(session, account_id)
    where = _named(kind, id, name)
    newest = await session.scalar(select(func.max(VaultRecord.version)).where(*where))
    record = VaultRecord(
        account_id=account_id,
        kind=kind,
        record_id=id,
        name=name,
        version=(newest or 0) + 1,
        created_at=clock.now(),
        superseded_at=None,
    )
    raw = value.encode() if isinstance(value, str) else value
    seal_into(record, await keyring.unwrap(key_row), key_row.id, raw)
    if newest is not None:
        await _make_way(session, where, oldest=record.version - MAX_VERSIONS + 1 if keep else record.version)
    session.add(record)
    await session.flush()
    OPERATIONS.labels("put").inc()
    return record.version


async def _make_way(session: Session, where: list[ColumnElement[bool]], *, oldest: int) -> None:
    """Note when the present version stopped being it, and drop those that are older than `oldest`."""
    current = update(VaultRecord).where(*where, VaultRecord.superseded_at.is_(None))
    await session.execute(current.values(superseded_at=clock.now()))
    if oldest > 1:
        await session.execute(delete(VaultRecord).where(*where, VaultRecord.version < oldest))


async def reveal(
    session: Session,
    *,
    kind: str,
    id: str,  # noqa: A002
    name: str,
    account_id: int | None = None,
    version: int | None = None,
) -> str:
    """The secret in clear, the newest version unless one is named; auditing the look is the caller's part.

    With `account_id`, another account's secret is not found. Raises NotFound, also after shredding, and
    VaultCorrupt.
    """
    raw = await reveal_bytes(session, kind=kind, id=id, name=name, account_id=account_id, version=version)
    return raw.decode()


async def reveal_bytes(
    session: Session,
    *,
    kind: str,
    id: str,  # noqa: A002
    name: str,
    account_id: int | None = None,
    version: int | None = None,
) -> bytes:
    """As `reveal`, for a secret that is not text."""
    where = _named(kind, id, name)
    if account_id is not None:
        where.append(VaultRecord.account_id == account_id)
    if version is not None:
        where.append(VaultRecord.version == version)
    # One statement reads the record and its key, so that a key retired meanwhile is never missed.
    query = (
        select(VaultRecord, VaultKey)
        .join(VaultKey, VaultKey.id == VaultRecord.key_id)
        .where(*where)
        .order_by(VaultRecord.version.desc())
        .limit(1)
        .execution_options(populate_existing=True)
    )
    row = (await session.execute(query)).one_or_none()
    if row is None:
        raise NotFound(f"The vault holds no {name} of this {kind}.")
    record, key_row = row
    OPERATIONS.labels("reveal").inc()
    return open_record(record, await session.part(Keyring).unwrap(key_row))


async def list_names(session: Session, *, kind: str, id: str) -> list[str]:  # noqa: A002
    """Names of the secrets of one thing, in alphabetical order; nothing is opened."""
    query = select(VaultRecord.name).where(VaultRecord.kind == kind, VaultRecord.record_id == id)
    return list(await session.scalars(query.distinct().order_by(VaultRecord.name)))


async def drop(
    session: Session,
    *,
    kind: str,
    id: str,  # noqa: A002
    name: str | None = None,
    account_id: int | None = None,
) -> int:
    """Remove every version of one secret, or of all secrets of a thing; says how many rows. None is no error."""
    where: list[ColumnElement[bool]] = [VaultRecord.kind == kind, VaultRecord.record_id == id]
    if name is not None:
        where.append(VaultRecord.name == name)
    if account_id is not None:
        where.append(VaultRecord.account_id == account_id)
    OPERATIONS.labels("drop").inc()
    # Locked in the order of their ids, as re-encryption does, so that the two never wait for each other.
    ids = select(VaultRecord.id).where(*where).order_by(VaultRecord.id).with_for_update()
    found = list(await session.scalars(ids))
    return await _delete(session, VaultRecord, VaultRecord.id.in_(found)) if found else 0


async def shred(session: Session, *, account_id: int) -> int:
    """Destroy an account's data keys and records; also copies of the records can then not be read.

    A backup that holds the wrapped keys, together with the master key, undoes this: keep them apart. Says how
    many records went.
    """
    await lock_account(session, account_id)
    keyring = session.part(Keyring)
    records = await _delete(session, VaultRecord, VaultRecord.account_id == account_id)
    key_ids = list(await session.scalars(select(VaultKey.id).where(VaultKey.account_id == account_id)))
    await _delete(session, VaultKey, VaultKey.account_id == account_id)

    async def forget(_: Session) -> None:
        for key_id in key_ids:
            keyring.forget(key_id)

    session.after_commit(forget)
    OPERATIONS.labels("shred").inc()
    return records


async def lock_account(session: Session, account_id: int) -> None:
    """Keep other writers of this account's secrets out until the commit; SQLite has one writer anyway."""
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(select(func.pg_advisory_xact_lock(_LOCK_SPACE, account_id)))


def seal_into(record: VaultRecord, key: bytes, key_id: str, raw: bytes) -> None:
    """Put a sealed value into a record that has everything but its key, nonce and ciphertext."""
    record.key_id = key_id
    sealed = crypto.seal(key, raw, _context(record))
    record.nonce, record.ciphertext = sealed.nonce, sealed.ciphertext


def open_record(record: VaultRecord, key: bytes) -> bytes:
    """The plain value. Raises VaultCorrupt, which names the record and nothing of its content."""
    try:
        return crypto.open_sealed(key, crypto.Sealed(record.nonce, record.ciphertext), _context(record))
    except crypto.Tampered:
        CORRUPT.inc()
        raise VaultCorrupt(
            f"The secret {record.name} of {record.kind} {record.record_id} (version {record.version}) does not "
            "open: it was changed, moved, or sealed under another key. Restore it from a backup or store it anew."
        ) from None


def _context(record: VaultRecord) -> bytes:
    return crypto.aad(
        "botyard/vault/1",
        record.account_id,
        record.kind,
        record.record_id,
        record.name,
        record.version,
        record.key_id,
    )


def _named(kind: str, record_id: str, name: str) -> list[ColumnElement[bool]]:
    return [VaultRecord.kind == kind, VaultRecord.record_id == record_id, VaultRecord.name == name]


async def _delete(session: Session, table: type[VaultRecord | VaultKey], *where: ColumnElement[bool]) -> int:
    result = await session.execute(delete(table).where(*where).returning(table.id))
    return len(result.all())
