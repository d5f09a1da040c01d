"""An engine on this machine, in a worker process of its own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

from botyard.features.chatbots.voice import audio
from botyard.features.chatbots.voice.errors import INSTALL, EngineFailed
from botyard.features.chatbots.voice.port import Cap, Sound, Transcript, Voice
from botyard.features.chatbots.voice.wire import Ask
from botyard.features.chatbots.voice.worker import Job, Worker


@dataclass(frozen=True, slots=True)
class Make:
    """What an engine is made of. `packages` are distributions by the module that each one brings."""

    name: str
    label: str
    caps: frozenset[Cap]
    packages: Mapping[str, str]
    job: Job
    formats: frozenset[str] = frozenset({audio.WAV})
    languages: frozenset[str] = frozenset()
    lacks: Callable[[], str] = field(default=lambda: "")  # what is missing although all packages are there


class LocalEngine:
    """Asks a worker process; its voices are asked for once, since they change only with what is installed."""

    def __init__(self, make: Make) -> None:
        self._make = make
        self.worker = Worker(make.label, make.job)
        self._voices: list[Voice] = []
        self._missing = [
            package for module, package in make.packages.items() if find_spec(module) is None
        ]  # what is installed while the server runs is used after its next start
        self._version = " ".join(f"{package} {_version(package)}" for package in make.packages.values())

    @property
    def name(self) -> str:
        """Its name in settings and in the ids of its voices."""
        return self._make.name

    @property
    def label(self) -> str:
        """Its name for people."""
        return self._make.label

    @property
    def caps(self) -> frozenset[Cap]:
        """What it can do."""
        return self._make.caps

    @property
    def formats(self) -> frozenset[str]:
        """Kinds of recordings that it reads."""
        return self._make.formats

    @property
    def languages(self) -> frozenset[str]:
        """Languages that it hears; empty means any."""
        return self._make.languages

    @property
    def version(self) -> str:
        """Versions of its packages."""
        return self._version

    def refusal(self) -> str:
        """Which packages are missing and how they are installed, or what else is."""
        if self._missing:
            return f"{self.label} is not installed; install it with: {INSTALL} {' '.join(self._missing)}"
        return self._make.lacks()

    async def voices(self) -> list[Voice]:
        """Every voice, in the engine's own order."""
        if not self._voices and Cap.speak in self.caps:
            answer = await self.worker.ask(Ask(number=0, what="voices"))
            self._voices = answer.voices
        return self._voices

    async def synthesize(self, text: str, voice: Voice, *, speed: float) -> Sound:
        """Speak one sentence."""
        own = voice.id.removeprefix(f"{self.name}:")
        answer = await self.worker.ask(Ask(number=0, what="say", text=text, voice=own, speed=speed))
        if answer.sound is None:
            raise EngineFailed
        return answer.sound

    async def transcribe(self, audio: bytes, *, kind: str, language: str) -> Transcript:
        """Listen to a recording."""
        ask = Ask(number=0, what="hear", audio=audio, kind=kind, language=language)
        answer = await self.worker.ask(ask)
        if answer.transcript is None:
            raise EngineFailed
        return answer.transcript

    async def close(self) -> None:
        """End the worker process."""
        await self.worker.close()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def job(backend: str, *, memory_mb: int, timeout_s: float, **options: Any) -> Job:
    """A job of this package: `backend` is `module:name` below it."""
    return Job(f"{__package__}.{backend}", memory_mb, timeout_s, options)
