"""The door: signing in with a second step, registering, and getting in again without the password."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from botyard.core.accounts import password_reset, passwords, registration, sessions, signin
from botyard.core.accounts.models import User
from botyard.edge import cookie
from botyard.edge.caller import COOKIE, Address, Caller
from botyard.edge.guard import GuardedRoute
from botyard.edge.parts import part as running
from botyard.edge.session import Session, Stores
from botyard.kit.db import Database
from botyard.kit.errors import BotyardError, SecondFactorRequired
from botyard.settings import Settings
from botyard.web import first_run
from botyard.web.forms import Form, SameOrigin
from botyard.web.shell import go, local, part, whole

router = APIRouter(route_class=GuardedRoute)
Set = Annotated[Settings, Depends(running(Settings))]


@router.get("/sign-in")
async def page(request: Request, settings: Set, next: str = "/") -> Response:  # noqa: A002 - read from the address
    """The form to sign in."""
    return _form(request, settings, next=local(next))


@router.post("/sign-in", dependencies=[SameOrigin])
async def sign_in(request: Request, form: Form, db: Stores, settings: Set, address: Address) -> Response:
    """Open a session, or ask for the code where the account has a second factor."""
    agent = request.headers.get("user-agent", "")
    scripted = "hx-request" in request.headers
    try:
        user = await signin.sign_in(
            db,
            identity=form["identity"],
            password=form["password"],
            totp_code=form["code"] or None,
            address=address,
            user_agent=agent,
        )
    except SecondFactorRequired:
        # The password stays in the browser's own field: the second step is put into the same form.
        if scripted:
            return part("_second_step.html", "#second")
        return _form(request, settings, next=local(form["next"]), identity=form["identity"], needs_code=True)
    except BotyardError as error:
        if scripted:
            raise
        return _form(request, settings, next=local(form["next"]), identity=form["identity"], error=error)
    return await open_session(request, db, user, address, local(form["next"]))


async def open_session(request: Request, db: Database, user: User, address: str, after: str) -> Response:
    """Send somebody who proved who they are on their way, with a session of their own."""
    async with db.session() as session:
        value = await sessions.open_cookie(
            session,
            user.id,
            address=address,
            user_agent=request.headers.get("user-agent", ""),
            replacing=request.cookies.get(COOKIE, ""),
            credentials_version=user.credentials_version,
        )
    if after == "/" and await first_run.is_due(request, db, user):
        after = first_run.PATH
    response = go(request, after)
    cookie.give(request, response, value)
    return response


def _form(
    request: Request,
    settings: Settings,
    *,
    next: str,  # noqa: A002
    identity: str = "",
    needs_code: bool = False,
    error: BotyardError | None = None,
) -> Response:
    return whole(
        request,
        "sign_in.html",
        status=error.status if error else 200,
        registration=settings.registration,
        next=next,
        identity=identity,
        needs_code=needs_code or bool(error and error.code == "second_factor_required"),
        error=error,
        text=str(error or ""),
        field="",
    )


@router.post("/sign-out")
async def sign_out(request: Request, session: Session, caller: Caller) -> Response:
    """End this session on the server and in the browser."""
    if caller.session_id:
        await sessions.end(session, caller.session_id)
    response = go(request, "/sign-in", "You are signed out.")
    cookie.take(response)
    return response


@router.get("/register")
async def register_page(request: Request, settings: Set, invite: str = "") -> Response:
    """The form to make an account."""
    return whole(request, "register.html", registration=settings.registration, invite=invite[:100])


@router.post("/register", dependencies=[SameOrigin])
async def register(request: Request, form: Form, db: Stores, address: Address) -> Response:
    """Make an account and sign it in."""
    hashed = await passwords.hash(form["new_password"])
    async with db.session() as session:
        user = await registration.register(
            session,
            username=form.needed("username", "The user name"),
            email=form.needed("email", "The mail address"),
            fullname=form["fullname"] or None,
            password_hash=hashed,
            invite_code=form["invite_code"] or None,
            address=address,
        )
    return await open_session(request, db, user, address, "/")


@router.get("/forgot-password")
async def forgot_page(request: Request) -> Response:
    """The form to ask for a reset link."""
    return whole(request, "forgot.html")


@router.post("/forgot-password", dependencies=[SameOrigin])
async def forgot(request: Request, form: Form, session: Session) -> Response:
    """Have a link sent; the answer is the same for known and unknown addresses."""
    await password_reset.request(session, form["email"])
    return go(request, "/sign-in", "If this address has an account, a link is on its way to it.")


@router.get("/reset-password")
async def reset_page(request: Request, token: str = "") -> Response:
    """The form that a reset link opens."""
    return whole(request, "reset.html", token=token[:200])


@router.post("/reset-password", dependencies=[SameOrigin])
async def reset(request: Request, form: Form, db: Stores, address: Address) -> Response:
    """Set the new password."""
    await password_reset.complete(db, form["token"], form["new_password"], address=address)
    return go(request, "/sign-in", "The new password is set. Sign in with it.")
