"""Document section "Data Format": every error is `{"status": "error", "error_code", "message"}`.

`message` is the document's own text where it has one for the call; `detail` beside it says what exactly is
wrong and what to do.
"""

from collections.abc import Mapping
from typing import Literal

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from botyard.edge.guard import GuardedRoute, HotRoute
from botyard.kit.errors import BotyardError

PREFIX = "/api/v1"


class Error(BaseModel):
    """What every failed call answers."""

    status: Literal["error"] = "error"
    error_code: str = Field(description="Stable; for programs.")
    message: str = Field(description="The same for every failure of this kind.")
    detail: str = Field(description="What is wrong with this request, and what to do next.")


# V-12 and X-13: what the document leaves open is answered in its own envelope all the same.
_CODES: Mapping[int, str] = {
    400: "INVALID_DATA",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    409: "CONFLICT",
    413: "TOO_LARGE",
    429: "RATE_LIMITED",
    503: "UNAVAILABLE",
    507: "STORAGE_FULL",
}
_MESSAGES: Mapping[int, str] = {
    400: "Invalid data provided",
    401: "Invalid or missing token",
    403: "This account may not do that",
    404: "Not found",
    405: "This address does not know that method",
    409: "The request contradicts what is stored",
    413: "The request is too large",
    429: "Too many requests",
    500: "Something went wrong on the server",
    503: "A part of the server is away",
    507: "The server's disk is full",
}
# The document's own words, by call and status; with a code where it differs from the status' usual one.
_WORDS: Mapping[tuple[str, int], tuple[str, str]] = {
    (f"POST {PREFIX}/auth/login", 401): ("AUTH_FAILED", "Invalid credentials"),
    (f"GET {PREFIX}/auth/validate", 401): ("INVALID_TOKEN", "Token is invalid or expired"),
    (f"POST {PREFIX}/bots/create", 400): ("INVALID_DATA", "Invalid bot data provided"),
    (f"GET {PREFIX}/config/settings", 404): ("NOT_FOUND", "Service settings not found"),
    (f"POST {PREFIX}/config/update", 400): ("INVALID_DATA", "Invalid settings data provided"),
    (f"POST {PREFIX}/logs/submit", 400): ("INVALID_DATA", "Invalid log data provided"),
    (f"POST {PREFIX}/botdata/store", 404): ("NOT_FOUND", "Bot data not found"),
    (f"GET {PREFIX}/botdata/retrieve", 404): ("NOT_FOUND", "Bot data not found"),
}


def translate(error: BotyardError, call: str) -> JSONResponse:
    """The document's envelope of an error. Malformed requests are 400 here (X-03)."""
    status = 400 if error.status == 422 else error.status
    usual = _CODES.get(status, "INTERNAL_ERROR"), _MESSAGES.get(status, _MESSAGES[500])
    code, message = _WORDS.get((call, status), usual)
    body = {"status": "error", "error_code": code, "message": message, "detail": str(error)}
    return JSONResponse(body, status_code=status)


RESPONSES = {status: {"model": Error} for status in (400, 401, 403, 404, 405, 409, 413, 429, 500, 503, 507)}


def section(tag: str, *, hot: bool = False) -> APIRouter:
    """The calls of one service of the document, described with the errors that each may answer."""
    return APIRouter(
        prefix=PREFIX,
        tags=[tag],
        route_class=HotRoute if hot else GuardedRoute,
        responses=RESPONSES,  # type: ignore[arg-type]  # narrower than FastAPI's own annotation
    )
