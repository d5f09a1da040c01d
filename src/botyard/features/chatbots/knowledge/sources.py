"""The documents of a chatbot: adding, listing, reading anew, deleting them. Reading is a job."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from botyard.core.realtime.events import publish
from botyard.features.chatbots import service as chatbots
from botyard.features.chatbots.knowledge import jobs
from botyard.features.chatbots.knowledge.documents import KINDS, kind_of, most_bytes
from botyard.features.chatbots.knowledge.errors import (
    DocumentTooLarge,
    DocumentUnreadable,
    DocumentUnsupported,
    NoSuchSource,
    NotFromAddress,
)
from botyard.features.chatbots.knowledge.events import SourceChanged
from botyard.features.chatbots.knowledge.fetching import checked_url
from botyard.features.chatbots.models import KnowledgeChunk, KnowledgeSource
from botyard.kit import clock, ids
from botyard.kit.db import Session
from botyard.kit.errors import Invalid

MAX_SOURCES = 1000  # of one chatbot
MAX_TITLE = 200


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """One document as people see it. `state`: queued, running, ready, failed; `job_id` knows how far it is."""

    id: str
    chatbot_id: str
    title: str
    kind: str
    url: str
    state: str
    error: str
    chunk_count: int
    encoder: str
    job_id: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ChunkInfo:
    """One passage of a document."""

    position: int
    heading: str
    text: str


async def add(
    session: Session,
    chatbot_id: str,
    *,
    owner_id: int,
    content: bytes,
    name: str = "",
    media_type: str = "",
    kind: str = "",
    charset: str = "",
    title: str = "",
) -> SourceInfo:
    """Keep an uploaded document and have it read. Its kind is the given one, else follows from type and file name.

    Raises NoSuchChatbot, DocumentUnsupported, DocumentTooLarge, DocumentUnreadable for an empty one.
    """
    chosen = _kind(kind) if kind else kind_of(media_type, name)
    row = await _new(session, chatbot_id, owner_id, title or name.rpartition("/")[2], chosen)
    _fill(row, content, charset)
    return await _read(session, row, fetch=False)


async def add_url(
    session: Session, chatbot_id: str, *, owner_id: int, url: str, title: str = ""
) -> SourceInfo:
    """Have a page fetched and read. Raises NoSuchChatbot and PageRefused; what else is wrong, the source will say."""
    address = checked_url(url)
    row = await _new(session, chatbot_id, owner_id, title or address, "html")
    row.url = address
    return await _read(session, row, fetch=True)


async def list_page(
    session: Session, chatbot_id: str, *, owner_id: int, limit: int, offset: int = 0
) -> tuple[list[SourceInfo], int]:
    """Documents of a chatbot, newest first, and how many there are in all. Raises NoSuchChatbot."""
    await chatbots.get(session, chatbot_id, owner_id=owner_id)
    query = select(KnowledgeSource).where(KnowledgeSource.chatbot_id == chatbot_id)
    query = query.order_by(KnowledgeSource.created_at.desc(), KnowledgeSource.id.desc())
    rows = await session.scalars(query.limit(limit).offset(offset))
    return [info(row) for row in rows], await _count(session, chatbot_id)


async def get(session: Session, source_id: str, *, owner_id: int) -> SourceInfo:
    """One document of an account. Raises NoSuchSource, also for another account's."""
    return info(await _row(session, source_id, owner_id))


async def list_chunks(
    session: Session, source_id: str, *, owner_id: int, limit: int, offset: int = 0
) -> list[ChunkInfo]:
    """The passages of a document in order. Raises NoSuchSource."""
    await _row(session, source_id, owner_id)
    query = select(KnowledgeChunk.position, KnowledgeChunk.heading, KnowledgeChunk.text)
    query = query.where(KnowledgeChunk.source_id == source_id).order_by(KnowledgeChunk.position)
    return [ChunkInfo(*row) for row in await session.execute(query.limit(limit).offset(offset))]


async def rename(session: Session, source_id: str, *, owner_id: int, title: str) -> SourceInfo:
    """Give a document another title. Raises NoSuchSource."""
    row = await _row(session, source_id, owner_id, lock=True)
    row.title = _title(title)
    row.updated_at = clock.now()
    return info(row)


async def replace(
    session: Session, source_id: str, *, owner_id: int, content: bytes, charset: str = ""
) -> SourceInfo:
    """Put another content of the same kind in the place of an uploaded one; the old one answers until it is read."""
    row = await _row(session, source_id, owner_id, lock=True)
    _fill(row, content, charset)
    return await _read(session, row, fetch=False)


