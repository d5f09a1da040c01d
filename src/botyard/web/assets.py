"""The files under `static/`: icons to write into pages, and addresses that change with their content."""

import hashlib
import re
from functools import cache
from pathlib import Path

from fastapi.staticfiles import StaticFiles
from markupsafe import Markup
from starlette.responses import Response
from starlette.types import Scope

STATIC = Path(__file__).parent / "static"
_YEAR_S = 31_536_000
_DAY_S = 86_400


@cache
def asset(name: str) -> str:
    """Address of a static file, with a version that changes with its content."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()
    return f"/static/{name}?v={digest[:12]}"


@cache
def icon(name: str) -> Markup:
    """A vendored icon as inline SVG, hidden from screen readers: the word beside it says the same."""
    svg = (STATIC / f"vendor/icons/{name}.svg").read_text()
    shapes = re.sub(r"\s*\n\s*", "", svg[svg.index(">") + 1 : svg.rindex("</svg>")])
    shapes = shapes.replace('<path stroke="none" d="M0 0h24v24H0z" fill="none" />', "")
    return Markup(  # noqa: S704 - our own files
        '<svg class="icon" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2"'
        f' stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">{shapes}</svg>'
    )


class Files(StaticFiles):
    """Static files that a browser keeps: for a year where the address carries a version, else a day."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        if response.status_code in (200, 304):
            versioned = scope["query_string"].startswith(b"v=")
            lifetime = f"{_YEAR_S}, immutable" if versioned else str(_DAY_S)
            response.headers["Cache-Control"] = f"public, max-age={lifetime}"
        return response
