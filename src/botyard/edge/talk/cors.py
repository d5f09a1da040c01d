"""Which pages may read answers: those of the channel's origins, each told by name, without cookies."""

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from botyard.edge.talk import door
from botyard.features.chatbots.channels.errors import NoSuchChannel

_METHODS = "GET, POST"
_HEADERS = "Authorization, Content-Type, Idempotency-Key, Last-Event-ID"
_KEPT_S = 7200  # browsers ask again after that, at the latest


class Cors:
    """Answers preflights by the channel that the address names, and marks answers for the origin that was let in."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; sockets pass through."""
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        if "origin" not in headers:
            await self.app(scope, receive, send)
        elif scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            await (await _preflight(scope, headers["origin"]))(scope, receive, send)
        else:
            await self.app(scope, receive, _marking(scope, send))


async def _preflight(scope: Scope, origin: str) -> Response:
    connection = HTTPConnection(scope)
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    varies = {"Vary": "Origin"}
    try:
        channel = await door.find(connection, path.strip("/").partition("/")[0])
        known = True
    except NoSuchChannel:
        known = False  # the request itself is to say so, readable by the page
    if known and not door.allows(channel, origin, needed=True):
        return Response(status_code=403, headers=varies)
    allowed = {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": _METHODS,
        "Access-Control-Allow-Headers": _HEADERS,
        "Access-Control-Max-Age": str(_KEPT_S),
    }
    return Response(status_code=204, headers=varies | allowed)


def _marking(scope: Scope, send: Send) -> Send:
    async def answer(message: Message) -> None:
        if message["type"] == "http.response.start":
            marks = message.setdefault("headers", [])
            marks.append((b"vary", b"Origin"))
            allowed = scope.get("state", {}).get(door.ALLOWED)
            if allowed:
                marks.append((b"access-control-allow-origin", allowed.encode("latin-1")))
                marks.append((b"access-control-expose-headers", b"Retry-After"))
        await send(message)

    return answer
