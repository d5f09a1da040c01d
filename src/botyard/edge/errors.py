"""Every error of a request becomes one BotyardError, which the contract writes in its own envelope."""

import math
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from botyard.kit import errors
from botyard.kit.errors import BotyardError

log = structlog.get_logger(__name__)

# The error, and which call it happened in (`GET /api/users`, empty for an unknown path): some documents word
# the same error differently for each call.
Translate = Callable[[BotyardError, str], Response]

PROBLEMS = "problems"  # under which a malformed request's error keeps what does not fit, one by one
NO_ADDRESS = "There is no such address."  # of an unknown path; a missing object is told by its service

_BY_STATUS: Mapping[int, type[BotyardError]] = {
    400: errors.Invalid,
    401: errors.Unauthenticated,
    403: errors.Forbidden,
    404: errors.NotFound,
    405: errors.MethodNotAllowed,
    413: errors.TooLarge,
    429: errors.TooMany,
    503: errors.Unavailable,
}


def install(app: FastAPI, translate: Translate) -> None:
    """Answer every error of `app` through `translate`, also unknown paths, wrong methods and crashes.

    Mounted apps do not inherit handlers from their parent, so each contract installs its own.
    """

    async def on_error(request: Request, error: Exception) -> Response:
        return answer(error, translate, operation(request.scope))

    for kind in (BotyardError, HTTPException, RequestValidationError, Exception):
        app.add_exception_handler(kind, on_error)


def operation(scope: Scope) -> str:
    """Method and path template of the route that a request reached, as policy tables name it; else empty."""
    path = getattr(scope.get("route"), "path", "")
    return f"{scope['method']} {path}" if path else ""


def answer(error: Exception, translate: Translate, call: str) -> Response:
    """The answer to a request that failed: the document's envelope, `Retry-After` and `Allow` where they belong."""
    known = understand(error)
    response = translate(known, call)
    if known.retry_after_s is not None:
        response.headers["Retry-After"] = str(max(1, math.ceil(known.retry_after_s)))
    if isinstance(error, HTTPException) and error.headers:
        response.headers.update(error.headers)
    return response


def understand(error: Exception) -> BotyardError:
    """The error as one of ours: framework errors by their status, anything unknown as an internal one."""
    if isinstance(error, BotyardError):
        return error
    if isinstance(error, RequestValidationError):
        return errors.Malformed(describe(error), details={PROBLEMS: problems(error)})
    if isinstance(error, HTTPException):
        kind = _BY_STATUS.get(error.status_code)
        if kind is None:
            return errors.Invalid(str(error.detail)) if error.status_code < 500 else BotyardError()
        if error.status_code == 404:
            return errors.NotFound(NO_ADDRESS)
        return kind(None if error.status_code == 405 else str(error.detail))
    return BotyardError()


def of_store(error: Exception) -> BotyardError | None:
    """What a database's own error means for a request: full, or away; None for anything else."""
    if isinstance(error, (ConnectionError, TimeoutError, PoolTimeout)):
        return errors.Unavailable()
    if not isinstance(error, DBAPIError):
        return None
    state = str(getattr(error.orig, "sqlstate", None) or "")
    code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
    if state == "53100" or code == sqlite3.SQLITE_FULL:
        return errors.StorageFull(retry_after_s=5)
    if error.connection_invalidated or state[:2] in _AWAY or code in _NOT_NOW:
        return errors.Unavailable(retry_after_s=1)
    return None


def amid(error: Exception, *, what: str) -> BotyardError:
    """The error that ends a stream or a socket, where no handler comes any more; what nobody foresaw is logged."""
    if isinstance(error, BotyardError):
        return error
    if trouble := of_store(error):
        log.warning("store_failed", what=what, error=str(error))
        return trouble
    log.error("stream_failed", what=what, exc_info=error)
    return BotyardError()


# PostgreSQL: lost connection, conflict with another writer, no resources, shutting down or starting, its system.
_AWAY = ("08", "40", "53", "57", "58")
_NOT_NOW = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
)


def problems(error: RequestValidationError) -> list[dict[str, str]]:
    """Everything that does not fit: where it is sought, under which name, why, and whether it is a shape or a value."""
    return [
        {
            "in": str(one["loc"][0]) if one["loc"] else "body",
            "field": _place(one["loc"]),
            "message": _reason(one),
            "kind": "shape" if _is_shape(one["type"]) else "value",
        }
        for one in error.errors()
    ]


_NO_OBJECT = ("model_attributes_type", "model_type", "dict_type", "dataclass_type")


def _reason(one: Mapping[str, Any]) -> str:
    if one["type"] in _NO_OBJECT:  # in pydantic's words it would be a dictionary, or something of Python's
        return "A JSON object is wanted here"
    return str(one["msg"]).removeprefix("Value error, ")


def _place(loc: Sequence[Any]) -> str:
    return ".".join(str(part) for part in loc if part not in ("body", "query", "path"))


def _is_shape(kind: str) -> bool:
    if kind.startswith(("date", "time")) and not kind.endswith("_type"):
        return False  # a text where one belongs, but no moment
    return kind in ("missing", "json_invalid") or kind.endswith(("_type", "_parsing", "_from_float"))


def describe(error: RequestValidationError) -> str:
    """One sentence on the first thing that does not fit: where it stands, and why."""
    first = error.errors()[0]
    place = _place(first["loc"])
    reason = _reason(first)
    if first["type"] == "missing":
        return f"{place or 'The request body'} is missing."
    if first["type"] == "json_invalid":
        return "The request body is not valid JSON."
    return f"{place}: {reason}." if place else f"{reason}."
