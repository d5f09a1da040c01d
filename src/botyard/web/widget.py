"""The script that puts a chatbot on somebody's page; any page may load it."""

import gzip
import hashlib
from functools import cache

from starlette.requests import Request
from starlette.responses import Response

from botyard.web.assets import STATIC

PATH = "/widget.js"
_YEAR_S, _HOUR_S, _DAY_S = 31_536_000, 3_600, 86_400


@cache
def script() -> tuple[bytes, bytes, str]:
    """The script, the same packed, and its version."""
    text = (STATIC / "widget.js").read_bytes()
    return text, gzip.compress(text, mtime=0), hashlib.sha256(text).hexdigest()[:12]


async def widget(request: Request) -> Response:
    """Kept for a year under its version; without one for an hour, so that pages follow an upgrade by themselves."""
    text, packed, version = script()
    pinned = request.query_params.get("v") == version
    lifetime = (
        f"max-age={_YEAR_S}, immutable" if pinned else f"max-age={_HOUR_S}, stale-while-revalidate={_DAY_S}"
    )
    headers = {
        "Access-Control-Allow-Origin": "*",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Cache-Control": f"public, {lifetime}",
        "ETag": f'"{version}"',
        "Vary": "Accept-Encoding",
    }
    if version in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(packed, media_type="text/javascript", headers=headers | {"Content-Encoding": "gzip"})
    return Response(text, media_type="text/javascript", headers=headers)
