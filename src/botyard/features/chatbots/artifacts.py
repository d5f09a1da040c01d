"""Files by their SHA-256, one shelf per account: snapshots of datasets, trained models, reports, uploads.

A file lies in parts, each written in a short transaction of its own: SQLite has one writer, and a model of 30 MB
would hold it for seconds. Only the last part makes a file whole; before that nobody can read it.
"""

import asyncio
import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, exists, func, insert, or_, select, union_all, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute, aliased

from botyard.core.accounts.models import User
from botyard.features.chatbots.models import Artifact
from botyard.kit import clock
from botyard.kit.db import Database, Session
from botyard.kit.errors import BotyardError, Invalid, NotFound
from botyard.settings import Settings

PART = 256 * 1024
MAX_SIZE = 512 * 1024 * 1024
KEPT = timedelta(days=1)  # at least this long, whether anything refers to it or not
_FRESH = timedelta(hours=1)  # asked for again so soon, it needs no new date
SPARED = 2 * _FRESH  # what nothing refers to goes so soon where an account has no room left

Owner = InstrumentedAttribute[int]
Digest = InstrumentedAttribute[str]
_references: dict[str, tuple[Owner, Digest]] = {}


class ArtifactMissing(NotFound):
    """There is no such file."""

    code = "artifact_missing"


class ArtifactDamaged(BotyardError):
    """A stored file is not what was stored: its digest differs. Restore it from a backup, or make it again."""

    code = "artifact_damaged"


class StorageFull(Invalid):
    """Models, snapshots of datasets and uploads take all the room that this account has. Delete models or chatbots that are not needed, or ask an administrator for more room; what is not two hours old counts until then."""

    code = "storage_full"


def refer(owner: Owner, digest: Digest) -> None:
    """Let rows of a table keep files: those of the account in `owner` whose digest stands in `digest`."""
    _references[f"{owner.class_.__name__}.{digest.key}"] = (owner, digest)


def digest_of(data: bytes) -> str:
    """Under which name `put` keeps these bytes."""
    return hashlib.sha256(data).hexdigest()


async def put(db: Database, owner_id: int, data: bytes) -> str:
    """Keep the bytes and answer their digest; keeping the same again costs one look.

    Runs transactions of its own, one for each part: call it outside of any. What an interrupted call left, the
    next one completes. For a day nothing needs to refer to it; two hours, where the account has no room left.
    Raises Invalid beyond 512 MiB, StorageFull where the account would keep more than it may.
    """
    if len(data) > MAX_SIZE:
        raise Invalid(f"A file has at most {MAX_SIZE // 1024 // 1024} MiB.")
    digest = await asyncio.to_thread(digest_of, data)
    if await _kept_again(db, owner_id, digest):
        return digest
    async with db.reader() as session:
        there = set(await session.scalars(select(Artifact.part).where(*_is(owner_id, digest))))
    if 0 not in there:
        await _begin(db, owner_id, digest, data)
    for part in range(1, _parts(data)):
        if part not in there:
            await _put_part(db, owner_id, digest, part, data)
    return digest


async def put_within(session: Session, owner_id: int, data: bytes) -> str:
    """Keep the bytes in this transaction and answer their digest, whether the account has room or not.

    For what must be kept together with the caller's change, or not at all. Whoever keeps the same at this moment is
    waited for.
    """
    digest = await asyncio.to_thread(digest_of, data)
    again = update(Artifact).where(*_is(owner_id, digest), Artifact.part == 0).values(kept_at=clock.now())
    await session.execute(again)  # what is there already is not removed meanwhile
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    for part in range(_parts(data)):
        new = dialect.insert(Artifact).values(_row(owner_id, digest, part, data))
        await session.execute(new.on_conflict_do_nothing())
    return digest


async def get(db: Database, owner_id: int, digest: str) -> bytes:
    """The bytes of that digest, compared with it. Raises ArtifactMissing, ArtifactDamaged."""
    async with db.reader() as session:
        if not await is_whole(session, owner_id, digest):
            raise ArtifactMissing
        rows = await session.scalars(
            select(Artifact.data).where(*_is(owner_id, digest)).order_by(Artifact.part)
        )
        data = b"".join(rows)
    if await asyncio.to_thread(digest_of, data) != digest:
        raise ArtifactDamaged
    return data


async def is_whole(session: Session, owner_id: int, digest: str) -> bool:
    """Whether an account has that file, complete."""
    last = select(Artifact.digest).where(*_is(owner_id, digest), Artifact.part == Artifact.parts - 1)
    return await session.scalar(last) is not None


async def usage(session: Session, owner_id: int) -> int:
    """How many bytes of an account count: those of files that are used, and of those that were kept lately."""
    size = select(func.coalesce(func.sum(Artifact.size), 0))
    used = [select(digest.label("digest")).where(owner == owner_id) for owner, digest in _references.values()]
    counts = Artifact.kept_at >= clock.now() - SPARED
    if used:
        counts = or_(counts, Artifact.digest.in_(union_all(*used)))
    mine = Artifact.owner_id == owner_id, Artifact.part == 0
    return int(await session.scalar(size.where(*mine, counts)) or 0)


def quota(session: Session) -> int:
    """How many bytes an account may keep."""
    return session.part(Settings).chatbot_storage_mb * 1024 * 1024


