"""The speech engines of this process, in the order in which they are asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points

import structlog

from botyard.features.chatbots.voice import languages
from botyard.features.chatbots.voice.cache import SoundCache
from botyard.features.chatbots.voice.errors import INSTALL, AudioRefused, NoEngine
from botyard.features.chatbots.voice.port import Cap, Factory, Setup, SpeechEngine, Voice
from botyard.kit.db import Database
from botyard.kit.errors import Invalid
from botyard.settings import Settings

log = structlog.get_logger(__name__)

GROUP = "botyard.voices"
_CACHE_BYTES = 32 * 1024 * 1024  # about twelve minutes of speech
_DEFAULT_LANGUAGE = "en"
_USUAL = {"en": "en-us", "fr": "fr-fr", "pt": "pt-br"}  # where no country is said
_PROPOSED = {
    Cap.speak: f"No speech engine that speaks is installed; install one with: {INSTALL} espeakng-loader",
    Cap.hear: f"No speech engine that hears is installed; install one with: {INSTALL} pocketsphinx numpy",
}


@dataclass(frozen=True, slots=True)
class EngineState:
    """How an engine stands here; `refusal` says why it cannot work and what to do, empty where it can."""

    name: str
    label: str
    caps: frozenset[Cap]
    version: str
    refusal: str


class Speech:
    """Engines by preference. A part of `Database.parts`; each is made when voice is first used, its process when the
    engine is."""

    def __init__(self, db: Database, engines: Mapping[str, SpeechEngine] | None = None) -> None:
        self._db = db
        self._settings = db.parts.get(Settings)
        self._engines = None if engines is None else dict(engines)
        self.cache = SoundCache(_CACHE_BYTES)

    @property
    def max_audio_s(self) -> float:
        """How long a recording may be."""
        return self._settings.voice_max_audio_s

    async def start(self) -> None:
        """Nothing runs until somebody speaks."""

    async def stop(self) -> None:
        """End the worker processes."""
        for engine in (self._engines or {}).values():
            await engine.close()

    def states(self) -> list[EngineState]:
        """Every engine that this server knows, in order, with what keeps it from working."""
        return [EngineState(one.name, one.label, one.caps, one.version, one.refusal()) for one in self._all()]

    def able(self, cap: Cap) -> list[SpeechEngine]:
        """Engines that can do this here, the preferred one first. Raises NoEngine."""
        engines = [engine for engine in self._all() if cap in engine.caps and not engine.refusal()]
        if not engines:
            raise NoEngine(_PROPOSED[cap])
        return engines

    async def voices(self) -> list[Voice]:
        """Every voice, those of the preferred engine first. Raises NoEngine."""
        return [voice for engine in self.able(Cap.speak) for voice in await engine.voices()]

    async def speaker(self, wanted: str, language: str) -> tuple[SpeechEngine, Voice]:
        """Who speaks: the voice of that id, own name or language; without one, the first that speaks the language.

        Raises NoEngine, and Invalid for a voice or language that nobody has.
        """
        engines = self.able(Cap.speak)
        found = [(engine, voice) for engine in engines for voice in await engine.voices()]
        if wanted:
            named = [pair for pair in found if wanted in (pair[1].id, pair[1].id.partition(":")[2])]
            chosen = named or _speaking(found, wanted)
            if not chosen:
                raise Invalid(f"There is no voice {wanted!r}; GET /voice/voices lists those that there are.")
            return chosen[0]
        chosen = _speaking(found, language or _DEFAULT_LANGUAGE)
        if chosen:
            return chosen[0]
        if not found:
            raise NoEngine(_PROPOSED[Cap.speak])
        if language:
            raise Invalid(f"No voice here speaks {language!r}; GET /voice/voices lists those that there are.")
        return found[0]

    def listener(self, language: str, kind: str) -> SpeechEngine:
        """Who hears this language in recordings of this kind. Raises NoEngine for a language that nobody hears."""
        hearing = self.able(Cap.hear)
        primary = language and languages.primary(language)
        fits = [one for one in hearing if not primary or not one.languages or primary in one.languages]
        if not fits:
            heard = ", ".join(sorted({tag for one in hearing for tag in one.languages}))
            raise NoEngine(
                f"No installed engine hears {primary}, only {heard}; install one that does with: {INSTALL} faster-whisper"
            )
        reading = [one for one in fits if kind in one.formats]
        if not reading:
            raise AudioRefused(f"No installed engine that hears {primary} reads {kind.upper()}; send WAV.")
        return reading[0]

    def formats(self) -> frozenset[str]:
        """Kinds of recordings that somebody here reads. Raises NoEngine."""
        return frozenset(kind for engine in self.able(Cap.hear) for kind in engine.formats)

    def _all(self) -> list[SpeechEngine]:
        if self._engines is None:
            self._engines = self._installed()
        return list(self._engines.values())

    def _installed(self) -> dict[str, SpeechEngine]:
        setup = Setup(self._settings, self._db)
        known: dict[str, Factory] = {entry.name: entry.load() for entry in entry_points(group=GROUP)}
        order = self._settings.voice_engines
        if unknown := [name for name in order if name not in known]:
            log.warning("unknown_speech_engines", names=unknown, known=sorted(known))
        return {name: known[name](setup) for name in order if name in known}


def _speaking(found: list[tuple[SpeechEngine, Voice]], language: str) -> list[tuple[SpeechEngine, Voice]]:
    """Voices of a language: those of the very tag, of the same language elsewhere, of all languages; each engine
    before the next one."""
    wanted = languages.full(language)
    order = [_USUAL.get(wanted, wanted), wanted, languages.primary(language)]

    def rank(voice: Voice) -> int:
        tag = languages.full(voice.language)
        if tag in order:
            return order.index(tag)
        return len(order) + (languages.primary(tag) != order[-1])

    fitting = [pair for pair in found if rank(pair[1]) <= len(order) or pair[1].language == "mul"]
    engines = list(dict.fromkeys(engine.name for engine, _ in found))
    return sorted(fitting, key=lambda pair: (engines.index(pair[0].name), rank(pair[1])))
