"""Former versions of secrets: what there is, bringing one back, and clearing away what is too old."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import aliased
from sqlalchemy.sql.elements import ColumnElement

from botyard.core.vault.models import VaultRecord
from botyard.core.vault.service import lock_account, put, reveal_bytes
from botyard.kit import clock, crypto
from botyard.kit.db import Database, Session

_CHUNK = 500  # the store's only writer is free again in between
_SIZE = func.length(VaultRecord.ciphertext) - crypto.TAG_BYTES


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a secret, without its content; `size` in bytes. The current one was never superseded."""

    version: int
    created_at: datetime
    superseded_at: datetime | None
    size: int


@dataclass(frozen=True, slots=True)
class Holding:
    """A secret that a thing has: its current version and size in bytes, and how many versions there are."""

    id: str
    name: str
    version: int
    stored_at: datetime
    size: int
    versions: int


async def list_versions(session: Session, *, kind: str, id: str, name: str) -> list[Version]:  # noqa: A002
    """Versions of a secret, the newest first; nothing is opened."""
    query = (
        select(VaultRecord.version, VaultRecord.created_at, VaultRecord.superseded_at, _SIZE)
        .where(VaultRecord.kind == kind, VaultRecord.record_id == id, VaultRecord.name == name)
        .order_by(VaultRecord.version.desc())
    )
    return [Version(*row) for row in await session.execute(query)]


async def holdings(session: Session, *, kind: str, ids: Collection[str]) -> list[Holding]:
    """What the vault holds of these things, by id and name; nothing is opened."""
    other = aliased(VaultRecord)
    versions = (
        select(func.count())
        .where(
            other.kind == VaultRecord.kind,
            other.record_id == VaultRecord.record_id,
            other.name == VaultRecord.name,
        )
        .scalar_subquery()
    )
    query = (
        select(
            VaultRecord.record_id,
            VaultRecord.name,
            VaultRecord.version,
            VaultRecord.created_at,
            _SIZE,
            versions,
        )
        .where(VaultRecord.kind == kind, VaultRecord.record_id.in_(ids), VaultRecord.superseded_at.is_(None))
        .order_by(VaultRecord.record_id, VaultRecord.name)
    )
    return [Holding(*row) for row in await session.execute(query)]


async def restore(
    session: Session,
    *,
    account_id: int,
    kind: str,
    id: str,  # noqa: A002
    name: str,
    version: int,
) -> int:
    """Store the content of a former version as a new one and answer that one's number.

    Raises NotFound when the version was cleared away, VaultCorrupt.
    """
    await lock_account(session, account_id)  # so that nothing is stored between the look and the new version
    raw = await reveal_bytes(session, kind=kind, id=id, name=name, account_id=account_id, version=version)
    return await put(session, account_id=account_id, kind=kind, id=id, name=name, value=raw, keep=True)


async def clear_superseded(db: Database, *, days: int) -> int:
    """Remove versions that were superseded longer ago than this, in small bites; answers how many."""
    return await _clear(db, VaultRecord.superseded_at < clock.now() - timedelta(days=days))


async def clear_kind(db: Database, *, kind: str, before: datetime) -> int:
    """Remove what was stored of a kind before that moment, in small bites; answers how many."""
    return await _clear(db, VaultRecord.kind == kind, VaultRecord.created_at < before)


async def _clear(db: Database, *where: ColumnElement[bool]) -> int:
    # Passed over while somebody holds them: the next time is as good.
    found = (
        select(VaultRecord.id)
        .where(*where)
        .order_by(VaultRecord.id)
        .limit(_CHUNK)
        .with_for_update(skip_locked=True)
    )
    total = 0
    while True:
        async with db.session() as session:
            ids = list(await session.scalars(found))
            await session.execute(delete(VaultRecord).where(VaultRecord.id.in_(ids)))
        total += len(ids)
        if len(ids) < _CHUNK:
            return total
