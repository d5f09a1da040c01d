"""Commands that every bot knows: ping, stop, restart, drain, reload-settings, log-level."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from botyard_agent._version import __version__
from botyard_agent.command import Command, HandlerFunction
from botyard_agent.errors import CommandFailed
from botyard_agent.row import SEVERITY
from botyard_agent.timing import Timing, iso


class Bot(Protocol):
    """What these commands do with the agent they run in."""

    log_level: int
    can_restart: bool

    @property
    def pending(self) -> int: ...
    def request_stop(self, *, restart: bool = False) -> None: ...
    def drain(self, own: Command) -> int: ...
    def reload_settings(self) -> Mapping[str, Any]: ...


def commands(bot: Bot, timing: Timing) -> dict[str, HandlerFunction]:
    """The built-in handlers; a bot's own handler of the same name goes before them."""
    started = timing.monotonic()

    def ping(_command: Command) -> dict[str, Any]:
        return {
            "time": iso(timing.now()),
            "up_s": round(timing.monotonic() - started, 3),
            "waiting": bot.pending,
            "agent": __version__,
            "python": platform.python_version(),
            "process": os.getpid(),
        }

    def stop(_command: Command) -> dict[str, Any]:
        bot.request_stop()
        return {"stopping": True}

    def restart(_command: Command) -> dict[str, Any]:
        if not bot.can_restart:
            raise CommandFailed("This bot lives inside another program and was not told how to restart it.")
        bot.request_stop(restart=True)
        return {"restarting": True}

    def drain(command: Command) -> dict[str, Any]:
        return {"drained": True, "waiting": bot.drain(command)}

    def reload_settings(_command: Command) -> dict[str, Any]:
        return {"settings": dict(bot.reload_settings())}

    def log_level(command: Command) -> dict[str, Any]:
        level = str(command.payload.get("level", "")).lower()
        if level not in SEVERITY:
            raise CommandFailed(f"The level is one of {', '.join(SEVERITY)}, not {level!r}.")
        bot.log_level = SEVERITY[level]
        return {"level": level}

    named: dict[str, Callable[[Command], Any]] = {
        "ping": ping,
        "stop": stop,
        "restart": restart,
        "drain": drain,
        "reload-settings": reload_settings,
        "log-level": log_level,
    }
    return named
