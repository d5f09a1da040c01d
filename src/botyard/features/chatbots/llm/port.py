"""The port to language models: what one is asked, and what it streams back."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Role = Literal["system", "user", "assistant"]
Action = Literal["none", "handover", "clarify"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of what the model reads."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Ask:
    """One request; the answer has the form of `schema`, a JSON schema of an object."""

    model: str
    messages: Sequence[Message]
    schema: dict[str, Any]
    temperature: float
    max_tokens: int


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, checked: an action outside the closed list is `none`, and said so in the notes."""

    text: str
    action: Action = "none"
    notes: tuple[str, ...] = ()


class Provider(Protocol):
    """A server of language models."""

    def stream(self, ask: Ask) -> AsyncGenerator[str, None]:
        """The answer as the model writes it, piece by piece; closing it early ends the request.

        Raises a kind of ModelFailed.
        """
        ...
