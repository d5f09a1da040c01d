"""Reading documents: fetch, cut, encode, and put the new passages in the place of the old ones at once."""

import asyncio
import hashlib
from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, func, insert, select

from botyard.core.jobs import JobContext, Unrecoverable, job
from botyard.core.realtime.events import publish
from botyard.features.chatbots.knowledge import chunks, documents, encoding, pdf, pgvector
from botyard.features.chatbots.knowledge.chunks import Chunk
from botyard.features.chatbots.knowledge.documents import Document
from botyard.features.chatbots.knowledge.encoding import Encoder, Encoders
from botyard.features.chatbots.knowledge.errors import DocumentTooLarge
from botyard.features.chatbots.knowledge.events import SourceChanged
from botyard.features.chatbots.knowledge.fetching import Page
from botyard.features.chatbots.knowledge.fetching import fetch as fetch_page
from botyard.features.chatbots.knowledge.terms import terms
from botyard.features.chatbots.models import KnowledgeChunk, KnowledgeSource
from botyard.kit import clock
from botyard.kit.amounts import counted
from botyard.kit.db import Database, Session
from botyard.kit.errors import BotyardError
from botyard.kit.http import OutgoingFailed
from botyard.settings import Settings

RETRIES = 3
MAX_CHUNKS = 100_000  # of one chatbot: what is compared one by one in milliseconds
Row = dict[str, Any]


class Superseded(BotyardError):
    """The document was changed or deleted while it was read."""

    code = "document_superseded"


@job("chatbots.read_document", queue="generate", retries=RETRIES)
async def read_document(ctx: JobContext, *, source_id: str, revision: int, fetch: bool) -> dict[str, Any]:
    """Read one document. Until it is done, and when it fails, what was read before answers on."""
    try:
        return await _read(ctx, source_id, revision, fetch=fetch)
    except Superseded:
        return {"superseded": True}
    except BotyardError as error:
        await _failed(ctx.db, source_id, revision, str(error))
        if isinstance(error, OutgoingFailed):  # the other side may be back in a minute
            raise
        raise Unrecoverable(str(error)) from error


async def _read(ctx: JobContext, source_id: str, revision: int, *, fetch: bool) -> dict[str, Any]:
    source = await _begin(ctx.db, source_id, revision)
    if fetch:
        await ctx.progress(0, None, f"fetching {source.url}")
        page = await fetch_page(source.url, allow_private=ctx.db.parts.get(Settings).allow_private_networks)
        source = await _keep_page(ctx.db, source, page)
    document = await _document(source)
    title = source.title if source.title != source.url else document.title or source.title
    cut = await asyncio.to_thread(chunks.cut, document, title)
    encoder = await _encoder(ctx.db)
    fingerprint = encoder.fingerprint if encoder else ""
    rows = await asyncio.to_thread(_rows, source, cut, title)
    if encoder:
        await _encode(ctx, encoder, cut, rows)
    await _exchange(ctx.db, source, rows, title=title, fingerprint=fingerprint)
    await ctx.progress(len(rows), len(rows), counted(len(rows), "passage"))
    return {"chunks": len(rows), "encoder": fingerprint}


async def _begin(db: Database, source_id: str, revision: int) -> KnowledgeSource:
    async with db.session() as session:
        row = await _current(session, source_id, revision)
        row.state, row.error = "running", ""
        await session.refresh(row, ["content"])
        _tell(session, row)
    return row


async def _document(source: KnowledgeSource) -> Document:
    content = source.content or b""
    if source.kind == "pdf":
        return await pdf.read(content)
    return await asyncio.to_thread(documents.read, source.kind, content, source.charset)


async def _keep_page(db: Database, source: KnowledgeSource, page: Page) -> KnowledgeSource:
    async with db.session() as session:
        row = await _current(session, source.id, source.revision)
        row.content, row.kind, row.charset = page.content, page.kind, page.charset[:40]
        row.digest = hashlib.sha256(page.content).hexdigest()
    return row


def _rows(source: KnowledgeSource, cut: Sequence[Chunk], title: str) -> list[Row]:
    return [_row(source, position, chunk, title) for position, chunk in enumerate(cut)]


def _row(source: KnowledgeSource, position: int, chunk: Chunk, title: str) -> Row:
    # What a passage stands below counts twice: it is what the passage is about.
    about = terms(chunk.about)
    found = [*about, *about, *(terms(title) if title not in chunk.about else ()), *terms(chunk.text)]
    return {
        "source_id": source.id,
        "chatbot_id": source.chatbot_id,
        "position": position,
        "heading": chunk.heading,
        "text": chunk.text,
        "terms": " ".join(found),
        "length": len(found),
        "vector": None,
        "encoder": "",
    }


async def _encode(ctx: JobContext, encoder: Encoder, cut: Sequence[Chunk], rows: list[Row]) -> None:
    for start in range(0, len(rows), encoding.BATCH):
        batch = rows[start : start + encoding.BATCH]
        texts = [f"{chunk.about}\n{chunk.text}" for chunk in cut[start : start + encoding.BATCH]]
        matrix = await encoding.encode(encoder, texts)
        for row, vector in zip(batch, encoding.pack(matrix), strict=True):
            row["vector"], row["encoder"] = vector, encoder.fingerprint
        await ctx.progress(start + len(batch), len(rows) + 1, "reading")


async def _exchange(
    db: Database, source: KnowledgeSource, rows: list[Row], *, title: str, fingerprint: str
) -> None:
    """All passages of the document at once, so that nobody searches in half of it."""
    async with db.session() as session:
        row = await _current(session, source.id, source.revision)
        others = await session.scalar(
            select(func.coalesce(func.sum(KnowledgeSource.chunk_count), 0)).where(
                KnowledgeSource.chatbot_id == row.chatbot_id, KnowledgeSource.id != row.id
            )
        )
        if int(others or 0) + len(rows) > MAX_CHUNKS:
            raise DocumentTooLarge(f"A chatbot reads at most {MAX_CHUNKS} passages; delete documents first.")
        await session.execute(delete(KnowledgeChunk).where(KnowledgeChunk.source_id == row.id))
        await session.execute(insert(KnowledgeChunk), rows)
        if fingerprint and await pgvector.ready(session):
            await pgvector.enter(session, row.id)
        row.state, row.error, row.title, row.encoder = "ready", "", title[:200], fingerprint
        row.chunk_count, row.term_count = len(rows), sum(each["length"] for each in rows)
        row.updated_at = clock.now()
        _tell(session, row)


async def _failed(db: Database, source_id: str, revision: int, error: str) -> None:
    async with db.session() as session:
        try:
            row = await _current(session, source_id, revision)
        except Superseded:
            return
        row.state, row.error, row.updated_at = "failed", error[:1000], clock.now()
        _tell(session, row)


async def _current(session: Session, source_id: str, revision: int) -> KnowledgeSource:
    """The document, locked, as long as it is what this job was asked to read. Raises Superseded."""
    row = await session.get(KnowledgeSource, source_id, with_for_update=True)
    if row is None or row.revision != revision:
        raise Superseded
    return row


async def _encoder(db: Database) -> Encoder | None:
    encoders = db.parts.find(Encoders)  # type: ignore[type-abstract]
    return await encoders.get() if encoders else None


def _tell(session: Session, row: KnowledgeSource) -> None:
    publish(
        session,
        SourceChanged(owner_id=row.owner_id, chatbot_id=row.chatbot_id, source_id=row.id, state=row.state),
    )
