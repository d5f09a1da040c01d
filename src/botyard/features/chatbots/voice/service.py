"""Speaking and listening for chatbots."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal

from botyard.features.chatbots.voice import audio, greetings, languages, sentences
from botyard.features.chatbots.voice.cache import Key
from botyard.features.chatbots.voice.errors import TextRefused
from botyard.features.chatbots.voice.port import Sound, SpeechEngine, Transcript, Voice
from botyard.features.chatbots.voice.registry import Speech
from botyard.kit.errors import Invalid

MAX_TEXT = 5000  # characters: about six minutes of speech
MIN_SPEED, MAX_SPEED = 0.5, 2.0
Format = Literal["wav", "pcm"]
FORMATS: tuple[Format, ...] = ("wav", "pcm")


async def voices(speech: Speech, *, language: str = "") -> list[Voice]:
    """Voices that can be used here, the preferred ones first; of one language, where that is named. Raises NoEngine."""
    found = await speech.voices()
    wanted = languages.full(languages.check(language))
    return [one for one in found if not wanted or f"{languages.full(one.language)}-".startswith(f"{wanted}-")]


def sample(voice: Voice) -> str:
    """A short sentence in the voice's language, to hear it."""
    return greetings.sentence(voice.language)


@dataclass(frozen=True)
class Speaking:
    """A text that is being spoken: its first sentence is there, the others are made as they are asked for."""

    speech: Speech
    engine: SpeechEngine
    voice: Voice
    format: Format
    speed: float
    pieces: list[str]
    first: Sound

    @property
    def content_type(self) -> str:
        """The MIME type; raw samples say their rate, since nothing else does."""
        return "audio/wav" if self.format == "wav" else f"audio/pcm;rate={self.first.rate};channels=1"

    async def stream(self) -> AsyncIterator[bytes]:
        """The sound sentence by sentence; a WAV of more than one has an open end."""
        if self.format == "wav":
            yield audio.wav_head(self.first.rate, len(self.first.data) if len(self.pieces) == 1 else None)
        yield self.first.data
        for piece in self.pieces[1:]:
            yield (await _say(self.speech, self.engine, self.voice, self.speed, piece)).data

    async def whole(self) -> bytes:
        """All of the sound; a WAV says its length."""
        parts = [part async for part in self.stream()]
        if self.format != "wav":
            return b"".join(parts)
        sound = b"".join(parts[1:])
        return audio.wav_head(self.first.rate, len(sound)) + sound


async def begin(
    speech: Speech,
    text: str,
    *,
    voice: str = "",
    audio_format: str = "wav",
    speed: float = 1.0,
    language: str = "",
) -> Speaking:
    """Speak a text: its first sentence is ready when this answers, so that whatever can go wrong mostly has by then.

    Raises TextRefused, Invalid for a voice, format or speed that is none, NoEngine, EngineBusy and EngineFailed.
    """
    chosen = next((one for one in FORMATS if one == audio_format), None)
    if chosen is None:
        raise Invalid(f"There is no format {audio_format!r}; choose {' or '.join(FORMATS)}.")
    if not MIN_SPEED <= speed <= MAX_SPEED:
        raise Invalid(f"The speed lies between {MIN_SPEED:g} and {MAX_SPEED:g}; 1 is the usual one.")
    pieces = _pieces(text)
    engine, speaker = await speech.speaker(voice, languages.check(language))
    first = await _say(speech, engine, speaker, speed, pieces[0])
    return Speaking(speech, engine, speaker, chosen, speed, pieces, first)


async def tts(
    speech: Speech,
    text: str,
    *,
    voice: str = "",
    audio_format: str = "wav",
    speed: float = 1.0,
    language: str = "",
) -> AsyncIterator[bytes]:
    """The sound of a text, sentence by sentence. Raises as `begin`."""
    speaking = await begin(
        speech, text, voice=voice, audio_format=audio_format, speed=speed, language=language
    )
    async for part in speaking.stream():
        yield part


async def stt(speech: Speech, recording: bytes, *, language: str = "", media_type: str = "") -> Transcript:
    """What is said in a recording, whose kind is found out from its content; only raw samples need a media type.

    Raises AudioRefused, NoEngine, EngineBusy and EngineFailed.
    """
    recording = audio.from_raw(recording, media_type)
    kind = audio.check(recording, accepted=speech.formats(), max_seconds=speech.max_audio_s)
    primary = languages.check(language).partition("-")[0].lower()
    return await speech.listener(language, kind).transcribe(recording, kind=kind, language=primary)


def _pieces(text: str) -> list[str]:
    if len(text) > MAX_TEXT:
        raise TextRefused(f"The text has {len(text)} characters; at most {MAX_TEXT} are spoken at once.")
    pieces = sentences.split(text)
    if not pieces:
        raise TextRefused("There is nothing to say in this text: it has no letter and no digit.")
    return pieces


async def _say(speech: Speech, engine: SpeechEngine, voice: Voice, speed: float, text: str) -> Sound:
    key = Key(engine.name, engine.version, voice.id, speed, text)
    sound = speech.cache.get(key)
    if sound is None:
        sound = await engine.synthesize(text, voice, speed=speed)
        speech.cache.put(key, sound)
    return sound
