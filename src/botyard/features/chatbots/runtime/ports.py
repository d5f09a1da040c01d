"""What the runtime asks of others: an NLU, the knowledge of a chatbot, a language model. Absent ones are passed over."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from botyard.features.chatbots.runtime.types import KnowledgeFound, ModelSaid
from botyard.features.chatbots.runtime.version import Version

OnToken = Callable[[str], None]


class Intent(Protocol):
    """An intent that a message may have. Margin: how far it is ahead of the next one."""

    @property
    def name(self) -> str: ...
    @property
    def confidence(self) -> float: ...
    @property
    def margin(self) -> float: ...


class Entity(Protocol):
    """Something named in a message, from `start` to `end`; `value` is what it stands for."""

    @property
    def entity(self) -> str: ...
    @property
    def value(self) -> Any: ...
    @property
    def text(self) -> str: ...
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def role(self) -> str: ...


class Understanding(Protocol):
    """What an NLU makes of a message; intents best first."""

    @property
    def intents(self) -> Sequence[Intent]: ...
    @property
    def out_of_scope(self) -> bool: ...
    @property
    def plausible(self) -> bool:
        """Out of scope, but near enough to ask whether it is meant."""
        ...

    @property
    def entities(self) -> Sequence[Entity]: ...


class Nlu(Protocol):
    """A trained model, ready to answer."""

    async def understand(self, text: str, *, now: datetime) -> Understanding:
        """Intents and entities of a message. Must not hold up the event loop for long."""
        ...


class Knowledge(Protocol):
    """What a chatbot was given to read."""

    async def search(
        self,
        question: str,
        *,
        owner_id: int,
        version: Version,
        language: str,
        on_token: OnToken | None = None,
    ) -> KnowledgeFound:
        """The answer with its citations; an empty text where none is good enough.

        `on_token` hears a language model's words as they are made, once they count as an answer.
        """
        ...


@dataclass(frozen=True, slots=True)
class Talk:
    """What a language model is told: who speaks, what was said so far, what is asked now."""

    version: Version  # its `content.settings.model` says which model, and how it is to talk
    owner_id: int
    language: str
    question: str
    prompt: str = ""  # of a flow's step, in place of the question
    history: Sequence[tuple[Literal["user", "bot"], str]] = ()  # oldest first, without the question
    slots: dict[str, Any] = field(default_factory=dict)


class LanguageModel(Protocol):
    """A language model that talks. It acts through the closed list of ModelSaid.action only."""

    async def reply(self, talk: Talk, *, on_token: OnToken | None = None) -> ModelSaid:
        """The reply; `on_token` hears its text as it is made. Trouble is an empty text with a note."""
        ...

    async def commands(self, talk: Talk) -> Sequence[object]:
        """How the model reads the question, as raw values for `commands.read`."""
        ...


class Versions(Protocol):
    """Where versions come from, ready to use."""

    async def load(self, version_id: str) -> Version:
        """A version by its id, usually from memory. Raises NotFound."""
        ...

    async def draft(self, chatbot_id: str) -> Version:
        """The chatbot as it is being written, with the model trained last, if any. Raises NotFound."""
        ...
