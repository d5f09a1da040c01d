"""Recordings for tests, and how far two texts are apart."""

import math
import re
import struct
from collections.abc import Sequence

_SMALL = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
eighteen nineteen
"""
_LARGE = "twenty thirty forty fifty sixty seventy eighty ninety"
_ONES, _TENS = _SMALL.split(), _LARGE.split()


def wav(
    samples: bytes,
    *,
    rate: int = 16_000,
    channels: int = 1,
    bits: int = 16,
    form: int = 1,
    length: int | None = None,
    block: int | None = None,
) -> bytes:
    """A WAV of these bytes; `length` and `block` are what its head claims."""
    size = len(samples) if length is None else length
    step = channels * bits // 8 if block is None else block
    head = struct.pack("<HHIIHH", form, channels, rate, rate * step & 0xFFFFFFFF, step & 0xFFFF, bits)
    return (
        b"RIFF"
        + struct.pack("<I", (36 + size) & 0xFFFFFFFF)
        + b"WAVEfmt "
        + struct.pack("<I", 16)
        + head
        + b"data"
        + struct.pack("<I", size)
        + samples
    )


def tone(hertz: float, *, rate: int, seconds: float, loudness: float = 0.5) -> list[float]:
    """The samples of a sine."""
    return [loudness * math.sin(2 * math.pi * hertz * at / rate) for at in range(int(rate * seconds))]


def word_error_rate(said: str, heard: str) -> float:
    """Words that are wrong, missing or too many, per word said; numbers count the same in digits and in words."""
    one, other = words(said), words(heard)
    return distance(one, other) / len(one)


def words(text: str) -> list[str]:
    """The words of a text in lower case, digits written out, without punctuation."""
    plain = re.sub(r"\d+", lambda match: f" {_spelled(int(match[0]))} ", text.lower().replace("-", " "))
    return re.sub(r"[^\w\s']", " ", plain).split()


def _spelled(number: int) -> str:
    if number < 20:
        return _ONES[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return f"{_TENS[tens - 2]} {_ONES[ones]}" if ones else _TENS[tens - 2]
    for size, name in ((1_000_000, "million"), (1000, "thousand"), (100, "hundred")):
        if number >= size:
            many, rest = divmod(number, size)
            return f"{_spelled(many)} {name} {_spelled(rest)}" if rest else f"{_spelled(many)} {name}"
    raise AssertionError(number)


def distance(one: Sequence[str], other: Sequence[str]) -> int:
    """The fewest words to replace, add or leave out that make one text the other."""
    row = list(range(len(other) + 1))
    for at, word in enumerate(one, 1):
        corner, row[0] = row[0], at
        for place, heard in enumerate(other, 1):
            corner, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, corner + (word != heard))
    return row[-1]
