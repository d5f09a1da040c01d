"""Enforcement of the policy table: no route runs before its row has admitted the caller.

Routes are made with `route_class=GuardedRoute` (or `HotRoute`); `enforce(app, table)` gives each its row
at start-up and refuses to start when a route has none.
"""

from collections.abc import Callable, Coroutine, Iterable
from typing import Any
from urllib.parse import urlsplit

import structlog
from fastapi import FastAPI, params
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute, APIWebSocketRoute
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.types import Receive, Scope, Send

from botyard.core.accounts.authentication import Authenticator
from botyard.core.accounts.policy import Rule, Table
from botyard.core.accounts.types import ANONYMOUS, Kind, Principal
from botyard.core.bots.tokens import BotAuthenticator
from botyard.edge import body as bodies
from botyard.edge import errors, idempotency
from botyard.edge.caller import resolve
from botyard.kit.db import Parts
from botyard.kit.errors import BotyardError, Forbidden, Invalid, NotFound

log = structlog.get_logger(__name__)
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class GuardedRoute(APIRoute):
    """A route that admits by its policy row, then reads and checks the body, then runs."""

    rule: Rule | None = None

    @property
    def takes_json(self) -> bool:
        """Whether its body is JSON and no form: what curl sends without a header would be read as one."""
        return self.body_field is not None and not isinstance(self.body_field.field_info, params.Form)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises before the endpoint's own dependencies run: a stranger learns nothing of the body's shape."""
        if self.methods and scope["method"] not in self.methods:
            raise HTTPException(405, headers={"Allow": ", ".join(_methods_here(scope))})
        try:
            await self.admit(scope)
            await self.run(scope, receive, send)
        except idempotency.Replayed as replayed:
            await replayed.response(scope, receive, send)
        except Exception as error:
            if is_translated(error):
                raise
            if trouble := errors.of_store(error):
                log.warning("store_failed", method=scope["method"], route=self.path, error=str(error))
                raise trouble from error
            log.exception("request_failed", method=scope["method"], route=self.path)
            raise BotyardError from error

    async def admit(self, scope: Scope) -> None:
        """Put the admitted caller into the request's state."""
        assert self.rule is not None, f"{self.path} has no policy row"
        _refuse_odd_signs(scope)
        connection = HTTPConnection(scope)
        caller = await admitted(connection, self.rule)
        limit = getattr(scope["app"].state, "limit", None)
        if limit is not None:
            await limit(connection, caller)
        scope.setdefault("state", {})["caller"] = caller
        scope["state"]["rule"] = self.rule
        scope["state"]["route"] = scope.get("root_path", "") + self.path

    async def run(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body within its limit, refuse JSON that no store can keep, run the endpoint."""
        if scope["method"] not in _SAFE:
            content = await bodies.read(scope, receive, limit=scope["app"].state.max_body)
            if content and (self.takes_json or not _has_type(scope, *_FORMS)):
                bodies.must_be_json(scope)
                bodies.parse(content)
            receive = bodies.replay(content, receive)
            caller: Principal = scope["state"]["caller"]
            idempotency.claim(Request(scope), caller, route=self.path, body=content)
        await super().handle(scope, receive, send)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's own handler; the answer is kept in the request's transaction where a key asks for it."""
        handler = super().get_route_handler()

        async def keeping(request: Request) -> Response:
            response = await handler(request)
            await idempotency.finish(request, response)
            return response

        return keeping


class HotRoute(GuardedRoute):
    """A route whose endpoint takes the bare request and answers a response: no dependencies, no pydantic.

    The endpoint reads its own body with `edge.body`, so that bytes are parsed once, by msgspec.
    """

    async def run(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self.endpoint(Request(scope, receive, send))
        await response(scope, receive, send)


class GuardedSocket(APIWebSocketRoute):
    """A WebSocket route that admits by its policy row and refuses pages of foreign origins."""

    rule: Rule | None = None

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the handshake with 403 (the only answer that a handshake can carry everywhere)."""
        assert self.rule is not None, f"{self.path} has no policy row"
        connection = HTTPConnection(scope)
        try:
            check_origin(connection)
            scope.setdefault("state", {})["caller"] = await admitted(connection, self.rule)
        except BotyardError:
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": "sign in first"})
            return
        await super().handle(scope, receive, send)


def is_translated(error: Exception) -> bool:
    """Whether the app's exception handlers turn this error into an envelope."""
    return isinstance(error, (BotyardError, HTTPException, RequestValidationError))


async def admitted(connection: HTTPConnection, rule: Rule) -> Principal:
    """The caller of a connection once `rule` admits it.

    A bot whose token is good for another bot's path finds nothing there.
    """
    if rule.public:
        return ANONYMOUS
    caller = await resolve(connection, connection.app.state.db, cookie=Kind.cookie in rule.kinds)
    if caller.kind is Kind.cookie and connection.scope.get("method", "GET") not in _SAFE:
        check_origin(connection)
    rule.admit(caller)
    named = connection.path_params.get("bot_id")
    if caller.kind is Kind.bot and named is not None and named != caller.bot_id:
        raise NotFound
    return caller


async def admit_again(request: Request, *, fresh: bool) -> None:
    """Raise when the caller of a call that waits would not be admitted any more; `fresh` trusts no cache."""
    parts: Parts = request.app.state.db.parts
    caller: Principal = request.scope["state"]["caller"]
    if fresh and caller.kind is Kind.bot:
        parts.get(BotAuthenticator).forget(caller.bot_id)
    elif fresh:
        parts.get(Authenticator).forget()
    await admitted(request, request.scope["state"]["rule"])


def check_origin(connection: HTTPConnection) -> None:
    """Refuse what a page of another origin sends with the reader's cookie.

    Programs send neither header and pass; browsers always send one of them with unsafe requests and
    socket handshakes.
    """
    headers = connection.headers
    if headers.get("sec-fetch-site") in ("same-origin", "none"):
        return
    origin = headers.get("origin")
    if origin is None and headers.get("sec-fetch-site") is None:
        return
    allowed: Iterable[str] = getattr(connection.app.state, "allowed_origins", ())
    if origin is not None and (urlsplit(origin).netloc == headers.get("host") or origin in allowed):
        return
    raise Forbidden("Pages of another origin cannot do this; allow the origin in BOTYARD_ALLOWED_ORIGINS.")


_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


def _has_type(scope: Scope, *kinds: str) -> bool:
    return bodies.content_type(scope) in kinds


def _refuse_odd_signs(scope: Scope) -> None:
    """PostgreSQL can be asked for no text with NUL: no stored thing has such an id. Nor is a path with a line
    break at its end that of a route, though patterns match it."""
    if "\x00" in scope["path"] or scope["path"].endswith("\n"):
        raise NotFound
    if b"%00" in scope["query_string"]:
        raise Invalid("The query cannot hold the NUL character.")


def _methods_here(scope: Scope) -> list[str]:
    """Every method that some route knows for this path."""
    routes = (route for route in scope["app"].routes if isinstance(route, Route))
    here = (route for route in routes if route.matches(scope)[0] is not Match.NONE)
    return sorted({method for route in here for method in route.methods or ()})


def rows(app: FastAPI) -> list[tuple[str, BaseRoute]]:
    """Every route of the app as (policy key, route), such as `GET /api/users`; mounts of files left out."""
    found: list[tuple[str, BaseRoute]] = []
    for route in app.routes:
        if isinstance(route, Mount):
            continue
        if isinstance(route, APIWebSocketRoute):
            found.append((f"WS {route.path}", route))
            continue
        for method in sorted(getattr(route, "methods", None) or {"GET"}):
            if method != "HEAD":
                found.append((f"{method} {getattr(route, 'path', '')}", route))
    return found


def enforce(app: FastAPI, table: Table) -> None:
    """Give each route its row. Raises LookupError for a route without one, a row without a route, and a
    route that would run unguarded."""
    known = rows(app)
    missing = [key for key, _ in known if key not in table]
    unused = set(table) - {key for key, _ in known}
    unguarded = [key for key, route in known if not isinstance(route, (GuardedRoute, GuardedSocket))]
    problems = {"routes without a policy row": missing, "rows without a route": sorted(unused)}
    problems["routes that are not guarded"] = [key for key in unguarded if not table.get(key, Rule()).public]
    if any(problems.values()):
        raise LookupError(
            "; ".join(f"{what}: {', '.join(which)}" for what, which in problems.items() if which)
        )
    for key, route in known:
        if isinstance(route, (GuardedRoute, GuardedSocket)):
            route.rule = table[key]
            _describe(route, table[key])


_SCHEMES: dict[Kind, tuple[str, ...]] = {
    Kind.cookie: ("session",),
    Kind.token: ("bearer",),
    Kind.api_key: ("apiKey",),
    Kind.bot: ("botToken", "bearer"),
}


def _describe(route: GuardedRoute | GuardedSocket, rule: Rule) -> None:
    """Write the row into the OpenAPI description of the route."""
    if isinstance(route, GuardedRoute):
        extra = {**(route.openapi_extra or {})}
        names = dict.fromkeys(name for kind in _SCHEMES if kind in rule.kinds for name in _SCHEMES[kind])
        extra["security"] = [{name: []} for name in names]
        if isinstance(route, HotRoute):  # FastAPI reads parameters off a signature, and these have none
            named = [_path_parameter(name) for name in route.param_convertors]
            extra["parameters"] = named + extra.get("parameters", [])
        route.openapi_extra = extra


def _path_parameter(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


SECURITY_SCHEMES = {
    "session": {"type": "apiKey", "in": "cookie", "name": "session_token"},
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An access token (JWT), or a bot's own token where bots may call.",
    },
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-KEY"},
    "botToken": {"type": "apiKey", "in": "header", "name": "X-Bot-Token"},
}
