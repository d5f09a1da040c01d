"""The vectors of a chatbot's passages in memory, compared one by one: exact, and quick enough for 100,000.

On SQLite, and on a PostgreSQL without pgvector.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from botyard.features.chatbots.knowledge import encoding
from botyard.features.chatbots.models import KnowledgeChunk, KnowledgeSource

if TYPE_CHECKING:
    from botyard.features.chatbots.knowledge.encoding import Matrix
    from botyard.kit.db import Session

MAX_BYTES = 256 * 1024 * 1024  # of all chatbots together; those not asked for longest go first
Stamp = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Vectors:
    """A row for each passage that has one of the encoder's, in the order of their ids."""

    stamp: Stamp
    ids: list[int]
    matrix: Matrix


@dataclass(frozen=True, slots=True)
class InMemory:
    """How alike the passages of one chatbot are to a question."""

    vectors: Vectors
    question: Matrix

    async def nearest(self, limit: int) -> list[tuple[int, float]]:
        """The passages that are most alike, with their cosine, best first."""
        return await asyncio.to_thread(self._nearest, limit)

    def _nearest(self, limit: int) -> list[tuple[int, float]]:
        if not self.vectors.ids:
            return []
        cosines = self.vectors.matrix @ self.question
        best = (-cosines).argsort(kind="stable")[:limit]
        return [(self.vectors.ids[at], float(cosines[at])) for at in best]

    async def of(self, chunk_ids: Sequence[int]) -> dict[int, float]:
        """How alike some are; those without a vector are left out."""
        found = {chunk_id: _position(self.vectors.ids, chunk_id) for chunk_id in chunk_ids}
        return {
            chunk_id: float(self.vectors.matrix[at] @ self.question)
            for chunk_id, at in found.items()
            if at >= 0
        }


class VectorCache:
    """Keeps the vectors of chatbots that are asked; what changed since is read again."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._kept: OrderedDict[str, Vectors] = OrderedDict()
        self._max_bytes = max_bytes

    async def get(self, session: Session, chatbot_id: str, fingerprint: str) -> Vectors:
        """The vectors of a chatbot's passages as they are in the store now."""
        stamp = await _stamp(session, chatbot_id, fingerprint)
        kept = self._kept.get(chatbot_id)
        if kept is None or kept.stamp != stamp:
            kept = await _load(session, chatbot_id, fingerprint, stamp)
            self._kept[chatbot_id] = kept
        self._kept.move_to_end(chatbot_id)
        while (
            len(self._kept) > 1 and sum(each.matrix.nbytes for each in self._kept.values()) > self._max_bytes
        ):
            self._kept.popitem(last=False)
        return kept


async def _stamp(session: Session, chatbot_id: str, fingerprint: str) -> Stamp:
    """What changes whenever a document was read or deleted."""
    query = select(
        KnowledgeSource.id, KnowledgeSource.revision, KnowledgeSource.state, KnowledgeSource.updated_at
    )
    rows = await session.execute(
        query.where(KnowledgeSource.chatbot_id == chatbot_id).order_by(KnowledgeSource.id)
    )
    return (fingerprint, *(tuple(row) for row in rows))


async def _load(session: Session, chatbot_id: str, fingerprint: str, stamp: Stamp) -> Vectors:
    query = select(KnowledgeChunk.id, KnowledgeChunk.vector).where(
        KnowledgeChunk.chatbot_id == chatbot_id, KnowledgeChunk.encoder == fingerprint
    )
    rows = (await session.execute(query.order_by(KnowledgeChunk.id))).all()
    matrix = await asyncio.to_thread(encoding.unpack, [row.vector for row in rows])
    return Vectors(stamp, [row.id for row in rows], matrix)


def _position(ids: list[int], chunk_id: int) -> int:
    at = bisect_left(ids, chunk_id)
    return at if at < len(ids) and ids[at] == chunk_id else -1
