"""One's own account: profile, password, sessions, second factor, API keys, and its end."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from botyard.core.accounts import (
    api_keys,
    deletion,
    password_change,
    profiles,
    second_factor,
    sessions,
)
from botyard.core.accounts.models import UserSession
from botyard.core.accounts.types import ALL_SCOPES, Role
from botyard.edge import cookie
from botyard.edge.caller import Address, Caller
from botyard.edge.guard import GuardedRoute
from botyard.edge.session import Reader, Session, Stores
from botyard.kit.db import Session as UnitOfWork
from botyard.settings import Settings
from botyard.web.fleet import base_url
from botyard.web.forms import Form, expiry
from botyard.web.proof import prove
from botyard.web.rendering import render
from botyard.web.shell import PageFor, go, part

router = APIRouter(prefix="/account", route_class=GuardedRoute)


@router.get("")
async def profile_page(page: PageFor, reader: Reader) -> Response:
    """Who one is here."""
    user = await profiles.get(reader, page.viewer.id)
    factor = await second_factor.is_on(reader, user.id)
    return page.show("account.html", tab="profile", user=user, second_factor=factor)


@router.post("/profile")
async def save_profile(request: Request, form: Form, session: Session, caller: Caller) -> Response:
    """Change one's profile."""
    await profiles.update(
        session,
        caller.user_id,
        fullname=form["fullname"],
        phone=form["phone"],
        birthday=form["birthday"],
        gender=form["gender"],
        currency=form["currency"],
    )
    return go(request, "/account", "The profile is saved.")


@router.post("/password")
async def change_password(
    request: Request, form: Form, db: Stores, caller: Caller, address: Address
) -> Response:
    """Change one's password; every other session ends."""
    await password_change.change(
        db,
        actor=caller,
        old_password=form["old_password"],
        new_password=form["new_password"],
        address=address,
    )
    return go(request, "/account/security", "The password is changed, and every other session is over.")


@router.post("/delete")
async def delete(request: Request, form: Form, db: Stores, caller: Caller, address: Address) -> Response:
    """Delete one's own account with all that is its own."""
    await prove(db, caller, form, address)
    async with db.session() as session:
        await deletion.delete_account(session, caller.user_id, actor=caller, address=address)
    response = go(request, "/sign-in", "Your account is deleted.")
    cookie.take(response)
    return response


# --- security -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """A session as its owner recognizes it."""

    id: str
    kind: str
    agent: str
    address: str
    created_at: datetime
    last_used_at: datetime

    @classmethod
    def of(cls, row: UserSession) -> "Place":
        """With the browser's name out of its user agent."""
        return cls(
            row.id, row.kind, agent_name(row.user_agent), row.address, row.created_at, row.last_used_at
        )


_BROWSERS = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)


def agent_name(user_agent: str) -> str:
    """`Firefox on Linux` for a browser, else the beginning of what the program said."""
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
    if browser and system:
        return f"{browser} on {system}"
    return browser or user_agent[:60] or "Unknown program"


@router.get("/security")
async def security_page(page: PageFor, reader: Reader) -> Response:
    """Password, second factor and open sessions."""
    found = [Place.of(row) for row in await sessions.list_open(reader, page.viewer.id)]
    factor = await second_factor.status(reader, page.viewer.id)
    return page.show("account_security.html", tab="security", sessions=found, factor=factor)


@router.post("/sessions/{session_id}/end")
async def end_session(request: Request, session_id: str, session: Session, caller: Caller) -> Response:
    """End one of one's sessions."""
    await sessions.end(session, session_id, user_id=caller.user_id)
    return go(request, "/account/security", "That session is over.")


@router.post("/sessions/end-others")
async def end_others(request: Request, session: Session, caller: Caller) -> Response:
    """End every session but this one."""
    await sessions.end_all(session, caller.user_id, but=caller.session_id)
    return go(request, "/account/security", "Every other session is over.")


@router.post("/second-factor/begin")
async def begin_factor(form: Form, db: Stores, caller: Caller, address: Address) -> Response:
    """Show what an authenticator app needs."""
    await prove(db, caller, form, address)
    async with db.session() as session:
        enrolment = await second_factor.begin(session, await profiles.get(session, caller.user_id))
    return part("_enrolment.html", "#factor", enrolment=enrolment)


@router.post("/second-factor/confirm")
async def confirm_factor(form: Form, session: Session, caller: Caller) -> Response:
    """Turn the second factor on and show the recovery codes, this once."""
    user = await profiles.get(session, caller.user_id)
    codes = await second_factor.confirm(session, user, form.needed("code", "The code"))
    return part("_recovery.html", "#factor", codes=codes)


@router.post("/second-factor/codes")
async def renew_codes(form: Form, db: Stores, caller: Caller, address: Address) -> Response:
    """Replace the recovery codes."""
    await prove(db, caller, form, address)
    async with db.session() as session:
        codes = await second_factor.renew_recovery_codes(session, caller.user_id)
    return part("_recovery.html", "#factor", codes=codes)


@router.post("/second-factor/off")
async def factor_off(request: Request, form: Form, db: Stores, caller: Caller, address: Address) -> Response:
    """Turn the second factor off."""
    await prove(db, caller, form, address)
    async with db.session() as session:
        await second_factor.disable(session, caller.user_id, actor=caller, address=address)
    return go(request, "/account/security", "The second factor is off.")


# --- API keys -----------------------------------------------------------------------------------------


@router.get("/keys")
async def keys_page(page: PageFor, reader: Reader) -> Response:
    """One's API keys."""
    return page.show("account_keys.html", tab="keys", **await _listed(reader, page.viewer.id))


async def _listed(session: UnitOfWork, user_id: int) -> dict[str, Any]:
    """What the list of keys is drawn from."""
    return {"keys": await api_keys.list_keys(session, user_id), "scopes": sorted(ALL_SCOPES)}


@router.post("/keys")
async def make_key(
    request: Request, form: Form, session: Session, caller: Caller, address: Address
) -> Response:
    """Make a key and show it, this once."""
    key, text = await api_keys.create(
        session,
        user_id=caller.user_id,
        name=form["name"],
        scopes=form.all("scopes"),
        role=Role.service if form["service"] == "yes" else Role.user,
        expires_at=expiry(form),
        actor=caller,
        address=address,
    )
    url = base_url(request, session.part(Settings))
    also = {"#list": render("_keys.html", **await _listed(session, caller.user_id))}
    return part("_key_made.html", "#made", also=also, key=key, text=text, url=url)


@router.post("/keys/{key_id}/revoke")
async def revoke_key(
    request: Request, key_id: str, session: Session, caller: Caller, address: Address
) -> Response:
    """Withdraw a key."""
    await api_keys.revoke(session, key_id, user_id=caller.user_id, actor=caller, address=address)
    return go(request, "/account/keys", "The key is withdrawn.")
