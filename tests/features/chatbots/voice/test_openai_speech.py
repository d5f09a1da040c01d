"""Speech of another server: asked as its API is described, with the key from the vault, and never made up."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from starlette.responses import JSONResponse, Response

from botyard.core import audit, vault
from botyard.core.config import service as config
from botyard.features.chatbots.voice import service
from botyard.features.chatbots.voice.errors import EngineFailed, NoEngine
from botyard.features.chatbots.voice.registry import Speech
from botyard.kit.db import Database
from botyard.kit.errors import Invalid, TooMany
from botyard.settings import Settings
from tests.features.chatbots.voice.fake_speech_server import FakeSpeechServer, refuse
from tests.features.chatbots.voice.recordings import wav

SECOND = wav(bytes(32_000))
KEY = "sk-not-a-real-key"


@pytest.fixture
async def server() -> AsyncIterator[FakeSpeechServer]:
    async with FakeSpeechServer(KEY).serving() as running:
        yield running


@pytest.fixture
async def speech(db: Database, tmp_path: Path, server: FakeSpeechServer) -> Speech:
    """That server alone, with its key in the vault."""
    await vault.open_keyring(db, data_dir=tmp_path / "data")
    await audit.open_key(db)
    async with db.session() as session:
        await config.update(session, "voice", {"openai_key": {"$secret": KEY}}, actor=None)
    settings = db.parts.get(Settings)
    settings.voice_engines, settings.voice_openai_url = ["openai"], server.url
    settings.allow_private_networks = True
    return Speech(db)


async def test_texts_and_recordings_go_there_and_what_comes_back_is_used(
    speech: Speech, server: FakeSpeechServer
) -> None:
    speaking = await service.begin(speech, "Hello there. And you?", voice="nova", speed=1.5)
    sound = await speaking.whole()
    assert len(sound) == 44 + 2 * len("Hello there.And you?")
    assert server.speech[0] == {
        "model": "tts-1",
        "input": "Hello there.",
        "voice": "nova",
        "response_format": "wav",
        "speed": 1.5,
    }
    heard = await service.stt(speech, SECOND, language="en-GB")
    assert (heard.text, heard.engine, heard.confidence) == ("A table for two.", "openai", None)
    assert server.recordings == [
        {
            "model": "whisper-1",
            "response_format": "json",
            "language": "en",
            "name": "recording.wav",
            "size": 32_044,
        }
    ]
    assert [voice.id for voice in await service.voices(speech)][:2] == ["openai:alloy", "openai:echo"]


async def test_packed_recordings_are_handed_on_as_they_are(speech: Speech, server: FakeSpeechServer) -> None:
    await service.stt(speech, b"OggS" + bytes(500))
    assert server.recordings[0]["name"] == "recording.ogg"


async def test_refusals_are_told_in_our_words(speech: Speech, server: FakeSpeechServer) -> None:
    told: list[tuple[Response, type[Exception], str]] = [
        (refuse("Invalid voice: nova"), Invalid, "refused this: Invalid voice: nova"),
        (JSONResponse({"detail": "no such model"}, 422), Invalid, "no such model"),
        (Response("busy", 429), TooMany, "less often"),
        (Response("<html>", 500), EngineFailed, "answered 500: it gives no reason"),
        (JSONResponse({}, 403), EngineFailed, "does not accept the key"),
        (Response("", 302, {"Location": "/"}), EngineFailed, "answered 302"),
        (Response(b"ID3" + bytes(100)), EngineFailed, "no WAV"),
        (Response(wav(b"")), EngineFailed, "broken sound"),
        (Response(wav(bytes(4), channels=2)), EngineFailed, "no WAV with one channel"),
    ]
    for answer, error, says in told:
        server.answer = answer
        with pytest.raises(error, match=says):
            await service.begin(speech, "Hello")


async def test_answer_without_a_text_is_no_transcript(speech: Speech, server: FakeSpeechServer) -> None:
    for answer in (JSONResponse({"words": []}), JSONResponse({"text": None}), Response("plain")):
        server.answer = answer
        with pytest.raises(EngineFailed, match="no transcript"):
            await service.stt(speech, SECOND)


async def test_server_on_a_private_address_is_not_asked_where_that_is_not_allowed(
    speech: Speech, server: FakeSpeechServer, db: Database
) -> None:
    db.parts.get(Settings).allow_private_networks = False
    with pytest.raises(Invalid, match="may not be called"):
        await service.begin(speech, "Hello")
    assert server.speech == []


async def test_server_without_a_key_is_asked_without_one(
    speech: Speech, server: FakeSpeechServer, db: Database
) -> None:
    async with db.session() as session:
        await config.update(session, "voice", {"openai_key": None}, actor=None)
    server.key = ""
    assert (await service.stt(speech, SECOND)).text == "A table for two."


async def test_without_an_address_it_is_no_engine(speech: Speech, db: Database) -> None:
    db.parts.get(Settings).voice_openai_url = ""
    with pytest.raises(NoEngine):
        await service.stt(speech, SECOND)
    assert "BOTYARD_VOICE_OPENAI_URL" in speech.states()[0].refusal
