"""The language models of all chatbots: what the runtime and the knowledge ask, with every bound and its way out."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

import httpx
import structlog

from botyard.features.chatbots.knowledge.search import Passage
from botyard.features.chatbots.llm import access, prompts, readings, structured
from botyard.features.chatbots.llm.breaker import Breakers
from botyard.features.chatbots.llm.errors import ModelFailed, ModelMisconfigured, ModelTooSlow, ReplyUnusable
from botyard.features.chatbots.llm.ollama import Ollama
from botyard.features.chatbots.llm.openai import OpenAI
from botyard.features.chatbots.llm.port import Action, Ask, Message, Provider, Reply
from botyard.features.chatbots.llm.structured import ReplyReader
from botyard.features.chatbots.runtime.ports import OnToken, Talk
from botyard.features.chatbots.runtime.types import ModelSaid
from botyard.features.chatbots.runtime.version import Version
from botyard.kit.db import Database
from botyard.kit.http import guarded_client

log = structlog.get_logger(__name__)

TIMEOUT_S = 120.0  # what any chatbot may wait at most; its own settings say how long it does
MAX_BYTES = 8 * 1024 * 1024  # of one answer on the wire, where each token is a line of its own
_PROVIDERS: dict[str, Callable[[httpx.AsyncClient, str, str], Provider]] = {
    "ollama": Ollama,
    "openai": OpenAI,
}


class LanguageModels:
    """Asks the model that a version names. Trouble is an empty answer with a note; the chatbot has other words."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._breakers = Breakers()
        self._clients: dict[bool, httpx.AsyncClient] = {}

    async def start(self) -> None:
        """Connections are made when the first model is asked."""

    async def stop(self) -> None:
        """Close every connection."""
        for client in self._clients.values():
            await client.aclose()
        self._clients.clear()

    async def reply(self, talk: Talk, *, on_token: OnToken | None = None) -> ModelSaid:
        """What the model says next; `on_token` hears the text while it is written."""
        actions = _actions(talk)
        asked = _ask(talk.version, prompts.talking(talk, actions), structured.schema(actions))
        try:
            said = await self._talk(talk.version, talk.owner_id, asked, actions, on_token)
        except ModelFailed as error:
            return ModelSaid(note=str(error))
        return ModelSaid(text=said.text, action=said.action, note=" ".join(said.notes))

    async def answer(
        self, question: str, passages: Sequence[Passage], *, owner_id: int, version: Version, language: str,
        on_token: OnToken | None = None,
    ) -> str:  # fmt: skip
        """An answer from passages, which are data: whatever they say, nothing but the text is taken."""
        messages = prompts.answering(question, passages, version, language)
        asked = _ask(version, messages, structured.schema(("none",)))
        try:
            return (await self._talk(version, owner_id, asked, ("none",), on_token)).text
        except ModelFailed:
            return ""

    async def commands(self, talk: Talk) -> Sequence[object]:
        """How the model reads the message, unchecked, for `commands.read`. Raises a kind of ModelFailed."""
        asked = _ask(talk.version, prompts.understanding(talk), readings.schema(talk.version))
        async with aclosing(self._pieces(talk.version, talk.owner_id, asked)) as pieces:
            return readings.read("".join([piece async for piece in pieces]))

    async def _talk(
        self, version: Version, owner_id: int, asked: Ask, actions: Sequence[Action], on_token: OnToken | None
    ) -> Reply:
        reader, raw = ReplyReader(), list[str]()
        async with aclosing(self._pieces(version, owner_id, asked)) as pieces:
            async for piece in pieces:
                raw.append(piece)
                text = reader.feed(piece)
                if text and on_token is not None:
                    on_token(text)
        return structured.parse("".join(raw), actions)

    async def _pieces(self, version: Version, owner_id: int, asked: Ask) -> AsyncGenerator[str, None]:
        """What the model writes, within the chatbot's time and the bounds of an answer."""
        settings = version.content.settings.model
        place = await access.resolve(self._db, settings, chatbot_id=version.chatbot_id, owner_id=owner_id)
        breaker = self._breakers.of(str(owner_id), place.provider, place.url, settings.model)
        breaker.check()
        provider = _PROVIDERS[place.provider](self._client(inside=place.inside), place.url, place.key)
        until = asyncio.get_running_loop().time() + settings.timeout_s
        size = 0
        try:
            async with aclosing(provider.stream(asked)) as stream:
                while (piece := await _next(stream, until)) is not None:
                    size += len(piece)
                    if size > structured.MAX_RAW:
                        raise ReplyUnusable(
                            "The language model did not come to an end; allow it fewer tokens."
                        )
                    yield piece
        except ModelMisconfigured as error:
            breaker.gave_up()
            _log(version, error)
            raise
        except ModelFailed as error:
            breaker.failed()
            _log(version, error)
            raise
        except BaseException:  # whoever asked went away
            breaker.gave_up()
            raise
        breaker.succeeded()

    def _client(self, *, inside: bool) -> httpx.AsyncClient:
        if inside not in self._clients:
            self._clients[inside] = guarded_client(
                allow_private=inside, timeout_s=TIMEOUT_S, max_bytes=MAX_BYTES
            )
        return self._clients[inside]


async def _next(stream: AsyncGenerator[str, None], until: float) -> str | None:
    """The next piece, or None at the end. The time limit stands around each wait, not around what is done between."""
    try:
        async with asyncio.timeout_at(until):
            return await anext(stream, None)
    except TimeoutError:
        raise ModelTooSlow from None


def _actions(talk: Talk) -> tuple[Action, ...]:
    """What the model may do beside talking; a flow's own step lets it only talk."""
    if talk.prompt:
        return ("none",)
    return (
        ("none", "handover", "clarify")
        if talk.version.content.settings.handover.enabled
        else ("none", "clarify")
    )


def _ask(version: Version, messages: Sequence[Message], schema: dict[str, object]) -> Ask:
    settings = version.content.settings.model
    return Ask(
        model=settings.model,
        messages=messages,
        schema=schema,
        temperature=settings.temperature,
        max_tokens=settings.max_tokens,
    )


def _log(version: Version, error: ModelFailed) -> None:
    log.warning("language_model_failed", chatbot_id=version.chatbot_id, error=error.code)
