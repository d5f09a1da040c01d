"""A small document of its own, served as documents are: mounted, guarded, in one envelope."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Mount

from botyard.core.accounts.authentication import Authenticator
from botyard.core.accounts.policy import Table
from botyard.core.accounts.types import Kind, Principal
from botyard.core.bots.tokens import BotAuthenticator
from botyard.edge.document import Served, assemble
from botyard.edge.express import Express
from botyard.edge.middleware import Envelope
from botyard.kit.db import Database
from botyard.kit.errors import BotyardError, Unauthenticated
from botyard.settings import Settings

PREFIX = "/doc"
USER = 7


def translate(error: BotyardError, _call: str) -> JSONResponse:
    """The envelope of the small document."""
    return JSONResponse({"wrong": str(error), "code": error.code}, status_code=error.status)


class Credentials:
    """Stands for both authenticators: the word `good` is every credential of user 7."""

    async def resolve_cookie(self, value: str) -> Principal:
        """By cookie."""
        return self._principal(value, Kind.cookie)

    async def resolve_bearer(self, token: str) -> Principal:
        """By access token."""
        return self._principal(token, Kind.token)

    async def resolve_api_key(self, key: str) -> Principal:
        """By API key."""
        return self._principal(key.removeprefix("by_key_"), Kind.api_key)

    async def resolve(self, token: str) -> Principal:
        """By bot token."""
        return self._principal(token.removeprefix("by_bot_"), Kind.bot)

    @staticmethod
    def _principal(word: str, kind: Kind) -> Principal:
        if word != "good":
            raise Unauthenticated
        scopes = frozenset({"bots:read", "bots:write"})
        return Principal(kind=kind, user_id=USER, bot_id="bot_1" if kind is Kind.bot else "", scopes=scopes)


def serve(
    db: Database,
    settings: Settings,
    routers: Sequence[APIRouter],
    table: Table,
    *,
    further: Sequence[BaseRoute] = (),
) -> Starlette:
    """The small document below `/doc`, behind everything that a real server puts in front of one."""
    db.parts.add(Credentials(), kind=Authenticator)
    db.parts.add(Credentials(), kind=BotAuthenticator)
    app = FastAPI(title="Small", version="1", openapi_url=None, docs_url=None, redoc_url=None)
    assemble(app, db, settings, routers=routers, translate=translate, table=table, described=False)
    app.router.routes.extend(further)
    line = Served(app, [], translate).line(PREFIX)
    behind_proxy = settings.trusted_proxies > 0
    middleware = [
        Middleware(Envelope, behind_proxy=behind_proxy),
        Middleware(Express, lines=[line] if line else []),
    ]
    return Starlette(routes=[Mount(PREFIX, app=app)], middleware=middleware)


def client(app: Starlette, *, base_url: str = "http://yard.test", **options: Any) -> httpx.AsyncClient:
    """A client of the app in this process; an exception that gets out of the app is an answer of 500."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url=base_url, **options)


@dataclass
class Exchange:
    """One request straight to the app, so that a test decides what arrives when, and sees what leaves when."""

    app: Starlette
    path: str
    method: str = "POST"
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "application/json"})
    asked: int = 0  # how often the app asked for more of the request
    sent: list[dict[str, Any]] = field(default_factory=list)

    async def run(
        self,
        chunks: Iterable[bytes] = (),
        *,
        complete: bool = True,
        on_start: Callable[[], None] = lambda: None,
    ) -> httpx.Response:
        """Send the chunks as the app asks for them, and the end of the body if it is complete; then hang up."""
        left = deque[dict[str, Any]]()
        source = iter(chunks)
        if complete:
            left.append({"type": "http.request", "body": b"", "more_body": False})

        async def receive() -> dict[str, Any]:
            self.asked += 1
            chunk = next(source, None)
            if chunk is not None:
                return {"type": "http.request", "body": chunk, "more_body": True}
            return left.popleft() if left else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                on_start()
            self.sent.append(message)

        headers = [(name.lower().encode(), value.encode()) for name, value in self.headers.items()]
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": self.method,
            "scheme": "http",
            "path": self.path,
            "raw_path": self.path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(b"host", b"yard.test"), *headers],
            "client": ("127.0.0.1", 5000),
            "server": ("yard.test", 80),
        }
        async with asyncio.timeout(20):
            await self.app(scope, receive, send)
        start, *rest = self.sent
        body = b"".join(message.get("body", b"") for message in rest)
        return httpx.Response(start["status"], headers=start["headers"], content=body)


async def open_socket(app: Starlette, path: str, headers: Mapping[str, str]) -> list[dict[str, Any]]:
    """What the app sends to a client that opens a socket, says nothing and waits for the end."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.disconnect", "code": 1000} if sent else {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "websocket",
        "scheme": "ws",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"yard.test"), *((k.encode(), v.encode()) for k, v in headers.items())],
        "client": ("127.0.0.1", 5000),
        "server": ("yard.test", 80),
        "subprotocols": [],
    }
    async with asyncio.timeout(20):
        await app(scope, receive, send)
    return sent
