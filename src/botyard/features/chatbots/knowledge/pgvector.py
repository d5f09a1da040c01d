"""Vectors in PostgreSQL with pgvector: searched where they lie, so that no process keeps a matrix of them.

The table is made from the passages, as an index is: passages keep their vectors, and the server works without it.
Its column takes any width, one for each encoder. It has no HNSW index, because that finds neighbours among everybody's
passages and filters afterwards; within one chatbot an exact scan is quick enough (docs/decisions/0010-chatbots.md).
"""

import asyncio
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from botyard.kit.db import Database, Session

log = structlog.get_logger(__name__)

_LOCK = 0x6B6E6F77  # of those who make the table, on PostgreSQL's list of such numbers
_BATCH = 500

_LOOK = """
SELECT (SELECT extversion FROM pg_extension WHERE extname = 'vector') AS installed,
 (SELECT default_version FROM pg_available_extensions WHERE name = 'vector') AS offered,
 to_regtype('halfvec') IS NOT NULL AS halves,
 EXISTS (SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass('chatbot_vectors')
  AND attname = 'embedding' AND NOT attisdropped) AS ready"""
_READY = """
SELECT EXISTS (SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass('chatbot_vectors')
 AND attname = 'embedding' AND NOT attisdropped)"""
_MAKE = (
    "DROP TABLE IF EXISTS chatbot_vectors",  # of an extension that was dropped, with its column
    """CREATE TABLE chatbot_vectors (
 chunk_id bigint PRIMARY KEY REFERENCES chatbot_chunks(id) ON DELETE CASCADE,
 chatbot_id varchar(40) NOT NULL, encoder varchar(64) NOT NULL, embedding halfvec NOT NULL)""",
    # A scan reads all of them: beside the row, not in a table of long values that is looked up for each.
    "ALTER TABLE chatbot_vectors ALTER COLUMN embedding SET STORAGE MAIN",
    "CREATE INDEX ix_chatbot_vectors_chatbot_id_encoder ON chatbot_vectors (chatbot_id, encoder)",
)
_STORED = """
SELECT id, vector FROM chatbot_chunks WHERE id > :after AND vector IS NOT NULL
 AND (CAST(:source AS text) IS NULL OR source_id = :source) ORDER BY id LIMIT :limit"""
_ENTER = """
INSERT INTO chatbot_vectors (chunk_id, chatbot_id, encoder, embedding)
 SELECT chunk.id, chunk.chatbot_id, chunk.encoder, CAST(given.written AS halfvec)
 FROM unnest(CAST(:ids AS bigint[]), CAST(:written AS text[])) AS given(id, written)
 JOIN chatbot_chunks AS chunk ON chunk.id = given.id"""
# In a query of its own the question is read once; a cast beside the column would read it for every row.
_ASKED = "(SELECT CAST(CAST(:question AS text) AS halfvec))"
_NEAREST = f"""
SELECT chunk_id, -(embedding <#> {_ASKED}) AS cosine FROM chatbot_vectors
 WHERE chatbot_id = :chatbot AND encoder = :encoder ORDER BY embedding <#> {_ASKED}, chunk_id LIMIT :limit"""  # noqa: S608 - constants
_OF = f"""
SELECT chunk_id, -(embedding <#> {_ASKED}) AS cosine FROM chatbot_vectors
 WHERE chunk_id = ANY(CAST(:ids AS bigint[])) AND encoder = :encoder"""  # noqa: S608 - constants


@dataclass(frozen=True, slots=True)
class Standing:
    """Who compares vectors, in words for the operator; `remedy` where it could be pgvector and is not."""

    ready: bool
    what: str
    remedy: str = ""