async def refresh(session: Session, source_id: str, *, owner_id: int) -> SourceInfo:
    """Fetch a page again and read it; what it said before answers until then.

    Raises NoSuchSource, and NotFromAddress for what was uploaded.
    """
    row = await _row(session, source_id, owner_id, lock=True)
    if not row.url:
        raise NotFromAddress
    return await _read(session, row, fetch=True)


async def reread(session: Session, source_id: str, *, owner_id: int) -> SourceInfo:
    """Read a document anew from what is stored, as after a job that was cancelled. Raises NoSuchSource."""
    row = await _row(session, source_id, owner_id, lock=True)
    return await _read(session, row, fetch=not row.digest)


async def reread_all(session: Session, chatbot_id: str, *, owner_id: int) -> int:
    """Read every document anew from what is stored, as after a change of the encoder; answers how many."""
    await chatbots.get(session, chatbot_id, owner_id=owner_id)
    query = select(KnowledgeSource).where(
        KnowledgeSource.chatbot_id == chatbot_id, KnowledgeSource.digest != ""
    )
    rows = list(await session.scalars(query.order_by(KnowledgeSource.id).with_for_update()))
    for row in rows:
        await _read(session, row, fetch=False)
    return len(rows)


async def delete(session: Session, source_id: str, *, owner_id: int) -> None:
    """Remove a document with its passages. Raises NoSuchSource."""
    row = await _row(session, source_id, owner_id, lock=True)
    await session.delete(row)
    await session.flush()
    _tell(session, row, "deleted")


def info(row: KnowledgeSource) -> SourceInfo:
    """The document as people see it."""
    names = SourceInfo.__dataclass_fields__
    return SourceInfo(**{name: getattr(row, name) for name in names})


async def _new(session: Session, chatbot_id: str, owner_id: int, title: str, kind: str) -> KnowledgeSource:
    await chatbots.get(session, chatbot_id, owner_id=owner_id)
    if await _count(session, chatbot_id) >= MAX_SOURCES:
        raise Invalid(f"A chatbot has at most {MAX_SOURCES} documents; delete one, or put several into one.")
    now = clock.now()
    return KnowledgeSource(
        id=ids.new("src"),
        owner_id=owner_id,
        chatbot_id=chatbot_id,
        title=_title(title),
        kind=kind,
        url="",
        content=None,
        charset="",
        digest="",
        state="queued",
        error="",
        job_id=None,
        revision=0,
        encoder="",
        chunk_count=0,
        term_count=0,
        created_at=now,
        updated_at=now,
    )


async def _read(session: Session, row: KnowledgeSource, *, fetch: bool) -> SourceInfo:
    """Ask for the job; one that is under way for what was there before gives up."""
    row.revision += 1
    row.state, row.error, row.updated_at = "queued", "", clock.now()
    row.job_id = await jobs.read_document.enqueue(
        session, owner_id=row.owner_id, source_id=row.id, revision=row.revision, fetch=fetch
    )
    session.add(row)
    await session.flush()
    _tell(session, row, row.state)
    return info(row)


def _fill(row: KnowledgeSource, content: bytes, charset: str) -> None:
    most = most_bytes(row.kind)
    if len(content) > most:
        raise DocumentTooLarge(
            f"A document of this kind has at most {most >> 20} MiB; split it into several."
        )
    if not content.strip():
        raise DocumentUnreadable("The document is empty.")
    row.content, row.charset = content, charset[:40]
    row.digest = hashlib.sha256(content).hexdigest()


async def _row(session: Session, source_id: str, owner_id: int, *, lock: bool = False) -> KnowledgeSource:
    row = await session.get(KnowledgeSource, source_id, with_for_update=lock or None)
    if row is None or row.owner_id != owner_id:
        raise NoSuchSource
    return row


async def _count(session: Session, chatbot_id: str) -> int:
    query = select(func.count()).select_from(KnowledgeSource).where(KnowledgeSource.chatbot_id == chatbot_id)
    return int(await session.scalar(query) or 0)


def _kind(kind: str) -> str:
    if kind not in KINDS:
        raise DocumentUnsupported
    return kind


def _title(title: str) -> str:
    shown = " ".join("".join(c if c.isprintable() else " " for c in title).split())
    return shown[:MAX_TITLE] or "Untitled"


def _tell(session: Session, row: KnowledgeSource, state: str) -> None:
    publish(
        session,
        SourceChanged(owner_id=row.owner_id, chatbot_id=row.chatbot_id, source_id=row.id, state=state),
    )
