"""Answers from documents that a language model words: seen while they are made, guarded, whole in the end, never lost."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from botyard.core.jobs.dispatch import Dispatch
from botyard.features.chatbots import conversations
from botyard.features.chatbots.channels import visiting
from botyard.features.chatbots.knowledge import sources
from botyard.features.chatbots.knowledge.jobs import read_document
from botyard.features.chatbots.knowledge.library import Library
from botyard.features.chatbots.knowledge.search import Passage
from botyard.features.chatbots.runtime.ports import OnToken
from tests.features.chatbots.channels.booth import SHOP, Booth, VisitorPage, events_of
from tests.features.chatbots.channels.test_talk_by_other_means import socket
from tests.features.chatbots.conversations.room import CLUB

ASKED = "Where is the swimming pool?"
SSE = {"Accept": "text/event-stream"}


class Nowhere:
    """Where jobs go that the test runs itself."""

    async def carry(self, session: Any, row: Any) -> None:
        """Let it go."""


@dataclass
class Writes:
    """A language model that writes these pieces, and waits before the last one where it is told to."""

    pieces: Sequence[str]
    goes_on: asyncio.Event = field(default_factory=asyncio.Event)
    waits: bool = False

    async def answer(
        self, question: str, passages: Sequence[Passage], *, on_token: OnToken | None = None, **_: Any
    ) -> str:
        for piece in self.pieces:
            if self.waits and piece is self.pieces[-1]:
                await self.goes_on.wait()
            if on_token is not None:
                on_token(piece)
        return "".join(self.pieces)


async def knows(booth: Booth, model: Writes, **guard: Any) -> None:
    """Let the chatbot answer from a document, in the model's words."""
    settings = {"model": {"provider": "ollama", "model": "m"}, "guard": guard}
    version = booth.answer_with(CLUB | {"settings": settings}, knowledge=True)
    booth.shelf.drafts[booth.chatbot_id] = replace(version, chatbot_id=booth.chatbot_id)
    booth.chat.knowledge = Library(booth.db, model)
    booth.db.parts.add(Nowhere(), kind=Dispatch)
    async with booth.db.session() as session:
        made = await sources.add(
            session, booth.chatbot_id, owner_id=booth.owner_id, name="pool.md",
            content=b"# Swimming pool\n\nThe swimming pool opens at nine.\n",
        )  # fmt: skip
    await read_document.run_inline(booth.db, source_id=made.id, revision=1, fetch=False)


async def stored(booth: Booth, token: str) -> tuple[str, list[Any]]:
    """The last answer of a conversation as it is kept."""
    visit = await visiting.enter(booth.db, token)
    talk = await conversations.get(booth.chat, visit.conversation_id, owner_id=booth.owner_id)
    while talk.pending_us is not None:
        await asyncio.sleep(0)
        talk = await conversations.get(booth.chat, visit.conversation_id, owner_id=booth.owner_id)
    last = (await visiting.read(booth.chat, visit))[-1]
    return last["text"], last["citations"]


async def ask(page: VisitorPage) -> list[tuple[str, Any]]:
    reply = await page.http.post("/messages", json={"text": ASKED, "key": "first-key"}, headers=SSE)
    return events_of(reply.text)


async def test_words_come_first_and_citations_with_the_whole(booth: Booth) -> None:
    await knows(booth, Writes(["It opens", " at nine [1]", ".", " Bring", " a towel [4]."]))
    async with booth.page(await booth.channel()) as page:
        token = (await page.begin())["token"]
        *words, (name, last) = await ask(page)

    whole = "It opens at nine [1]. Bring a towel."
    assert {name for name, _ in words} == {"token"}
    assert "".join(data["text"] for _, data in words) == whole
    [answer] = last["replies"]
    assert (name, answer["text"], [(one["title"], one["heading"]) for one in answer["citations"]]) == (
        "sent",
        whole,
        [("pool.md", "Swimming pool")],
    )
    assert await stored(booth, token) == (whole, answer["citations"])


async def test_blocked_words_are_not_seen_while_they_are_written_either(booth: Booth) -> None:
    said = ["It opens at nine [1]", ". Or ask", " Acme", " Corp.", " Bye."]
    await knows(booth, Writes(said), blocked_words=["Acme Corp"])
    async with booth.page(await booth.channel()) as page:
        token = (await page.begin())["token"]
        told = await ask(page)

    assert "".join(data["text"] for name, data in told if name == "token") == "It opens at nine [1]."
    assert "Acme" not in str(told)
    assert "Acme" not in (await stored(booth, token))[0]


async def test_a_visitor_who_leaves_finds_the_whole_answer_later(booth: Booth) -> None:
    model = Writes(["It opens at nine [1]. ", "Bring", " a towel."], waits=True)
    await knows(booth, model)
    async with booth.page(await booth.channel(origins=[SHOP])) as page:
        token = (await page.begin())["token"]
        async with socket(booth) as line:
            await line.send(token=token)
            await line.send(text=ASKED, key="first-key")
            seen = await line.next("token")  # the model is not done
        model.goes_on.set()

        assert seen["text"].startswith("It opens at nine [1].")
        assert "towel" not in seen["text"]
        text, citations = await stored(booth, token)
    assert text == "It opens at nine [1]. Bring a towel."
    assert [one["title"] for one in citations] == ["pool.md"]
