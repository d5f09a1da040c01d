"""Opaque ids: a prefix that says what it names, then 26 characters that sort by time of birth.

The 26 characters are a ULID in Crockford's alphabet, lower case: 48 bits of milliseconds, 80 of chance.
"""

import threading

from botyard.kit import clock

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [one + two for one in _ALPHABET for two in _ALPHABET]  # 10 bits at a time

_lock = threading.Lock()
_last = (0, 0)  # milliseconds and chance of the youngest one


def ulid() -> str:
    """26 characters; of two made one after the other by this process, the later one sorts last."""
    global _last
    milliseconds = clock.to_us(clock.now()) // 1000
    with _lock:
        chance = int.from_bytes(clock.token_bytes(10), "big") >> 1
        if milliseconds == _last[0]:  # a step of chance, so that its neighbour cannot be guessed
            chance = _last[1] + 1 + (chance & 0xFFFFFFFF)
        _last = (milliseconds, chance)
    return _written((milliseconds << 80) | chance)


def _written(number: int) -> str:
    return "".join([_PAIRS[(number >> shift) & 1023] for shift in range(120, -10, -10)])


def new(prefix: str) -> str:
    """A fresh id such as `bot_01jd2…`; the prefix is the kind of thing, without underscore."""
    return f"{prefix}_{ulid()}"


def of(prefix: str, digest: bytes) -> str:
    """The id that a digest of at least 16 bytes stands for, always the same; it says nothing of a time."""
    return f"{prefix}_{_written(int.from_bytes(digest[:16], 'big'))}"
