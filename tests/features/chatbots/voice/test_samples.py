"""Samples as engines want them: one channel at 16,000 a second, whatever was sent."""

import math
import struct

import pytest

from tests.features.chatbots.voice.recordings import tone, wav

np = pytest.importorskip("numpy", reason="numpy is missing: install the extra `voice`")

from botyard.features.chatbots.voice import samples  # noqa: E402 - needs numpy


def loudness(values: "np.ndarray", hertz: float) -> float:
    """How loud one pitch is in a sound of 16,000 samples a second, apart from its ends."""
    inner = values[1600:-1600]
    at = np.arange(inner.size) / 16_000
    return float(abs(np.dot(inner, np.exp(-2j * math.pi * hertz * at))) * 2 / inner.size)


def written(values: list[float], bits: int, *, floating: bool = False) -> bytes:
    if floating:
        return struct.pack(f"<{len(values)}{'f' if bits == 32 else 'd'}", *values)
    if bits == 8:
        return bytes(round(value * 127) + 128 for value in values)
    whole = [round(value * (2 ** (bits - 1) - 1)) for value in values]
    return b"".join(number.to_bytes(bits // 8, "little", signed=True) for number in whole)


@pytest.mark.parametrize(("bits", "form"), [(8, 1), (16, 1), (24, 1), (32, 1), (32, 3), (64, 3)])
def test_every_way_to_write_samples_is_read(bits: int, form: int) -> None:
    sine = tone(440, rate=16_000, seconds=0.5)
    read = samples.mono(wav(written(sine, bits, floating=form == 3), bits=bits, form=form))
    assert np.abs(read - np.array(sine)).max() < (0.01 if bits == 8 else 0.0001)


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 24_000, 44_100, 48_000, 96_000])
def test_pitch_and_loudness_stay_at_another_rate(rate: int) -> None:
    sound = samples.mono(wav(written(tone(1000, rate=rate, seconds=1), 16), rate=rate))
    assert abs(sound.size - 16_000) <= 1
    assert abs(loudness(sound, 1000) - 0.5) < 0.005
    assert np.abs(sound[1600:-1600]).max() < 0.51


def test_what_the_new_rate_cannot_hold_does_not_come_back_as_another_pitch() -> None:
    sound = samples.mono(wav(written(tone(12_000, rate=48_000, seconds=1), 16), rate=48_000))
    assert loudness(sound, 4000) < 0.001
    assert np.abs(sound[1600:-1600]).max() < 0.002


def test_channels_are_mixed() -> None:
    pairs = [value for one in tone(440, rate=16_000, seconds=0.5) for value in (one, 0.0)]
    assert abs(loudness(samples.mono(wav(written(pairs, 16), channels=2)), 440) - 0.25) < 0.002


def test_numbers_that_are_none_are_silent() -> None:
    odd = struct.pack("<4f", float("nan"), float("inf"), float("-inf"), 0.5)
    assert samples.mono(wav(odd, bits=32, form=3)).tolist() == [0.0, 0.0, 0.0, 0.5]


def test_silence_is_told_from_a_whisper() -> None:
    assert samples.silent(
        samples.mono(wav(written(tone(440, rate=16_000, seconds=0.5, loudness=0.0005), 16)))
    )
    assert not samples.silent(
        samples.mono(wav(written(tone(440, rate=16_000, seconds=0.5, loudness=0.01), 16)))
    )


def test_sound_in_a_room_has_its_peak_its_margins_and_always_the_same_soft_noise() -> None:
    quiet = np.array(tone(440, rate=16_000, seconds=0.5, loudness=0.05), np.float32)
    one, again = (samples.as_in_a_room(quiet, peak=0.7, noise=0.001, margin_s=0.3) for _ in range(2))
    assert np.array_equal(one, again)
    assert one.size == quiet.size + 2 * 4_800
    assert abs(np.abs(one).max() - 0.7) < 0.01
    assert 0.0005 < one[:4_800].std() < 0.0015
