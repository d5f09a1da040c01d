"""Joins the server, stays present there, keeps leases of running commands, and reports ends again."""

from __future__ import annotations

import logging
import platform
import socket
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from botyard_agent.command import Command, Handlers
from botyard_agent.dispatcher import Dispatcher
from botyard_agent.errors import JoinRefused, Unreachable
from botyard_agent.link import Link, command_path
from botyard_agent.report import Reports
from botyard_agent.timing import Backoff, Timing
from botyard_agent.transport import Answer

log = logging.getLogger("botyard_agent")
TIMEOUT_S = 10.0
# How soon a renewal that failed is tried again; half of the lease is left for that.
RENEW_AGAIN_S = 3.0
MAX_SKEW_S = 300.0
_WRONG_ADDRESS = frozenset({301, 302, 303, 307, 308, 400, 403, 404, 405})


class Pulse:
    """Call `step` again after the seconds it answers, or earlier when a command was taken or ended."""

    def __init__(
        self,
        link: Link,
        dispatcher: Dispatcher,
        reports: Reports,
        handlers: Handlers,
        timing: Timing,
        *,
        version: str,
        presence_s: float,
        lease_s: float,
        backoff_s: tuple[float, float],
        on_settings: Callable[[dict[str, Any]], None],
    ) -> None:
        self._link = link
        self._line = link.line()
        self._dispatcher = dispatcher
        self._reports = reports
        self._handlers = handlers
        self._timing = timing
        self._version = version
        self._presence_s = presence_s
        self._lease_s = lease_s
        self._backoff = Backoff(timing, base_s=backoff_s[0], cap_s=backoff_s[1])
        self._not_before = float("-inf")
        self._rejoin = True
        self._on_settings = on_settings
        self.bot_name = ""
        self.on_joined: Callable[[], None] = lambda: None

    def step(self) -> float:
        """Do what is due; answers seconds until something is. Raises JoinRefused where joining is pointless."""
        waits = [self._greet()]
        if self._link.joined.is_set():
            waits += [self._renew(), self._reports.retry(self._line), self._keep_present()]
        return max(0.0, min(waits))

    def rejoin(self) -> None:
        """The server was away: greet it again, since it may have been restarted or changed."""
        self._rejoin = True
        self._not_before = float("-inf")

    def _greet(self) -> float:
        """Say hello where that is still to be done; answers seconds until the next attempt."""
        if self._rejoin and self._not_before <= self._timing.monotonic():
            self._join()
        return self._not_before - self._timing.monotonic() if self._rejoin else float("inf")

    def _join(self) -> None:
        payload = {
            "version": self._version[:100],
            "capabilities": [name for name in self._handlers.names if len(name) <= 100][:200],
            "host": f"{socket.gethostname()[:100]} ({platform.system()} {platform.machine()})",
        }
        try:
            answer = self._link.call(
                self._line, "POST", "/api/bot/{bot}/hello", payload=payload, timeout_s=TIMEOUT_S
            )
        except Unreachable:
            self._pause(None)
            return
        if not answer.ok:
            first = not self._link.joined.is_set()
            if first and (answer.status in _WRONG_ADDRESS or answer.status < 300):
                raise self._link.give_up(JoinRefused(self._refusal(answer)))
            self._pause(self._link.retry_after(answer))
            return
        self._backoff.reset()
        self._rejoin = False
        self._welcome(answer.body)

    def _welcome(self, body: Mapping[str, Any]) -> None:
        bot = body.get("bot")
        self.bot_name = str(bot.get("name", "")) if isinstance(bot, dict) else ""
        settings = body.get("settings")
        self._on_settings(settings if isinstance(settings, dict) else {})
        self._check_clock(body.get("server_time"))
        first = not self._link.joined.is_set()
        self._link.joined.set()
        if first:
            log.info("%s joined %s.", self.bot_name or self._link.bot_id, self._link.url)
            self.on_joined()

    def _check_clock(self, server_time: Any) -> None:
        try:
            skew_s = (
                datetime.fromisoformat(str(server_time).replace("Z", "+00:00")) - self._timing.now()
            ).total_seconds()
        except (ValueError, TypeError):
            return
        if abs(skew_s) > MAX_SKEW_S:
            log.warning(
                "This machine's clock is %.0f s off the server's; times of logs will look wrong.", -skew_s
            )

    def _refusal(self, answer: Answer) -> str:
        url = self._link.url
        if answer.location:
            return f"{url} sends callers on to {answer.location}. Give the agent the final address."
        if not isinstance(answer.body, dict):
            return f"{url} answers, but not as a Botyard server. Its address usually ends in /manager."
        return f"{url} does not let {self._link.bot_id} join ({answer.error}). Check the address and the bot's id."

    def _renew(self) -> float:
        """Renew leases that are half over; answers seconds until the next is due."""
        for command in self._dispatcher.running():
            if command.lease_id and not command.cancelled and command.renew_at <= self._timing.monotonic():
                self._renew_one(command)
        due = [c.renew_at for c in self._dispatcher.running() if c.lease_id and not c.cancelled]
        return min(due, default=float("inf")) - self._timing.monotonic()

    def _renew_one(self, command: Command) -> None:
        payload = {"lease_id": command.lease_id, "lease": self._lease_s}
        try:
            path = command_path(command.id, "renew")
            answer = self._link.call(self._line, "POST", path, payload=payload, timeout_s=TIMEOUT_S)
        except Unreachable:
            command.renew_at = self._timing.monotonic() + RENEW_AGAIN_S
            return
        if answer.ok:
            command.renew_at = self._timing.monotonic() + self._lease_s / 2
        elif answer.status in (404, 409) and payload["lease_id"] == command.lease_id:
            log.warning("The server took the command %s back: %s", command.id, answer.error)
            command.lose()
        else:
            command.renew_at = self._timing.monotonic() + RENEW_AGAIN_S

    def _keep_present(self) -> float:
        """Send a sign of life when no other call was one lately; answers seconds until the next is due."""
        now = self._timing.monotonic()
        due_in = max(self._presence_s - self._link.silent_s, self._not_before - now)
        if due_in > 0:
            return due_in
        try:
            answer = self._link.call(self._line, "POST", "/api/bot/{bot}/heartbeat", timeout_s=TIMEOUT_S)
        except Unreachable:
            return self._pause(None)
        if answer.ok:
            self._backoff.reset()
            return self._presence_s
        return self._pause(self._link.retry_after(answer))

    def _pause(self, retry_after_s: float | None) -> float:
        wait_s = self._backoff.next(retry_after_s)
        self._not_before = self._timing.monotonic() + wait_s
        return wait_s

    def leave(self) -> None:
        """Tell the server that this bot goes; where that fails, presence runs out by itself."""
        if not self._link.joined.is_set() or self._link.error is not None:
            return
        try:
            self._link.call(self._line, "POST", "/api/bot/{bot}/bye", timeout_s=3.0)
        except Unreachable:
            log.info("The server could not be told that this bot goes.")

    def replace_line(self) -> None:
        """Cut the call in progress and use a new connection."""
        self._line.cut()
        self._line = self._link.line()
