"""What runs in a worker process of a test: an engine that misbehaves when it is told to."""

import os
import time
from pathlib import Path
from typing import Any

from botyard.features.chatbots.voice.port import Sound, Stopped, Transcript, Voice
from botyard.kit.errors import Invalid


class Echo:
    """Says zeros, hears numbers."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._notes = Path(options["notes"])

    def voices(self) -> list[Voice]:
        return [Voice(id="echo:one", name=",".join(sorted(os.environ)), language="en", engine="echo")]

    def say(self, text: str, voice: str, speed: float) -> Sound:
        match text:
            case "die":
                os._exit(3)
            case "hang":
                time.sleep(60)
            case "eat":
                bytearray(2**31)
            case "refuse":
                raise Invalid("Echo does not say that.")
            case "print":
                print("libraries print what they like")
        return Sound(16_000, text.encode("utf-16-le"))

    def hear(self, audio: bytes, kind: str, language: str, stopped: Stopped) -> Transcript:
        for step in range(int(audio)):
            if stopped():
                self._notes.write_text(f"stopped at {step}")
                break
            time.sleep(0.01)
        return Transcript(text=str(os.getpid()))
