"""A handler of the logging module: one line, and what a bot logs is on its server."""

from __future__ import annotations

import logging

from botyard_agent.agent import Agent
from botyard_agent.loop import is_own_thread
from botyard_agent.row import LogType

_OWN = "botyard_agent"


class AgentHandler(logging.Handler):
    """Sends records to the bot's server through its agent.

    `logging.getLogger().addHandler(AgentHandler(agent))`. It never waits and never raises into the program;
    it hides what looks like a secret; and what the agent itself logs is left out, so that a failing
    connection does not feed itself.
    """

    def __init__(self, agent: Agent, level: int | str = logging.NOTSET) -> None:
        super().__init__(level)
        self._agent = agent

    def emit(self, record: logging.LogRecord) -> None:
        """Queue one record; errors go where the logging module sends them (standard error, by default)."""
        if record.name == _OWN or record.name.startswith(_OWN + ".") or is_own_thread():
            return
        if record.levelno < self._agent.log_level:
            return
        try:
            self._agent.log(self.format(record), _type(record.levelno), _origin(record))
        except Exception:
            self.handleError(record)


def _type(level: int) -> LogType:
    if level >= logging.ERROR:
        return "error"
    return "warning" if level >= logging.WARNING else "info"


def _origin(record: logging.LogRecord) -> dict[str, object]:
    origin: dict[str, object] = {
        "logger": record.name,
        "level": record.levelname.lower(),
        "line": f"{record.filename}:{record.lineno}",
    }
    if record.threadName and record.threadName != "MainThread":
        origin["thread"] = record.threadName
    return origin
