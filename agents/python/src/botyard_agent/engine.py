"""Puts the parts of an agent together, starts their threads and stops them in the right order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botyard_agent.command import Command, Handlers
from botyard_agent.coroutines import Coroutines
from botyard_agent.dispatcher import Dispatcher
from botyard_agent.follow import Follower
from botyard_agent.intake import Intake
from botyard_agent.journal import Journal
from botyard_agent.link import Link
from botyard_agent.loop import Loop
from botyard_agent.options import Options
from botyard_agent.poller import Poller
from botyard_agent.pulse import Pulse
from botyard_agent.redaction import Redact
from botyard_agent.report import Reports
from botyard_agent.sender import Sender
from botyard_agent.spool import Spool
from botyard_agent.store import Store
from botyard_agent.synced import Synced
from botyard_agent.timing import Timing

# How long a handler's logs may take to reach the disk before its command is reported anyway.
STORED_WAIT_S = 5.0


@dataclass(frozen=True)
class Setup:
    """What an agent is made from before it starts."""

    link: Link
    intake: Intake
    handlers: Handlers
    coroutines: Coroutines
    timing: Timing
    options: Options
    parallel: int
    version: str
    redact: Redact
    on_settings: Callable[[dict[str, Any]], None]


class Engine:
    """A running agent's inside; made by `Agent.start`."""

    def __init__(self, store: Store, setup: Setup) -> None:
        self.link = setup.link
        self.store = store
        self._coroutines = setup.coroutines
        self._timing = timing = setup.timing
        self._intake = setup.intake
        options = setup.options
        self.synced = Synced(store)
        self.spool = Spool(
            store,
            timing,
            max_bytes=options.spool_bytes,
            batch_rows=options.batch_rows,
            batch_bytes=options.batch_bytes,
        )
        self.sender = Sender(
            self.link, self.spool, self.synced, timing, batch_s=options.batch_s, backoff_s=options.backoff_s
        )
        self._make_command_side(Journal(store, timing), setup)
        self._loops = {
            "intake": Loop("intake", self._take_in, timing),
            "sender": Loop("sender", self.sender.step, timing),
            "commands": Loop("commands", self.poller.step, timing),
            "pulse": Loop("pulse", self.pulse.step, timing),
        }
        self._followers: list[tuple[Loop, Follower]] = []
        self._connect()

    def _make_command_side(self, journal: Journal, setup: Setup) -> None:
        link, timing, options = setup.link, setup.timing, setup.options
        self.reports = Reports(link, journal, timing, backoff_s=options.backoff_s)
        self.dispatcher = Dispatcher(
            link,
            journal,
            self.reports,
            setup.handlers,
            setup.coroutines,
            timing,
            parallel=setup.parallel,
            lease_s=options.lease_s,
            redact=setup.redact,
            before_report=lambda: setup.intake.wait_stored(STORED_WAIT_S),
        )
        self.poller = Poller(
            link,
            self.dispatcher,
            timing,
            lease_s=options.lease_s,
            wait_s=options.wait_s,
            backoff_s=options.backoff_s,
        )
        self.pulse = Pulse(
            link,
            self.dispatcher,
            self.reports,
            setup.handlers,
            timing,
            version=setup.version,
            presence_s=options.presence_s,
            lease_s=options.lease_s,
            backoff_s=options.backoff_s,
            on_settings=setup.on_settings,
        )

    def _connect(self) -> None:
        """Who wakes whom."""
        intake, sender = self._loops["intake"], self._loops["sender"]
        poller, pulse = self._loops["commands"], self._loops["pulse"]
        self._intake.wake = intake.nudge
        self.dispatcher.on_free = poller.nudge
        self.poller.on_commands = pulse.nudge
        self.reports.on_open = pulse.nudge

        def joined() -> None:
            sender.nudge()
            poller.nudge()

        def recovered() -> None:
            self.pulse.rejoin()
            self.reports.resume()
            self.sender.resume()
            for loop in (sender, poller, pulse):
                loop.nudge()

        self.pulse.on_joined = joined
        self.link.on_recovered = recovered

    def _take_in(self) -> float:
        rest_s = self._intake.step(self.spool)
        self._loops["sender"].nudge()
        return rest_s

    def start(self) -> None:
        """Start every thread; returns at once, whether or not the server can be reached."""
        for loop in (*self._loops.values(), *(loop for loop, _ in self._followers)):
            loop.start()

    def add_follower(self, follower: Follower, level: Callable[[], int], *, start: bool) -> None:
        """Run a follower in a thread of its own until the agent stops."""
        follower.open(self.spool, self.store, self._loops["sender"].nudge, level)
        loop = Loop(f"follow-{follower.path.name}", follower.step, self._timing)
        self._followers.append((loop, follower))
        if start:
            loop.start()

    def send_soon(self) -> None:
        """Rows were put into the spool directly."""
        self._loops["sender"].nudge()

    def flush(self, timeout_s: float) -> bool:
        """Send everything said so far without waiting for batches to fill; False when the time is up."""
        deadline = self._timing.monotonic() + timeout_s
        if not self._intake.wait_stored(timeout_s):
            return False
        self.sender.hurry = True
        self._loops["sender"].nudge()
        try:
            with self.spool.changed:
                return self.spool.changed.wait_for(
                    lambda: self.sender.empty, max(0.0, deadline - self._timing.monotonic())
                )
        finally:
            self.sender.hurry = False

    def drain(self, own: Command, timeout_s: float) -> int:
        """Take no more commands, let the others end, send everything; answers how many rows still wait."""
        self.poller.draining = True
        deadline = self._timing.monotonic() + timeout_s
        self.dispatcher.wait_alone(own, timeout_s)
        self.flush(max(0.0, deadline - self._timing.monotonic()))
        return self.spool.rows

    def stop(self, grace_s: float) -> None:
        """Take nothing new, let commands end, send what waits, say bye; all of it within the grace."""
        deadline = self._timing.monotonic() + grace_s

        def left(share: float = 1.0) -> float:
            return max(0.0, (deadline - self._timing.monotonic()) * share)

        self.poller.draining = True
        self.dispatcher.end_soon()
        self._loops["commands"].stop()
        self.poller.cut()
        for loop, _ in self._followers:
            loop.stop()
        idle = self.dispatcher.wait_idle(left(0.6))
        line = self.link.line()
        if not idle:
            self.dispatcher.give_up_running(line)
        self.dispatcher.close()
        for loop, follower in self._followers:
            if loop.join(left(0.5)):
                follower.close()
        self._intake.wait_stored(left(0.5))
        self._stop_sending(left)
        self._loops["intake"].stop()
        self._loops["intake"].join(left(0.5))
        self.pulse.leave()
        self.link.close()
        self._coroutines.close()
        self.store.close()

    def _stop_sending(self, left: Callable[[float], float]) -> None:
        """Let the sender and the pulse end the call they are in, then send the rest from here."""
        for loop, part in ((self._loops["sender"], self.sender), (self._loops["pulse"], self.pulse)):
            loop.stop()
            if not loop.join(left(0.4)):
                part.replace_line()
                loop.join(left(0.5))
        if self.link.joined.is_set() and self.link.error is None:
            self.sender.flush(self._timing.monotonic() + left(0.8))


def state_folder(given: str | Path | None, bot_id: str, environment: dict[str, str]) -> Path:
    """Where an agent keeps its state: as told, else a folder of the bot in the user's state folder."""
    if given is not None:
        return Path(given)
    if named := environment.get("BOTYARD_STATE_DIR"):
        return Path(named)
    base = environment.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "botyard-agent" / bot_id
