"""What every request gets, whichever document serves it: an id, a log line, metrics, safe headers."""

from collections.abc import Iterable
from functools import cache
from itertools import count

from prometheus_client import Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from botyard.kit import clock
from botyard.kit.logging import access, clean_request_id, request_context

# Request ids tell requests apart, nothing more: a number behind what this process drew at its start.
_START = clock.token_bytes(5).hex()
_NUMBERS = count(1)

REQUESTS = Counter("botyard_http_requests_total", "Answered requests.", ["route", "method", "status"])
SECONDS = Histogram(
    "botyard_http_request_seconds",
    "Time from the request's first byte to the answer's last.",
    ["route"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60),
)

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "media-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "manifest-src 'self'"
)
_SAFE: tuple[tuple[bytes, bytes], ...] = (
    (b"content-security-policy", CSP.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
)
_HTTPS = (b"strict-transport-security", b"max-age=31536000")
_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
_QUIET = frozenset({"/health/live", "/health/ready", "/metrics"})


class Envelope:
    """Wraps the whole server. A client's own X-Request-ID is kept when it is a plain word, else replaced."""

    def __init__(self, app: ASGIApp, *, behind_proxy: bool = False) -> None:
        self.app = app
        self._behind_proxy = behind_proxy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; sockets pass through with a request id only."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        if self._behind_proxy and _header(scope["headers"], b"x-forwarded-proto") == "https":
            scope["scheme"] = "wss" if scope["type"] == "websocket" else "https"
        given = _header(scope["headers"], b"x-request-id")
        request_id = f"req_{_START}{next(_NUMBERS):x}" if given is None else clean_request_id(given)
        with request_context(request_id):
            if scope["type"] == "websocket":
                await self.app(scope, receive, send)
            else:
                await self._serve(scope, receive, send, request_id)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        began = clock.monotonic()
        status = 500
        scope.setdefault("state", {})  # one dictionary for this and all apps below
        extra = (*_SAFE, _HTTPS) if scope["scheme"] == "https" else _SAFE

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message.setdefault("headers", [])
                present = {name for name, _ in headers}
                headers.append((b"x-request-id", request_id.encode()))
                headers.extend(pair for pair in extra if pair[0] not in present)
            await send(message)

        try:
            await self.app(scope, receive, answer)
        finally:
            self._note(scope, status, clock.monotonic() - began, request_id)

    @staticmethod
    def _note(scope: Scope, status: int, seconds: float, request_id: str) -> None:
        route = scope["state"].get("route", "other")  # never the path, whose ids are without number
        method = scope["method"] if scope["method"] in _METHODS else "other"  # a client may invent any
        counter, histogram = _series(route, method, status)
        counter.inc()
        histogram.observe(seconds)
        path = scope["path"]  # without the query, which may hold a token
        if path not in _QUIET and not path.startswith("/static/"):
            ms = round(seconds * 1000, 1)
            access(method=scope["method"], path=path, status=status, ms=ms, request_id=request_id)


@cache
def _series(route: str, method: str, status: int) -> tuple[Counter, Histogram]:
    return REQUESTS.labels(route, method, status), SECONDS.labels(route)


def _header(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> str | None:
    for name, value in headers:
        if name == wanted:
            return value.decode("latin-1")
    return None
