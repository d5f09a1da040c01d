"""A chatbot that was given something to read."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from botyard.core.accounts.models import User
from botyard.core.accounts.types import Principal
from botyard.features.chatbots import service as chatbots
from botyard.features.chatbots.knowledge import sources
from botyard.features.chatbots.knowledge.sources import SourceInfo
from botyard.kit.db import Database
from tests.core.accounts.fixtures import Queue, alice, house, make_user, queue

__all__ = ["alice", "house", "make_user", "queue"]
Read = Callable[..., Awaitable[SourceInfo]]
MakeChatbot = Callable[..., Awaitable[str]]


@pytest.fixture
def make_chatbot(house: Database, alice: User) -> MakeChatbot:
    """make_chatbot(owner=alice, content={}) stores a chatbot and answers its id."""

    async def make(owner: User = alice, content: dict[str, Any] | None = None) -> str:
        async with house.session() as session:
            made = await chatbots.create(
                session,
                owner_id=owner.id,
                name="Parcel",
                content=content,
                actor=Principal(user_id=owner.id),
            )
            return made.id

    return make


@pytest.fixture
async def chatbot_id(make_chatbot: MakeChatbot) -> str:
    return await make_chatbot()


@pytest.fixture
def read(house: Database, queue: Queue, alice: User, chatbot_id: str) -> Read:
    """read("…", name="faq.md") uploads a document of Alice's, runs the job, and answers the document."""

    async def run(
        text: str | bytes, *, name: str = "guide.md", into: str = chatbot_id, **more: Any
    ) -> SourceInfo:
        content = text.encode() if isinstance(text, str) else text
        owner_id = more.pop("owner_id", alice.id)
        async with house.session() as session:
            made = await sources.add(session, into, owner_id=owner_id, content=content, name=name, **more)
        await queue.run(house)
        async with house.reader() as session:
            return await sources.get(session, made.id, owner_id=owner_id)

    return run
