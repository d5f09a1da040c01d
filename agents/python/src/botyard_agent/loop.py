"""A background thread that takes steps and rests between them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from botyard_agent.errors import GivenUp
from botyard_agent.timing import Timing, Wake

log = logging.getLogger("botyard_agent")
# After an error that nobody foresaw; long enough not to fill the log, short enough to heal.
CRASH_PAUSE_S = 5.0
_inside = threading.local()


def is_own_thread() -> bool:
    """Whether the calling thread is one of the agent's own; what is logged there is not sent."""
    return bool(getattr(_inside, "active", False))


class Loop:
    """Repeats `step`, which answers how many seconds may pass until the next; `nudge` ends a rest early."""

    def __init__(self, name: str, step: Callable[[], float], timing: Timing) -> None:
        self._step = step
        self._timing = timing
        self._wake = Wake()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name=f"botyard-{name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def nudge(self) -> None:
        """Take the next step now, or right after the one under way."""
        self._wake.set()

    def stop(self) -> None:
        """Take no further step; returns at once."""
        self._ended = True
        self._wake.set()

    def join(self, timeout_s: float) -> bool:
        """Wait for the step under way; whether it ended. A loop that never started has ended."""
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join(max(timeout_s, 0.0))
        return not self._thread.is_alive()

    def _is_over(self) -> bool:
        return self._ended

    def _run(self) -> None:
        _inside.active = True
        while not self._is_over():
            try:
                rest_s = self._step()
            except GivenUp:
                return
            except Exception:
                if self._is_over():
                    return
                log.exception("%s failed; it goes on in %.0f s.", self._thread.name, CRASH_PAUSE_S)
                rest_s = CRASH_PAUSE_S
            if rest_s > 0 and not self._is_over():
                self._timing.wait(self._wake, rest_s)