def standing(connection: Connection) -> Standing:
    """How it stands on a PostgreSQL; changes nothing."""
    row = connection.execute(text(_LOOK)).one()
    in_memory = "Vectors of documents are compared in memory"
    if row.ready:
        return Standing(True, f"Vectors of documents are compared by pgvector {row.installed}")
    if row.installed and not row.halves:
        return Standing(
            False,
            f"{in_memory}: pgvector {row.installed} cannot be used.",
            "It has to be 0.7 or newer, in a schema that the role searches.",
        )
    if row.installed or row.offered:
        return Standing(
            False,
            f"{in_memory}: pgvector is there and not in use.",
            "Restart the server; where its role may not create extensions, "
            "run CREATE EXTENSION vector as a superuser first.",
        )
    return Standing(
        False,
        f"{in_memory}: the database server has no pgvector.",
        "With many documents install pgvector there and restart.",
    )


async def prepare(db: Database) -> bool:
    """Make the extension and the table where that can be done, and enter what is stored; answers whether it is ready.

    May be called again, and by several processes at once. While passages are entered, documents wait to be read.
    """
    if db.embedded:
        return False
    try:
        async with db.session() as session:
            await session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            found = (await session.execute(text(_LOOK))).one()
            if found.ready:
                return True
            if not found.installed and found.offered:
                await session.execute(text("CREATE EXTENSION IF NOT EXISTS vector"))
                found = (await session.execute(text(_LOOK))).one()
            if found.halves:
                await _make(session)
    except DBAPIError as error:  # most often a role that may not create extensions
        log.warning("pgvector_not_used", error=" ".join(str(error.orig).split())[:300])
        return False
    return bool(found.halves)


async def ready(session: Session) -> bool:
    """Whether vectors are searched here. On a session that wrote passages, whether they are to be entered."""
    if session.get_bind().dialect.name != "postgresql":
        return False
    return bool(await session.scalar(text(_READY)))


async def enter(session: Session, source_id: str | None = None) -> int:
    """Enter the passages of a document, or of all, as they are stored; answers how many."""
    after = count = 0
    while True:
        values = {"after": after, "source": source_id, "limit": _BATCH}
        rows = (await session.execute(text(_STORED), values)).all()
        if not rows:
            return count
        written = await asyncio.to_thread(_all_written, [row.vector for row in rows])
        await session.execute(text(_ENTER), {"ids": [row.id for row in rows], "written": written})
        after, count = rows[-1].id, count + len(rows)


@dataclass(frozen=True, slots=True)
class InDatabase:
    """How alike the passages of one chatbot are to a question, asked of the store."""

    session: Session
    chatbot_id: str
    fingerprint: str
    question: str  # as PostgreSQL reads it

    async def nearest(self, limit: int) -> list[tuple[int, float]]:
        """The passages that are most alike, with their cosine, best first."""
        return await self._rows(_NEAREST, {"chatbot": self.chatbot_id, "limit": limit})

    async def of(self, chunk_ids: Sequence[int]) -> dict[int, float]:
        """How alike some are; those without a vector are left out."""
        return dict(await self._rows(_OF, {"ids": list(chunk_ids)}))

    async def _rows(self, statement: str, values: dict[str, Any]) -> list[tuple[int, float]]:
        values |= {"question": self.question, "encoder": self.fingerprint}
        return [
            (row.chunk_id, float(row.cosine)) for row in await self.session.execute(text(statement), values)
        ]


def written(vector: bytes) -> str:
    """A stored vector (float16, little-endian) as PostgreSQL reads it; five digits say each such number exactly."""
    numbers = struct.unpack(f"<{len(vector) // 2}e", vector)
    return f"[{','.join(f'{number:.5g}' for number in numbers)}]"


def _all_written(vectors: Sequence[bytes]) -> list[str]:
    return [written(vector) for vector in vectors]


async def _make(session: Session) -> None:
    # Who reads a document writes passages first and looks for the table then: it waits here, or finds the table.
    await session.execute(text("LOCK TABLE chatbot_chunks IN SHARE MODE"))
    for statement in _MAKE:
        await session.execute(text(statement))
    entered = await enter(session)
    log.info("pgvector_in_use", passages=entered)
