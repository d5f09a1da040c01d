"""Signing in, the second factor, API keys."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from chatbots_platform._sync.sections import Section
from chatbots_platform._sync.transport import Transport
from chatbots_platform.calls import Call, at, given
from chatbots_platform.types import ApiKey, MfaSetup, MfaState, Page, Registered, Tokens

# a code may be used only once, and a name be taken only once
_ONCE: dict[str, Any] = {"anonymous": True, "repeat": "if_not_done"}


class Mfa(Section):
    """The second factor."""

    def setup(self) -> MfaSetup:
        """Begin; it holds once a code was verified."""
        begun: MfaSetup = self._post("/auth/mfa/setup", about_account=True)
        return begun

    def verify(self, code: str) -> MfaState:
        """Confirm with a code of the authenticator app."""
        state: MfaState = self._post("/auth/mfa/verify", {"code": code}, about_account=True)
        return state


class Auth(Section):
    """Accounts and their sessions."""

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport)
        self.mfa = Mfa(transport)

    def register(self, *, username: str, email: str, password: str) -> Registered:
        """Make an account; it does not sign in."""
        details = {"username": username, "email": email, "password": password}
        made: Registered = self._post("/auth/register", details, **_ONCE)
        return made

    def login(self, *, username: str, password: str, mfa_code: str | None = None) -> Tokens:
        """Sign in; the client goes on with the tokens of the answer."""
        details = given(username=username, password=password, mfaCode=mfa_code)
        tokens: Tokens = self._post("/auth/login", details, **_ONCE)
        self._transport.credentials.keep(tokens)
        return tokens

    def refresh(self) -> None:
        """Renew the tokens now; the client does it by itself when they run out."""
        if not self._transport.credentials.refresh_token:
            raise ValueError("This client has no refresh_token.")
        self._transport.renew(self._transport.credentials.access_token)

    def logout(self) -> None:
        """End the session; the client forgets its tokens."""
        credentials = self._transport.credentials
        body = given(refreshToken=credentials.refresh_token)
        self._post("/auth/logout", body, about_account=True)
        credentials.forget()


class ApiKeys(Section):
    """API keys of the account; they are managed with an access token."""

    def create(
        self,
        *,
        name: str,
        scopes: Sequence[str] | None = None,
        expires_at: datetime | None = None,
        idempotency_key: str | None = None,
    ) -> ApiKey:
        """`key` of the answer is shown this once."""
        body = given(
            name=name,
            scopes=None if scopes is None else [*scopes],
            expiresAt=expires_at.isoformat() if expires_at else None,
        )
        made: ApiKey = self._post("/auth/api-keys", body, about_account=True, key=idempotency_key)
        return made

    def list(self, *, page: int | None = None, page_size: int | None = None) -> Page[ApiKey]:
        """One page, without the keys themselves."""
        query = given(page=page, pageSize=page_size)
        listed: Page[ApiKey] = self._get("/auth/api-keys", query, about_account=True)
        return listed

    def delete(self, key_id: str) -> None:
        """The key ends at once. Raises NotFound."""
        self._transport.data(Call("DELETE", at("/auth/api-keys", key_id), about_account=True))
