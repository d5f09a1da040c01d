"""Any server with OpenAI's speech calls: OpenAI itself, or Kokoro, Speaches, LocalAI and others on one's own machine.

Source of the wire format: OpenAI's API reference, "Audio", as known on 2026-11-28. The key is the secret `openai_key`
of the service `voice` in the settings; the vault keeps it.
"""

import json
from typing import Any

import httpx

from botyard.core import vault
from botyard.core.config.service import KIND, SERVER
from botyard.features.chatbots.voice import audio as recordings
from botyard.features.chatbots.voice.errors import AudioRefused, EngineFailed
from botyard.features.chatbots.voice.port import Cap, Setup, Sound, SpeechEngine, Transcript, Voice
from botyard.kit.errors import Invalid, NotFound, TooMany
from botyard.kit.http import OutgoingFailed, guarded_client

NAME = "openai"
SERVICE, KEY = "voice", "openai_key"
_MAX_REPLY = 32 * 1024 * 1024  # ten minutes of sound at its usual rate
_LACKS = "No speech server is set up; name one in BOTYARD_VOICE_OPENAI_URL, such as https://api.openai.com/v1"
_SPEEDS = (0.25, 4.0)


def engine(setup: Setup) -> SpeechEngine:
    """The engine, by the entry point `openai`."""
    return OpenAISpeech(setup)


class OpenAISpeech:
    """Asks the server that the settings name, with the key that the vault holds, if any."""

    name = NAME
    label = "OpenAI-compatible speech"
    formats = frozenset({"wav", "mp3", "flac", "ogg", "webm", "m4a"})
    languages: frozenset[str] = frozenset()

    def __init__(self, setup: Setup) -> None:
        self._setup = setup

    @property
    def caps(self) -> frozenset[Cap]:
        """What the settings name a model for."""
        settings = self._setup.settings
        models = {Cap.speak: settings.voice_openai_tts_model, Cap.hear: settings.voice_openai_stt_model}
        return frozenset(cap for cap, model in models.items() if model)

    @property
    def version(self) -> str:
        """Server and model: what they say may change behind them, which nobody can see from here."""
        settings = self._setup.settings
        return f"{settings.voice_openai_url} {settings.voice_openai_tts_model}"

    def refusal(self) -> str:
        """Which setting is missing."""
        return "" if self._setup.settings.voice_openai_url else _LACKS

    async def voices(self) -> list[Voice]:
        """Those that the settings name: the API has no call for them. They speak what they are given to speak."""
        return [
            Voice(id=f"{NAME}:{name}", name=name.replace("_", " ").title(), language="mul", engine=NAME)
            for name in self._setup.settings.voice_openai_voices
        ]

    async def synthesize(self, text: str, voice: Voice, *, speed: float) -> Sound:
        """Speak one sentence."""
        low, high = _SPEEDS
        body = {
            "model": self._setup.settings.voice_openai_tts_model,
            "input": text,
            "voice": voice.id.removeprefix(f"{NAME}:"),
            "response_format": "wav",
            "speed": min(max(speed, low), high),
        }
        reply = await self._post("/audio/speech", json=body)
        return _sound(reply)

    async def transcribe(self, audio: bytes, *, kind: str, language: str) -> Transcript:
        """Listen to a recording."""
        fields = {"model": self._setup.settings.voice_openai_stt_model, "response_format": "json"}
        if language:
            fields["language"] = language
        file = (f"recording.{kind}", audio, recordings.media_type(kind))
        reply = await self._post("/audio/transcriptions", data=fields, files={"file": file})
        return Transcript(text=_text(reply), language=language, engine=NAME)

    async def close(self) -> None:
        """Nothing is held open between calls."""

    async def _post(self, path: str, **content: Any) -> bytes:
        settings = self._setup.settings
        url = settings.voice_openai_url.rstrip("/") + path
        client = guarded_client(
            allow_private=settings.allow_private_networks,
            timeout_s=settings.voice_timeout_s,
            max_bytes=_MAX_REPLY,
        )
        async with client:
            try:
                reply = await client.post(url, headers=await self._headers(), **content)
            except OutgoingFailed as error:
                raise EngineFailed(f"The speech server could not be asked: {error}") from None
        _check(reply)
        return reply.content

    async def _headers(self) -> dict[str, str]:
        async with self._setup.db.reader() as session:
            try:
                key = await vault.reveal(session, account_id=SERVER, kind=KIND, id=SERVICE, name=KEY)
            except NotFound:  # servers on one's own machine mostly want none
                return {}
        return {"Authorization": f"Bearer {key}"}


def _check(reply: httpx.Response) -> None:
    status = reply.status_code
    if status == 200:
        return
    if status == 429:
        raise TooMany("The speech server wants to be asked less often; try again later.", retry_after_s=10)
    if status in (401, 403):
        raise EngineFailed(
            f"The speech server does not accept the key; an administrator stores it as the secret {KEY} of {SERVICE}."
        )
    said = _reason(reply)
    if status in (400, 413, 415, 422):
        raise Invalid(f"The speech server refused this: {said}")
    raise EngineFailed(f"The speech server answered {status}: {said}")


def _reason(reply: httpx.Response) -> str:
    """What the server says of its refusal, in either of the shapes that such servers use."""
    try:
        body = json.loads(reply.content)
        error = body.get("error", body.get("detail", ""))
        said = error.get("message", "") if isinstance(error, dict) else error
    except (ValueError, AttributeError):
        said = ""
    return str(said)[:300] or "it gives no reason."


def _sound(reply: bytes) -> Sound:
    try:
        wav = recordings.read_wav(reply) if recordings.kind_of(reply) == recordings.WAV else None
    except AudioRefused as error:
        raise EngineFailed(f"The speech server sent a broken sound: {error}") from None
    if wav is None or wav.channels != 1 or wav.width != 2:
        raise EngineFailed("The speech server sent no WAV with one channel and 16 bits.")
    return Sound(wav.rate, reply[wav.start : wav.start + wav.length])


def _text(reply: bytes) -> str:
    try:
        text = json.loads(reply)["text"]
    except (ValueError, KeyError, TypeError):
        raise EngineFailed("The speech server sent no transcript.") from None
    if not isinstance(text, str):
        raise EngineFailed("The speech server sent no transcript.")
    return text.strip()
