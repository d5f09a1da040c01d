"""A chatbot with a language model on loopback."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from botyard.features.chatbots import content as contents
from botyard.features.chatbots.llm.model import LanguageModels
from botyard.features.chatbots.runtime.ports import Talk
from botyard.features.chatbots.runtime.version import Version
from botyard.kit.db import Database, Stores
from botyard.settings import Settings
from tests.core.accounts.fixtures import alice, house, make_user, queue
from tests.fake_models import FakeModels
from tests.fake_ollama import FakeOllama
from tests.fake_openai import FakeOpenAI
from tests.features.chatbots.knowledge.conftest import chatbot_id, make_chatbot, read
from tests.stores import SqliteTemplates

__all__ = ["alice", "chatbot_id", "house", "make_chatbot", "make_user", "queue", "read"]


@pytest.fixture(params=["ollama", "openai"])
async def fake(request: pytest.FixtureRequest) -> AsyncIterator[FakeModels]:
    """A server of either kind."""
    made = FakeOllama() if request.param == "ollama" else FakeOpenAI(key="")
    async with made.serving():
        yield made


@pytest.fixture
async def fake_ollama() -> AsyncIterator[FakeOllama]:
    async with FakeOllama().serving() as made:
        yield made


@pytest.fixture
async def fake_openai() -> AsyncIterator[FakeOpenAI]:
    async with FakeOpenAI().serving() as made:
        yield made


@pytest.fixture(scope="session")
def quiet_stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """A store in which nobody writes: one for all, as tests only look for a key there and find none."""
    with SqliteTemplates(tmp_path_factory.mktemp("quiet")).fresh(tmp_path_factory.mktemp("data")) as stores:
        yield stores


@pytest.fixture
async def quiet_db(quiet_stores: Stores, tmp_path: Path) -> AsyncIterator[Database]:
    db = Database(quiet_stores)
    db.parts.add(Settings(_env_file=None, data_dir=tmp_path))
    yield db
    await db.close()


@dataclass
class Line:
    """The models of a process, and a talk with one of them."""

    models: LanguageModels
    settings: Settings

    def talk(self, question: str = "Hi", *, fake: FakeModels, **model: object) -> Talk:
        """A talk of account 1 with a chatbot that uses this server, by the operator's address."""
        provider = "ollama" if isinstance(fake, FakeOllama) else "openai"
        setattr(self.settings, f"{provider}_url", fake.url)
        written = {"settings": {"model": {"provider": provider, "model": "small", **model}}}
        return talk_of(contents.read(written), question)


def talk_of(content: contents.Content, question: str = "Hi") -> Talk:
    """A talk with a chatbot of that content."""
    version = Version(id=None, chatbot_id="bot_1", type="hybrid", content=content)
    return Talk(version=version, owner_id=1, language="en", question=question)


@pytest.fixture
async def line(quiet_db: Database) -> AsyncIterator[Line]:
    """The models, allowed to call this machine where an operator's address leads there."""
    models = LanguageModels(quiet_db)
    await models.start()
    yield Line(models, quiet_db.parts.get(Settings))
    await models.stop()
