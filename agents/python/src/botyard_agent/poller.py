"""Asks the server for commands: one long call at a time, for as many as can run now."""

from __future__ import annotations

import logging
from collections.abc import Callable

from botyard_agent.command import Command
from botyard_agent.dispatcher import Dispatcher
from botyard_agent.errors import Unreachable
from botyard_agent.link import Link
from botyard_agent.timing import Backoff, Timing

log = logging.getLogger("botyard_agent")
IDLE_S = 60.0
# Between empty answers of a server that does not hold the call; waiting calls need no pause.
POLL_S = 2.0
# What a waiting call may take longer than asked before the connection counts as dead.
SLACK_S = 15.0


class Poller:
    """Call `step` again after the seconds it answers, or earlier when a command ended."""

    def __init__(
        self,
        link: Link,
        dispatcher: Dispatcher,
        timing: Timing,
        *,
        lease_s: float,
        wait_s: float,
        backoff_s: tuple[float, float],
    ) -> None:
        self._link = link
        self._line = link.line()
        self._dispatcher = dispatcher
        self._timing = timing
        self._lease_s = lease_s
        self._wait_s = wait_s
        self._backoff = Backoff(timing, base_s=backoff_s[0], cap_s=backoff_s[1])
        self._recovered = False
        self._complained = False
        self.draining = False
        self.on_commands: Callable[[], None] = lambda: None

    def step(self) -> float:
        """Lease what can run now and hand it over; answers seconds until the next call."""
        if not self._link.joined.is_set():
            return IDLE_S
        if not self._recovered:
            self._dispatcher.recover(self._line)
            self._recovered = True
        free = self._dispatcher.free
        if self.draining or free <= 0:
            return IDLE_S
        asked_at = self._timing.monotonic()
        path = f"/api/bot/{{bot}}/commands?limit={free}&lease={self._lease_s:g}&wait={self._wait_s:g}"
        try:
            answer = self._link.call(self._line, "GET", path, timeout_s=self._wait_s + SLACK_S)
        except Unreachable:
            return self._backoff.next()
        raw = answer.body.get("commands") if answer.ok else None
        if not isinstance(raw, list):
            return self._pause(answer.error, self._link.retry_after(answer))
        self._backoff.reset()
        self._complained = False
        for item in raw:
            self._hand_over(Command.parse(item))
        if raw:
            self.on_commands()
        empty_at_once = not raw and self._timing.monotonic() - asked_at < min(POLL_S, self._wait_s)
        return POLL_S if empty_at_once else 0.0

    def _hand_over(self, command: Command | None) -> None:
        if command is None:
            return
        if self.draining:  # told while this call was waiting
            self._dispatcher.release(command, self._line)
        else:
            self._dispatcher.accept(command, self._line)

    def _pause(self, reason: str, retry_after_s: float | None) -> float:
        pause_s = self._backoff.next(retry_after_s)
        if not self._complained:
            self._complained = True
            log.warning(
                "%s gives no commands now (%s); next call in %.1f s.", self._link.url, reason, pause_s
            )
        return pause_s

    def cut(self) -> None:
        """End the call in progress; the poller is of no use after that."""
        self._line.cut()
