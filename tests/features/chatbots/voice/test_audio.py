"""Recordings that strangers send: what is one is read, whatever lies is refused in words, at once."""

import io
import os
import time
import wave

import pytest

from botyard.features.chatbots.voice import audio
from botyard.features.chatbots.voice.errors import AudioRefused
from tests.features.chatbots.voice.recordings import wav

WAV = frozenset({"wav"})
SECOND = bytes(32_000)
MEGABYTES_50 = 50 * 1024 * 1024


def refusal(data: bytes, *, accepted: frozenset[str] = WAV, max_seconds: float = 120) -> str:
    with pytest.raises(AudioRefused) as caught:
        audio.check(data, accepted=accepted, max_seconds=max_seconds)
    return str(caught.value)


@pytest.mark.parametrize(
    ("what", "data", "says"),
    [
        ("nothing", b"", "empty"),
        ("a sentence", b"hello, this is no sound at all", "no recording that is known"),
        ("a picture", b"\x89PNG\r\n\x1a\n" + bytes(100), "no recording that is known"),
        ("an MP3", b"ID3\x04" + bytes(100), "MP3, which no installed engine reads; send WAV"),
        ("an MP3 without tags", b"\xff\xfb\x90\x64" + bytes(100), "MP3"),
        ("an Ogg", b"OggS" + bytes(100), "OGG"),
        ("a FLAC", b"fLaC" + bytes(100), "FLAC"),
        ("a WebM", b"\x1aE\xdf\xa3" + bytes(100), "WEBM"),
        ("an M4A", b"\0\0\0\x20ftypM4A " + bytes(100), "M4A"),
        ("a head alone", b"RIFF\x24\0\0\0WAVE", "no sound"),
        ("half a head", wav(SECOND)[:30], "cut off before"),
        ("no samples", wav(b""), "lasts no time"),
        ("half a sample", wav(b"\1"), "lasts no time"),
        ("more than is there", wav(SECOND, length=64_000), "64000 bytes of sound, but 32000 are there"),
        ("a hundred channels", wav(SECOND, channels=100), "100 channels"),
        ("no channel", wav(SECOND, channels=0), "0 channels"),
        ("no rate", wav(SECOND, rate=0), "0 samples a second"),
        ("a rate of millions", wav(SECOND, rate=4_000_000_000), "4000000000 samples a second"),
        ("odd bits", wav(SECOND, bits=12, block=2), "12 bits"),
        ("another code", wav(SECOND, form=0x55), "format 85"),
        ("a block that does not fit", wav(SECOND, block=4), "contradicts itself"),
        ("an hour", wav(bytes(16_000 * 2), rate=4000), "lasts 4 seconds"),
        ("samples before their format", b"RIFF....WAVEdata\x04\0\0\0abcd", "does not say how"),
        ("thousands of parts", b"RIFF....WAVE" + b"LIST\0\0\0\0" * 100_000, "more than 64 parts"),
    ],
)
def test_what_cannot_be_listened_to_is_refused_in_words(what: str, data: bytes, says: str) -> None:
    assert says in refusal(data, max_seconds=3), what


@pytest.mark.parametrize(
    "start", [b"", b"RIFF", b"RIFF....WAVE", wav(SECOND)[:36], wav(SECOND, channels=100)]
)
def test_fifty_megabytes_of_anything_are_looked_at_within_milliseconds(start: bytes) -> None:
    data = start + os.urandom(1024) + bytes(MEGABYTES_50)
    began = time.thread_time()
    refusal(data)
    assert time.thread_time() - began < 0.05


def test_random_bytes_behind_a_head_never_break_the_reader() -> None:
    for _ in range(2000):
        data = bytearray(wav(SECOND[:64]))
        data[12 + os.urandom(1)[0] % 60] ^= os.urandom(1)[0]
        try:
            found = audio.read_wav(bytes(data))
        except AudioRefused:
            continue
        assert 0 < found.length <= len(data) - found.start


def test_other_kinds_are_let_through_where_an_engine_reads_them() -> None:
    assert audio.check(b"fLaC" + bytes(100), accepted=WAV | {"flac"}, max_seconds=1) == "flac"


@pytest.mark.parametrize("bits", [8, 16, 24, 32])
def test_place_of_the_samples_is_that_of_the_standard_library(bits: int) -> None:
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(bits // 8)
        file.setframerate(44_100)
        file.writeframes(bytes(44_100 * 2 * bits // 8))
    found = audio.read_wav(made.getvalue())
    assert (found.rate, found.channels, found.width, found.seconds) == (44_100, 2, bits // 8, 1.0)
    assert found.start == 44


@pytest.mark.parametrize("size", [None, 3200])
def test_what_is_sent_out_is_read_by_others_with_its_end_known_or_not(size: int | None) -> None:
    with wave.open(io.BytesIO(audio.wav_head(22_050, size) + bytes(3200))) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (22_050, 1, 2)
        assert len(file.readframes(10_000)) == 3200
    assert audio.read_wav(audio.wav_head(22_050, size) + bytes(3200)).length == 3200


def test_raw_samples_are_taken_by_their_media_type_and_only_with_a_rate_that_is_one() -> None:
    made = audio.from_raw(SECOND, "audio/pcm; rate=8000; channels=1")
    assert audio.read_wav(made).seconds == 2.0
    assert audio.from_raw(SECOND, "audio/wav") == SECOND
    assert audio.from_raw(wav(SECOND), "audio/pcm;rate=8000") == wav(SECOND)
    with pytest.raises(AudioRefused, match="whole number"):
        audio.from_raw(SECOND, "audio/pcm;rate=²")
