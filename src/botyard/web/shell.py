"""What every page is given: who looks at it, the notices to show, and how to answer."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from botyard.core.accounts import profiles
from botyard.core.accounts.models import User
from botyard.core.accounts.types import Principal, Role
from botyard.edge.caller import Caller
from botyard.edge.session import Reader
from botyard.web.navigation import section
from botyard.web.rendering import render
from botyard.web.scene import Scene

_NOTICE = "notice"
_KINDS = ("good", "warn", "bad")


@dataclass(frozen=True, slots=True)
class Viewer:
    """The person a page is made for."""

    id: int
    name: str
    username: str
    role: Role
    session_id: str

    @classmethod
    def of(cls, user: User, caller: Principal) -> "Viewer":
        """From the account and the credential that it came with."""
        return cls(user.id, user.fullname or user.username, user.username, user.role, caller.session_id)

    @property
    def is_admin(self) -> bool:
        """Whether the pages of administrators are for this person."""
        return self.role is Role.admin

    @property
    def initials(self) -> str:
        """One or two letters for the badge beside the name."""
        words = self.name.split()
        return "".join(word[0] for word in [words[0], *words[1:][-1:]]).upper() if words else "?"


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the dashboard on its way to `viewer`."""

    request: Request
    viewer: Viewer

    def show(self, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
        """The whole page; notices that an earlier step left are shown on it, once."""
        return whole(
            self.request,
            template,
            status=status,
            viewer=self.viewer,
            section=section(self.request.url.path),
            **context,
        )


async def _page(request: Request, caller: Caller, reader: Reader) -> Page:
    return Page(request, Viewer.of(await profiles.get(reader, caller.user_id), caller))


async def _scene(request: Request, caller: Caller) -> Scene:
    return Scene(request.app, caller, dict(request.query_params))


PageFor = Annotated[Page, Depends(_page, scope="function")]
SceneFor = Annotated[Scene, Depends(_scene)]


def whole(request: Request, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
    """A whole page, also for those who are not signed in."""
    notice = _notice(request)
    html = render(template, request=request, notices=[notice] if notice else [], **context)
    response = HTMLResponse(html, status, headers={"Cache-Control": "no-store"})
    if notice:
        response.delete_cookie(_NOTICE)
    return response


def part(
    template: str,
    target: str,
    *,
    closes: bool = True,
    also: Mapping[str, str] | None = None,
    **context: Any,
) -> HTMLResponse:
    """A piece of a page that takes the place of what is at `target` now, and `also` other pieces.

    The dialog that it was asked in closes, unless `closes` says otherwise.
    """
    headers = {"Cache-Control": "no-store"} | ({"HX-Trigger": "done"} if closes else {})
    pieces = {target: render(template, **context), **(also or {})}
    return HTMLResponse("".join(partial(*piece) for piece in pieces.items()), headers=headers)


def partial(target: str, html: str, *, swap: str = "innerHTML") -> str:
    """HTML that htmx puts at `target`, wherever it was asked from."""
    return f'<hx-partial hx-target="{target}" hx-swap="{swap}">{html}</hx-partial>'


def go(request: Request, address: str, done: str = "", *, kind: str = "good") -> Response:
    """Send the browser to another page, with a notice of what was done."""
    response: Response
    if request.headers.get("hx-request"):
        response = Response(status_code=200, headers={"HX-Redirect": address})
    else:
        response = RedirectResponse(address, status_code=303)
    if done:
        value = urlsafe_b64encode(json.dumps([kind, done]).encode()).decode()
        response.set_cookie(_NOTICE, value, max_age=60, httponly=True, samesite="lax")
    return response


def local(address: str, *, otherwise: str = "/") -> str:
    """The address if it lies on this server, else the other one; never follow what a link made up."""
    inside = address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
    return address if inside else otherwise


def _notice(request: Request) -> tuple[str, str] | None:
    try:
        kind, text = json.loads(urlsafe_b64decode(request.cookies[_NOTICE]))
    except (KeyError, ValueError):
        return None
    return (kind, text) if kind in _KINDS and isinstance(text, str) else None
