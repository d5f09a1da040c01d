"""Rate limits of a whole document, checked once the caller is known, and told in every answer where it says so."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from botyard.core.accounts.types import ANONYMOUS, Principal
from botyard.edge import errors
from botyard.edge.caller import address
from botyard.edge.errors import Translate, operation
from botyard.kit.errors import TooMany
from botyard.kit.limits import Limiter, Rate, Verdict, subject_of
from botyard.settings import Settings

Limit = Callable[[HTTPConnection, Principal], Awaitable[None]]
_TOLD = "limit"  # where a request's state keeps the headers that tell its limit
HEADERS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")


class Allowed(Protocol):
    """How many requests a minute somebody may make; 0 is no limit. Asked at each request, since it may change."""

    def __call__(self, caller: Principal, /) -> int: ...


@dataclass(frozen=True)
class PerMinute:
    """So many requests a minute for each person and each API key, or for each address without one.

    Calls named in `free`, as policy tables name them, are not counted. `whole_account` counts keys with the
    account that they belong to. `told` writes the state of the limit into every answer of the document.
    """

    rule: str
    allowed: Allowed
    free: frozenset[str] = frozenset()
    whole_account: bool = False
    told: bool = False

    async def __call__(self, connection: HTTPConnection, caller: Principal) -> None:
        """Count a request. Raises TooMany."""
        verdict = await self.count(connection, caller)
        if verdict is not None and not verdict.allowed:
            raise TooMany(retry_after_s=verdict.retry_after_s)

    async def count(self, connection: HTTPConnection, caller: Principal) -> Verdict | None:
        """The verdict on a request, which is noted for its answer; None where nothing limits it."""
        allowed = self.allowed(caller)
        parts = connection.app.state.db.parts
        off = not allowed or parts.get(Settings).rate_limits == "off"
        if off or operation(connection.scope) in self.free:
            exempt(connection)
            return None
        who = self._subject(connection, caller)
        verdict: Verdict = await parts.get(Limiter).hit([(self.rule, Rate(allowed, 60), who)])
        if self.told:
            connection.scope.setdefault("state", {})[_TOLD] = _written(verdict)
        return verdict

    def _subject(self, connection: HTTPConnection, caller: Principal) -> str:
        if not caller.known:
            return subject_of(address(connection))
        if caller.api_key_id and not self.whole_account:
            return f"key:{caller.api_key_id}"
        return f"user:{caller.user_id}"


def per_minute(rule: str, allowed: Allowed, *, free: frozenset[str] = frozenset()) -> PerMinute:
    """The limit of a document that counts each API key by itself and tells nobody what is left."""
    return PerMinute(rule, allowed, free)


def exempt(connection: HTTPConnection) -> None:
    """Let the answer to this request say nothing of a limit."""
    connection.scope.setdefault("state", {})[_TOLD] = ()


class Telling:
    """Writes what is left of a document's limit into every answer of its app."""

    def __init__(self, app: ASGIApp, *, limit: PerMinute, translate: Translate) -> None:
        self.app = app
        self._limit = limit
        self._translate = translate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; sockets pass through."""
        if scope["type"] == "http":
            send = telling(self._limit, self._translate, scope, receive, send)
        await self.app(scope, receive, send)


def telling(limit: PerMinute, translate: Translate, scope: Scope, receive: Receive, send: Send) -> Send:
    """A `send` that adds the headers.

    What no route has admitted by then (unknown paths, wrong methods, refused credentials) is counted by its
    address, and beyond that limit answered 429 in place of the answer it would have had.
    """
    over = False

    async def answer(message: Message) -> None:
        nonlocal over
        if over:
            return
        if message["type"] == "http.response.start":
            state = scope.setdefault("state", {})
            if _TOLD not in state:
                verdict = await limit.count(HTTPConnection(scope), ANONYMOUS)
                if verdict is not None and not verdict.allowed:
                    refusal = errors.answer(TooMany(retry_after_s=verdict.retry_after_s), translate, "")
                    refusal.raw_headers.extend(state[_TOLD])
                    over = True
                    await refusal(scope, receive, send)
                    return
            message.setdefault("headers", []).extend(state[_TOLD])
        await send(message)

    return answer


def _written(verdict: Verdict) -> tuple[tuple[bytes, bytes], ...]:
    headers = verdict.headers()
    return tuple((name.lower().encode(), headers[name].encode()) for name in HEADERS)
