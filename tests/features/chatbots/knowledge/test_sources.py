"""Documents of a chatbot: whose they are, how they are read, what happens when that goes wrong."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from sqlalchemy import func, select, text

from botyard.core.accounts.models import User
from botyard.core.accounts.types import Principal
from botyard.core.jobs import Unrecoverable
from botyard.features.chatbots import service as chatbots
from botyard.features.chatbots.errors import NoSuchChatbot
from botyard.features.chatbots.knowledge import sources
from botyard.features.chatbots.knowledge.documents import MAX_BYTES
from botyard.features.chatbots.knowledge.encoding import Encoders
from botyard.features.chatbots.knowledge.errors import (
    DocumentTooLarge,
    DocumentUnreadable,
    NoSuchSource,
    NotFromAddress,
    PageRefused,
)
from botyard.features.chatbots.knowledge.search import search
from botyard.features.chatbots.models import KnowledgeChunk
from botyard.kit.db import Database
from botyard.kit.http import OutgoingFailed
from botyard.settings import Settings
from tests.core.accounts.fixtures import Queue
from tests.core.accounts.people import MakeUser
from tests.features.chatbots.knowledge.conftest import MakeChatbot, Read
from tests.features.chatbots.knowledge.encoders import Letters, OneEncoder
from tests.features.chatbots.knowledge.guide import GUIDE

PAGE = "<title>Prices</title><main><h1>Islands</h1><p>Islands cost three euros more.</p></main>"


async def headings(db: Database, chatbot_id: str, question: str) -> list[str]:
    async with db.reader() as session:
        return [passage.heading for passage in (await search(session, chatbot_id, question)).passages]


async def test_a_document_is_read_into_passages_that_are_found(
    house: Database, read: Read, alice: User, chatbot_id: str
) -> None:
    source = await read(GUIDE)

    assert (source.state, source.error, source.title, source.chunk_count) == ("ready", "", "guide.md", 10)
    async with house.reader() as session:
        page = await sources.list_chunks(session, source.id, owner_id=alice.id, limit=1, offset=1)
        assert await sources.list_page(session, chatbot_id, owner_id=alice.id, limit=5) == ([source], 1)
    assert page[0].heading == "Parcel guide > Opening hours"
    assert (await headings(house, chatbot_id, "opening hours"))[0] == "Parcel guide > Opening hours"


async def test_documents_of_others_are_as_absent_as_missing_ones(
    house: Database, read: Read, make_user: MakeUser, make_chatbot: MakeChatbot, chatbot_id: str
) -> None:
    source, bob = await read(GUIDE), await make_user("bob")
    theirs = await make_chatbot(bob)

    async with house.session() as session:
        for refused in (
            sources.get(session, source.id, owner_id=bob.id),
            sources.delete(session, source.id, owner_id=bob.id),
            sources.refresh(session, source.id, owner_id=bob.id),
            sources.reread(session, source.id, owner_id=bob.id),
            sources.rename(session, source.id, owner_id=bob.id, title="Mine"),
            sources.replace(session, source.id, owner_id=bob.id, content=b"mine"),
            sources.list_chunks(session, source.id, owner_id=bob.id, limit=5),
        ):
            with pytest.raises(NoSuchSource):
                await refused
        for refused_too in (
            sources.add(session, chatbot_id, owner_id=bob.id, content=b"mine", kind="text"),
            sources.add_url(session, chatbot_id, owner_id=bob.id, url="https://example.org"),
            sources.list_page(session, chatbot_id, owner_id=bob.id, limit=5),
            sources.reread_all(session, chatbot_id, owner_id=bob.id),
        ):
            with pytest.raises(NoSuchChatbot):
                await refused_too
    assert await headings(house, theirs, "opening hours") == []


async def test_what_is_deleted_is_found_no_more(
    house: Database, read: Read, alice: User, chatbot_id: str
) -> None:
    source = await read(GUIDE)
    async with house.session() as session:
        await sources.delete(session, source.id, owner_id=alice.id)
    assert await headings(house, chatbot_id, "opening hours") == []
    await _index_is_sound(house)

    await read(GUIDE)
    async with house.session() as session:  # a chatbot takes its documents along
        await chatbots.delete(session, chatbot_id, owner_id=alice.id, actor=Principal(user_id=alice.id))

    async with house.reader() as session:
        assert await session.scalar(select(func.count()).select_from(KnowledgeChunk)) == 0
    await _index_is_sound(house)


async def _index_is_sound(db: Database) -> None:
    """Nothing of what was deleted is left in the full text of SQLite; PostgreSQL keeps its own index."""
    if db.embedded:
        async with db.session() as session:
            statement = (
                "INSERT INTO chatbot_chunks_fts(chatbot_chunks_fts, rank) VALUES ('integrity-check', 1)"
            )
            await session.execute(text(statement))


async def test_a_replaced_document_answers_as_before_until_the_newest_is_read(
    house: Database, read: Read, alice: User, queue: Queue, chatbot_id: str
) -> None:
    source = await read("# Opening hours\n\nUntil six.\n")
    async with house.session() as session:
        await sources.replace(session, source.id, owner_id=alice.id, content=b"# Prices\n\nFour euros.\n")
        await sources.replace(session, source.id, owner_id=alice.id, content=b"# Returns\n\nThirty days.\n")

    assert await headings(house, chatbot_id, "opening hours") == ["Opening hours"]

    results = await queue.run(house)

    assert results[0] == {"superseded": True}  # what was replaced again meanwhile
    assert await headings(house, chatbot_id, "opening hours prices") == []
    assert await headings(house, chatbot_id, "returns") == ["Returns"]
    await _index_is_sound(house)


async def test_what_cannot_be_read_says_why(
    house: Database, read: Read, alice: User, queue: Queue, chatbot_id: str
) -> None:
    with pytest.raises(Unrecoverable):
        await read(b"question,answer\nonly one column\n", name="faq.csv")
    async with house.session() as session:
        [source], _ = await sources.list_page(session, chatbot_id, owner_id=alice.id, limit=5)
        assert (source.state, source.error[:27]) == ("failed", "Row 2 of the table has no a")
        for content, error in ((b" ", DocumentUnreadable), (b"x" * (MAX_BYTES + 1), DocumentTooLarge)):
            with pytest.raises(error):
                await sources.add(session, chatbot_id, owner_id=alice.id, content=content, kind="text")
        with pytest.raises(NotFromAddress):
            await sources.refresh(session, source.id, owner_id=alice.id)
        for address in ("ftp://example.org", "nowhere", "https://me:secret@example.org/", "http://"):
            with pytest.raises(PageRefused):
                await sources.add_url(session, chatbot_id, owner_id=alice.id, url=address)


async def test_passages_have_vectors_where_there_is_an_encoder(
    house: Database, read: Read, alice: User, queue: Queue, chatbot_id: str
) -> None:
    without = await read(GUIDE)
    house.parts.add(OneEncoder(Letters()), kind=Encoders)
    async with house.session() as session:
        await sources.reread(session, without.id, owner_id=alice.id)
        assert await sources.reread_all(session, chatbot_id, owner_id=alice.id) == 1
    await queue.run(house)

    async with house.reader() as session:
        source = await sources.get(session, without.id, owner_id=alice.id)
        rows = (await session.execute(select(KnowledgeChunk.encoder, KnowledgeChunk.vector))).all()
    assert (without.encoder, source.encoder) == ("", Letters.fingerprint)
    assert {(name, len(vector)) for name, vector in rows} == {(Letters.fingerprint, 2 * Letters.dim)}


# --- pages -------------------------------------------------------------------------------------------


@asynccontextmanager
async def web(pages: dict[str, tuple[int, dict[str, str], str]]) -> AsyncIterator[str]:
    """A server on loopback that answers each path as told."""

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode()
        status, headers, body = pages.get(path, (404, {}, "none"))
        lines = [f"HTTP/1.1 {status} Said", *(f"{name}: {value}" for name, value in headers.items())]
        lines += [f"Content-Length: {len(body.encode())}", "Connection: close", "", ""]
        writer.write("\r\n".join(lines).encode() + body.encode())
        with suppress(ConnectionError):  # a page that is too large is not read to its end
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def fetched(db: Database, queue: Queue, owner_id: int, chatbot_id: str, url: str) -> sources.SourceInfo:
    async with db.session() as session:
        made = await sources.add_url(session, chatbot_id, owner_id=owner_id, url=url)
    try:
        await queue.run(db)
    finally:
        queue.rows.clear()
    async with db.reader() as session:
        return await sources.get(session, made.id, owner_id=owner_id)


HTML = {"Content-Type": "text/html"}


async def test_a_page_is_fetched_and_fetched_again_when_asked(
    house: Database, queue: Queue, alice: User, chatbot_id: str, settings: Settings
) -> None:
    settings.allow_private_networks = True
    pages: dict[str, Any] = {"/": (302, {"Location": "/prices"}, ""), "/prices": (200, HTML, PAGE)}
    async with web(pages) as site:
        source = await fetched(house, queue, alice.id, chatbot_id, f"{site}/#top")
        assert (source.state, source.title, source.url) == ("ready", "Prices", f"{site}/")
        assert await headings(house, chatbot_id, "islands") == ["Islands"]

        pages["/prices"] = (200, {"Content-Type": "text/markdown"}, "# Bridges\n\nBridges cost nothing.\n")
        async with house.session() as session:
            await sources.refresh(session, source.id, owner_id=alice.id)
        await queue.run(house)

    assert await headings(house, chatbot_id, "islands") == []
    assert await headings(house, chatbot_id, "bridges") == ["Bridges"]


async def test_pages_that_may_not_be_fetched_say_why(
    house: Database, queue: Queue, alice: User, chatbot_id: str, settings: Settings
) -> None:
    settings.allow_private_networks = True
    pages: dict[str, Any] = {
        "/loop": (302, {"Location": "/loop"}, ""),
        "/file": (302, {"Location": "file:///etc/hosts"}, ""),
        "/picture": (200, {"Content-Type": "image/png"}, "x"),
        "/large": (200, HTML, "x" * (MAX_BYTES + 1)),
        "/signin": (403, HTML, "no"),
        "/busy": (503, HTML, "later"),
    }
    async with web(pages) as site:
        for path, words in [
            ("/loop", "more than 4 times"),
            ("/file", "http:// or https://"),
            ("/picture", "plain text, Markdown"),
            ("/large", "4 MiB"),
            ("/signin", "403"),
        ]:
            with pytest.raises(Unrecoverable, match=words):
                await fetched(house, queue, alice.id, chatbot_id, site + path)
        with pytest.raises(OutgoingFailed, match="503"):  # worth another try
            await fetched(house, queue, alice.id, chatbot_id, f"{site}/busy")
        settings.allow_private_networks = False
        with pytest.raises(Unrecoverable, match="may not be called from here"):
            await fetched(house, queue, alice.id, chatbot_id, f"{site}/prices")
