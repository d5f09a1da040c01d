"""Time, waiting and chance: the one door through which tests put their own."""

from __future__ import annotations

import contextlib
import random
import threading
import time
import uuid
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Protocol

# A server that asks for more than this is answered as if it had asked for this.
MAX_RETRY_AFTER_S = 900.0


class Wake:
    """Wakes the one thread that waits on it. `set` never blocks, so that even a signal handler may call it
    (the standard Event holds a lock for a moment and can lock itself out there)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def set(self) -> None:
        """End the wait under way, or the next one if there is none."""
        with contextlib.suppress(RuntimeError):  # it is set already
            self._lock.release()

    def wait(self, seconds: float) -> bool:
        """Wait until set, and take that back; False when the time is up."""
        return self._lock.acquire(timeout=min(max(seconds, 0.0), threading.TIMEOUT_MAX))


class Timing(Protocol):
    """Wall time, a counter that only grows, waiting, jitter and fresh keys."""

    def now(self) -> datetime: ...
    def monotonic(self) -> float: ...
    def wait(self, wake: Wake, seconds: float) -> bool: ...
    def uniform(self, low: float, high: float) -> float: ...
    def new_key(self) -> str: ...


class SystemTiming:
    """The machine's own time and chance."""

    def now(self) -> datetime:
        return datetime.now(timezone.utc)

    def monotonic(self) -> float:
        return time.monotonic()

    def wait(self, wake: Wake, seconds: float) -> bool:
        return wake.wait(seconds)

    def uniform(self, low: float, high: float) -> float:
        return random.uniform(low, high)  # noqa: S311 - jitter, not a secret

    def new_key(self) -> str:
        return uuid.uuid4().hex


class Backoff:
    """How long to wait before the next attempt: full jitter, doubling from `base_s` up to `cap_s`.

    Full jitter, because a thousand agents that lost the same server must not come back together.
    """

    def __init__(self, timing: Timing, *, base_s: float = 0.5, cap_s: float = 60.0) -> None:
        self._timing = timing
        self._base_s = base_s
        self._cap_s = cap_s
        self.attempts = 0

    def next(self, retry_after_s: float | None = None) -> float:
        """Seconds to wait, at least what the server asked for; counts as one more failed attempt."""
        ceiling = min(self._cap_s, self._base_s * 2 ** min(self.attempts, 30))
        self.attempts += 1
        if retry_after_s is not None:
            # never earlier than asked, and not all at the same moment either
            return min(retry_after_s, MAX_RETRY_AFTER_S) + self._timing.uniform(0, self._base_s)
        # the base is also the least: a draw of nearly nothing would be no pause at all
        return max(self._base_s, self._timing.uniform(0, ceiling))

    def reset(self) -> None:
        """The last attempt succeeded."""
        self.attempts = 0


def retry_after_s(value: str | None, now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for, given as a number or as a date; None if it says neither."""
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=timezone.utc)
    return max(0.0, (at - now).total_seconds())


def iso(at: datetime) -> str:
    """The moment as the server writes it: UTC, microseconds, `Z`."""
    return at.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
