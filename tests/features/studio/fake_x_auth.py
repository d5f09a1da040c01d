"""How the fake X lets callers in: OAuth 1.0a checked by oauthlib's server side, OAuth 2 with PKCE and rotation."""

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from oauthlib.oauth1 import RequestValidator, ResourceEndpoint

from botyard.kit import clock

OAUTH1 = {
    "consumer_key": "ConsumerKeyOfTheTests12345",
    "consumer_secret": "planted-consumer-secret-0123456789",
    "access_token": "42-AccessTokenOfTheTests12345",
    "access_token_secret": "planted-token-secret-0123456789",
}
CLIENT_ID, CLIENT_SECRET = "client-of-the-tests", "planted-client-secret-0123456789"
TOKEN_S = 7200
_CLOCKS_APART_S = 300


class _Book(RequestValidator):  # type: ignore[misc]
    """What X knows of its applications and users; each nonce is good once."""

    enforce_ssl = False
    timestamp_lifetime = 10**12  # compared below, with the clock of the tests
    dummy_client = "dummy-client-0123456789"
    dummy_access_token = "dummy-token-0123456789"

    def __init__(self, book: dict[str, str]) -> None:
        super().__init__()
        self.book, self.seen = book, set[str]()

    def check_client_key(self, client_key: str) -> bool:
        return bool(client_key)

    def check_access_token(self, request_token: str) -> bool:
        return bool(request_token)

    def validate_client_key(self, client_key: str, request: Any) -> bool:
        return client_key == self.book["consumer_key"]

    def validate_access_token(self, client_key: str, token: str, request: Any) -> bool:
        return token == self.book["access_token"]

    def get_client_secret(self, client_key: str, request: Any) -> str:
        return self.book["consumer_secret"]

    def get_access_token_secret(self, client_key: str, token: str, request: Any) -> str:
        return self.book["access_token_secret"]

    def validate_realms(self, *args: Any, **kwargs: Any) -> bool:
        return True

    def validate_timestamp_and_nonce(
        self, client_key: str, timestamp: str, nonce: str, request: Any, **kwargs: Any
    ) -> bool:
        fresh = abs(int(timestamp) - clock.now().timestamp()) < _CLOCKS_APART_S and nonce not in self.seen
        self.seen.add(nonce)
        return fresh


@dataclass
class Grant:
    """A code that waits to be exchanged."""

    redirect_uri: str
    challenge: str
    client_id: str


@dataclass
class Auth:
    """Everybody who may come in."""

    public_client: bool = False
    access: dict[str, float] = field(default_factory=dict)  # token to its end
    refresh: set[str] = field(default_factory=set)
    codes: dict[str, Grant] = field(default_factory=dict)
    renewals: int = 0
    _numbers: int = 0

    def __post_init__(self) -> None:
        self._oauth1 = ResourceEndpoint(_Book(OAUTH1))

    def admits(self, method: str, url: str, headers: dict[str, str]) -> bool:
        """Whether the `Authorization` header of a call is good."""
        header = headers.get("authorization", "")
        kind, _, token = header.partition(" ")
        if kind == "Bearer":
            return self.access.get(token, 0) > clock.now().timestamp()
        valid, _ = self._oauth1.validate_protected_resource_request(
            url, http_method=method, headers={"Authorization": header}
        )
        return bool(valid)

    def consent(self, url: str) -> dict[str, str]:
        """What the owner's browser comes back with after they allowed it, from the address they were sent to."""
        asked = dict(parse_qsl(urlsplit(url).query))
        assert urlsplit(url).path == "/i/oauth2/authorize"
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        assert len(asked["code_challenge"]) == 43
        assert set(asked["scope"].split()) == {"tweet.read", "tweet.write", "users.read", "offline.access"}
        code = secrets.token_urlsafe(20)
        self.codes[code] = Grant(asked["redirect_uri"], asked["code_challenge"], asked["client_id"])
        return {"state": asked["state"], "code": code}

    def tokens(self) -> dict[str, Any]:
        """Fresh tokens, as X hands them out."""
        self._numbers += 1
        access, refresh = (
            f"planted-{kind}-{self._numbers}-{secrets.token_urlsafe(12)}" for kind in ("access", "refresh")
        )
        self.access[access] = clock.now().timestamp() + TOKEN_S
        self.refresh.add(refresh)
        return {
            "token_type": "bearer",
            "expires_in": TOKEN_S,
            "access_token": access,
            "refresh_token": refresh,
            "scope": "tweet.read tweet.write users.read offline.access",
        }

    def exchange(self, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, Any]]:
        """The token endpoint."""
        if headers.get("content-type") != "application/x-www-form-urlencoded":
            return 400, {"error": "invalid_request", "error_description": "Wrong content type."}
        form = dict(parse_qsl(body.decode()))
        if not self._is_client(headers, form):
            return 401, {
                "error": "unauthorized_client",
                "error_description": "Missing valid authorization header",
            }
        if form.get("grant_type") == "refresh_token":
            return self._renew(form.get("refresh_token", ""))
        grant = self.codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        proof = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if grant is None or grant.challenge != proof or grant.redirect_uri != form.get("redirect_uri"):
            return 400, {
                "error": "invalid_request",
                "error_description": "Value passed for the authorization code was invalid.",
            }
        return 200, self.tokens()

    def _renew(self, token: str) -> tuple[int, dict[str, Any]]:
        if token not in self.refresh:
            return 400, {
                "error": "invalid_request",
                "error_description": "Value passed for the token was invalid.",
            }
        self.refresh.discard(token)
        self.renewals += 1
        return 200, self.tokens()

    def _is_client(self, headers: dict[str, str], form: dict[str, str]) -> bool:
        if self.public_client:
            return form.get("client_id") == CLIENT_ID and "authorization" not in headers
        kind, _, pair = headers.get("authorization", "").partition(" ")
        if kind != "Basic":
            return False
        name, _, secret = base64.b64decode(pair).decode().partition(":")
        return (unquote(name), unquote(secret)) == (CLIENT_ID, CLIENT_SECRET)
