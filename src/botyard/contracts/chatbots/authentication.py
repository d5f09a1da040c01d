"""Document section "Authentication"; tokens are pairs, and a refresh token is good once (C-02 to C-06)."""

from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import Request, Response
from pydantic import Field

from botyard.contracts.chatbots.envelope import Received, Shown, Success, ok, section
from botyard.contracts.chatbots.paging import Paged, Pages, page
from botyard.contracts.chatbots.schemas import Instant, Moment, Text
from botyard.core.accounts import (
    api_keys,
    passwords,
    profiles,
    registration,
    second_factor,
    sessions,
    signin,
    tokens,
)
from botyard.core.accounts.models import ApiKey, User
from botyard.core.accounts.pairs import TokenPair
from botyard.edge.caller import Address, Caller
from botyard.edge.session import Reader, Session, Stores

router = section("Authentication", "/auth")


class Registration(Received):
    """A new account; the code of an invitation where the server asks for one."""

    username: Text
    email: Text
    password: Text
    invite_code: str | None = None


class UserShown(Shown):
    """An account as its owner sees it."""

    id: str
    username: str
    email: str

    @classmethod
    def of(cls, user: User) -> "UserShown":
        """Ids are texts in this document (X-06)."""
        return cls(id=str(user.id), username=user.username, email=user.email)


class Registered(Shown):
    """The account is there; sign in next."""

    user: UserShown


@router.post("/register", status_code=201)
async def register(body: Registration, db: Stores, address: Address) -> Success[Registered]:
    """Register a new user."""
    hashed = await passwords.hash(body.password)
    async with db.session() as session:
        user = await registration.register(
            session,
            username=body.username,
            email=body.email,
            password_hash=hashed,
            invite_code=body.invite_code,
            address=address,
        )
    return ok(Registered(user=UserShown.of(user)))


class Login(Received):
    """Name or mail address, password, and the second factor's code where there is one (X-01, C-03)."""

    username: Text
    password: Text
    mfa_code: str | None = None


class Tokens(Shown):
    """A pair of tokens: one for the calls that follow, one for the next pair."""

    access_token: str
    refresh_token: str
    expires_in: int = Field(description="Seconds that the access token is good for.")

    @classmethod
    def of(cls, pair: TokenPair) -> "Tokens":
        """The pair in the document's words."""
        return cls(access_token=pair.access, refresh_token=pair.refresh, expires_in=pair.expires_in_s)


@router.post("/login")
async def login(
    body: Login, request: Request, response: Response, db: Stores, address: Address
) -> Success[Tokens]:
    """Authenticate a user."""
    _keep_out_of_caches(response)
    pair = await signin.sign_in_program(
        db,
        identity=body.username,
        password=body.password,
        totp_code=body.mfa_code,
        address=address,
        user_agent=request.headers.get("user-agent", ""),
    )
    return ok(Tokens.of(pair))


class Refresh(Received):
    """The refresh token that came with the last pair."""

    refresh_token: Text


@router.post("/refresh")
async def refresh(body: Refresh, response: Response, db: Stores, address: Address) -> Success[Tokens]:
    """Refresh an access token. The refresh token is used up; sending it again ends the session."""
    _keep_out_of_caches(response)
    return ok(Tokens.of(await tokens.refresh(db, body.refresh_token, address=address, grace=timedelta(0))))


class Logout(Received):
    """The refresh token, for a session other than the one that calls."""

    refresh_token: str | None = None


@router.post("/logout", status_code=204)
async def logout(session: Session, caller: Caller, body: Logout | None = None) -> None:
    """Invalidate a token: its session ends, in every document."""
    if body is not None and body.refresh_token:
        await tokens.revoke(session, body.refresh_token, user_id=caller.user_id)
    await sessions.end(session, caller.session_id)


class Enrolment(Shown):
    """What an authenticator app needs; verify a first code next."""

    secret: str
    otpauth_url: str
    qr_code: str = Field(description="A picture as data URI.")


@router.post("/mfa/setup")
async def set_up_mfa(session: Session, caller: Caller, response: Response) -> Success[Enrolment]:
    """Set up multi-factor authentication; it is on once a code was verified."""
    _keep_out_of_caches(response)
    made = await second_factor.begin(session, await profiles.get(session, caller.user_id))
    return ok(Enrolment(secret=made.secret, otpauth_url=made.otpauth_url, qr_code=made.qr_png_data_uri))


class Code(Received):
    """A code that the authenticator app shows."""

    code: Text


class Enabled(Shown):
    """The second factor is on; the recovery codes are shown this once."""

    enabled: Literal[True] = True
    recovery_codes: list[str]


@router.post("/mfa/verify")
async def verify_mfa(body: Code, session: Session, caller: Caller, response: Response) -> Success[Enabled]:
    """Verify MFA code, which turns the second factor on for every document."""
    _keep_out_of_caches(response)
    codes = await second_factor.confirm(session, await profiles.get(session, caller.user_id), body.code)
    return ok(Enabled(recovery_codes=codes))


class NewKey(Received):
    """A name; without scopes the key may do all that a key may."""

    name: Text
    scopes: Annotated[list[str], Field(max_length=100)] | None = None
    expires_at: Instant | None = None


class KeyShown(Shown):
    """An API key without its text."""

    id: str
    name: str
    scopes: list[str]
    created_at: Moment
    expires_at: Moment | None
    last_used_at: Moment | None


class KeyMade(KeyShown):
    """A new API key; its text is shown this once."""

    key: str


@router.post("/api-keys", status_code=201)
async def make_key(
    body: NewKey, session: Session, caller: Caller, response: Response, address: Address
) -> Success[KeyMade]:
    """Make an API key, to be sent as `X-API-KEY`; beyond the document, which names the header only."""
    _keep_out_of_caches(response)
    key, text = await api_keys.create(
        session,
        user_id=caller.user_id,
        name=body.name,
        scopes=body.scopes,
        expires_at=body.expires_at,
        actor=caller,
        address=address,
    )
    return ok(KeyMade(key=text, **_key_fields(key)))


@router.get("/api-keys")
async def list_keys(session: Reader, caller: Caller, paging: Pages) -> Success[Paged[KeyShown]]:
    """List one's own API keys, newest first."""
    keys = await api_keys.list_keys(session, caller.user_id)
    shown = keys[paging.offset : paging.offset + paging.size]
    return page([KeyShown(**_key_fields(key)) for key in shown], len(keys), paging)


@router.delete("/api-keys/{key_id}", status_code=204)
async def revoke_key(key_id: str, session: Session, caller: Caller, address: Address) -> None:
    """Withdraw an API key for good."""
    await api_keys.revoke(session, key_id, user_id=caller.user_id, actor=caller, address=address)


def _key_fields(key: ApiKey) -> dict[str, Any]:
    return {name: getattr(key, name) for name in KeyShown.model_fields}


def _keep_out_of_caches(response: Response) -> None:
    response.headers["Cache-Control"] = "no-store"
