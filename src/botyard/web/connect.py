"""How another service connects: a key of its own, and examples that work as they stand."""

import shlex
from collections.abc import Collection
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from botyard.core.accounts import api_keys, profiles, second_factor
from botyard.core.accounts.models import User
from botyard.core.accounts.token_keys import TokenKeys
from botyard.core.accounts.types import ALL_SCOPES, Role
from botyard.edge.caller import Address, Caller
from botyard.edge.guard import GuardedRoute
from botyard.edge.session import Reader, Session, Stores
from botyard.kit.db import Parts
from botyard.settings import Settings
from botyard.web.fleet import root_url
from botyard.web.forms import Form, expiry
from botyard.web.rendering import render
from botyard.web.shell import PageFor, part

router = APIRouter(prefix="/connect", route_class=GuardedRoute)
# What the examples need; a service that needs more gets more.
_USUAL = ("config:read", "logs:write")
_NO_KEY = "YOUR-KEY"


@router.get("")
async def page(page: PageFor, request: Request, reader: Reader, db: Stores) -> Response:
    """The examples without a key."""
    user = await profiles.get(reader, page.viewer.id)
    factor = await second_factor.is_on(reader, user.id)
    return page.show(
        "connect.html",
        all_scopes=sorted(ALL_SCOPES),
        usual=_USUAL,
        **_examples(request, db.parts, user, _NO_KEY, _USUAL, second_factor=factor),
    )


@router.post("/key")
async def make_key(
    request: Request, form: Form, session: Session, caller: Caller, address: Address, db: Stores
) -> Response:
    """Make a key of the role service and show it this once, in every example."""
    user = await profiles.get(session, caller.user_id)
    key, text = await api_keys.create(
        session,
        user_id=caller.user_id,
        name=form["name"],
        scopes=form.all("scopes"),
        role=Role.service,
        expires_at=expiry(form),
        actor=caller,
        address=address,
    )
    factor = await second_factor.is_on(session, user.id)
    examples = _examples(request, db.parts, user, text, key.scopes, second_factor=factor)
    also = {"#examples": render("_connect_examples.html", **examples)}
    return part("_service_key.html", "#made", also=also, key=key, text=text)


def _examples(
    request: Request, parts: Parts, user: User, key: str, scopes: Collection[str], *, second_factor: bool
) -> dict[str, Any]:
    return {
        "address": root_url(request, parts.get(Settings)),
        "username_in_shell": shlex.quote(user.username),
        "second_factor": second_factor,
        "key": key,
        "scopes": scopes,
        "published": parts.get(TokenKeys).published,
    }
