"""Document section "Authentication APIs"."""

from fastapi import Request, Response
from pydantic import BaseModel

from botyard.contracts.manager.envelope import section
from botyard.contracts.manager.schemas import (
    EmailText,
    NewPassword,
    Success,
    Text,
    UserBrief,
    UserRow,
    user_fields,
)
from botyard.core.accounts import (
    deletion,
    password_change,
    password_reset,
    passwords,
    profiles,
    registration,
    second_factor,
    sessions,
    signin,
)
from botyard.edge import cookie
from botyard.edge.caller import COOKIE, Address, Caller
from botyard.edge.session import Later, Reader, Session, Stores

router = section("Authentication", prefix="/api/auth")


class Registration(BaseModel):
    """A new account."""

    username: Text
    email: EmailText
    password: NewPassword
    fullname: str | None = None
    invite_code: str | None = None


class Registered(Success):
    """The account is there."""

    message: str = "Registration successful. Sign in with the name and password."


@router.post("/register")
async def register(body: Registration, db: Stores, address: Address) -> Registered:
    """Make an account."""
    hashed = await passwords.hash(body.password)
    async with db.session() as session:
        await registration.register(
            session,
            username=body.username,
            email=body.email,
            password_hash=hashed,
            fullname=body.fullname,
            invite_code=body.invite_code,
            address=address,
        )
    return Registered()


class Login(BaseModel):
    """Name or address, password, and the second factor's code where there is one."""

    username: Text
    password: Text
    totp_code: str | None = None


class LoggedIn(Success):
    """Who signed in; the answer also sets the session cookie."""

    user: UserBrief


@router.post("/login")
async def login(body: Login, request: Request, response: Response, db: Stores, address: Address) -> LoggedIn:
    """Sign in with a cookie."""
    agent = request.headers.get("user-agent", "")
    user = await signin.sign_in(
        db,
        identity=body.username,
        password=body.password,
        totp_code=body.totp_code,
        address=address,
        user_agent=agent,
    )
    async with db.session() as session:
        value = await sessions.open_cookie(
            session,
            user.id,
            address=address,
            user_agent=agent,
            replacing=request.cookies.get(COOKIE, ""),
            credentials_version=user.credentials_version,
        )
    cookie.give(request, response, value)
    return LoggedIn(user=UserBrief(**user_fields(user)))


@router.post("/logout")
async def logout(session: Session, caller: Caller, response: Response) -> Success:
    """End this session on the server."""
    await sessions.end(session, caller.session_id)
    cookie.take(response)
    return Success()


class Me(BaseModel):
    """The account that calls."""

    user: UserRow


@router.get("/me")
async def me(session: Reader, caller: Caller) -> Me:
    """Answer the account that calls."""
    return Me(user=UserRow(**user_fields(await profiles.get(session, caller.user_id))))


class ProfileChange(BaseModel):
    """Absent fields stay."""

    fullname: str | None = None
    phone: str | None = None
    birthday: str | None = None
    gender: str | None = None


@router.post("/update-profile")
async def update_profile(body: ProfileChange, session: Session, caller: Caller) -> Success:
    """Change one's own profile."""
    await profiles.update(session, caller.user_id, **body.model_dump(exclude_unset=True))
    return Success()


class PasswordChange(BaseModel):
    """The old and the new password."""

    old_password: Text
    new_password: NewPassword


@router.post("/change-password")
async def change_password(
    body: PasswordChange, db: Stores, begin: Later, caller: Caller, address: Address
) -> Success:
    """Change one's own password; every other session ends (M-03)."""
    proved = await password_change.prove(
        db, actor=caller, old_password=body.old_password, new_password=body.new_password, address=address
    )
    await password_change.complete(await begin(), proved, actor=caller, address=address)
    return Success()


class Forgotten(BaseModel):
    """The address of the account."""

    email: EmailText


class ResetSent(Success):
    """The same for known and unknown addresses."""

    message: str = "If this address has an account, a link to reset its password is on its way."


@router.post("/forgot-password")
async def forgot_password(body: Forgotten, session: Session) -> ResetSent:
    """Send a link that resets the password."""
    await password_reset.request(session, body.email)
    return ResetSent()


class Reset(BaseModel):
    """The token of the link and the new password."""

    token: Text
    new_password: NewPassword


@router.post("/reset-password")
async def reset_password(body: Reset, db: Stores, address: Address) -> Success:
    """Set a new password with the token of a link; each works once, for an hour."""
    await password_reset.complete(db, body.token, body.new_password, address=address)
    return Success()


class Deletion(BaseModel):
    """The password as proof; with a second factor its code, too (ours)."""

    password: Text
    totp_code: str | None = None


@router.post("/delete-account")
async def delete_account(
    body: Deletion, db: Stores, caller: Caller, response: Response, address: Address
) -> Success:
    """Delete one's own account and everything of it, for good (M-05)."""
    async with db.reader() as session:
        factor = await second_factor.is_on(session, caller.user_id)
    code = (body.totp_code or "") if factor else None
    await signin.confirm(db, caller.user_id, password=body.password, totp_code=code, address=address)
    async with db.session() as session:
        await deletion.delete_account(session, caller.user_id, actor=caller, address=address)
    cookie.take(response)
    return Success()
