"""The port to speech engines: what one declares, what it can be asked, and what comes back.

An engine is one module, registered as an entry point of the group `botyard.voices`: a function that takes a
`Setup` and answers a `SpeechEngine`. Its module is imported when voice is first used, and imports nothing heavy.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct, field

if TYPE_CHECKING:  # worker processes import this module, and need neither
    from botyard.kit.db import Database
    from botyard.settings import Settings


class Cap(StrEnum):
    """What an engine can do."""

    speak = "speak"
    hear = "hear"


class Voice(Struct, frozen=True, kw_only=True):
    """One voice of one engine; `id` is `engine:own name`. The language is a BCP 47 tag, `mul` for many."""

    id: str
    name: str
    language: str
    gender: str = ""  # female, male, or empty where the engine does not say
    engine: str = ""


class Sound(Struct, frozen=True):
    """Mono, 16 bits a sample, little endian; `rate` samples a second."""

    rate: int
    data: bytes

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.data) / 2 / self.rate


class Word(Struct, frozen=True):
    """A word that was heard, and when: seconds from the start."""

    text: str
    start: float
    end: float
    confidence: float | None = None


class Transcript(Struct, frozen=True, kw_only=True):
    """What was heard; empty where nobody spoke. Confidence lies between 0 and 1, None where no engine says."""

    text: str
    language: str = ""
    confidence: float | None = None
    words: list[Word] = field(default_factory=list)
    engine: str = ""


@dataclass(frozen=True, slots=True)
class Setup:
    """What an engine may need of the server."""

    settings: "Settings"
    db: "Database"


class SpeechEngine(Protocol):
    """One engine. Calls raise EngineFailed or EngineBusy, and Invalid for what this engine cannot do with that input."""

    @property
    def name(self) -> str:
        """Its name in settings and in the ids of its voices."""
        ...

    @property
    def label(self) -> str:
        """Its name for people."""
        ...

    @property
    def caps(self) -> frozenset[Cap]:
        """What it can do."""
        ...

    @property
    def version(self) -> str:
        """Changes when the same text may sound different."""
        ...

    @property
    def formats(self) -> frozenset[str]:
        """Kinds of recordings that it reads, such as `wav`."""
        ...

    @property
    def languages(self) -> frozenset[str]:
        """Languages that it hears; empty means any."""
        ...

    def refusal(self) -> str:
        """Why it cannot work here, with the line that changes that; empty where it can. Costs nothing."""
        ...

    async def voices(self) -> list[Voice]:
        """Every voice, in an order that does not change."""
        ...

    async def synthesize(self, text: str, voice: Voice, *, speed: float) -> Sound:
        """Speak one sentence; 1 is the usual speed."""
        ...

    async def transcribe(self, audio: bytes, *, kind: str, language: str) -> Transcript:
        """Listen to a recording of one of `formats`; an empty language means that the engine finds out."""
        ...

    async def close(self) -> None:
        """End what runs for it."""
        ...


Factory = Callable[[Setup], SpeechEngine]
Stopped = Callable[[], bool]  # whether the one who asked has gone


class Speaker(Protocol):
    """What speaks inside a worker process."""

    def voices(self) -> list[Voice]: ...
    def say(self, text: str, voice: str, speed: float) -> Sound: ...


class Listener(Protocol):
    """What listens inside a worker process; it looks at `stopped` from time to time and then returns early."""

    def hear(self, audio: bytes, kind: str, language: str, stopped: Stopped) -> Transcript: ...


Backend = Callable[[dict[str, Any]], Any]  # a Speaker, a Listener or both, made from the engine's options
