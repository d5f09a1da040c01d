"""The samples of a recording as an engine wants them: one channel, 16,000 a second. Runs in the worker process only."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from botyard.features.chatbots.voice import audio
from botyard.features.chatbots.voice.audio import Wav

RATE = 16_000
_REACH = 16  # zero crossings of the filter to each side: more than speech needs
_SILENT = 0.001  # -60 dB: nobody speaks

Samples = NDArray[np.float32]


def mono(data: bytes, rate: int = RATE) -> Samples:
    """The samples of a WAV between -1 and 1, channels mixed."""
    wav = audio.read_wav(data)
    block = np.frombuffer(data, np.uint8, wav.length, wav.start)
    return resample(_floats(block, wav).reshape(-1, wav.channels).mean(axis=1), wav.rate, rate)


def silent(samples: Samples) -> bool:
    """Whether there is nothing to hear."""
    return samples.size == 0 or float(np.abs(samples).max()) < _SILENT


def as_in_a_room(samples: Samples, *, peak: float, noise: float, margin_s: float) -> Samples:
    """The sound with this peak, quiet before and behind it, and a soft noise under all of it, always the same one."""
    margin = np.zeros(int(margin_s * RATE), np.float32)
    louder = samples * np.float32(peak / float(np.abs(samples).max()))
    whole = np.concatenate([margin, louder, margin])
    room = np.random.default_rng(0).normal(0, noise, whole.size)
    return np.asarray(whole + room, np.float32)


def to_pcm(samples: Samples) -> bytes:
    """The samples with 16 bits each."""
    return (np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()


def _floats(block: NDArray[np.uint8], wav: Wav) -> Samples:
    if wav.floating:
        values = np.nan_to_num(block.view("<f4" if wav.width == 4 else "<f8"), posinf=0, neginf=0)
        return np.asarray(np.clip(values, -1, 1), np.float32)
    if wav.width == 1:  # the only one without a sign
        return (np.asarray(block, np.float32) - np.float32(128)) / np.float32(128)
    if wav.width == 3:
        wide = np.zeros((block.size // 3, 4), np.uint8)
        wide[:, 1:] = block.reshape(-1, 3)
        block, width = wide.reshape(-1), 4
    else:
        width = wav.width
    whole: NDArray[Any] = block.view(f"<i{width}")
    return np.asarray(whole, np.float32) / np.float32(2 ** (8 * width - 1))


def resample(samples: Samples, source: int, target: int) -> Samples:
    """The same sound at another rate, with what the new rate cannot hold filtered out."""
    if source == target or samples.size == 0:
        return samples.astype(np.float32)
    divisor = int(np.gcd(source, target))
    up, down = target // divisor, source // divisor
    wide = max(up, down)
    taps = 2 * _REACH * wide + 1
    at = np.arange(taps, dtype=np.float64) - _REACH * wide
    window = np.sinc(at / wide) * np.kaiser(taps, 8.0) * (up / wide)
    places = np.arange(-(-samples.size * up // down), dtype=np.int64) * down + _REACH * wide
    steps = -(-taps // up)
    phases = np.zeros((steps * up,), np.float32)
    phases[:taps] = window
    padded = np.concatenate([np.zeros(steps, np.float32), samples, np.zeros(steps + 1, np.float32)])
    phase, index = places % up, places // up + steps
    made = np.zeros(places.size, np.float32)
    for step in range(steps):
        made += padded[np.minimum(index - step, padded.size - 1)] * phases[phase + step * up]
    return made
