"""What is most alike a question: the same on every store, and with pgvector, where these tests run once more."""

import zlib
from typing import Any

import numpy as np
from sqlalchemy import select

from botyard.core.accounts.models import User
from botyard.features.chatbots.knowledge import encoding, sources
from botyard.features.chatbots.knowledge.encoding import Encoders
from botyard.features.chatbots.knowledge.search import DEPTH, Likeness, likeness_of
from botyard.features.chatbots.knowledge.vectors import VectorCache
from botyard.features.chatbots.models import KnowledgeChunk
from botyard.kit.db import Database, Session
from tests.core.accounts.fixtures import Queue
from tests.features.chatbots.knowledge.conftest import MakeChatbot, Read
from tests.features.chatbots.knowledge.encoders import OneEncoder

WORDS = ("islands", "ferries", "tickets", "storms", "anchors")


class Scattered:
    """Each text has a direction of its own, so that none ties with another."""

    def __init__(self, dim: int = 48) -> None:
        self.dim, self.fingerprint = dim, f"scattered-{dim}"

    def encode(self, texts: list[str], /) -> Any:
        rows = [np.random.default_rng(zlib.crc32(text.encode())).normal(size=self.dim) for text in texts]
        return np.array(rows, dtype=np.float32)


def document(name: str, sections: int = 70) -> str:
    return "\n\n".join(
        f"# {name} {number}\n\nOf {WORDS[number % 5]} and {number}." for number in range(sections)
    )


async def asked(session: Session, chatbot_id: str, question: str, encoder: Scattered) -> Likeness:
    found = await likeness_of(session, chatbot_id, question, encoder, None)
    assert found is not None
    return found


async def stored(session: Session, **equal: str) -> tuple[list[int], Any]:
    """Ids and vectors of passages as they lie in the store."""
    query = select(KnowledgeChunk.id, KnowledgeChunk.vector).filter_by(**equal).order_by(KnowledgeChunk.id)
    rows = (await session.execute(query)).all()
    return [row.id for row in rows], encoding.unpack([row.vector for row in rows])


async def test_the_nearest_passages_are_those_of_an_exact_comparison(
    house: Database, read: Read, chatbot_id: str, make_chatbot: MakeChatbot
) -> None:
    encoder, other = Scattered(), await make_chatbot()
    house.parts.add(OneEncoder(encoder), kind=Encoders)
    await read(document("Ferry"))
    await read(document("Ferry"), into=other)  # the same passages of somebody else never come

    async with house.reader() as session:
        ids, matrix = await stored(session, chatbot_id=chatbot_id)
        for question in ("When does the ferry leave?", "What is a rope?", "How dear is the ticket?"):
            vector = encoding.unpack(encoding.pack(await encoding.encode(encoder, [question])))[0]
            cosines = dict(zip(ids, (matrix @ vector).tolist(), strict=True))
            likeness = await asked(session, chatbot_id, question, encoder)
            found = await likeness.nearest(DEPTH)

            assert [chunk_id for chunk_id, _ in found] == sorted(ids, key=lambda one: -cosines[one])[:DEPTH]
            assert np.allclose([cosine for _, cosine in found], [cosines[one] for one, _ in found], atol=1e-4)
            some = await likeness.of([ids[0], ids[-1], 10**9])
            assert sorted(some) == [ids[0], ids[-1]]
            assert np.allclose([some[ids[0]], some[ids[-1]]], [cosines[ids[0]], cosines[ids[-1]]], atol=1e-4)


async def test_vectors_of_several_widths_lie_beside_each_other(
    house: Database, read: Read, chatbot_id: str
) -> None:
    for dim in (48, 24):
        house.parts.add(OneEncoder(Scattered(dim)), kind=Encoders)
        await read(document(f"Width {dim}", 3))

    async with house.reader() as session:
        for dim in (48, 24):
            likeness = await asked(session, chatbot_id, "What?", Scattered(dim))
            ids, _ = await stored(session, encoder=f"scattered-{dim}")
            assert sorted(chunk_id for chunk_id, _ in await likeness.nearest(DEPTH)) == ids


async def test_what_is_deleted_or_replaced_is_not_found(
    house: Database, read: Read, queue: Queue, alice: User, chatbot_id: str
) -> None:
    encoder = Scattered()
    house.parts.add(OneEncoder(encoder), kind=Encoders)
    gone, changed = await read(document("Gone", 4)), await read(document("Changed", 4))
    async with house.session() as session:
        await sources.delete(session, gone.id, owner_id=alice.id)
        await sources.replace(session, changed.id, owner_id=alice.id, content=document("New", 2).encode())
    await queue.run(house)

    async with house.reader() as session:
        ids, _ = await stored(session, source_id=changed.id)
        likeness = await asked(session, chatbot_id, "What?", encoder)
        assert sorted(chunk_id for chunk_id, _ in await likeness.nearest(DEPTH)) == ids
        assert len(ids) == 2


async def test_vectors_in_memory_are_bounded_by_their_bytes(
    house: Database, read: Read, chatbot_id: str, make_chatbot: MakeChatbot
) -> None:
    encoder = Scattered()
    house.parts.add(OneEncoder(encoder), kind=Encoders)
    small, large = await make_chatbot(), await make_chatbot()
    for into, sections in ((chatbot_id, 2), (small, 2), (large, 12)):
        await read(document("Page", sections), into=into)

    async with house.reader() as session:
        cache = VectorCache(max_bytes=10 * 4 * encoder.dim)  # of ten passages
        first, second = [await cache.get(session, one, encoder.fingerprint) for one in (chatbot_id, small)]
        assert await cache.get(session, chatbot_id, encoder.fingerprint) is first
        assert await cache.get(session, small, encoder.fingerprint) is second
        whole = await cache.get(session, large, encoder.fingerprint)  # more than all room: alone
        assert (len(whole.ids), await cache.get(session, large, encoder.fingerprint) is whole) == (12, True)
        assert await cache.get(session, chatbot_id, encoder.fingerprint) is not first
