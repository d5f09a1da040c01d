"""Search: full text and vectors, each with its own order, fused by the ranks they give.

Whether the best passage answers the question at all is judged apart from the order: by how much of the question it
has in words, and by how alike the two are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import select

from botyard.features.chatbots.knowledge import encoding, fulltext, pgvector
from botyard.features.chatbots.knowledge.encoding import Encoder
from botyard.features.chatbots.knowledge.fulltext import Weights
from botyard.features.chatbots.knowledge.pgvector import InDatabase
from botyard.features.chatbots.knowledge.terms import asked as terms_of
from botyard.features.chatbots.knowledge.vectors import InMemory, VectorCache
from botyard.features.chatbots.models import KnowledgeChunk, KnowledgeSource
from botyard.kit.db import Session

RANK_CONSTANT = 60  # of reciprocal rank fusion: how little first is worth more than second
DEPTH = 50  # passages that each order brings
MAX_QUESTION = 2000
# Chosen on made-up questions with and without an answer (tests/features/chatbots/knowledge).
ANSWERS_FROM = 0.33
_WORDS = (0.2, 0.7)  # share of the question that is no sign, and that is a sure one
_LIKENESS = (0.1, 0.4)  # cosine, likewise
_TRUST = 0.85  # in either of the two alone


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage that was found. `confidence` says how likely it answers the question, 0 to 1."""

    chunk_id: int
    source_id: str
    title: str
    url: str
    heading: str
    position: int
    text: str
    terms: tuple[str, ...]
    score: float
    coverage: float
    cosine: float | None
    confidence: float


@dataclass(frozen=True, slots=True)
class Found:
    """What a search brought, best first; `answers` are those that answer the question."""

    question: str
    weights: Weights
    passages: list[Passage]

    @property
    def answers(self) -> list[Passage]:
        """Passages that are good enough, if the best one is."""
        return [passage for passage in self.passages if passage.confidence >= ANSWERS_FROM]


async def search(
    session: Session,
    chatbot_id: str,
    question: str,
    *,
    encoder: Encoder | None = None,
    cache: VectorCache | None = None,
    limit: int = 5,
) -> Found:
    """The passages of a chatbot that fit a question best. Without an encoder by words alone."""
    question = question[:MAX_QUESTION]
    weights, having = await fulltext.weigh(session, chatbot_id, terms_of(question))
    if not weights.idf and encoder is None:
        return Found(question, weights, [])
    by_words = await fulltext.rank(session, chatbot_id, weights, having, limit=DEPTH)
    likeness = await likeness_of(session, chatbot_id, question, encoder, cache)
    alike = await likeness.nearest(DEPTH) if likeness else []
    if not alike:  # read by another encoder, or by none
        likeness = None
    fused = fuse([[chunk_id for chunk_id, _ in order] for order in (by_words, alike)])[: max(limit, 10)]
    passages = await _passages(session, fused, weights, likeness)
    return Found(question, weights, sorted(passages, key=_order)[:limit])


def fuse(orders: Sequence[Sequence[int]]) -> list[tuple[int, float]]:
    """Several orders as one, by reciprocal ranks; best first."""
    scores: dict[int, float] = {}
    for order in orders:
        for rank, chunk_id in enumerate(order, 1):
            scores[chunk_id] = scores.get(chunk_id, 0.0) + 1 / (RANK_CONSTANT + rank)
    return sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))


def confidence(coverage: float, cosine: float | None) -> float:
    """How likely a passage answers: words and likeness each speak for it, and both together more."""
    words = _ramp(coverage, *_WORDS)
    alike = 0.0 if cosine is None else _ramp(cosine, *_LIKENESS)
    return 1 - (1 - _TRUST * words) * (1 - _TRUST * alike)


class Likeness(Protocol):
    """How alike passages and a question are. Wherever it is asked, the same passages come in the same order."""

    async def nearest(self, limit: int) -> list[tuple[int, float]]:
        """The passages of the chatbot that are most alike, with their cosine, best first."""
        ...

    async def of(self, chunk_ids: Sequence[int]) -> dict[int, float]:
        """How alike some are; those without a vector are left out."""
        ...


async def likeness_of(
    session: Session, chatbot_id: str, question: str, encoder: Encoder | None, cache: VectorCache | None
) -> Likeness | None:
    """Who compares a chatbot's passages with a question; None where there is nothing to compare."""
    if encoder is None or not question.strip():
        return None
    in_database = await pgvector.ready(session)
    if not in_database:
        vectors = await (cache or VectorCache()).get(session, chatbot_id, encoder.fingerprint)
        if not vectors.ids:
            return None
    # As exact as the passages are stored, so that neither place knows better.
    packed = encoding.pack(await encoding.encode(encoder, [question]))
    if in_database:
        return InDatabase(session, chatbot_id, encoder.fingerprint, pgvector.written(packed[0]))
    return InMemory(vectors, encoding.unpack(packed)[0])


async def _passages(
    session: Session, fused: list[tuple[int, float]], weights: Weights, likeness: Likeness | None
) -> list[Passage]:
    query = select(KnowledgeChunk, KnowledgeSource.title, KnowledgeSource.url).join(
        KnowledgeSource, KnowledgeSource.id == KnowledgeChunk.source_id
    )
    rows = await session.execute(query.where(KnowledgeChunk.id.in_([chunk_id for chunk_id, _ in fused])))
    scores, passages = dict(fused), []
    cosines = await likeness.of(list(scores)) if likeness else {}
    for chunk, title, url in rows:
        found = tuple(chunk.terms.split(" "))
        coverage = weights.coverage(found)
        cosine = cosines.get(chunk.id, 0.0) if likeness else None
        passages.append(
            Passage(
                chunk_id=chunk.id,
                source_id=chunk.source_id,
                title=title,
                url=url,
                heading=chunk.heading,
                position=chunk.position,
                text=chunk.text,
                terms=found,
                score=scores[chunk.id],
                coverage=coverage,
                cosine=cosine,
                confidence=confidence(coverage, cosine),
            )
        )
    return passages


def _order(passage: Passage) -> tuple[float, int]:
    return -passage.score, passage.chunk_id


def _ramp(value: float, low: float, high: float) -> float:
    return min(1.0, max(0.0, (value - low) / (high - low)))
