"""What people store as the credentials of an X bot, in the spellings that X's pages and other programs use."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botyard.features.studio.platform import CredentialsIncomplete
from botyard.kit import clock

MARGIN_S = 60  # a token that ends within a minute may end while it is on its way

_CONSUMER_KEY = ("consumer_key", "api_key", "oauth_consumer_key", "client_key", "app_key")
_CONSUMER_SECRET = (
    *("consumer_secret", "api_secret", "api_key_secret", "api_secret_key", "app_secret"),
    *("oauth_consumer_secret", "client_key_secret"),
)
_TOKEN = ("access_token", "oauth_token", "access_token_key", "user_access_token", "access_key")
_TOKEN_SECRET = ("access_token_secret", "oauth_token_secret", "access_secret", "token_secret")
_CLIENT_ID = ("client_id", "oauth2_client_id")
_CLIENT_SECRET = ("client_secret", "oauth2_client_secret")
_REFRESH = ("refresh_token", "oauth2_refresh_token")
_APP_ONLY = ("bearer", "bearer_token", "app_token")


@dataclass(frozen=True, slots=True, repr=False)
class OAuth1:
    """An application and the user who allowed it to act, for OAuth 1.0a."""

    consumer_key: str
    consumer_secret: str
    token: str
    token_secret: str


@dataclass(frozen=True, slots=True, repr=False)
class OAuth2:
    """A user's token of OAuth 2, and what renews it."""

    access_token: str
    refresh_token: str
    client_id: str
    client_secret: str
    expires_at: datetime | None

    @property
    def renewable(self) -> bool:
        """Whether a new token can be asked for without the user."""
        return bool(self.refresh_token and self.client_id)

    @property
    def stale(self) -> bool:
        """Whether the token has run out, as far as one can tell."""
        ends = self.expires_at
        ended = ends is not None and (ends - clock.now()).total_seconds() < MARGIN_S
        return self.renewable and (ended or not self.access_token)


@dataclass(frozen=True, slots=True, repr=False)
class Application:
    """What names an application to X; without a secret it is a public one."""

    client_id: str
    client_secret: str


def read(credentials: Mapping[str, Any]) -> OAuth1 | OAuth2:
    """The keys of one of the two ways. Raises CredentialsIncomplete, which says what is missing."""
    first, second = _part(credentials, "oauth1"), _part(credentials, "oauth2")
    if _said(first, _CONSUMER_KEY) or _said(first, _TOKEN_SECRET) or _said(first, _CONSUMER_SECRET):
        return _oauth1(first)
    token = _said(second, _TOKEN)
    if token or _said(second, _REFRESH):
        return _oauth2(second, token)
    raise CredentialsIncomplete(_why_nothing(credentials, second))


def application(credentials: Mapping[str, Any]) -> Application:
    """The application that asks for consent. Raises CredentialsIncomplete without its client id."""
    found = _part(credentials, "oauth2")
    client_id = _said(found, _CLIENT_ID)
    if not client_id:
        raise CredentialsIncomplete(
            "To connect an account, the credentials need the client_id of your application at X, and its "
            "client_secret where it has one."
        )
    return Application(client_id, _said(found, _CLIENT_SECRET))


def renewed(credentials: Mapping[str, Any], reply: Mapping[str, Any], app: Application) -> dict[str, Any]:
    """The credentials with the tokens of X's reply; whatever else their owner keeps there stays.

    A reply without a refresh token leaves the one that is stored.
    """
    old = _part(credentials, "oauth2")
    seconds = reply.get("expires_in")
    ends = None
    if isinstance(seconds, int | float) and not isinstance(seconds, bool) and 0 < seconds < 10**8:
        ends = datetime.fromtimestamp(clock.now().timestamp() + seconds, UTC)
    oauth2 = {
        "client_id": app.client_id,
        "client_secret": app.client_secret,
        "access_token": str(reply.get("access_token") or ""),
        "refresh_token": str(reply.get("refresh_token") or "") or _said(old, _REFRESH),
        "expires_at": clock.rfc3339(ends) if ends else "",
    }
    spent = {_plain(name) for name in (*_CLIENT_ID, *_CLIENT_SECRET, *_REFRESH, *_TOKEN)} | {
        "expiresat",
        "oauth2",
    }
    first = _part(credentials, "oauth1")
    if _said(first, _CONSUMER_KEY):  # a flat access token beside a consumer key is that of OAuth 1.0a
        spent -= {_plain(name) for name in _TOKEN}
    kept = {name: value for name, value in credentials.items() if _plain(name) not in spent}
    return {**kept, "oauth2": {name: value for name, value in oauth2.items() if value}}


def _oauth1(part: Mapping[str, str]) -> OAuth1:
    found = {
        "consumer_key": _said(part, _CONSUMER_KEY),
        "consumer_secret": _said(part, _CONSUMER_SECRET),
        "access_token": _said(part, _TOKEN),
        "access_token_secret": _said(part, _TOKEN_SECRET),
    }
    if missing := [name for name, value in found.items() if not value]:
        raise CredentialsIncomplete(f"For OAuth 1.0a the credentials lack {_listed(missing)}.")
    return OAuth1(*found.values())


def _oauth2(part: Mapping[str, str], token: str) -> OAuth2:
    found = OAuth2(
        access_token=token,
        refresh_token=_said(part, _REFRESH),
        client_id=_said(part, _CLIENT_ID),
        client_secret=_said(part, _CLIENT_SECRET),
        expires_at=_moment(part.get("expiresat", "")),
    )
    if not token and not found.renewable:
        raise CredentialsIncomplete("To use the refresh token, the credentials need the client_id as well.")
    return found


def _why_nothing(credentials: Mapping[str, Any], second: Mapping[str, str]) -> str:
    if _said(second, _CLIENT_ID):
        return "Your application is known, but no account: connect one, or add an access token."
    if _said(_part(credentials, ""), _APP_ONLY):
        return (
            "A bearer token stands for an application alone and cannot post. Store a user's tokens: consumer_key, "
            "consumer_secret, access_token and access_token_secret; or client_id, and connect the account."
        )
    return (
        "These credentials hold no keys of X. For OAuth 1.0a they need consumer_key, consumer_secret, access_token and "
        "access_token_secret; for OAuth 2 client_id, then connect the account."
    )


def _part(credentials: Mapping[str, Any], name: str) -> dict[str, str]:
    """The texts of a nested object where there is one, else of the whole, by their plain names."""
    nested = next((v for k, v in credentials.items() if _plain(k) == name and isinstance(v, Mapping)), None)
    source = credentials if nested is None else nested
    return {_plain(key): str(value).strip() for key, value in source.items() if isinstance(value, str)}


def _said(part: Mapping[str, str], names: Iterable[str]) -> str:
    return next((value for name in names if (value := part.get(_plain(name), ""))), "")


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
