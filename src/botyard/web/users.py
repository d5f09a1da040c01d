"""Accounts and invitations, for administrators."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from botyard.core.accounts import (
    administration,
    deletion,
    invitations,
    profiles,
    second_factor,
    sessions,
)
from botyard.core.accounts.models import Invitation
from botyard.core.accounts.types import Role
from botyard.core.bots import service as bots
from botyard.edge.caller import Address, Caller
from botyard.edge.guard import GuardedRoute
from botyard.edge.parts import part as running
from botyard.edge.session import Reader, Session, Stores
from botyard.kit import clock
from botyard.kit.errors import Invalid
from botyard.settings import Settings
from botyard.web.forms import Form
from botyard.web.lists import NO_PAGER, PAGE, Pager, address
from botyard.web.proof import prove
from botyard.web.rendering import render
from botyard.web.shell import PageFor, go, part

router = APIRouter(prefix="/users", route_class=GuardedRoute)
Set = Annotated[Settings, Depends(running(Settings))]
Number = Annotated[int, Query(alias="page", ge=0, lt=100_000)]
_ROLES = [role.value for role in Role]


def _pager(path: str, q: str, page: int, shown: int) -> Pager:
    """For lists that are read by offset, one row more than a page to know whether there is another."""
    newer = address(path, {"q": q, "page": page - 1}) if page else None
    older = address(path, {"q": q, "page": page + 1}) if shown > PAGE else None
    return Pager(f"Page {page + 1}", newer, older, "Previous", "Next") if newer or older else NO_PAGER


@router.get("")
async def page(page: PageFor, reader: Reader, q: str = "", number: Number = 0) -> Response:
    """Every account, or those whose name or address holds the text."""
    offset = number * PAGE
    if len(q.strip()) >= profiles.MIN_QUERY:
        found = await profiles.search(reader, q, limit=PAGE + 1, offset=offset)
    else:
        found = await profiles.list_users(reader, limit=PAGE + 1, offset=offset)
    pager = _pager("/users", q, number, len(found))
    total = await profiles.count(reader)
    return page.show("users.html", users=found[:PAGE], q=q, total=total, pager=pager)


@dataclass(frozen=True, slots=True)
class InvitationRow:
    """An invitation with its state in words; `open` ones can be withdrawn."""

    id: str
    email: str
    note: str
    created_at: datetime
    expires_at: datetime
    state: tuple[str, str]

    @classmethod
    def of(cls, row: Invitation) -> "InvitationRow":
        """As it stands now."""
        state = ("busy", "Open")
        if row.used_at is not None:
            state = ("good", "Used")
        elif row.revoked_at is not None:
            state = ("", "Withdrawn")
        elif row.expires_at <= clock.now():
            state = ("warn", "Too old")
        return cls(row.id, row.email, row.note, row.created_at, row.expires_at, state)

    @property
    def open(self) -> bool:
        """Whether somebody can still register with it."""
        return self.state[1] == "Open"


@router.get("/invitations")
async def invitations_page(page: PageFor, reader: Reader, settings: Set, number: Number = 0) -> Response:
    """Invitations in every state."""
    found = await invitations.list_invitations(reader, limit=PAGE + 1, offset=number * PAGE)
    return page.show(
        "invitations.html",
        invitations=[InvitationRow.of(row) for row in found[:PAGE]],
        registration=settings.registration,
        pager=_pager("/users/invitations", "", number, len(found)),
    )


@router.post("/invitations")
async def invite(
    request: Request, form: Form, session: Session, settings: Set, caller: Caller, address: Address
) -> Response:
    """Make an invitation; its link is shown this once, and mailed where an address is given."""
    email = form["email"].strip()
    made, code = await invitations.create(
        session, actor=caller, email=email, note=form["note"], address=address
    )
    root = settings.base_url if settings.public_url else str(request.base_url).rstrip("/")
    link = f"{root}{invitations.PAGE}?invite={code}"
    listed = await invitations.list_invitations(session, limit=PAGE)
    rows = render("_invitations.html", invitations=[InvitationRow.of(row) for row in listed])
    return part(
        "_invited.html",
        "#invited",
        also={"#invitations": rows},  # where the dialog was opened on their tab
        email=email,
        link=link,
        expires_at=made.expires_at,
    )


@router.post("/invitations/{invitation_id}/revoke")
async def revoke(
    request: Request, invitation_id: str, session: Session, caller: Caller, address: Address
) -> Response:
    """Withdraw an invitation."""
    await invitations.revoke(session, invitation_id, actor=caller, address=address)
    return go(request, "/users/invitations", "The invitation is withdrawn.")


@router.get("/{user_id:int}")
async def user_page(page: PageFor, reader: Reader, user_id: int) -> Response:
    """One account and what can be done with it."""
    user = await profiles.get(reader, user_id)
    return page.show(
        "user.html",
        user=user,
        roles=_ROLES,
        tiers=administration.TIERS,
        second_factor=await second_factor.is_on(reader, user_id),
        own_factor=await second_factor.is_on(reader, page.viewer.id),
        bots=await bots.count(reader, owner_id=user_id),
        sessions=len(await sessions.list_open(reader, user_id)),
    )


@router.post("/{user_id:int}/role")
async def change_role(
    request: Request, user_id: int, form: Form, session: Session, caller: Caller, address: Address
) -> Response:
    """Give an account another role."""
    if form["role"] not in _ROLES:
        raise Invalid("There is no such role.", details={"field": "role"})
    await administration.change_role(session, user_id, Role(form["role"]), actor=caller, address=address)
    return go(request, f"/users/{user_id}", "The role is changed; the account signs in again for it.")


@router.post("/{user_id:int}/tier")
async def change_tier(
    request: Request, user_id: int, form: Form, session: Session, caller: Caller, address: Address
) -> Response:
    """Put an account on another tier of limits."""
    await administration.change_tier(session, user_id, form["tier"], actor=caller, address=address)
    return go(request, f"/users/{user_id}", "The tier is changed; it counts from now on.")


@router.post("/{user_id:int}/disable")
async def disable(
    request: Request, user_id: int, session: Session, caller: Caller, address: Address
) -> Response:
    """Shut an account out."""
    await administration.disable(session, user_id, actor=caller, address=address)
    return go(request, f"/users/{user_id}", "The account is disabled.")


@router.post("/{user_id:int}/enable")
async def enable(
    request: Request, user_id: int, session: Session, caller: Caller, address: Address
) -> Response:
    """Let a disabled account in again."""
    await administration.enable(session, user_id, actor=caller, address=address)
    return go(request, f"/users/{user_id}", "The account is enabled.")


@router.post("/{user_id:int}/sign-out")
async def sign_out(request: Request, user_id: int, session: Session) -> Response:
    """End every session of an account."""
    await profiles.get(session, user_id)
    ended = await sessions.end_all(session, user_id)
    return go(request, f"/users/{user_id}", f"{ended} session{' is' if ended == 1 else 's are'} ended.")


@router.post("/{user_id:int}/second-factor/off")
async def second_factor_off(
    request: Request, user_id: int, session: Session, caller: Caller, address: Address
) -> Response:
    """Help somebody who lost telephone and recovery codes."""
    await second_factor.disable(session, user_id, actor=caller, address=address)
    return go(request, f"/users/{user_id}", "The second factor is off.")


@router.post("/{user_id:int}/delete")
async def delete(
    request: Request, user_id: int, form: Form, db: Stores, caller: Caller, address: Address
) -> Response:
    """Delete an account with all that is its own."""
    await prove(db, caller, form, address)
    async with db.session() as session:
        await deletion.delete_account(session, user_id, actor=caller, address=address)
    return go(request, "/users", "The account is deleted.")
