"""Which engine is asked, what is refused before any is, and what is said where there is none."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from botyard.features.chatbots.voice import audio, service
from botyard.features.chatbots.voice.errors import AudioRefused, NoEngine, TextRefused
from botyard.features.chatbots.voice.port import Cap, Sound, Transcript, Voice
from botyard.features.chatbots.voice.registry import Speech
from botyard.kit.db import Database, Stores
from botyard.kit.errors import Invalid
from botyard.settings import Settings
from tests.features.chatbots.voice.recordings import wav, word_error_rate

SECOND = wav(bytes(32_000))


class Parrot:
    """An engine without sound: it remembers what it was asked."""

    version = "1"
    formats = frozenset({"wav"})

    def __init__(
        self, name: str, *tags: str, caps: frozenset[Cap] = frozenset(Cap), hears: str = "", lacks: str = ""
    ) -> None:
        self.name = self.label = name
        self.caps = caps
        self.languages = frozenset(hears.split())
        self._tags = tags
        self._lacks = lacks
        self.said: list[str] = []

    def refusal(self) -> str:
        return self._lacks

    async def voices(self) -> list[Voice]:
        return [
            Voice(id=f"{self.name}:{tag}", name=tag, language=tag, engine=self.name) for tag in self._tags
        ]

    async def synthesize(self, text: str, voice: Voice, *, speed: float) -> Sound:
        self.said.append(text)
        return Sound(16_000, b"ab" * len(text))

    async def transcribe(self, audio: bytes, *, kind: str, language: str) -> Transcript:
        return Transcript(text=f"{self.name} heard {language or 'something'}", engine=self.name)

    async def close(self) -> None:
        self.said.clear()


@pytest.fixture
async def with_engines(tmp_path: Path) -> AsyncIterator[Callable[..., Speech]]:
    """with_engines(first, second) has these engines, in this order."""
    db = Database(Stores.at("", tmp_path))
    db.parts.add(Settings(_env_file=None, data_dir=tmp_path))
    yield lambda *engines: Speech(db, {one.name: one for one in engines})
    await db.close()


WithEngines = Callable[..., Speech]


async def test_without_an_engine_the_line_that_installs_one_is_said(with_engines: WithEngines) -> None:
    speech = with_engines(Parrot("piper", "en-US", lacks="Piper is not installed"))
    with pytest.raises(NoEngine, match=r"scripts/uv pip install .+ espeakng-loader") as speaking:
        await service.begin(speech, "hello")
    with pytest.raises(NoEngine, match=r"scripts/uv pip install .+ pocketsphinx"):
        await service.stt(speech, SECOND)
    with pytest.raises(NoEngine):
        await service.voices(speech)
    assert speaking.value.status == 503
    assert [state.refusal for state in speech.states()] == ["Piper is not installed"]


@pytest.mark.parametrize(
    ("wanted", "language", "chosen"),
    [
        ("", "", "one:en-US"),  # the preferred engine has English
        ("", "de", "one:de"),
        ("", "en-us", "one:en-US"),
        ("", "en-AU", "one:en-GB"),  # another English of the same engine before another engine
        ("", "fr", "two:fr-CA"),
        ("two:en-US", "de", "two:en-US"),
        ("en-US", "", "one:en-US"),
        ("fr", "", "two:fr-CA"),
        ("", "zh", "two:cmn"),  # a common name of it
        ("", "ja", "three:all"),  # a voice that speaks anything
    ],
)
async def test_voice_is_the_named_one_else_the_first_that_speaks_the_language(
    with_engines: WithEngines, wanted: str, language: str, chosen: str
) -> None:
    three = Parrot("three")
    speech = with_engines(
        Parrot("one", "de", "en-GB", "en-US"), Parrot("two", "en-US", "fr-CA", "cmn"), three
    )

    async def voices() -> list[Voice]:
        return [Voice(id="three:all", name="All", language="mul", engine="three")]

    three.voices = voices  # type: ignore[method-assign]
    assert (await service.begin(speech, "hello", voice=wanted, language=language)).voice.id == chosen


@pytest.mark.parametrize("wanted", ["nobody", "one:", "one:xx", "xx"])
async def test_voice_that_nobody_has_is_refused(with_engines: WithEngines, wanted: str) -> None:
    with pytest.raises(Invalid, match="There is no voice"):
        await service.begin(with_engines(Parrot("one", "en-US")), "hello", voice=wanted)


@pytest.mark.parametrize("text", ["", "   \n", "…!?", "😀" * 3, "\x00\x01"])
async def test_text_without_a_letter_is_refused(with_engines: WithEngines, text: str) -> None:
    with pytest.raises(TextRefused, match="nothing to say"):
        await service.begin(with_engines(Parrot("one", "en-US")), text)


async def test_what_cannot_be_said_is_refused_before_an_engine_is_asked(with_engines: WithEngines) -> None:
    engine = Parrot("one", "en-US")
    speech = with_engines(engine)
    with pytest.raises(TextRefused, match="5001 characters"):
        await service.begin(speech, "a" * 5001)
    with pytest.raises(Invalid, match="no format 'mp3'"):
        await service.begin(speech, "hello", audio_format="mp3")
    for speed in (0.49, 2.01, float("nan"), float("inf")):
        with pytest.raises(Invalid, match="speed"):
            await service.begin(speech, "hello", speed=speed)
    for language in ("x", "english", "en-", "en\n", "e" * 36):
        with pytest.raises(Invalid, match="a tag such as"):
            await service.begin(speech, "hello", language=language)
    assert engine.said == []


async def test_first_sentence_is_there_before_the_second_is_made(with_engines: WithEngines) -> None:
    engine = Parrot("one", "en-US")
    speaking = await service.begin(with_engines(engine), "One. Two. Three.")
    assert engine.said == ["One."]
    stream = speaking.stream()
    head, first = await anext(stream), await anext(stream)
    assert (head, first, engine.said) == (audio.wav_head(16_000, None), b"ab" * 4, ["One."])
    assert [part async for part in stream] == [b"ab" * 4, b"ab" * 6]


async def test_whole_sound_says_its_length_and_raw_samples_their_rate(with_engines: WithEngines) -> None:
    speech = with_engines(Parrot("one", "en-US"))
    whole = await (await service.begin(speech, "One. Two.")).whole()
    raw = await service.begin(speech, "One. Two.", audio_format="pcm")
    assert whole == audio.wav_head(16_000, 16) + b"ab" * 8
    assert (raw.content_type, await raw.whole()) == ("audio/pcm;rate=16000;channels=1", b"ab" * 8)
    assert (
        b"".join([part async for part in service.tts(speech, "One.")])
        == audio.wav_head(16_000, 8) + b"ab" * 4
    )


async def test_engine_that_hears_the_language_is_asked(with_engines: WithEngines) -> None:
    english, any_language = Parrot("one", hears="en"), Parrot("two")
    speech = with_engines(english, any_language)
    assert (await service.stt(speech, SECOND)).engine == "one"
    assert (await service.stt(speech, SECOND, language="en-GB")).text == "one heard en"
    assert (await service.stt(speech, SECOND, language="de")).engine == "two"
    with pytest.raises(NoEngine, match=r"hears de, only en; .+ faster-whisper"):
        await service.stt(with_engines(english), SECOND, language="de")


async def test_recording_that_is_too_long_or_none_reaches_no_engine(with_engines: WithEngines) -> None:
    speech = with_engines(Parrot("one"))
    with pytest.raises(AudioRefused, match="lasts 121 seconds"):
        await service.stt(speech, wav(bytes(121 * 8000), rate=4000))
    with pytest.raises(AudioRefused, match="no recording"):
        await service.stt(speech, b"garbage" * 1000)


def test_error_rate_counts_words_and_knows_numbers() -> None:
    assert word_error_rate("I have 21 cats, 305 dogs.", "i have twenty one cats three hundred five dogs") == 0
    assert word_error_rate("table for two", "table for tea") == pytest.approx(1 / 3)
    assert word_error_rate("table for two", "") == 1
