"""Errors as people see them: in the form they sent, as a notice, or as a page of their own."""

from urllib.parse import quote

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.sse import format_sse_event
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response

from botyard.edge.errors import NO_ADDRESS, understand
from botyard.kit.errors import BotyardError, NotFound, SecondFactorRequired, Unauthenticated
from botyard.web.rendering import render
from botyard.web.shell import partial, whole

log = structlog.get_logger(__name__)

# Which field of a form an error is about, where the service does not say.
_FIELDS = {
    "name_taken": "username",
    "password_too_weak": "new_password",
    "old_password_rejected": "old_password",
    "code_rejected": "code",
    "second_factor_required": "code",
    "address_refused": "url",
    "webhook_secret_unfit": "secret",
}
_TITLES = {
    403: "Not for this account",
    404: "Nothing here",
    405: "That does not work here",
    413: "Too large",
    429: "Slow down",
    503: "Not available right now",
    507: "The disk is full",
}


def install(app: FastAPI) -> None:
    """Answer every error of the dashboard; a mounted app inherits no handlers."""
    for kind in (BotyardError, HTTPException, RequestValidationError, Exception):
        app.add_exception_handler(kind, on_error)


async def on_error(request: Request, error: Exception) -> Response:
    """Who is not signed in goes to the door; who sent a form sees it there; everybody else a page."""
    known = understand(error)
    if _is_live(request) and isinstance(known, (Unauthenticated, NotFound)):
        return Response(last_word(known), media_type="text/event-stream")
    if isinstance(known, Unauthenticated) and not _asks_who(known):
        return _to_the_door(request)
    if request.headers.get("hx-request"):
        response: Response = HTMLResponse(_in_place(request, known), known.status)
    else:
        response = page(request, known)
    if known.retry_after_s is not None:
        response.headers["Retry-After"] = str(max(1, round(known.retry_after_s)))
    return response


def last_word(error: BotyardError) -> bytes:
    """What a page's stream says at its end: that nobody is signed in any more, or that what it shows is gone."""
    return format_sse_event(event="signed-out" if isinstance(error, Unauthenticated) else "gone", data_str="")


def _is_live(request: Request) -> bool:
    """Whether a page asks for its stream. It would take any other answer for a stream that broke, and ask on."""
    return request.url.path.startswith("/live/") and "text/event-stream" in request.headers.get("accept", "")


def page(request: Request, error: BotyardError) -> Response:
    """The error as a page of its own."""
    title = _TITLES.get(error.status, "That did not work")
    text = "There is no such page." if str(error) in (NotFound.__doc__, NO_ADDRESS) else str(error)
    return whole(request, "error.html", status=error.status, title=title, text=text, error=error)


def _asks_who(error: BotyardError) -> bool:
    """A refused password or code belongs in the form; only a missing session leads to the door."""
    return error.code in ("credentials_rejected", "account_disabled") or isinstance(
        error, SecondFactorRequired
    )


def _to_the_door(request: Request) -> Response:
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    address = "/sign-in" if here == "/" or request.method != "GET" else f"/sign-in?next={quote(here)}"
    # The cookie stays: who has signed in anew in another tab has a good one by now, which this would take away.
    if request.headers.get("hx-request"):
        return Response(headers={"HX-Redirect": address})
    return RedirectResponse(address, 303)


def _in_place(request: Request, error: BotyardError) -> str:
    """The message in the error line of the form that was sent, or as a notice where it was no form."""
    source = request.headers.get("hx-source", "")
    form = source.removeprefix("form#") if source.startswith("form#") else ""
    if form.replace("-", "").replace("_", "").isalnum():
        field = error.details.get("field") or _FIELDS.get(error.code, "")
        html = render("_form_error.html", text=str(error), field=field)
        return partial(f"#{form}-error", html)
    html = render("_notice.html", kind="bad", text=str(error))
    return partial("#toasts", html, swap="beforeend")
