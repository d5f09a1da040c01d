"""The one place that knows what time it is and where randomness comes from; tests swap both.

Code calls `clock.now()`; a test calls `clock.use(Frozen(...))`. The provider is a module global rather
than a context variable because writer threads and job threads must see the same one.
"""

import asyncio
import random
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Wall time, a monotonic counter, waiting, and secret and plain randomness."""

    def now(self) -> datetime: ...
    def monotonic(self) -> float: ...
    async def sleep(self, seconds: float) -> None: ...
    def token_bytes(self, size: int) -> bytes: ...
    def uniform(self, low: float, high: float) -> float: ...


# Linux' own monotonic clock stands still while the machine is suspended: a worker that wakes would believe that it had
# just been heard of. Other systems have no such second clock.
_COUNTER: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def _counter() -> float:
    """Seconds since some moment, also those that the machine sleeps."""
    return time.clock_gettime(_COUNTER)


class SystemClock:
    """The machine's own time and randomness."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return _counter()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def token_bytes(self, size: int) -> bytes:
        return secrets.token_bytes(size)

    def uniform(self, low: float, high: float) -> float:
        return random.uniform(low, high)  # noqa: S311 - jitter, not a secret


class FrozenClock(SystemClock):
    """A clock that moves only when told; secret randomness stays the machine's own."""

    def __init__(self, at: datetime) -> None:
        self._now = at
        # From where the machine's own counter stands: pieces may have read that before the clock was swapped.
        self._monotonic = _counter()

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        """Move both wall and monotonic time forward (or, with a negative number, wall time back)."""
        self._now += timedelta(seconds=seconds)
        self._monotonic += max(seconds, 0.0)


_current: Clock = SystemClock()


@contextmanager
def use(clock: Clock) -> Iterator[Clock]:
    """Make `clock` the provider for the whole process until the block ends."""
    global _current
    before, _current = _current, clock
    try:
        yield clock
    finally:
        _current = before


def now() -> datetime:
    """The present moment, aware, UTC."""
    return _current.now()


def now_us() -> int:
    """The present moment in microseconds since 1970, as the stream store keeps it."""
    return to_us(_current.now())


def monotonic() -> float:
    """Seconds on a counter that never runs backwards; only differences mean anything."""
    return _current.monotonic()


async def sleep(seconds: float) -> None:
    """Wait; under a frozen clock this moves the clock instead."""
    await _current.sleep(seconds)


def token_bytes(size: int) -> bytes:
    """`size` unpredictable bytes, fit for keys and tokens."""
    return _current.token_bytes(size)


def uniform(low: float, high: float) -> float:
    """A number between `low` and `high` for jitter; never for secrets."""
    return _current.uniform(low, high)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)


def to_us(at: datetime) -> int:
    """Microseconds since 1970 of an aware moment."""
    return (at - _EPOCH) // _US


def from_us(value: int) -> datetime:
    """The aware UTC moment `value` microseconds after 1970."""
    return _EPOCH + timedelta(microseconds=value)


def rfc3339(at: datetime) -> str:
    """The moment as every document writes it: UTC, microseconds, `Z`."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
