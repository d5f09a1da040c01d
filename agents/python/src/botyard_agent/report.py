"""Tells the server how commands ended, until it knows."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from typing import NamedTuple

from botyard_agent.errors import GivenUp, Unreachable
from botyard_agent.journal import Entry, Journal
from botyard_agent.link import Link, command_path
from botyard_agent.timing import Backoff, Timing
from botyard_agent.transport import Answer, Line

log = logging.getLogger("botyard_agent")
TIMEOUT_S = 15.0
_REFUSED = frozenset({400, 413, 415, 422})
# Gone, ended otherwise, or somebody else's now: nothing that this bot says changes it.
_CONFLICT = 409
_SETTLED = frozenset({404, _CONFLICT})
_REFUSAL = "The server refused the result"


class _Retry(NamedTuple):
    """When to tell an end again, and under which lease; None for the one in the journal."""

    backoff: Backoff
    at: float
    lease_id: str | None


class Reports:
    """Acknowledgements and their retries; the first end of a command is the one that is told."""

    def __init__(
        self, link: Link, journal: Journal, timing: Timing, *, backoff_s: tuple[float, float]
    ) -> None:
        self._link = link
        self._journal = journal
        self._timing = timing
        self._backoff_s = backoff_s
        self._lock = threading.Lock()
        self._retries: dict[str, _Retry] = {}
        self.on_open: Callable[[], None] = lambda: None

    def report(self, command_id: str, line: Line, *, lease_id: str | None = None) -> bool:
        """Tell how a command ended, as the journal has it; False when it must be told again later."""
        entry = self._journal.find(command_id)
        if entry is None or entry.status is None:
            return True
        try:
            answer = self._acknowledge(entry, line, lease_id or entry.lease_id)
        except (Unreachable, GivenUp):
            return self._try_later(command_id, lease_id, None)
        if answer.status in _REFUSED and self._shorten(entry, answer):
            return self.report(command_id, line, lease_id=lease_id)
        if not answer.ok and answer.status not in _SETTLED | _REFUSED:
            return self._try_later(command_id, lease_id, self._link.retry_after(answer))
        if not answer.ok:
            log.warning("The server does not take the end of the command %s: %s", command_id, answer.error)
        # Where another lease is live, its holder says the end; when that one runs out, the command may come here again.
        self._journal.settle(command_id, known=answer.status != _CONFLICT)
        with self._lock:
            self._retries.pop(command_id, None)
        return True

    def _acknowledge(self, entry: Entry, line: Line, lease_id: str | None) -> Answer:
        # the result is JSON already: it goes into the body as it stands
        result = entry.result if entry.result is not None else "{}"
        lease = f',"lease_id":{json.dumps(lease_id)}' if lease_id else ""
        body = f'{{"status":"{entry.status}","result":{result}{lease}}}'.encode()
        path = command_path(entry.id, "ack")
        return self._link.call(line, "POST", path, body=body, timeout_s=TIMEOUT_S)

    def _shorten(self, entry: Entry, answer: Answer) -> bool:
        """Put a short failure in the place of an end that the server refuses; False when it was that already."""
        if entry.result is not None and _REFUSAL in entry.result[:200]:
            return False
        self._journal.replace_result(entry.id, "failed", failure_text(f"{_REFUSAL}: {answer.error}"))
        return True

    def _try_later(self, command_id: str, lease_id: str | None, retry_after_s: float | None) -> bool:
        with self._lock:
            backoff = self._retries[command_id].backoff if command_id in self._retries else self.new_backoff()
            due_at = self._timing.monotonic() + backoff.next(retry_after_s)
            self._retries[command_id] = _Retry(backoff, due_at, lease_id)
        self.on_open()
        return False

    def new_backoff(self) -> Backoff:
        """Pauses for attempts of one command."""
        return Backoff(self._timing, base_s=self._backoff_s[0], cap_s=self._backoff_s[1])

    def retry(self, line: Line) -> float:
        """Report again what is due for it; answers seconds until the next is due."""
        now = self._timing.monotonic()
        with self._lock:
            due = [(command_id, one.lease_id) for command_id, one in self._retries.items() if one.at <= now]
        for command_id, lease_id in due:
            self.report(command_id, line, lease_id=lease_id)
        with self._lock:
            soonest = min((one.at for one in self._retries.values()), default=float("inf"))
        return max(0.0, soonest - self._timing.monotonic())

    def resume(self) -> None:
        """The server answers again: what it does not know yet is due now."""
        now = self._timing.monotonic()
        with self._lock:
            self._retries = {command_id: one._replace(at=now) for command_id, one in self._retries.items()}


def failure_text(message: str) -> str:
    """The result of a failed command, as JSON text."""
    return json.dumps({"error": message}, ensure_ascii=False)
