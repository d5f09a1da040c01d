"""Nearest passages of one chatbot among those of four: in memory, by pgvector's exact scan, and by an HNSW index.

    python -m bench.vectors [--questions 40]

Needs a PostgreSQL with pgvector (`requirements/servers.txt` has one), which it starts and ends. Passages have made-up
vectors of 512 numbers around 400 topics. Printed are the median time and the share of the true first 50. The HNSW
index takes some minutes to build; with `--no-hnsw` it is left out.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
from sqlalchemy import text

from botyard.features.chatbots.knowledge import encoding, pgvector
from botyard.features.chatbots.knowledge.pgvector import InDatabase
from botyard.features.chatbots.knowledge.search import DEPTH
from botyard.features.chatbots.knowledge.vectors import InMemory, VectorCache
from botyard.kit.db import Database, Session, Stores
from tests.servers import find_pgvector, start_postgres
from tests.stores import migrate

SIZES = {"small": 1_000, "middle": 10_000, "large": 100_000, "other": 100_000}
WIDTH = 512
Nearest = Callable[[Session, str, Any], Awaitable[list[int]]]
_COPY = """COPY chatbot_chunks (source_id, chatbot_id, position, heading, text, terms, length, vector, encoder)
 FROM STDIN"""
_HNSW = "CREATE INDEX made_up ON chatbot_vectors USING hnsw ((embedding::halfvec(512)) halfvec_ip_ops)"
_BY_INDEX = """SELECT chunk_id FROM chatbot_vectors WHERE chatbot_id = :chatbot AND encoder = 'e'
 ORDER BY (embedding::halfvec(512)) <#> (SELECT CAST(CAST(:question AS text) AS halfvec(512))) LIMIT :limit"""


def made_up(chance: np.random.Generator, topics: Any, count: int) -> Any:
    """Vectors of length one near topics, as sentences are, in float16."""
    spread = _unit(chance.normal(size=(count, WIDTH)))
    return _unit(topics[chance.integers(len(topics), size=count)] * 0.9 + spread).astype("<f2")


def _unit(matrix: Any) -> Any:
    return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)


def fill(url: str, chance: np.random.Generator, topics: Any) -> None:
    """Write the passages of every chatbot, with no document above them."""
    with psycopg.connect(url) as connection:
        connection.execute("SET session_replication_role = replica")
        for chatbot, size in SIZES.items():
            with connection.cursor().copy(_COPY) as rows:
                for position, vector in enumerate(made_up(chance, topics, size)):
                    about = (chatbot, chatbot, position, "", "word " * 180, "word", 1)
                    rows.write_row((*about, vector.tobytes(), "e"))
        connection.execute("ANALYZE chatbot_chunks")


class Ways:
    """How the nearest passages can be found."""

    def __init__(self) -> None:
        self.cache = VectorCache()

    async def numpy(self, session: Session, chatbot: str, question: Any) -> list[int]:
        """As on SQLite."""
        vectors = await self.cache.get(session, chatbot, "e")
        found = await InMemory(vectors, encoding.unpack([question.tobytes()])[0]).nearest(DEPTH)
        return [chunk_id for chunk_id, _ in found]

    async def scan(self, session: Session, chatbot: str, question: Any) -> list[int]:
        """As on PostgreSQL with pgvector."""
        assert await pgvector.ready(session)
        written = pgvector.written(question.tobytes())
        return [one for one, _ in await InDatabase(session, chatbot, "e", written).nearest(DEPTH)]

    def index(self, *settings: str) -> Nearest:
        """By an HNSW index, which the planner is made to take."""

        async def nearest(session: Session, chatbot: str, question: Any) -> list[int]:
            for setting in ("enable_sort = off", "hnsw.ef_search = 200", *settings):
                await session.execute(text(f"SET LOCAL {setting}"))
            values = {"chatbot": chatbot, "limit": DEPTH, "question": pgvector.written(question.tobytes())}
            return list(await session.scalars(text(_BY_INDEX), values))

        return nearest


async def measure(db: Database, name: str, nearest: Nearest, questions: Any, true: dict[str, Any]) -> None:
    """Print a line for each chatbot; the first way that is measured is taken for the truth."""
    for chatbot in list(SIZES)[:3]:
        times, found = [], []
        async with db.reader() as session:
            await nearest(session, chatbot, questions[0])
        for question in questions:
            began = time.perf_counter()
            async with db.reader() as session:
                found.append(await nearest(session, chatbot, question))
            times.append((time.perf_counter() - began) * 1000)
        sure = true.setdefault(chatbot, found)
        right = [len(set(one) & set(first)) / DEPTH for one, first in zip(found, sure, strict=True)]
        print(
            f"{name:16} {SIZES[chatbot]:7,} {statistics.median(times):8.1f} ms {statistics.mean(right):6.1%}"
        )


async def run(url: str, count: int, *, hnsw: bool) -> None:
    """Every way, one after the other."""
    stores = Stores.at(url, Path())
    migrate(stores)
    chance = np.random.default_rng(1)
    topics = _unit(chance.normal(size=(400, WIDTH)))
    fill(url, chance, topics)
    questions, ways, true = made_up(chance, topics, count), Ways(), dict[str, Any]()
    db = Database(stores)
    await measure(db, "numpy", ways.numpy, questions, true)
    began = time.perf_counter()
    assert await pgvector.prepare(db)
    print(f"the table of pgvector is filled in {time.perf_counter() - began:.0f} s")
    await measure(db, "exact scan", ways.scan, questions, true)
    if hnsw:
        began = time.perf_counter()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("SET maintenance_work_mem = '1GB'")
            connection.execute(_HNSW)
        print(f"the HNSW index is built in {time.perf_counter() - began:.0f} s")
        await measure(db, "HNSW", ways.index(), questions, true)
        await measure(
            db, "HNSW, iterative", ways.index("hnsw.iterative_scan = strict_order"), questions, true
        )
    await db.close()


def main() -> None:
    """Start a server, measure, end it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--questions", type=int, default=40)
    parser.add_argument("--no-hnsw", action="store_true")
    asked = parser.parse_args()
    server = start_postgres(*find_pgvector())
    try:
        asyncio.run(run(server.url, asked.questions, hnsw=not asked.no_hnsw))
    finally:
        server.stop()


if __name__ == "__main__":
    main()
