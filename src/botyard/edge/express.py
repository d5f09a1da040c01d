"""A short way for hot routes: from the server's door to the endpoint without the layers between.

A request that a hot route of a document matches is admitted, run and, if it fails, translated exactly as the
document's own app would do it; only the dozen layers of routers and middleware in between are left out, which
cost more than the request itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from botyard.edge.errors import Translate, answer, operation
from botyard.edge.guard import HotRoute
from botyard.edge.limits import PerMinute, telling


@dataclass(frozen=True)
class Line:
    """The hot routes of one document under its prefix."""

    prefix: str
    app: FastAPI
    routes: Sequence[HotRoute]
    translate: Translate
    limit: PerMinute | None = None  # where the document tells it in its answers


class Express:
    """Takes what a hot route matches and hands everything else on."""

    def __init__(self, app: ASGIApp, *, lines: Sequence[Line]) -> None:
        self.app = app
        self._stops = [
            (method, line, route)
            for line in lines
            for route in line.routes
            for method in sorted(route.methods or ())
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            path, method = scope["path"], scope["method"]
            for wanted, line, route in self._stops:
                if method == wanted and path.startswith(line.prefix):
                    match = route.path_regex.match(path.removeprefix(line.prefix))
                    if match is not None:
                        scope.update(
                            app=line.app,
                            root_path=scope.get("root_path", "") + line.prefix,
                            path_params=match.groupdict(),
                            route=route,
                        )
                        if line.limit is not None:
                            send = telling(line.limit, line.translate, scope, receive, send)
                        await self._run(route, line.translate, scope, receive, send)
                        return
        await self.app(scope, receive, send)

    @staticmethod
    async def _run(route: HotRoute, translate: Translate, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await route.handle(scope, receive, send)
        except Exception as error:  # every error becomes the document's envelope, as in its own app
            await answer(error, translate, operation(scope))(scope, receive, send)
