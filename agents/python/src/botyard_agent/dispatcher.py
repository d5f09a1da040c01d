"""Runs commands, each effectively once: noted before it starts, noted when done, then reported."""

from __future__ import annotations

import inspect
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable
from typing import Any

from botyard_agent.command import Command, Handlers
from botyard_agent.coroutines import Coroutines
from botyard_agent.errors import CommandFailed, GivenUp, Unreachable
from botyard_agent.journal import Journal, Status
from botyard_agent.link import Link, command_path
from botyard_agent.redaction import Redact
from botyard_agent.report import Reports, failure_text
from botyard_agent.row import encoded
from botyard_agent.timing import Timing
from botyard_agent.transport import Line

log = logging.getLogger("botyard_agent")
MAX_RESULT = 256 * 1024
MAX_ERROR = 500
INTERRUPTED = "interrupted: the bot ended while this command ran; what it did until then is not known"


class Dispatcher:
    """Takes leased commands, runs up to `parallel` at a time in threads of their own, reports their ends."""

    def __init__(
        self,
        link: Link,
        journal: Journal,
        reports: Reports,
        handlers: Handlers,
        coroutines: Coroutines,
        timing: Timing,
        *,
        parallel: int,
        lease_s: float,
        redact: Redact,
        before_report: Callable[[], object],
    ) -> None:
        self._link = link
        self._journal = journal
        self._reports = reports
        self._handlers = handlers
        self._coroutines = coroutines
        self._timing = timing
        self._parallel = parallel
        self._lease_s = lease_s
        self._redact = redact
        self._before_report = before_report
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._running: dict[str, Command] = {}
        self._ending = threading.Event()
        self._queue: queue.SimpleQueue[Command | None] = queue.SimpleQueue()
        self._workers: list[threading.Thread] = []
        self.on_free: Callable[[], None] = lambda: None

    # -- taking

    @property
    def free(self) -> int:
        """How many more commands may be taken now."""
        return self._parallel - len(self._running)

    def running(self) -> list[Command]:
        """The commands that are being worked on."""
        with self._lock:
            return list(self._running.values())

    def accept(self, command: Command, line: Line) -> None:
        """Run a leased command, unless it runs or ran already; then only its end is reported."""
        command.renew_at = self._timing.monotonic() + self._lease_s / 2
        if self._adopt(command):
            return
        entry = self._journal.find(command.id)
        if entry is not None and entry.state == "started" and not self._may_repeat(command.type):
            self._journal.finish(command.id, command.type, "failed", failure_text(INTERRUPTED))
        elif entry is None or entry.state == "started":
            self._begin(command)
            return
        self._reports.report(command.id, line, lease_id=command.lease_id)

    def _adopt(self, command: Command) -> bool:
        """A command that still runs here, whose lease had run out, goes on under the new lease."""
        with self._lock:
            known = self._running.get(command.id)
            if known is not None:
                known.lease_id, known.renew_at = command.lease_id, command.renew_at
            return known is not None

    def _may_repeat(self, type: str) -> bool:  # noqa: A002
        handler = self._handlers.find(type)
        return handler is None or handler.idempotent

    def _begin(self, command: Command) -> None:
        with self._lock:
            self._running[command.id] = command
            if len(self._workers) < min(self._parallel, len(self._running)):
                number = len(self._workers) + 1
                worker = threading.Thread(target=self._work, name=f"botyard-worker-{number}", daemon=True)
                self._workers.append(worker)
                worker.start()
        self._queue.put(command)

    # -- running

    def _work(self) -> None:
        line = self._link.line()
        while (command := self._queue.get()) is not None:
            try:
                self._run(command, line)
            except Exception:
                log.exception("The command %s could not be worked on.", command.id)
            finally:
                with self._lock:
                    self._running.pop(command.id, None)
                    self._idle.notify_all()
                self.on_free()
        line.close()

    def _run(self, command: Command, line: Line) -> None:
        # Running what cannot be noted could run it twice.
        if not self._noted(lambda: self._journal.start(command.id, command.type, command.lease_id)):
            self.release(command, line)
            return
        status, result = self.execute(command)
        # What the handler logged and sent is on disk before its command counts as done.
        self._before_report()
        if self._noted(lambda: self._journal.finish(command.id, command.type, status, result)):
            self._reports.report(command.id, line, lease_id=command.lease_id)

    def _noted(self, note: Callable[[], object]) -> bool:
        """Write a note; while the disk does not take it, the command keeps its lease and waits. False when the
        agent stops before."""
        backoff = self._reports.new_backoff()
        while True:
            try:
                note()
            except sqlite3.Error as error:
                if backoff.attempts == 0:
                    log.warning("Commands cannot be noted on disk (%s); they wait until they can.", error)
                if self._ending.wait(backoff.next()):
                    return False
            else:
                return True

    def execute(self, command: Command) -> tuple[Status, str]:
        """Run the handler; answers how it ended and the result as JSON text."""
        handler = self._handlers.find(command.type)
        if handler is None:
            known = ", ".join(self._handlers.names)
            return "failed", failure_text(f"This bot has no command {command.type!r}. It knows: {known}.")
        try:
            value = handler.run(command)
            if inspect.isawaitable(value):
                value = self._coroutines.run(value)
        except CommandFailed as failure:
            return "failed", _fitted({"error": self._short(str(failure)), **failure.details})[1]
        except InterruptedError:
            return "failed", failure_text(INTERRUPTED)
        except (Exception, SystemExit) as error:
            log.exception("The handler of %r failed.", command.type)
            return "failed", failure_text(self._short(f"{type(error).__name__}: {error}"))
        return _fitted(value)

    def _short(self, text: str) -> str:
        text = self._redact(text[: 4 * MAX_ERROR])
        return text if len(text) <= MAX_ERROR else text[:MAX_ERROR] + "…"

    # -- giving back

    def recover(self, line: Line) -> None:
        """After a crash: report what ended unreported, and what was interrupted in its middle.

        A command whose handler may be repeated goes back to the queue instead.
        """
        for entry in self._journal.interrupted():
            if not self._may_repeat(entry.type):
                self._journal.finish(entry.id, entry.type, "failed", failure_text(INTERRUPTED))
            elif entry.lease_id:
                self.release(Command(entry.id, entry.type, {}, lease_id=entry.lease_id), line)
        for entry in self._journal.unsettled():
            self._reports.report(entry.id, line)

    def release(self, command: Command, line: Line) -> None:
        """Give a command back to the queue at once; where that fails, its lease runs out by itself."""
        if command.lease_id is None:
            return
        path = command_path(command.id, "release")
        try:
            self._link.call(line, "POST", path, payload={"lease_id": command.lease_id}, timeout_s=5.0)
        except (Unreachable, GivenUp):
            return

    def wait_alone(self, own: Command, timeout_s: float) -> bool:
        """Wait until no other command than this one runs; False when the time is up."""
        with self._idle:
            return self._idle.wait_for(lambda: not (self._running.keys() - {own.id}), max(timeout_s, 0.0))

    def wait_idle(self, timeout_s: float) -> bool:
        """Wait until nothing runs; False when the time is up."""
        with self._idle:
            return self._idle.wait_for(lambda: not self._running, max(timeout_s, 0.0))

    def give_up_running(self, line: Line) -> None:
        """At the end of the grace: cancel coroutines, give back what may be repeated, report the rest as interrupted."""
        self._coroutines.cancel()
        self.wait_idle(0.5)
        for command in self.running():
            try:
                self._give_up(command, line)
            except sqlite3.Error as error:
                log.warning("The end of the command %s cannot be noted on disk: %s", command.id, error)

    def _give_up(self, command: Command, line: Line) -> None:
        if self._may_repeat(command.type):
            self._journal.forget(command.id)
            self.release(command, line)
        else:
            self._journal.finish(command.id, command.type, "failed", failure_text(INTERRUPTED))
            self._reports.report(command.id, line, lease_id=command.lease_id)

    def end_soon(self) -> None:
        """The agent is about to stop: commands that could not be noted yet are given back."""
        self._ending.set()

    def close(self) -> None:
        """End idle workers; one that is stuck in a handler ends with the process."""
        for _ in self._workers:
            self._queue.put(None)


def _fitted(value: Any) -> tuple[Status, str]:
    """A handler's value as the result to report; the document knows objects only."""
    if value is None:
        value = {}
    elif not isinstance(value, dict):
        value = {"value": value}
    try:
        content = encoded(value)
    except (ValueError, TypeError, RecursionError) as error:
        return "failed", failure_text(f"The command ran, but its result is not JSON: {error}"[:MAX_ERROR])
    if len(content) > MAX_RESULT:
        return "failed", failure_text(
            f"The command ran, but its result has {len(content)} bytes; at most {MAX_RESULT} are reported."
        )
    return "completed", content.decode()
