"""The page of voices: to hear them, to have a text spoken, and to be understood."""

from collections.abc import Iterator
from html import unescape

import pytest

from botyard.features.chatbots.voice import audio
from botyard.features.chatbots.voice.errors import EngineFailed
from botyard.features.chatbots.voice.port import Voice
from botyard.features.chatbots.voice.registry import Speech
from tests.contracts.running import Running
from tests.features.chatbots.voice.recordings import wav
from tests.features.chatbots.voice.test_service import Parrot
from tests.web.person import Html, Person
from tests.web.test_pages import assert_whole

SECOND = wav(bytes(32_000))


class Broken(Parrot):
    """Is there, and does not start."""

    async def voices(self) -> list[Voice]:
        raise EngineFailed


class Voices:
    """Chooses which engines the server has."""

    def __init__(self, running: Running) -> None:
        self._running = running

    def have(self, *engines: Parrot) -> None:
        """These engines, in this order."""
        speech = Speech(self._running.db, {one.name: one for one in engines})
        self._running.db.parts.add(speech)


@pytest.fixture
def voices(running: Running) -> Iterator[Voices]:
    """Polly speaks German and English, and hears English; the server has its own engines again afterwards."""
    own = running.db.parts.get(Speech)
    voices = Voices(running)
    voices.have(Parrot("polly", "de", "en-GB", "en-US", hears="en"))
    yield voices
    running.db.parts.add(own)


async def test_voices_are_listed_with_their_samples_and_by_language(ada: Person, voices: Voices) -> None:
    page = await ada.look("/voices")
    english = await ada.look("/voices?language=en-AU")

    assert_whole(page)
    plays = [str(button["data-plays"]) for button in page.of("button") if "data-plays" in button]
    assert plays == [f"/voices/sample?voice=polly%3A{tag}" for tag in ("de", "en-GB", "en-US")]
    assert "polly:de" not in english.source.partition("data-plays")[2]
    assert "No voice speaks that language" in (await ada.look("/voices?language=sw")).text
    (chosen,) = [o for o in page.of("option") if o["value"] == "polly:en-US"]
    assert "selected" in chosen


async def test_only_this_page_may_ask_for_the_microphone_and_sounds_come_from_here(
    ada: Person, voices: Voices
) -> None:
    page, other = await ada.http.get("/voices"), await ada.http.get("/webhooks")

    assert "microphone=(self)" in page.headers["permissions-policy"]
    assert "microphone=()" in other.headers["permissions-policy"]
    assert "media-src 'self';" in page.headers["content-security-policy"]


async def test_a_sample_is_a_wav_that_the_browser_keeps_and_may_ask_for_in_part(
    ada: Person, voices: Voices
) -> None:
    address = "/voices/sample?voice=polly:de"

    whole = await ada.http.get(address)
    part = await ada.http.get(address, headers={"Range": "bytes=0-1"})
    end = await ada.http.get(address, headers={"Range": f"bytes={len(whole.content) - 4}-"})
    beyond = await ada.http.get(address, headers={"Range": "bytes=99999999-"})
    known = await ada.http.get(address, headers={"If-None-Match": whole.headers["etag"]})

    assert (whole.status_code, whole.headers["content-type"]) == (200, "audio/wav")
    assert whole.headers["cache-control"] == "private, max-age=86400"
    assert audio.read_wav(whole.content).seconds > 0
    assert (part.status_code, part.content) == (206, b"RI")
    assert part.headers["content-range"] == f"bytes 0-1/{len(whole.content)}"
    assert (end.status_code, end.content) == (206, whole.content[-4:])
    assert (beyond.status_code, known.status_code) == (416, 304)
    assert (await ada.http.get("/voices/sample?voice=nobody")).status_code == 400


async def test_a_text_is_spoken_and_what_is_wrong_with_it_is_told_in_the_form(
    ada: Person, voices: Voices
) -> None:
    text = "Is it seven? Yes & no."
    spoken = Html((await ada.do("/voices/speech", text=text, voice="polly:en-GB", speed="1.25")).text)
    (player,) = spoken.of("audio")

    sound = await ada.http.get(unescape(str(player["src"])))

    assert audio.kind_of(sound.content) == "wav"
    assert "speed=1.25" in str(player["src"])
    for wrong in ({"text": " "}, {"text": "x" * 501}, {"text": "…"}, {"text": "a", "speed": "9"}):
        reply = await ada.send("/voices/speech", form="speak-form", **wrong)
        assert reply.status_code == 400, wrong
        assert 'hx-target="#speak-form-error"' in reply.text


async def test_a_recording_is_understood_and_garbage_is_refused_in_the_form(
    ada: Person, voices: Voices
) -> None:
    headers = {"HX-Request": "true", "HX-Source": "form#hear-form", "Origin": ada.url}

    async def hear(recording: bytes) -> tuple[int, str]:
        files = {"recording": ("recording.wav", recording, "audio/wav")}
        reply = await ada.http.post("/voices/heard", files=files, data={"language": "en"}, headers=headers)
        return reply.status_code, reply.text

    status, understood = await hear(SECOND)
    assert (status, "polly heard en" in understood) == (200, True)
    for garbage in (b"", b"nonsense", SECOND[:30]):
        status, told = await hear(garbage)
        assert (status, 'hx-target="#hear-form-error"' in told) == (400, True)


async def test_what_is_missing_is_said_with_the_line_that_installs_it(ada: Person, voices: Voices) -> None:
    voices.have(
        Parrot(
            "piper",
            "en",
            lacks="Piper is not installed; install it with: scripts/uv pip install --python .venv/bin/python piper-tts",
        )
    )

    page = await ada.look("/voices")

    assert_whole(page)
    for words in ("Nothing speaks here yet", "Nothing listens here yet", "No voices yet", "Not set up"):
        assert words in page.text
    assert "scripts/uv pip install --python .venv/bin/python piper-tts" in page.words
    assert (await ada.http.get("/voices/sample?voice=x")).status_code == 503


async def test_an_engine_that_does_not_start_leaves_the_page_standing(ada: Person, voices: Voices) -> None:
    voices.have(Broken("polly", "en", hears="en"))

    page = await ada.look("/voices")

    assert "The speech engine could not do this" in page.text
    assert "Understood here" in page.text
