"""What a published document is to the server, and what all of them have in common."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from string import Template
from typing import Any, Protocol

from fastapi import APIRouter, FastAPI
from fastapi.responses import HTMLResponse
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount
from starlette.types import ASGIApp

from botyard.core.accounts.policy import Table
from botyard.edge import description, errors, guard
from botyard.edge.express import Line
from botyard.edge.limits import Limit, PerMinute, Telling, exempt
from botyard.kit.db import Database
from botyard.settings import Settings

# No script stands in the page itself: the content security policy allows none.
_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title · API</title>
<link rel="icon" href="/static/mark.svg">
<link rel="stylesheet" href="/static/vendor/swagger/swagger-ui.css">
<script src="/static/vendor/swagger/swagger-ui-bundle.js" defer></script>
<script src="/static/api.js" defer></script>
</head>
<body><main id="api" data-url="$url"><noscript>The description itself is at <a href="$url">$url</a>.</noscript></main></body>
</html>
""")


PAGES: Mapping[str, str] = {"/docs": "/openapi.json"}


class Running(Protocol):
    """A piece that runs while the server does."""

    async def start(self) -> None: ...
    async def stop(self) -> None: ...


class Under(Mount):
    """A mount that takes its prefix and every path below, with line breaks too: their answer is the document's."""

    def __init__(self, path: str, app: ASGIApp) -> None:
        super().__init__(path, app)
        below = f"{re.escape(self.path)}(?=/|$)/?" if self.path else "/"
        self.path_regex = re.compile(f"^{below}(?P<path>.*)$", re.DOTALL)


@dataclass(frozen=True)
class Served:
    """A document's app and what must run beside it; started in order, stopped in reverse."""

    app: FastAPI
    running: list[Running] = field(default_factory=list)
    translate: errors.Translate | None = None

    def line(self, prefix: str) -> Line | None:
        """The short way to its hot routes, if it has any."""
        hot = [route for route in self.app.routes if isinstance(route, guard.HotRoute)]
        if not hot or self.translate is None:
            return None
        return Line(prefix, self.app, hot, self.translate, _told(self.app.state.limit))


@dataclass(frozen=True)
class Document:
    """A published document by its name; registered under the entry point `botyard.documents`."""

    name: str
    prefix: str
    create: Callable[[Database, Settings], Served]


def assemble(
    app: FastAPI,
    db: Database,
    settings: Settings,
    *,
    routers: Sequence[APIRouter],
    translate: errors.Translate,
    table: Table,
    described: bool = True,
    pages: Mapping[str, str] = PAGES,
    limit: Limit | None = None,
) -> None:
    """Put routes, errors, state and policy into an app.

    `pages` are the addresses of its documentation, each with that of the OpenAPI file it reads. Routes are added to the app itself rather than included: each request is then matched once, not twice.
    """
    for router in routers:
        app.router.routes.extend(router.routes)
    app.state.db = db
    app.state.settings = settings
    app.state.limit = limit
    app.state.max_body = settings.max_body_mb * 1024 * 1024
    app.state.trusted_proxies = settings.trusted_proxies
    app.state.allowed_origins = frozenset(settings.allowed_origins)
    app.router.redirect_slashes = False  # an unknown path is one, with or without a slash at its end
    errors.install(app, translate)
    if described:
        _describe(app, pages)
    if told := _told(limit):
        app.add_middleware(Telling, limit=told, translate=translate)
    guard.enforce(app, table)


def _told(limit: Limit | None) -> PerMinute | None:
    return limit if isinstance(limit, PerMinute) and limit.told else None


def _describe(app: FastAPI, pages: Mapping[str, str]) -> None:
    """Serve the OpenAPI file and its page, both without anything from another server."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        return description.finish(made(), guard.SECURITY_SCHEMES)

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend it
    app.router.routes[:] = [r for r in app.router.routes if getattr(r, "path", "") not in _FRAMEWORKS_PAGES]
    for page, file in pages.items():
        app.add_route(file, _openapi_file, include_in_schema=False)
        app.add_route(page, _page_of(file), include_in_schema=False)


async def _openapi_file(request: Request) -> Response:
    exempt(request)
    prefix = request.scope.get("root_path", "")
    return JSONResponse({**request.app.openapi(), "servers": [{"url": prefix or "/"}]})


def _page_of(file: str) -> Callable[[Request], Awaitable[Response]]:
    async def page(request: Request) -> HTMLResponse:
        exempt(request)
        prefix, title = request.scope.get("root_path", ""), escape(request.app.title)
        return HTMLResponse(_PAGE.substitute(title=title, url=escape(f"{prefix}{file}")))

    return page


_FRAMEWORKS_PAGES = ("/docs", "/docs/oauth2-redirect", "/redoc", "/openapi.json")
