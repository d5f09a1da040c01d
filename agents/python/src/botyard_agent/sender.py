"""Brings logs, messages and the synced picture to the server, each stored once however often it is tried."""

from __future__ import annotations

import logging

from botyard_agent.errors import GivenUp, Unreachable
from botyard_agent.link import Link
from botyard_agent.row import Kind
from botyard_agent.spool import Batch, Spool
from botyard_agent.synced import Synced
from botyard_agent.timing import Backoff, Timing
from botyard_agent.transport import Answer

log = logging.getLogger("botyard_agent")
IDLE_S = 60.0
TIMEOUT_S = 30.0
# Answers that say: not now. Everything else below 500 that is no success is a refusal of this very content.
_LATER = frozenset({300, 301, 302, 303, 307, 308, 403, 404, 405, 407, 408, 421, 425, 429})
# A server that answers this to the same batch so many times, while other calls succeed, means the batch.
STUBBORN_ATTEMPTS = 5
_STUBBORN = frozenset({409, 500})


class Channel:
    """One kind of content on its way, with its own pace: messages need not wait for logs."""

    def __init__(self, path: str, backoff: Backoff) -> None:
        self.path = path
        self.backoff = backoff
        self.not_before = float("-inf")
        self.failing_since: float | None = None
        self.complained = False

    def passed(self) -> None:
        """The last call succeeded or was settled."""
        self.backoff.reset()
        self.not_before = float("-inf")
        self.failing_since = None
        self.complained = False


class Sender:
    """Call `step` whenever rows arrive and after the seconds it answers."""

    def __init__(
        self,
        link: Link,
        spool: Spool,
        synced: Synced,
        timing: Timing,
        *,
        batch_s: float,
        backoff_s: tuple[float, float],
    ) -> None:
        self._link = link
        self._line = link.line()
        self._spool = spool
        self._synced = synced
        self._timing = timing
        self._batch_s = batch_s

        def channel(path: str) -> Channel:
            return Channel(
                f"/api/bot/{{bot}}/{path}", Backoff(timing, base_s=backoff_s[0], cap_s=backoff_s[1])
            )

        self._channels: dict[Kind, Channel] = {"log": channel("logs"), "message": channel("messages")}
        self._picture = channel("sync")
        self.hurry = False

    def step(self) -> float:
        """Send one batch of each kind that is due, and the picture; answers seconds until more is due."""
        if not self._link.joined.is_set():
            return IDLE_S
        waits = [self._step_kind(kind, channel) for kind, channel in self._channels.items()]
        waits.append(self._step_picture())
        return min(waits)

    def resume(self) -> None:
        """The server answers again: try at once."""
        for channel in (*self._channels.values(), self._picture):
            channel.not_before = float("-inf")

    def _step_kind(self, kind: Kind, channel: Channel) -> float:
        pause = channel.not_before - self._timing.monotonic()
        if pause > 0:
            return pause
        batch = self._spool.batch(kind, due_only=not self.hurry, max_wait_s=self._batch_s)
        if batch is not None:
            self._send(channel, batch)
            pause = channel.not_before - self._timing.monotonic()
            if pause > 0:
                return pause
        due = self._spool.due_in(kind, 0.0 if self.hurry else self._batch_s)
        return min(due, IDLE_S)

    def _send(self, channel: Channel, batch: Batch) -> None:
        asked_at = self._timing.monotonic()
        answer = self._post(channel, batch.body, batch.key)
        if answer is None:
            return
        if answer.ok:
            self._spool.sent(batch)
            channel.passed()
        elif self._refuses(channel, answer, asked_at):
            self._spool.refused(batch, answer.error)
            channel.passed()
            if len(batch.rows) == 1:
                log.warning("%s refused a %s, it was dropped: %s", self._link.url, batch.kind, answer.error)
        else:
            self._pause(channel, answer, asked_at)

    def _step_picture(self) -> float:
        due = self._synced.due()
        if due is None:
            return IDLE_S
        channel = self._picture
        pause = channel.not_before - self._timing.monotonic()
        if pause > 0:
            return pause
        version, body = due
        asked_at = self._timing.monotonic()
        answer = self._post(channel, body, None)
        if answer is not None and (answer.ok or self._refuses(channel, answer, asked_at)):
            if not answer.ok:
                log.warning("%s refused the synced data: %s", self._link.url, answer.error)
            self._synced.sent(version)
            self._spool.notify()
            channel.passed()
        elif answer is not None:
            self._pause(channel, answer, asked_at)
        return max(0.0, min(IDLE_S, channel.not_before - self._timing.monotonic()))

    def _post(self, channel: Channel, body: bytes, key: str | None) -> Answer | None:
        """The answer, or None where none came; then the channel pauses."""
        try:
            return self._link.call(self._line, "POST", channel.path, body=body, key=key, timeout_s=TIMEOUT_S)
        except Unreachable:
            channel.not_before = self._timing.monotonic() + channel.backoff.next()
            return None

    def _refuses(self, channel: Channel, answer: Answer, asked_at: float) -> bool:
        """Whether this answer means that the content itself will never be taken."""
        if answer.status in _STUBBORN:
            return (
                channel.backoff.attempts >= STUBBORN_ATTEMPTS
                and channel.failing_since is not None
                and self._link.heard_since(channel.failing_since)
            )
        return 400 <= answer.status < 500 and answer.status not in _LATER and answer.body is not None

    def _pause(self, channel: Channel, answer: Answer, asked_at: float) -> None:
        if channel.failing_since is None:
            channel.failing_since = asked_at
        wait_s = channel.backoff.next(self._link.retry_after(answer))
        channel.not_before = self._timing.monotonic() + wait_s
        if not channel.complained:
            channel.complained = True
            log.warning(
                "%s does not take %s now (%s); next attempt in %.1f s.",
                self._link.url,
                channel.path.rpartition("/")[2],
                answer.error,
                wait_s,
            )

    def flush(self, deadline: float) -> bool:
        """Send everything now, in the calling thread, until done, the first failure or the deadline."""
        self.hurry = True
        self.resume()
        while self._timing.monotonic() < deadline:
            if self.empty:
                return True
            try:
                if self.step() > 0:
                    break
            except GivenUp:
                break
        return self.empty

    @property
    def empty(self) -> bool:
        """Whether nothing waits to be sent."""
        return self._spool.rows == 0 and self._synced.due() is None

    def replace_line(self) -> None:
        """Cut the call in progress and use a new connection."""
        self._line.cut()
        self._line = self._link.line()
