"""Where the API documents are, and the licences of what the dashboard carries."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points

from fastapi import APIRouter, Request
from starlette.responses import Response

from botyard.edge.document import Document
from botyard.edge.guard import GuardedRoute
from botyard.web.assets import STATIC
from botyard.web.shell import PageFor

router = APIRouter(route_class=GuardedRoute)


@dataclass(frozen=True, slots=True)
class Vendored:
    """A package whose files are in the dashboard."""

    name: str
    version: str
    licence: str
    home: str
    text: str


@dataclass(frozen=True, slots=True)
class Served:
    """A published document that this server answers."""

    title: str
    path: str
    url: str


@router.get("/about")
async def page(page: PageFor, request: Request) -> Response:
    """API documents and licences."""
    root = str(request.base_url).rstrip("/")
    documents = [
        Served(document.name.capitalize(), document.prefix, root + document.prefix)
        for document in _documents()
    ]
    return page.show("about.html", documents=documents, vendored=vendored())


def _documents() -> list[Document]:
    return [
        entry.load()
        for entry in sorted(entry_points(group="botyard.documents"), key=lambda entry: entry.name)
    ]


@cache
def vendored() -> list[Vendored]:
    """What `scripts/vendor.py` copied."""
    versions = json.loads((STATIC / "vendor/VERSIONS.json").read_text())
    return [
        Vendored(
            name,
            entry["version"],
            entry["licence"],
            entry["home"],
            (STATIC / "vendor" / entry["licence_file"]).read_text(),
        )
        for name, entry in sorted(versions.items())
    ]
