"""Tells from the text of a log line whether it is an error, a warning or neither."""

from __future__ import annotations

import re

from botyard_agent.row import LogType

# How a line looks that says its own level; only the beginning counts, where loggers put it.
_LOOK_AT = 300
_FIELD = re.compile(
    r"""["']?(?:level|levelname|severity|lvl|loglevel)["']?\s?[:=]\s?["']?([A-Za-z]+)""", re.IGNORECASE
)
_WORD = re.compile(
    r"\b(EMERG(?:ENCY)?|ALERT|FATAL|CRIT(?:ICAL)?|ERROR|ERR|SEVERE|WARN(?:ING)?|NOTICE|INFO|DEBUG|TRACE)\b"
)
_MARKED = re.compile(
    r"\[(emerg|alert|fatal|crit|critical|error|err|warn|warning|notice|info|debug|trace)\]|\b(error|warning):",
    re.IGNORECASE,
)
_TRACE = re.compile(
    r"Traceback \(most recent call last\)|^(?:[A-Za-z_][\w.]*(?:Error|Exception))(?::|$)|^panic: "
)
_ERRORS = frozenset(
    {"emerg", "emergency", "alert", "fatal", "crit", "critical", "error", "err", "severe", "panic"}
)
_WARNINGS = frozenset({"warn", "warning"})


def classify(line: str, previous: LogType | None) -> LogType:
    """The type of a line; an indented one belongs to the line before it and has that one's type."""
    if previous is not None and line[:1] in (" ", "\t"):
        return previous
    start = line[:_LOOK_AT]
    found = _FIELD.search(start) or _WORD.search(start) or _MARKED.search(start)
    if found:
        word = next(group for group in found.groups() if group).lower()
        if word in _ERRORS:
            return "error"
        return "warning" if word in _WARNINGS else "info"
    return "error" if _TRACE.search(start) else "info"
