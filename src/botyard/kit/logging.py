"""The server's own log: structlog for our code and for every library, one format, no secrets.

JSON lines for machines, aligned text for a terminal. What is bound with `request_context` stands on every line
that is written while the request runs, also by libraries.
"""

import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, TextIO

import msgspec
import structlog
from structlog.types import EventDict, Processor, WrappedLogger

from botyard.kit import clock, ids
from botyard.kit.redaction import redact, redact_url

__all__ = [
    "access",
    "clean_request_id",
    "current_request_id",
    "redact",
    "redact_url",
    "request_context",
    "setup",
]

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["auto", "json", "text"]

# At their lower levels these write statements with parameters, packets or whole addresses: never what we want
# in a file. uvicorn.access is replaced by our own access line.
_QUIET = (
    "sqlalchemy",
    "aiosqlite",
    "httpx",
    "httpcore",
    "asyncio",
    "socketio",
    "engineio",
    "uvicorn.access",
    "alembic",
)
# DBOS adds a handler of its own unless its logger has one already.
_DIRECT = ("dbos",)
_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_CONTROL_IN_LINES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


def setup(level: Level = "info", format: Format = "auto", *, stream: TextIO | None = None) -> None:  # noqa: A002
    """Send every log line of the process through one handler on `stream` (standard error). May be called again."""
    out = stream or sys.stderr
    text = format == "text" or (format == "auto" and out.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        _timestamp,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.StackInfoRenderer(),
                # text before redaction: a traceback quotes messages, and its plain form shows no variables
                structlog.processors.format_exc_info,
                _redact,
                *_renderer(text=text, colors=out.isatty()),
            ],
        )
    )
    _install(handler)
    global _json_out
    _json_out = None if text else out
    set_level(level)


def set_level(level: Level) -> None:
    """Let lines of this severity and above through, from now on."""
    number = getattr(logging, level.upper())
    logging.getLogger().setLevel(number)
    for name in _DIRECT:
        logging.getLogger(name).setLevel(number if number == logging.DEBUG else max(number, logging.WARNING))
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))
    global _lines
    _lines = _json_out if number <= logging.INFO else None


_json_out: TextIO | None = None  # where lines go as JSON
_lines: TextIO | None = None  # where `access` writes by itself
_access = structlog.get_logger("botyard.access")
_encode = msgspec.json.Encoder(order="sorted").encode


def access(**fields: str | int | float) -> None:
    """Log an answered request. As JSON it is written at once: the chain that other lines go through costs as much
    as a hot request itself, and the fields hold nothing to redact (a path without its query)."""
    if _lines is None:
        _access.info("request", **fields)
        return
    fields.update(
        event="request", level="info", logger="botyard.access", timestamp=clock.rfc3339(clock.now())
    )
    _lines.write(_encode(fields).decode() + "\n")


def _install(handler: logging.Handler) -> None:
    _only(logging.getLogger(), handler)
    for name in _DIRECT:
        logger = logging.getLogger(name)
        _only(logger, handler)
        logger.propagate = False
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        _only(logger, None)
        logger.propagate = True
    logging.captureWarnings(capture=True)


def _only(logger: logging.Logger, handler: logging.Handler | None) -> None:
    for former in list(logger.handlers):
        logger.removeHandler(former)
    if handler is not None:
        logger.addHandler(handler)


def _renderer(*, text: bool, colors: bool) -> list[Processor]:
    if not text:
        return [structlog.processors.JSONRenderer(sort_keys=True, default=str)]
    console = structlog.dev.ConsoleRenderer(
        colors=colors, pad_event_to=40, exception_formatter=structlog.dev.plain_traceback
    )
    return [_escape, console]


def _timestamp(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    event["timestamp"] = clock.rfc3339(clock.now())
    return event


def _redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    redacted: EventDict = redact(event)
    return redacted


def _escape(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Keep a value from starting a line of its own or from steering the terminal."""
    for key, value in event.items():
        if isinstance(value, str):
            pattern = _CONTROL_IN_LINES if key in ("exception", "stack") else _CONTROL
            event[key] = pattern.sub(_as_escape, value)
    return event


def _as_escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")


@contextmanager
def request_context(request_id: str, **fields: Any) -> Iterator[None]:
    """Put the request id, and `fields`, on every line written inside the block, in its tasks too."""
    with structlog.contextvars.bound_contextvars(request_id=request_id, **fields):
        yield


def current_request_id() -> str:
    """The id of the request that is being answered, empty outside of one."""
    return str(structlog.contextvars.get_contextvars().get("request_id", ""))


def clean_request_id(given: str | None) -> str:
    """The caller's request id where it is a tame one, else a fresh one."""
    return given if given and _REQUEST_ID.fullmatch(given) else ids.new("req")
