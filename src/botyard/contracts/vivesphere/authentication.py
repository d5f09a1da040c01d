"""Document section "1. Authentication Microservice"."""

from typing import Any, Literal

from fastapi import Request, Response
from pydantic import BaseModel

from botyard.contracts.vivesphere.envelope import section
from botyard.contracts.vivesphere.schemas import Text
from botyard.core.accounts import signin
from botyard.core.accounts.authentication import Authenticator
from botyard.core.accounts.errors import TokenRejected
from botyard.edge import fast
from botyard.edge.caller import Address
from botyard.edge.session import Stores
from botyard.kit.db import Parts
from botyard.kit.errors import SecondFactorRequired

router = section("Authentication")
hot = section("Authentication", hot=True)


class Login(BaseModel):
    """Name or address, password, and the second factor's code where there is one (X-01, X-02)."""

    username: Text
    password: Text
    totp_code: str | None = None


class LoggedIn(BaseModel):
    """A token for the calls that follow; good for an hour."""

    token: str


@router.post("/auth/login")
async def login(body: Login, request: Request, response: Response, db: Stores, address: Address) -> LoggedIn:
    """Sign in and get a token."""
    response.headers["Cache-Control"] = "no-store"
    try:
        pair = await signin.sign_in_program(
            db,
            identity=body.username,
            password=body.password,
            totp_code=body.totp_code,
            address=address,
            user_agent=request.headers.get("user-agent", ""),
        )
    except SecondFactorRequired:
        raise SecondFactorRequired(
            "This account has a second factor: send its current code, too, as totp_code."
        ) from None
    return LoggedIn(token=pair.access)


class Valid(BaseModel):
    """Whose token it is."""

    status: Literal["valid"] = "valid"
    user_id: str


_TOKEN: dict[str, Any] = {
    "parameters": [
        {
            "name": "token",
            "in": "query",
            "required": False,
            "schema": {"type": "string"},
            "description": "The token; rather send it as `Authorization: Bearer`, which no log of a proxy keeps.",
        }
    ]
}


@hot.get("/auth/validate", openapi_extra=_TOKEN, responses={200: {"model": Valid}})
async def validate(request: Request) -> Response:
    """Check a token; a session that was ended is refused within a second on every server.

    The headers tell a gateway who calls, so that it need not read the body.
    """
    token = request.query_params.get("token")
    if token is None:
        scheme, _, rest = request.headers.get("authorization", "").partition(" ")
        token = rest.strip() if scheme.lower() == "bearer" else ""
    if not token:
        raise TokenRejected("Send the token as `Authorization: Bearer <token>` or in the query as `token`.")
    parts: Parts = request.app.state.db.parts
    caller = await parts.get(Authenticator).resolve_bearer(token)
    user_id = str(caller.user_id)
    response = fast.answer({"status": "valid", "user_id": user_id})
    response.headers.update(
        {"Cache-Control": "no-store", "X-Botyard-User-Id": user_id, "X-Botyard-Role": caller.role.value}
    )
    return response
