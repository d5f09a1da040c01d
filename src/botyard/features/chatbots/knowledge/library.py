"""What the runtime asks when nothing else fits: the knowledge of a chatbot, answered with or without a model."""

from collections.abc import Sequence
from typing import Protocol

from botyard.features.chatbots import service as chatbots
from botyard.features.chatbots.knowledge import answers
from botyard.features.chatbots.knowledge.encoding import Encoder, Encoders
from botyard.features.chatbots.knowledge.search import Found, Passage, search
from botyard.features.chatbots.knowledge.vectors import VectorCache
from botyard.features.chatbots.runtime.ports import OnToken
from botyard.features.chatbots.runtime.types import KnowledgeFound
from botyard.features.chatbots.runtime.version import Version
from botyard.kit.db import Database

NOTHING = "No passage answers the question."


class Reader(Protocol):
    """A language model that answers a question from passages, and from nothing else."""

    async def answer(
        self, question: str, passages: Sequence[Passage], *, owner_id: int, version: Version, language: str,
        on_token: OnToken | None = None,
    ) -> str:  # fmt: skip
        """The answer with its numbers in brackets; empty where there is none, or trouble.

        `on_token` hears it as it is made, unchecked.
        """
        ...


class Library:
    """The documents of every chatbot. With a reader, where the chatbot has a model, it words the answer."""

    def __init__(self, db: Database, reader: Reader | None = None) -> None:
        self._db = db
        self._reader = reader
        self._cache = VectorCache()

    async def search(
        self,
        question: str,
        *,
        owner_id: int,
        version: Version,
        language: str,
        on_token: OnToken | None = None,
    ) -> KnowledgeFound:
        """The answer with its citations; an empty text where no passage is good enough.

        `on_token` hears a language model's answer from where it first cites a passage. When the model breaks off
        later, the answer is another one than was heard.
        """
        found = await self.find(version.chatbot_id, question, owner_id=owner_id)
        if not found.answers:
            return KnowledgeFound(note=NOTHING)
        note = ""
        if self._reader is not None and version.model_talks:
            citing = answers.Citing(found.answers, on_token) if on_token else None
            said = await self._reader.answer(
                question, found.answers, owner_id=owner_id, version=version, language=language,
                on_token=citing.feed if citing else None,
            )  # fmt: skip
            text, citations = answers.cite(said, found.answers)
            if text:
                if citing:
                    citing.close()
                return KnowledgeFound(text=text, citations=citations)
            note = "The language model gave no answer that cites a passage; the passage itself is shown."
        text, citations = answers.extract(found)
        return KnowledgeFound(text=text, citations=citations, note=note)

    async def find(self, chatbot_id: str, question: str, *, owner_id: int, limit: int = 5) -> Found:
        """The passages that fit best, good enough or not, for trying it out. Raises NoSuchChatbot."""
        encoder = await self._encoder()
        async with self._db.reader() as session:
            await chatbots.get(session, chatbot_id, owner_id=owner_id)
            return await search(
                session, chatbot_id, question, encoder=encoder, cache=self._cache, limit=limit
            )

    async def _encoder(self) -> Encoder | None:
        encoders = self._db.parts.find(Encoders)  # type: ignore[type-abstract]
        return await encoders.get() if encoders else None
