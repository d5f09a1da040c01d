"""Full text: BM25 over the passages of one chatbot, the same figures on both stores.

The stores' own indexes (FTS5, GIN) say which passages have a term and how many do; the score is made here, from the
passages of this chatbot alone, so that documents of others change nothing.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select, text

from botyard.features.chatbots.models import KnowledgeChunk, KnowledgeSource
from botyard.kit.db import Session

MAX_TERMS = 32  # of a question
MAX_CANDIDATES = 500  # passages whose score is made; beyond, those with the rarest terms
_ALL = 300
_K1, _B = 1.2, 0.75

_SQLITE_COUNT = (
    "SELECT count(*) FROM chatbot_chunks_fts WHERE chatbot_chunks_fts MATCH :q{n}"  # an index only, no table
)
_POSTGRES_FITS = "chatbot_id = :chatbot AND array_to_tsvector(string_to_array(terms, ' ')) @@ CAST(CAST(:q{n} AS text) AS tsquery)"
_SQLITE_IDS = "SELECT rowid FROM chatbot_chunks_fts WHERE chatbot_chunks_fts MATCH :q0 LIMIT :most"


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each term of a question says, among the passages of one chatbot."""

    idf: dict[str, float]
    average_length: float

    @property
    def total(self) -> float:
        """Of all terms together."""
        return sum(self.idf.values())

    def score(self, terms: Sequence[str]) -> float:
        """BM25 of a passage with these terms."""
        counts = Counter(terms)
        longer = _K1 * (1 - _B + _B * len(terms) / max(self.average_length, 1.0))
        return sum(
            weight * counts[term] * (_K1 + 1) / (counts[term] + longer)
            for term, weight in self.idf.items()
            if term in counts
        )

    def coverage(self, terms: Sequence[str]) -> float:
        """Which share of the question a passage has, 0 to 1, rare terms counting more."""
        found = set(terms)
        return sum(weight for term, weight in self.idf.items() if term in found) / (self.total or 1.0)


async def weigh(session: Session, chatbot_id: str, asked: Sequence[str]) -> tuple[Weights, dict[str, int]]:
    """The weights of a question's terms, and how many passages have each."""
    query = select(func.sum(KnowledgeSource.chunk_count), func.sum(KnowledgeSource.term_count))
    count, length = (await session.execute(query.where(KnowledgeSource.chatbot_id == chatbot_id))).one()
    chunks = int(count or 0)
    terms = list(asked[:MAX_TERMS])
    if not chunks or not terms:
        return Weights({}, 0.0), {}
    having = await _having(session, chatbot_id, terms)
    idf = {
        term: math.log(1 + (chunks - n + 0.5) / (n + 0.5)) if n <= chunks else 0.0
        for term, n in having.items()
    }
    return Weights(idf, int(length or 0) / chunks), having


async def rank(
    session: Session, chatbot_id: str, weights: Weights, having: dict[str, int], *, limit: int
) -> list[tuple[int, float]]:
    """The best passages by BM25 with their scores, best first."""
    present = sorted((term for term, count in having.items() if count), key=lambda term: (having[term], term))
    if not present:
        return []
    ids = set(await _ids(session, chatbot_id, present, " & ", _ALL)) if len(present) > 1 else set()
    ids.update(await _ids(session, chatbot_id, _rarest(present, having), " | ", MAX_CANDIDATES))
    rows = await session.execute(
        select(KnowledgeChunk.id, KnowledgeChunk.terms).where(KnowledgeChunk.id.in_(sorted(ids)))
    )
    scored = [(chunk_id, weights.score(found.split(" "))) for chunk_id, found in rows]
    return sorted(scored, key=lambda pair: (-pair[1], pair[0]))[:limit]


def _rarest(present: list[str], having: dict[str, int]) -> list[str]:
    """As many of the terms, rarest first, as bring no more than the candidates that are looked at."""
    kept: list[str] = []
    total = 0
    for term in present:
        total += having[term]
        if kept and total > MAX_CANDIDATES:
            break
        kept.append(term)
    return kept


async def _having(session: Session, chatbot_id: str, terms: list[str]) -> dict[str, int]:
    """How many passages of the chatbot have each term."""
    sqlite = session.get_bind().dialect.name == "sqlite"
    one = _SQLITE_COUNT if sqlite else f"SELECT count(*) FROM chatbot_chunks WHERE {_POSTGRES_FITS}"  # noqa: S608 - constants
    counts = ", ".join(f"({one.format(n=number)})" for number in range(len(terms)))
    values: dict[str, object] = {
        f"q{number}": _query(chatbot_id, [term], " & ", sqlite=sqlite) for number, term in enumerate(terms)
    }
    if not sqlite:
        values["chatbot"] = chatbot_id
    row = (await session.execute(text(f"SELECT {counts}"), values)).one()
    return dict(zip(terms, map(int, row), strict=True))


async def _ids(session: Session, chatbot_id: str, terms: list[str], how: str, most: int) -> list[int]:
    """Passages that have all or any of the terms."""
    sqlite = session.get_bind().dialect.name == "sqlite"
    statement = _SQLITE_IDS
    values: dict[str, object] = {"q0": _query(chatbot_id, terms, how, sqlite=sqlite), "most": most}
    if not sqlite:
        values["chatbot"] = chatbot_id
        statement = (
            f"SELECT id FROM chatbot_chunks WHERE {_POSTGRES_FITS.format(n=0)} ORDER BY id LIMIT :most"  # noqa: S608
        )
    return [int(row[0]) for row in await session.execute(text(statement), values)]


def _query(chatbot_id: str, terms: list[str], how: str, *, sqlite: bool) -> str:
    """The question in the store's own syntax. Terms are letters and digits, so that quoting them is enough."""
    if not sqlite:
        return how.join(f"'{term}'" for term in terms)
    words = (" AND " if how == " & " else " OR ").join(f'"{term}"' for term in terms)
    return f'chatbot_id : "{chatbot_id}" AND terms : ({words})'
