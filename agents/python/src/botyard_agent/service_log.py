"""A handler of the logging module for services: what they log is in the server's log of services."""

from __future__ import annotations

import logging
import os
import ssl
import threading
from collections import deque
from typing import Any, NamedTuple

from botyard_agent import otlp
from botyard_agent._version import __version__
from botyard_agent.errors import Unreachable
from botyard_agent.loop import Loop, is_own_thread
from botyard_agent.redaction import Redact, redact_values, redactor
from botyard_agent.timing import Backoff, SystemTiming, Timing, retry_after_s
from botyard_agent.transport import Answer, Line, Target

log = logging.getLogger("botyard_agent")
PATH = "/otlp/v1/logs"
TIMEOUT_S = 30.0
IDLE_S = 60.0
BATCH_BYTES = 512 * 1024
QUEUE_BYTES = 16 * 1024 * 1024
# Answers that say: these records will never be taken. Everything else may be otherwise tomorrow.
_REFUSED = frozenset({400, 413, 422})


class _Batch(NamedTuple):
    """Records under way: a repeated call has the same key, so that the server stores them once."""

    key: str
    records: tuple[bytes, ...]
    # whether the first one is what this handler says of itself
    report: bool = False


class ServiceLogHandler(logging.Handler):
    """Sends records to a Botyard server, by an API key with the role service and the scope `logs:write`.

    `logging.getLogger().addHandler(ServiceLogHandler("http://localhost:8000", key, source="shop"))`. It never waits
    for the network and never raises into the program; it hides what looks like a secret. Records wait in memory
    while the server is away; when there are too many, the oldest go and an entry says how many. What still waits
    when the program ends is sent within `grace_s`. What a record was given by `extra` is sent with it;
    `correlation_id` among it can be searched for.
    """

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        source: str = "",
        log_type: str = "debug",
        level: int | str = logging.NOTSET,
        queue_records: int = 10_000,
        batch_records: int = 200,
        batch_s: float = 1.0,
        backoff_s: tuple[float, float] = (0.5, 60.0),
        grace_s: float = 2.0,
        redact: Redact | None = None,
        ssl_context: ssl.SSLContext | None = None,
        timing: Timing | None = None,
    ) -> None:
        """Raises ValueError for what is not an http or https address."""
        super().__init__(level)
        self._target = Target.parse(url)
        self._context = ssl_context or (ssl.create_default_context() if self._target.secure else None)
        self._headers = {
            "X-API-KEY": api_key,
            "Content-Type": "application/json",
            "Accept": "application/json",
            "User-Agent": f"botyard-agent/{__version__}",
        }
        self._source = source
        self._type = log_type
        self._queue_records = queue_records
        self._batch_records = batch_records
        self._batch_s = batch_s
        self._backoff_s = backoff_s
        self._grace_s = grace_s
        self._redact = redact or redactor([api_key])
        self._timing = timing or SystemTiming()
        self._begin()

    def _begin(self) -> None:
        """Begin with nothing; in a forked child again, whose parent sends what waited then."""
        self._pid = os.getpid()
        # re-entrant, because a signal handler may log while its thread is in here
        self._changed = threading.Condition(threading.RLock())
        self._queue: deque[bytes] = deque()
        self._bytes = 0
        self._dropped = 0
        self._refused = 0
        self._batches: deque[_Batch] = deque()
        self._since = self._not_before = float("-inf")
        self._complained = False
        self._hurry = False
        self._closed = False
        self._backoff = Backoff(self._timing, base_s=self._backoff_s[0], cap_s=self._backoff_s[1])
        self._line = Line(self._target, self._headers, self._context)
        self._loop: Loop | None = None

    # -- for the logging module

    def filter(self, record: logging.LogRecord) -> Any:
        """Leave out what is logged about sending, so that a failing connection does not feed itself; before the
        handler's lock is taken, which a program that ends holds while it waits for the sending thread."""
        own = record.name.partition(".")[0] == log.name or is_own_thread()
        return False if own else super().filter(record)

    def emit(self, record: logging.LogRecord) -> None:
        """Queue one record; errors go where the logging module sends them (standard error, by default)."""
        try:
            if os.getpid() != self._pid:
                self._begin()
            self._put(self._encoded(record))
        except Exception:
            self.handleError(record)

    def flush(self) -> None:
        """Wait until everything logged before is on the server, at most `grace_s`."""
        self.drain(self._grace_s)

    def drain(self, timeout_s: float) -> bool:
        """Send everything now; whether it is on the server when the time is up."""
        deadline = self._timing.monotonic() + timeout_s
        with self._changed:
            if self._pid != os.getpid() or self._loop is None:
                return True
            self._hurry = True
            self._loop.nudge()
            while self.pending and (left := deadline - self._timing.monotonic()) > 0:
                self._changed.wait(left)
            self._hurry = False
            return not self.pending

    def close(self) -> None:
        """Send what waits, within `grace_s`, and end the thread. What cannot be sent is lost."""
        if not self._closed and self._pid == os.getpid():
            self._closed = True
            self.flush()
            if self._loop is not None:
                self._loop.stop()
                self._line.cut()
                self._loop.join(self._grace_s)
            self._line.close()
        super().close()

    @property
    def pending(self) -> int:
        """How many records are not on the server yet."""
        return len(self._queue) + sum(len(batch.records) for batch in self._batches)

    # -- in the program's threads

    def _encoded(self, record: logging.LogRecord) -> bytes:
        attributes: dict[str, Any] = {
            "log.type": self._type,
            "logger": record.name,
            "line": f"{record.filename}:{record.lineno}",
            **redact_values(otlp.extras(record), self._redact),
        }
        if record.threadName and record.threadName != "MainThread":
            attributes.setdefault("thread", record.threadName)
        text = self._redact(self.format(record)) or "(empty)"
        return otlp.log_record(text, record.levelno, record.levelname, record.created, attributes)

    def _put(self, body: bytes) -> None:
        with self._changed:
            if self._closed:
                return
            if not self._queue:
                self._since = self._timing.monotonic()
            self._queue.append(body)
            self._bytes += len(body)
            while len(self._queue) > self._queue_records or self._bytes > QUEUE_BYTES:
                self._bytes -= len(self._queue.popleft())
                self._dropped += 1
            if self._loop is None:
                loop = Loop("service-log", self._step, self._timing)
                loop.start()
                self._loop = loop
            elif len(self._queue) == 1 or len(self._queue) >= self._batch_records:
                self._loop.nudge()

    # -- in the background

    def _step(self) -> float:
        """Send one batch that is due; answers seconds until the next is."""
        pause = 0.0 if self._hurry else self._not_before - self._timing.monotonic()
        if pause > 0:
            return pause
        batch, rest_s = self._next()
        if batch is None:
            return rest_s
        try:
            answer = self._line.request(
                "POST",
                PATH,
                body=otlp.request(self._source, "botyard_agent", batch.records),
                headers={"Idempotency-Key": batch.key},
                timeout_s=TIMEOUT_S,
            )
        except Unreachable as failure:
            return self._try_later(str(failure), None)
        return self._settle(batch, answer)

    def _next(self) -> tuple[_Batch | None, float]:
        with self._changed:
            if self._batches:
                return self._batches[0], 0.0
            waited_s = self._timing.monotonic() - self._since
            full = len(self._queue) >= self._batch_records
            if not self._queue and not self._gap():
                return None, IDLE_S
            if not (full or self._hurry or self._closed or waited_s >= self._batch_s):
                return None, self._batch_s - waited_s
            report = self._gap() > 0
            self._batches.append(_Batch(self._timing.new_key(), tuple(self._take()), report))
            return self._batches[0], 0.0

    def _gap(self) -> int:
        return self._dropped + self._refused

    def _take(self) -> list[bytes]:
        """The next records; before them, what had to be dropped, told once."""
        taken: list[bytes] = []
        if self._gap():
            taken.append(self._told())
        size = 0
        while self._queue and len(taken) < self._batch_records and size < BATCH_BYTES:
            taken.append(self._queue.popleft())
            size += len(taken[-1])
        self._bytes -= size
        self._since = self._timing.monotonic()
        return taken

    def _told(self) -> bytes:
        words = [
            f"{number} {'record was' if number == 1 else 'records were'} {what}"
            for number, what in (
                (self._dropped, "dropped here for want of room while the server was away"),
                (self._refused, "refused by the server"),
            )
            if number
        ]
        counts = {"dropped": self._dropped, "refused": self._refused}
        self._dropped = self._refused = 0
        at = self._timing.now().timestamp()
        attributes = {"log.type": self._type, "logger": log.name, "gap": counts}
        return otlp.log_record(f"{'; '.join(words)}.", logging.WARNING, "WARNING", at, attributes)

    def _settle(self, batch: _Batch, answer: Answer) -> float:
        if answer.ok:
            partial = answer.body.get("partialSuccess") or {}
            self._done(batch, refused=int(partial.get("rejectedLogRecords") or 0))
        elif answer.status == 413 and len(batch.records) > 1:
            self._halve(batch)
        elif answer.status in _REFUSED:
            log.warning("%s refused %d records: %s", self._target.host, len(batch.records), answer.error)
            self._done(batch, refused=len(batch.records))
        else:
            asked_s = retry_after_s(answer.retry_after, self._timing.now())
            return self._try_later(answer.error, asked_s)
        return 0.0

    def _done(self, batch: _Batch, *, refused: int) -> None:
        with self._changed:
            self._batches.popleft()
            # A report that is refused is not reported, or there would be no end of it.
            self._refused += max(0, refused - batch.report)
            self._complained = False
            self._backoff.reset()
            self._not_before = float("-inf")
            self._changed.notify_all()

    def _halve(self, batch: _Batch) -> None:
        middle = len(batch.records) // 2
        with self._changed:
            self._batches.popleft()
            self._batches.appendleft(_Batch(self._timing.new_key(), batch.records[middle:]))
            self._batches.appendleft(_Batch(self._timing.new_key(), batch.records[:middle], batch.report))

    def _try_later(self, reason: str, asked_s: float | None) -> float:
        wait_s = self._backoff.next(asked_s)
        self._not_before = self._timing.monotonic() + wait_s
        if not self._complained:
            self._complained = True
            log.warning(
                "%s does not take logs now (%s); next attempt in %.1f s.", self._target.host, reason, wait_s
            )
        return wait_s