async def let_go(session: Session, owner_id: int, digests: Iterable[str]) -> None:
    """Let those of these files that nothing refers to count no longer; `remove_unused` removes them whenever it comes.

    For a caller who knows that nobody was given one of them to refer to it soon.
    """
    these = Artifact.owner_id == owner_id, Artifact.part == 0, Artifact.digest.in_(list(digests))
    old = clock.now() - 2 * KEPT
    await session.execute(update(Artifact).where(*these, *_unused()).values(kept_at=old))


async def check_room(session: Session, owner_id: int) -> None:
    """Raise StorageFull where an account has no room for anything more."""
    if await usage(session, owner_id) >= quota(session):
        raise StorageFull


async def remove_unused(
    db: Database, *, before: datetime, limit: int = 1000, owner_id: int | None = None
) -> int:
    """Remove files, and pieces of files, that nothing refers to and nobody asked to keep since `before`.

    Answers how many files went; more than `limit` wait for the next call. `owner_id`: of that account alone.
    """
    async with db.reader() as session:
        found = select(Artifact.owner_id, Artifact.digest).where(
            Artifact.part == 0, Artifact.kept_at < before, *_unused()
        )
        if owner_id is not None:
            found = found.where(Artifact.owner_id == owner_id)
        files = (await session.execute(found.limit(limit))).all()
    gone = 0
    for owner_id, digest in files:
        gone += await _remove(db, owner_id, digest, before)
    return gone


async def _remove(db: Database, owner_id: int, digest: str, before: datetime) -> bool:
    async with db.session() as session:
        first = select(Artifact.parts).where(*_is(owner_id, digest), Artifact.part == 0)
        first = first.where(Artifact.kept_at < before, *_unused()).with_for_update()
        parts = await session.scalar(first)
        if parts is None:  # used or gone meanwhile
            return False
        # The last part goes first: what is half removed is nobody's file any more.
        await _remove_part(session, owner_id, digest, parts - 1)
    for part in range(parts - 2, -1, -1):
        async with db.session() as session:
            await _remove_part(session, owner_id, digest, part)
    return True


async def _remove_part(session: Session, owner_id: int, digest: str, part: int) -> None:
    await session.execute(delete(Artifact).where(*_is(owner_id, digest), Artifact.part == part))


async def _kept_again(db: Database, owner_id: int, digest: str) -> bool:
    """Whether the file is there, whole; the day of what is there begins anew."""
    first = (*_is(owner_id, digest), Artifact.part == 0)
    async with db.reader() as session:
        kept_at = await session.scalar(select(Artifact.kept_at).where(*first))
        whole = kept_at is not None and await is_whole(session, owner_id, digest)
    if kept_at is None:
        return False
    if whole and clock.now() - kept_at < _FRESH:
        return True
    async with db.session() as session:
        await session.execute(update(Artifact).where(*first).values(kept_at=clock.now()))
        return await is_whole(session, owner_id, digest)  # a removal may have been faster


async def _begin(db: Database, owner_id: int, digest: str, data: bytes) -> None:
    """The first part, which counts for the whole; where there is no room, what is unused goes first."""
    try:
        await _put_part(db, owner_id, digest, 0, data)
    except StorageFull:
        if not await remove_unused(db, before=clock.now() - SPARED, owner_id=owner_id):
            raise
        await _put_part(db, owner_id, digest, 0, data)


async def _take_room(session: Session, owner_id: int, size: int) -> None:
    """Raise StorageFull where so many bytes are too many; of two at once the second sees the first."""
    await session.execute(select(User.id).where(User.id == owner_id).with_for_update(key_share=True))
    kept = select(func.sum(Artifact.size)).where(Artifact.owner_id == owner_id, Artifact.part == 0)
    if int(await session.scalar(kept) or 0) + size > quota(session):
        raise StorageFull


def _parts(data: bytes) -> int:
    return max(1, -(-len(data) // PART))


def _row(owner_id: int, digest: str, part: int, data: bytes) -> dict[str, Any]:
    return {
        "owner_id": owner_id,
        "digest": digest,
        "part": part,
        "parts": _parts(data),
        "size": len(data),
        "data": data[part * PART : (part + 1) * PART],
        "kept_at": clock.now(),
    }


async def _put_part(db: Database, owner_id: int, digest: str, part: int, data: bytes) -> None:
    try:
        async with db.session() as session:
            if part == 0:
                await _take_room(session, owner_id, len(data))
            await session.execute(insert(Artifact).values(_row(owner_id, digest, part, data)))
    except IntegrityError:
        # Either somebody stores the same at this moment, or the account is gone.
        async with db.reader() as session:
            if await session.get(Artifact, (owner_id, digest, part)) is None:
                raise


def _is(owner_id: int, digest: str) -> tuple[ColumnElement[bool], ...]:
    return Artifact.owner_id == owner_id, Artifact.digest == digest


def _unused() -> list[ColumnElement[bool]]:
    conditions = []
    for owner, digest in _references.values():
        table = aliased(owner.class_)
        theirs = getattr(table, owner.key) == Artifact.owner_id, getattr(table, digest.key) == Artifact.digest
        conditions.append(~exists().where(and_(*theirs)))
    return conditions
