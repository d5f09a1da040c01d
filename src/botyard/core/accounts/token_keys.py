"""The key ring that signs access tokens, and what else hangs on those keys."""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import jwt
from jwt.types import Options

from botyard.core.accounts.errors import TokenRejected
from botyard.kit import clock, crypto
from botyard.kit.keypairs import KeyPair, Private, Public
from botyard.kit.keys import SigningKey

ACCESS_LIFETIME = timedelta(seconds=3600)
_TYPE = "at+jwt"  # RFC 9068: an access token, and nothing else that some key of ours may sign one day
_ISSUER = _AUDIENCE = "botyard"
_OPTIONS: Options = {
    "require": ["iss", "aud", "sub", "sid", "jti", "iat", "exp"],
    "strict_aud": True,
    # The dates are checked against our own clock, which tests can hold still.
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
}
_SKEW = timedelta(seconds=60)  # between the clocks of two servers
MIN_KEY_BYTES = 32
MAX_TOKEN_CHARS = 4096


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """What an accepted access token says."""

    user_id: int
    session_id: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class _Access:
    """A key of access tokens and the only algorithm it is ever used with, whatever a token says."""

    kid: str
    algorithm: str
    signing: bytes | Private = field(repr=False)
    checking: bytes | Public = field(repr=False)


class TokenKeys:
    """Signs with the first key and accepts all of them, so that a key can be replaced without signing people out.

    Key pairs, where there are any, go before the secret keys: others can then check access tokens by the
    public halves. Refresh tokens and digests of names stay with the secret keys, since only this server reads them.
    """

    def __init__(self, keys: Sequence[SigningKey], pairs: Sequence[KeyPair] = ()) -> None:
        if not keys or any(len(key.secret) < MIN_KEY_BYTES for key in keys):
            raise ValueError(f"signing keys need at least {MIN_KEY_BYTES} bytes")
        access = [_Access(pair.kid, pair.algorithm, pair.private, pair.public) for pair in pairs]
        for key in keys:
            secret = key.derive("access-token")
            access.append(_Access(key.kid, "HS256", secret, secret))
        self._signing = access[0]
        self._access = {one.kid: one for one in access}
        self.published = tuple(pair.jwk for pair in pairs)
        self._refresh = tuple(key.derive("refresh-token") for key in keys)
        self._subjects = keys[0].derive("signin-subject")

    def sign(self, *, user_id: int, session_id: str) -> str:
        """An access token that names a server-side session and is good for an hour."""
        now = clock.now()
        claims = {
            "iss": _ISSUER,
            "aud": _AUDIENCE,
            "sub": str(user_id),
            "sid": session_id,
            "jti": clock.token_bytes(9).hex(),
            "iat": int(now.timestamp()),
            "exp": int((now + ACCESS_LIFETIME).timestamp()),
        }
        key = self._signing
        return jwt.encode(claims, key.signing, key.algorithm, headers={"kid": key.kid, "typ": _TYPE})

    def read(self, token: str) -> AccessClaims:
        """What the token says, once signature, kind and dates hold. Raises TokenRejected.

        The session it names may have ended since; `Authenticator` looks there.
        """
        try:
            claims = self._checked(token)
            user_id = int(claims["sub"])
        except (jwt.InvalidTokenError, ValueError):
            raise TokenRejected from None
        issued, expires = (_moment(claims[name]) for name in ("iat", "exp"))
        now = clock.now()
        if expires <= now or issued > now + _SKEW or not isinstance(claims["sid"], str):
            raise TokenRejected
        return AccessClaims(user_id, claims["sid"], expires)

    def successor_secrets(self, secret: str, successor_id: str) -> list[str]:
        """Secret of the refresh token that follows one with this secret: by the present key, then by older ones.

        It is derived, so that a repeated request gets the same one though only its digest is stored; the
        server's key is in it, so that a spent token found somewhere does not yield its successor.
        """
        message = f"{secret}.{successor_id}".encode()
        return [hmac.new(key, message, hashlib.sha256).hexdigest() for key in self._refresh]

    def subject(self, text: str) -> str:
        """Keyed digest of a name somebody tried to sign in with; people type passwords there."""
        return hmac.new(self._subjects, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()

    def _checked(self, token: str) -> dict[str, Any]:
        if len(token) > MAX_TOKEN_CHARS:
            raise TokenRejected
        header = jwt.get_unverified_header(token)
        key = self._access.get(str(header.get("kid")))
        if key is None or header.get("typ") != _TYPE:
            raise TokenRejected
        return jwt.decode(
            token,
            key.checking,
            algorithms=[key.algorithm],
            audience=_AUDIENCE,
            issuer=_ISSUER,
            options=_OPTIONS,
        )


def secret_hash(secret: str) -> str:
    """What is stored of a 256-bit secret."""
    return crypto.fingerprint(secret)


def _moment(value: Any) -> datetime:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**40:
        raise TokenRejected
    return clock.from_us(value * 1_000_000)
