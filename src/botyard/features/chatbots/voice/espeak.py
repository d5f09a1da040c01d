"""eSpeak NG: speaks more than a hundred languages, robotic but at once. Its library comes with espeakng-loader.

Source of the calls: speak_lib.h of eSpeak NG 1.52, read 2026-11-28. The library is GPL-3, is never linked with the
server, and runs in the worker process only.
"""

import ctypes
import importlib
from pathlib import Path
from typing import Any

from botyard.features.chatbots.voice.port import Sound, Voice
from botyard.kit.errors import Invalid

NAME = "espeak"
_WORDS_A_MINUTE = 165
_SYNCHRONOUS, _DONT_EXIT = 2, 0x8000
_UTF8, _BY_CHARACTER, _RATE = 1, 1, 1
_OK = 0
# The older way to make sound: less natural, but each word stands apart, and programs that listen understand more of it.
_CLEAR = "+klatt"
_GENDERS = {1: "male", 2: "female"}
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class _Voice(ctypes.Structure):
    """`espeak_VOICE`; `languages` is a byte of priority, then the tag."""

    _fields_ = [
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_void_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("unused", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    ]


class Espeak:
    """The library inside the worker process."""

    def __init__(self, options: dict[str, Any]) -> None:
        loader = importlib.import_module("espeakng_loader")
        self._library = ctypes.CDLL(loader.get_library_path())
        self._library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
        self._data = Path(loader.get_data_path())
        self._rate = self._library.espeak_Initialize(_SYNCHRONOUS, 0, bytes(self._data), _DONT_EXIT)
        if self._rate <= 0:
            raise RuntimeError("eSpeak NG finds none of its data")
        self._pieces: list[bytes] = []
        self._heard = _CALLBACK(self._take)  # kept, or the library would call what is gone
        self._library.espeak_SetSynthCallback(self._heard)
        self._own = {tag: name for tag, name, _ in self._list()}
        self._voice = ""

    def voices(self) -> list[Voice]:
        """One voice for each language and dialect, and clear ones for English."""
        found = [_voice(tag, name, gender) for tag, name, gender in self._list()]
        clear = [
            _voice(tag + _CLEAR, f"{name}, clear", gender)
            for tag, name, gender in self._list()
            if tag.startswith("en-")
        ]
        return sorted(found + clear, key=lambda voice: voice.id)

    def say(self, text: str, voice: str, speed: float) -> Sound:
        """One sentence, as plain text: neither marks nor phonemes in it mean anything."""
        self._choose(voice)
        self._library.espeak_SetParameter(_RATE, round(_WORDS_A_MINUTE * speed), 0)
        self._pieces.clear()
        data = text.encode() + b"\0"
        done = self._library.espeak_Synth(data, len(data), 0, _BY_CHARACTER, 0, _UTF8, None, None)
        if done != _OK or self._library.espeak_Synchronize() != _OK:
            raise RuntimeError(f"eSpeak NG answered {done}")
        return Sound(self._rate, b"".join(self._pieces))

    def _choose(self, voice: str) -> None:
        if voice == self._voice:
            return
        tag, plus, variant = voice.partition("+")
        name = self._own.get(tag)
        if name is None or self._library.espeak_SetVoiceByName(f"{name}{plus}{variant}".encode()) != _OK:
            raise Invalid(f"eSpeak NG has no voice {voice}.")
        self._voice = voice

    def _take(self, samples: Any, count: int, _events: Any) -> int:
        if samples and count > 0:
            self._pieces.append(ctypes.string_at(samples, count * 2))
        return 0

    def _list(self) -> list[tuple[str, str, int]]:
        """Tag, name and gender of each voice; the first one of a tag counts, constructed languages do not."""
        found: dict[str, tuple[str, str, int]] = {}
        listed, at = self._library.espeak_ListVoices(None), 0
        while listed[at]:
            voice = listed[at].contents
            at += 1
            tag = ctypes.string_at(voice.languages + 1).decode()
            identifier = voice.identifier.decode()
            if not identifier.startswith(("art/", "mb/")) and self._has_words(identifier, tag):
                found.setdefault(tag, (tag, voice.name.decode(), voice.gender))
        return sorted(found.values())

    def _has_words(self, identifier: str, tag: str) -> bool:
        """Whether the dictionary of a voice is there: without it only noises come out."""
        name = tag.partition("-")[0]
        for line in (self._data / "lang" / identifier).read_text("utf-8").splitlines():
            key, _, value = line.partition(" ")
            if key == "dictionary":
                name = value.split()[0]
        return (self._data / f"{name}_dict").is_file()


def _voice(own: str, name: str, gender: int) -> Voice:
    language = _tag(own.partition("+")[0])
    return Voice(
        id=f"{NAME}:{own}", name=name, language=language, gender=_GENDERS.get(gender, ""), engine=NAME
    )


def _tag(own: str) -> str:
    """The engine's tag as BCP 47 writes it: `en-us` is `en-US`."""
    language, *rest = own.split("-")
    private = rest.index("x") if "x" in rest else len(rest)
    return "-".join(
        [language]
        + [part.upper() if len(part) == 2 and at < private else part for at, part in enumerate(rest)]
    )
