"""The agent: what a bot's author holds in hand."""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import signal
import ssl
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from botyard_agent import builtin
from botyard_agent._version import __version__
from botyard_agent.command import Command, H, Handlers
from botyard_agent.coroutines import Coroutines
from botyard_agent.engine import Engine, Setup, state_folder
from botyard_agent.errors import AgentError, GivenUp, Unreachable
from botyard_agent.follow import Classify, Follower
from botyard_agent.intake import Intake
from botyard_agent.link import Link, bot_id_of
from botyard_agent.options import Options
from botyard_agent.redaction import Redact, redact_values, redactor
from botyard_agent.row import SEVERITY, LogType, ThreadType, fitted, log_row, message_row
from botyard_agent.store import Store
from botyard_agent.timing import SystemTiming, Timing, Wake

log = logging.getLogger("botyard_agent")
# For a program that ends without stopping its agent: enough to send the last lines, not enough to annoy.
EXIT_GRACE_S = 2.0


class Agent:
    """One bot's membership of a server.

    Everything runs in background threads: `start` returns at once, `log` and `message` never wait for disk
    or network. All methods may be called from any thread.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        bot_id: str | None = None,
        version: str = "",
        state_dir: str | Path | None = None,
        parallel: int = 1,
        options: Options | None = None,
        redact: Redact | None = None,
        on_restart: Callable[[], object] | None = None,
        ssl_context: ssl.SSLContext | None = None,
        timing: Timing | None = None,
    ) -> None:
        """`url` and `token` come from BOTYARD_URL and BOTYARD_BOT_TOKEN where not given. Raises ValueError."""
        environment = dict(os.environ)
        url, token, self.bot_id = _identity(url, token, bot_id, environment)
        if parallel < 1:
            raise ValueError("At least one command must be able to run.")
        self.log_level = SEVERITY["debug"]
        self.can_restart = on_restart is not None
        self._options = options = options or Options()
        self._timing = timing = timing or SystemTiming()
        self._state_dir = state_folder(state_dir, self.bot_id, environment)
        self._redact = redact or redactor([token])
        self._on_restart = on_restart
        self._handlers = Handlers()
        self._handlers.add_built_in(builtin.commands(self, timing))
        self._intake = Intake(timing, max_rows=options.queue_rows, max_bytes=options.queue_bytes)
        self._coroutines = Coroutines()
        name = f"botyard-agent/{__version__}"
        self._link = Link(url, token, self.bot_id, timing=timing, agent_name=name, context=ssl_context)
        self._setup = Setup(
            link=self._link,
            intake=self._intake,
            handlers=self._handlers,
            coroutines=self._coroutines,
            timing=timing,
            options=options,
            parallel=parallel,
            version=version or name,
            redact=self._redact,
            on_settings=self._take_settings,
        )
        self._settings: dict[str, Any] = {}
        self._settings_listeners: list[Callable[[Mapping[str, Any]], object]] = []
        self._followers: list[Follower] = []
        self._engine: Engine | None = None
        self._begin_life()

    def _begin_life(self) -> None:
        self._stopping = threading.Event()
        self._stopped = threading.Event()
        self._restart = False
        self._embedded = True
        self._stop_claimed = False
        self._signalled = False
        self._wake = Wake()
        self._lock = threading.Lock()

    # -- commands

    def command(self, name: str, *, idempotent: bool = False) -> Callable[[H], H]:
        """Decorate the function, plain or async, that runs commands of this type.

        Its value is the result; an exception makes the command failed. `idempotent` says that running it
        again after a crash in its middle is fine; otherwise such a command is reported as interrupted.
        """
        return self._handlers.register(name, idempotent=idempotent)

    # -- telling

    def log(
        self,
        message: str,
        type: LogType = "info",  # noqa: A002 - the word of the document
        metadata: Mapping[str, Any] | None = None,
        *,
        at: datetime | None = None,
    ) -> None:
        """Log a line; secrets in it are hidden. Returns at once. Raises ValueError for an unknown type."""
        if SEVERITY.get(type, 0) and SEVERITY[type] < self.log_level:
            return
        text = self._redact(fitted(message))
        details = redact_values(dict(metadata), self._redact) if metadata else None
        self._intake.put(log_row(text, type, details, at=at or self._timing.now()))

    def message(
        self,
        message: str,
        *,
        author_id: str,
        author_name: str = "",
        thread_id: str,
        thread_type: ThreadType = "USER",
        metadata: Mapping[str, Any] | None = None,
        at: datetime | None = None,
    ) -> None:
        """Report a chat message that the bot saw or sent, as it is. Returns at once. Raises ValueError."""
        row = message_row(
            message,
            author_id=author_id,
            author_name=author_name,
            thread_id=thread_id,
            thread_type=thread_type,
            metadata=metadata,
            at=at or self._timing.now(),
        )
        self._intake.put(row)

    def sync(
        self,
        *,
        groups: Iterable[Any] | None = None,
        friends: Iterable[Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """Show the server the bot's groups and friends; only the newest picture is sent, parts not given stay.

        Raises AgentError before `start`, ValueError for a picture of more than ten thousand values.
        """
        parts: dict[str, Any] = {}
        if groups is not None:
            parts["groups"] = list(groups)
        if friends is not None:
            parts["friends"] = list(friends)
        if metadata is not None:
            parts["metadata"] = dict(metadata)
        engine = self._running()
        engine.synced.update(parts)
        engine.send_soon()

    def follow(
        self,
        path: str | Path,
        *,
        classify: Classify | None = None,
        from_end: bool = False,
        poll_s: float = 0.5,
    ) -> None:
        """Send the lines of a growing text file as logs, across rotation, each once; may be called before `start`.

        A file met for the first time is read from its beginning, or only what comes, with `from_end`.
        """
        follower = Follower(
            Path(path), self._timing, self._redact, classify=classify, from_end=from_end, poll_s=poll_s
        )
        with self._lock:
            self._followers.append(follower)
            if self._engine is not None:
                self._engine.add_follower(follower, self._level, start=True)

    def flush(self, timeout_s: float = 10.0) -> bool:
        """Wait until everything said so far is on the server; False when it took longer."""
        return self._running().flush(timeout_s)

    # -- state

    @property
    def settings(self) -> Mapping[str, Any]:
        """The bot's settings as the server last gave them; empty before the agent joined."""
        return self._settings

    def on_settings(
        self, listener: Callable[[Mapping[str, Any]], object]
    ) -> Callable[[Mapping[str, Any]], object]:
        """Decorate a function that is called with new settings: after joining, rejoining and reload-settings."""
        self._settings_listeners.append(listener)
        return listener

    def reload_settings(self) -> Mapping[str, Any]:
        """Ask the server for the settings now. Raises AgentError when they cannot be had."""
        line = self._link.line()
        try:
            answer = self._link.call(line, "GET", "/api/bot/{bot}/settings", timeout_s=10.0)
        finally:
            line.close()
        settings = answer.body.get("settings") if answer.ok else None
        if not isinstance(settings, dict):
            raise Unreachable(f"The server does not give the settings: {answer.error}")
        self._take_settings(settings)
        return self._settings

    def _take_settings(self, settings: dict[str, Any]) -> None:
        self._settings = settings
        for listener in self._settings_listeners:
            try:
                listener(settings)
            except Exception:
                log.exception("A listener for settings failed.")

    @property
    def pending(self) -> int:
        """How many logs and messages wait to reach the server."""
        engine = self._engine
        return self._intake.waiting + (engine.spool.rows if engine else 0)

    @property
    def joined(self) -> bool:
        """Whether the server has greeted this bot."""
        return self._link.joined.is_set()

    def wait_joined(self, timeout_s: float) -> bool:
        """Wait until the server has greeted this bot; False when the time is up. Raises GivenUp."""
        joined = self._link.joined.wait(timeout_s)
        if self.error is not None:
            raise self.error
        return joined

    @property
    def error(self) -> GivenUp | None:
        """Why the agent stopped by itself, if it did."""
        return self._link.error

    @property
    def name(self) -> str:
        """The bot's name on the server; empty before the agent joined."""
        return self._engine.pulse.bot_name if self._engine else ""

    # -- life

    def start(self) -> Agent:
        """Join in the background. Raises StateInUse, StateUnusable, AgentError when started before."""
        with self._lock:
            if self._engine is not None:
                raise AgentError("This agent was started before; make a new one.")
            if not self._link.target.secure and not self._link.target.local:
                log.warning("%s is not https: the token can be read on its way.", self._link.url)
            self._link.on_given_up = self.request_stop
            engine = self._engine = Engine(Store(self._state_dir), self._setup)
            for follower in self._followers:
                engine.add_follower(follower, self._level, start=False)
        if engine.store.set_aside:
            self.log(
                f"The agent's state was damaged and set aside as {engine.store.set_aside.name}.", "warning"
            )
        atexit.register(self.stop, EXIT_GRACE_S)
        engine.start()
        return self

    def _level(self) -> int:
        return self.log_level

    def run(self) -> None:
        """Start, and return when the bot is stopped: by command, SIGTERM, SIGINT or `request_stop`.

        The command `restart` starts the program anew in this process. Raises GivenUp when the server will not have the bot.
        """
        self._embedded = False
        self.can_restart = True
        self.start()
        before = (
            {number: signal.signal(number, self._on_signal) for number in _SIGNALS}
            if _in_main_thread()
            else {}
        )
        try:
            while not (self._signalled or self._stopping.is_set()):
                self._wake.wait(1.0)  # with a limit, because Windows delivers Ctrl-C only between waits
        finally:
            # A second signal means it: it does what it did before.
            for number, handler in before.items():
                signal.signal(number, handler)
            self.stop()
        if self.error is not None:
            raise self.error
        if self._restart:
            self._do_restart()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        # only what cannot lock: the signal may have interrupted any line of this thread
        self._signalled = True
        self._wake.set()

    def _do_restart(self) -> None:
        if self._on_restart is not None:
            self._on_restart()
            return
        sys.stdout.flush()
        sys.stderr.flush()
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - the program itself, again

    def request_stop(self, *, restart: bool = False) -> None:
        """Ask the agent to stop, from anywhere; returns at once. `run` then returns, `wait_stopped` too."""
        self._restart = self._restart or restart
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._wake.set()
        if self._embedded:
            threading.Thread(target=self._stop_embedded, name="botyard-stop", daemon=True).start()

    def _stop_embedded(self) -> None:
        self.stop()
        if self._restart and self._on_restart is not None:
            self._on_restart()

    def stop(self, grace_s: float | None = None) -> None:
        """Stop taking commands, let running ones end, send what waits, say bye. Returns when done, or after
        the grace; what could not be sent stays on disk for the next run. Calling it again only waits."""
        self._stopping.set()
        with self._lock:
            engine, first = self._engine, not self._stop_claimed
            self._stop_claimed = True
        grace_s = self._options.grace_s if grace_s is None else grace_s
        if engine is None or not first:
            self._stopped.wait(grace_s if engine else 0.0)
            return
        try:
            engine.stop(grace_s)
        finally:
            self._stopped.set()
            atexit.unregister(self.stop)

    def drain(self, own: Command) -> int:
        """For the command `drain`: take no more commands, let others end, send everything; answers what still waits."""
        return self._running().drain(own, self._options.grace_s)

    def wait_stopped(self, timeout_s: float | None = None) -> bool:
        """Wait until the agent has stopped; False when the time is up."""
        return self._stopped.wait(timeout_s)

    def _running(self) -> Engine:
        if self._engine is None:
            raise AgentError("The agent is not started.")
        if self._stopped.is_set():
            raise AgentError("The agent was stopped.")
        return self._engine

    def __enter__(self) -> Agent:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def __aenter__(self) -> Agent:
        """Inside asyncio: coroutine handlers run on the loop that is running now."""
        self._coroutines.use(asyncio.get_running_loop())
        return await asyncio.to_thread(self.start)

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self.stop)

    async def stopped(self) -> None:
        """Wait, in a coroutine, until the agent was asked to stop. Raises GivenUp when the server will not have it."""
        while not await asyncio.to_thread(self._stopping.wait, 1.0):
            pass
        if self.error is not None:
            raise self.error


def _identity(
    url: str | None, token: str | None, bot_id: str | None, environment: Mapping[str, str]
) -> tuple[str, str, str]:
    """Address, token and bot's id: as given, else of the environment, the id else of the token."""
    url = (url or environment.get("BOTYARD_URL", "")).rstrip("/")
    token = (token or environment.get("BOTYARD_BOT_TOKEN", "")).strip()
    if not url or not token:
        raise ValueError(
            "An agent needs the server's address and the bot's token (BOTYARD_URL, BOTYARD_BOT_TOKEN)."
        )
    bot_id = bot_id or environment.get("BOTYARD_BOT_ID") or bot_id_of(token)
    if not bot_id:
        raise ValueError("This token does not carry the bot's id: give it as bot_id or BOTYARD_BOT_ID.")
    return url, token, bot_id


_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
