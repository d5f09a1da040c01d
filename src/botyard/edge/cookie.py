"""The session cookie: not for scripts, not for other sites, only over HTTPS where that is used."""

from fastapi import Request
from starlette.responses import Response

from botyard.core.accounts.sessions import COOKIE_LIFETIME
from botyard.edge.caller import COOKIE


def give(request: Request, response: Response, value: str) -> None:
    """Let the browser keep the session for as long as it lasts."""
    response.set_cookie(
        COOKIE,
        value,
        max_age=int(COOKIE_LIFETIME.total_seconds()),
        path="/",
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )


def take(response: Response) -> None:
    """Let the browser forget the session."""
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax")
