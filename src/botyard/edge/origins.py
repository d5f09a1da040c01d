"""Which pages of other origins may call the documents with their reader's cookie, and read what is answered."""

from collections.abc import Iterable, Sequence

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from botyard.edge.limits import HEADERS as LIMITS

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_SENT = ("Authorization", "Content-Type", "X-API-KEY", "Idempotency-Key", "Last-Event-ID")
_READ = ("Retry-After", "Idempotency-Replayed", "X-Request-ID", *LIMITS)
_KEPT_S = 7200  # browsers ask again after that, at the latest


class Origins:
    """Lets browsers do for the allowed origins what the guard lets through; for others it changes nothing.

    Below `prefixes` only, and not below `without`: what a widget calls has rules of its own, and the dashboard's
    pages are not for others.
    """

    def __init__(
        self, app: ASGIApp, *, allowed: Sequence[str], prefixes: Iterable[str], without: str
    ) -> None:
        self.app = app
        self._allowed = frozenset(allowed)
        self._prefixes = tuple(f"{prefix}/" for prefix in prefixes)
        self._without = f"{without}/"
        self._cors = CORSMiddleware(
            app,
            allow_origins=allowed,
            allow_credentials=True,
            allow_methods=_METHODS,
            allow_headers=_SENT,
            expose_headers=_READ,
            max_age=_KEPT_S,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; sockets pass through, the guard looks at their origin."""
        await (self._cors if self._concerns(scope) else self.app)(scope, receive, send)

    def _concerns(self, scope: Scope) -> bool:
        if scope["type"] != "http":
            return False
        path = f"{scope['path']}/"
        if not path.startswith(self._prefixes) or path.startswith(self._without):
            return False
        origin = next((value for name, value in scope["headers"] if name == b"origin"), b"")
        return origin.decode("latin-1") in self._allowed
