"""The pieces that conversations need, a chatbot of its own for each test, and short words for what is done."""

from dataclasses import dataclass, field
from typing import Any

from botyard.core.accounts.models import User
from botyard.core.bots.models import Bot, BotKind
from botyard.core.ingest.reader import Row, StreamReader
from botyard.core.ingest.writer import Writer
from botyard.core.realtime.events import Event
from botyard.core.realtime.types import Committed
from botyard.features.chatbots import conversations
from botyard.features.chatbots.chat_runtime import ChatRuntime
from botyard.features.chatbots.conversation_types import Conversation, Sent
from botyard.features.chatbots.errors import NoSuchVersion
from botyard.features.chatbots.models import Chatbot, Deployment
from botyard.features.chatbots.runtime.ports import OnToken, Talk
from botyard.features.chatbots.runtime.types import KnowledgeFound, ModelSaid
from botyard.features.chatbots.runtime.version import Version
from botyard.kit import clock, ids
from botyard.kit.crypto import Digests
from botyard.kit.db import Database, Stores
from tests.features.chatbots.runtime.talk import WordNlu, bot, says

CLUB: dict[str, Any] = {
    "responses": says(open="Till ten.", cost="Ten euros.", hi="Welcome."),
    "intents": {"hours": {"response": "open"}, "price": {"response": "cost"}},
    "settings": {"greeting": "hi"},
}
NLU = WordNlu(hours="open", price="cost")


class Shelf:
    """Versions by their ids, in memory."""

    def __init__(self) -> None:
        self.versions: dict[str, Version] = {}
        self.drafts: dict[str, Version] = {}

    async def load(self, version_id: str) -> Version:
        try:
            return self.versions[version_id]
        except KeyError:
            raise NoSuchVersion from None

    async def draft(self, chatbot_id: str) -> Version:
        return self.drafts[chatbot_id]


@dataclass
class Library:
    """Knowledge of fixed answers; `broken` is raised instead."""

    answers: dict[str, str] = field(default_factory=dict)
    broken: BaseException | None = None
    asked: list[str] = field(default_factory=list)

    async def search(
        self,
        question: str,
        *,
        owner_id: int,
        version: Version,
        language: str,
        on_token: OnToken | None = None,
    ) -> KnowledgeFound:
        self.asked.append(question)
        if self.broken is not None:
            raise self.broken
        text = self.answers.get(question, "")
        return KnowledgeFound(text, [{"title": "Guide"}] if text else [])


@dataclass
class Parrot:
    """A language model that says one thing, word by word."""

    said: ModelSaid
    told: list[Talk] = field(default_factory=list)

    async def reply(self, talk: Talk, *, on_token: OnToken | None = None) -> ModelSaid:
        self.told.append(talk)
        for word in self.said.text.split():
            if on_token is not None:
                on_token(f"{word} ")
        return self.said

    async def commands(self, talk: Talk) -> list[object]:
        return []


class Room:
    """One process with one chatbot; what it commits is in `told` as well, in order."""

    def __init__(self, stores: Stores) -> None:
        self.db = Database(stores)
        self.writer = Writer(stores, max_rows=10_000, on_commit=self._committed)
        self.reader = StreamReader(stores)
        self.shelf = Shelf()
        self.chat = ChatRuntime(self.db, self.writer, self.reader, self.shelf)
        for part in (self.writer, self.reader, self.chat, Digests(b"0" * 32)):
            self.db.parts.add(part)
        self.told: list[Event] = []
        self.owner_id = 0
        self.chatbot_id = ""

    async def start(self, content: dict[str, Any] | None = None) -> None:
        """Open the stores and make the chatbot, whose draft answers."""
        await self.writer.start()
        await self.reader.start()
        name = ids.ulid()
        async with self.db.session() as session:
            user = User(
                username=name,
                username_key=name,
                email=name,
                email_key=name,
                password_hash="",
                created_at=clock.now(),
            )
            session.add(user)
            await session.flush()
            self.owner_id, self.chatbot_id = user.id, ids.new("bot")
            made = {"created_at": clock.now(), "updated_at": clock.now(), "name": "Club"}
            session.add(Bot(id=self.chatbot_id, owner_id=user.id, kind=BotKind.chatbot, **made))
            await session.flush()
            session.add(
                Chatbot(
                    id=self.chatbot_id,
                    owner_id=user.id,
                    type="hybrid",
                    status="draft",
                    content={},
                    revision=0,
                )
            )
        self.answer_with(content or CLUB)

    async def stop(self) -> None:
        await self.reader.stop()
        await self.writer.stop()
        await self.db.close()

    def answer_with(self, content: dict[str, Any], **fields: Any) -> Version:
        """Let the draft be this."""
        self.shelf.drafts[self.chatbot_id] = bot(content, **({"nlu": NLU} | fields))
        return self.shelf.drafts[self.chatbot_id]

    async def deploy(self, environment: str = "production", /, **shares: int) -> None:
        """deploy(ver_a=1, ver_b=3); every version is the club unless the shelf has it."""
        for version_id in shares:
            self.shelf.versions.setdefault(version_id, bot(CLUB, nlu=NLU))
        async with self.db.session() as session:
            session.add(
                Deployment(
                    owner_id=self.owner_id,
                    chatbot_id=self.chatbot_id,
                    environment=environment,
                    shares=[[name, weight] for name, weight in shares.items()],
                    kind="deploy",
                    note="",
                    warnings=[],
                    created_at=clock.now(),
                    created_by=self.owner_id,
                )
            )

    async def begin(self, **fields: Any) -> Conversation:
        return await conversations.start(self.chat, self.chatbot_id, owner_id=self.owner_id, **fields)

    async def say(self, conversation: Conversation, text: str = "", **fields: Any) -> list[str]:
        """Send a message; the texts that were answered."""
        return [message.text for message in (await self.send(conversation, text, **fields)).replies]

    async def send(self, conversation: Conversation, text: str = "", **fields: Any) -> Sent:
        return await conversations.send(
            self.chat, conversation.id, owner_id=self.owner_id, text=text, **fields
        )

    async def get(self, conversation: Conversation) -> Conversation:
        return await conversations.get(self.chat, conversation.id, owner_id=self.owner_id)

    async def texts(self, conversation: Conversation) -> list[tuple[str, str]]:
        """Who said what, in order."""
        messages, total = await conversations.list_messages(
            self.chat, conversation.id, owner_id=self.owner_id
        )
        assert total == len(messages)
        return [(message.sender, message.text) for message in messages]

    async def counted(self, name: str, *, day: int = 0) -> int:
        """A counter over all versions."""
        sql = """SELECT value FROM conversation_counts WHERE chatbot_id = :id AND day = :day AND version_id = ''
 AND name = :name"""
        rows = await self.reader.query(sql, {"id": self.chatbot_id, "day": day, "name": name})
        return int(rows[0]["value"]) if rows else 0

    async def rows(self, table: str) -> list[Row]:
        """What a table holds of the chatbot."""
        return await self.reader.scan(
            f"SELECT * FROM {table} WHERE chatbot_id = :id", {"id": self.chatbot_id}
        )

    def of(self, kind: type[Event]) -> list[Any]:
        """Events of one class that were told, in order."""
        return [event for event in self.told if isinstance(event, kind)]

    def _committed(self, what: Committed) -> None:
        for part in what.appended:
            if part.table == "stream_events":
                self.told += [row["event"] for row in part.rows]
