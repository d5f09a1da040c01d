"""The calls of one bot to its server, and what is known of how they go."""

from __future__ import annotations

import json
import logging
import re
import ssl
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from botyard_agent.errors import CutHere, GivenUp, TokenRejected, Unreachable
from botyard_agent.timing import Timing, retry_after_s
from botyard_agent.transport import Answer, Line, Target

log = logging.getLogger("botyard_agent")
_TOKEN = re.compile(r"by_bot_([a-z0-9]+)_[A-Za-z0-9]+")


def bot_id_of(token: str) -> str | None:
    """The id of the bot that a token belongs to; the token carries it. None for a token of another form."""
    found = _TOKEN.fullmatch(token)
    return f"bot_{found[1]}" if found else None


def command_path(command_id: str, verb: str) -> str:
    """The path of what a bot does with a command: ack, renew, release."""
    return f"/api/commands/{quote(command_id, safe='')}/{verb}"


class Link:
    """Every thread calls through its own `line()`; what they learn of the server is shared here."""

    def __init__(
        self,
        url: str,
        token: str,
        bot_id: str,
        *,
        timing: Timing,
        agent_name: str,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self.url = url
        self.target = Target.parse(url)
        self.bot_id = bot_id
        self.joined = threading.Event()
        self.reachable = True
        self.error: GivenUp | None = None
        self._timing = timing
        self._context = context if context or not self.target.secure else ssl.create_default_context()
        self._headers = {
            "Authorization": f"Bearer {token}",
            "Accept": "application/json",
            "User-Agent": agent_name,
        }
        self._lines: list[Line] = []
        self._lock = threading.Lock()
        self._heard_at = float("-inf")
        self.on_recovered: Callable[[], None] = lambda: None
        self.on_given_up: Callable[[], None] = lambda: None

    def line(self) -> Line:
        """A connection of its own for a thread; it opens with its first call."""
        line = Line(self.target, self._headers, self._context)
        with self._lock:
            self._lines = [*(known for known in self._lines if not known.closed), line]
        return line

    def call(
        self,
        line: Line,
        method: str,
        path: str,
        *,
        payload: Any = None,
        body: bytes | None = None,
        key: str | None = None,
        timeout_s: float = 30.0,
    ) -> Answer:
        """One call; `{bot}` in the path is this bot. Raises Unreachable and, on 401 or 410, TokenRejected."""
        if self.error is not None:
            raise self.error
        headers = {"Idempotency-Key": key} if key else {}
        if payload is not None:
            body = json.dumps(payload, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
        if body is not None:
            headers["Content-Type"] = "application/json"
        elif method == "POST":
            body = b""
        asked_at = self._timing.monotonic()
        path = path.replace("{bot}", quote(self.bot_id, safe=""))
        try:
            answer = line.request(method, path, body=body, headers=headers, timeout_s=timeout_s)
        except CutHere:
            raise
        except Unreachable as failure:
            self._lost(failure)
            raise
        if answer.status in (401, 410):
            raise self.give_up(TokenRejected(self._rejection(answer)))
        if answer.status < 500 and answer.body is not None:
            self._heard(asked_at, counts=answer.ok)
        return answer

    def retry_after(self, answer: Answer) -> float | None:
        """Seconds that the answer asks to wait, where it asks."""
        return retry_after_s(answer.retry_after, self._timing.now())

    @property
    def silent_s(self) -> float:
        """Seconds since the server last accepted a call; presence needs one now and then."""
        return self._timing.monotonic() - self._heard_at

    def heard_since(self, moment: float) -> bool:
        """Whether the server accepted a call that was made after `moment`."""
        return self._heard_at > moment

    def give_up(self, reason: GivenUp) -> GivenUp:
        """Note that no further call can help; the first reason stands and is returned."""
        with self._lock:
            first = self.error is None
            if self.error is None:
                self.error = reason
        if first:
            log.error("%s", reason)
            self.on_given_up()
        return self.error

    def _lost(self, failure: Unreachable) -> None:
        with self._lock:
            was, self.reachable = self.reachable, False
        if was:
            log.warning("%s cannot be reached (%s); trying again until it can.", self.url, failure)

    def _heard(self, asked_at: float, *, counts: bool) -> None:
        with self._lock:
            was, self.reachable = self.reachable, True
            if counts:
                self._heard_at = max(self._heard_at, asked_at)
        if not was:
            log.warning("%s answers again.", self.url)
            self.on_recovered()

    def _rejection(self, answer: Answer) -> str:
        return (
            f"{self.url} does not accept this bot's token ({answer.error}). It is unknown there or was replaced: "
            "take the current token from the bot's page in the dashboard and start the bot again."
        )

    def close(self) -> None:
        """Cut every connection; calls in progress end with Unreachable."""
        with self._lock:
            lines = list(self._lines)
        for line in lines:
            line.cut()
        for line in lines:
            line.close()
