"""The port to social platforms: what a connector declares, what it can be asked, and how it may fail.

A connector is one file under `platforms/`, registered as an entry point of the group `botyard.platforms`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from botyard.core import jobs
from botyard.core.jobs import Receipt, Verdict
from botyard.kit import clock
from botyard.kit.errors import BotyardError

Credentials = Mapping[str, Any]  # as their owner stored them; only the connector knows their shape


class Cap(StrEnum):
    """What a platform lets a program do for an account."""

    post = "post"
    delete = "delete"
    metrics = "metrics"
    lookup = "lookup"


class AuthKind(StrEnum):
    """How an account lets a program act for it."""

    oauth1 = "oauth1"
    oauth2 = "oauth2"
    api_key = "api_key"
    session = "session"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a post may be. `measure` counts a text as the platform does."""

    text: int
    measure: Callable[[str], int]


@dataclass(frozen=True, slots=True)
class Price:
    """What one call costs, where that stands and when it was last compared."""

    usd: Decimal
    per: str
    source: str
    reviewed: date


@dataclass(frozen=True, slots=True)
class Post:
    """What is to be published."""

    text: str
    made_with_ai: bool = False


@dataclass(frozen=True, slots=True)
class Account:
    """Who a set of credentials acts for."""

    id: str
    handle: str
    name: str
    url: str
    followers: int | None = None


@dataclass(frozen=True, slots=True)
class Metrics:
    """How a post of one's own fares; None where the platform does not say."""

    post_id: str
    likes: int | None = None
    replies: int | None = None
    shares: int | None = None
    quotes: int | None = None
    saves: int | None = None
    views: int | None = None


@dataclass(frozen=True, slots=True)
class Consent:
    """A way to an account that its owner has yet to allow: where to send them, and the secret that proves afterwards
    that it was us who asked."""

    url: str
    verifier: str


class PlatformError(BotyardError):
    """The platform could not do that."""

    code, status = "platform_failed", 502


class Refused(jobs.Refused):
    """The platform refused this: it did not happen, and asking again would end the same way."""

    code, status = "platform_refused", 422


class AuthDead(Refused):
    """The platform does not accept these credentials any more; connect the account again."""

    code, status = "platform_auth_dead", 409


class CredentialsIncomplete(Refused):
    """Something is missing in the credentials of this bot, so the platform was not asked."""

    code, status = "credentials_incomplete", 409


class NotSent(jobs.NotSent):
    """The platform could not be reached, so nothing happened; try again later."""

    code, status = "platform_not_reached", 502


class RateLimited(NotSent):
    """The platform wants to be asked less often; nothing happened."""

    code, status = "platform_rate_limited", 429

    def __init__(self, until: datetime, message: str | None = None) -> None:
        wait_s = max(1.0, (until - clock.now()).total_seconds())
        said = (
            message or f"The platform accepts no more calls until {clock.rfc3339(until)}; nothing happened."
        )
        super().__init__(said, retry_after_s=wait_s)
        self.until = until


class Unknown(PlatformError):
    """The platform did not answer clearly: this may have happened or not. Look there before trying again."""

    code, status = "platform_outcome_unknown", 504


class Platform(Protocol):
    """One platform. Every call raises Refused, AuthDead, CredentialsIncomplete, RateLimited, NotSent or Unknown, which say
    on which side of the sending it failed, and nothing else that a network can do."""

    platform: str
    label: str
    caps: frozenset[Cap]
    auth: frozenset[AuthKind]
    limits: Limits
    prices: Mapping[str, Price]
    api_version: str
    settles_s: float  # how long after a post at most one can look for it

    def check(self, post: Post) -> None:
        """Raise Invalid for a post that the platform would refuse for its size or emptiness."""
        ...

    def call_for(self, post: Post) -> str:
        """The key in `prices` of publishing this post."""
        ...

    def stale(self, credentials: Credentials) -> bool:
        """Whether the credentials are known to have run out and can be renewed."""
        ...

    def renewable(self, credentials: Credentials) -> bool:
        """Whether `renew` could work."""
        ...

    async def renew(self, credentials: Credentials) -> dict[str, Any]:
        """Fresh credentials to be stored before they are used. Raises AuthDead only where the platform says so."""
        ...

    async def verify(self, credentials: Credentials) -> Account:
        """Who the credentials act for."""
        ...

    async def post(self, credentials: Credentials, post: Post, key: str) -> Receipt:
        """Publish, in one attempt; `key` is ours, for platforms that recognise a repeated one."""
        ...

    async def delete(self, credentials: Credentials, post_id: str) -> Receipt:
        """Take a post back; one that is gone already is no error."""
        ...

    async def metrics(self, credentials: Credentials, post_ids: list[str]) -> list[Metrics]:
        """How posts of one's own fare; those that are gone are left out."""
        ...

    async def lookup(self, credentials: Credentials, post: Post, since: datetime) -> Receipt | Verdict:
        """Whether the post was published since that moment; `absent` only where that is proven."""
        ...

    async def exists(self, credentials: Credentials, post_id: str) -> bool:
        """Whether a post of one's own is still there."""
        ...


@runtime_checkable
class Connectable(Protocol):
    """A platform whose accounts are connected by their owner's consent in the browser."""

    def ask_consent(self, credentials: Credentials, *, redirect_uri: str, state: str) -> Consent:
        """Where to send the owner, who comes back with `state`. Raises CredentialsIncomplete without what names the application."""
        ...

    async def take_consent(
        self, credentials: Credentials, *, code: str, verifier: str, redirect_uri: str
    ) -> dict[str, Any]:
        """Turn what the owner came back with into credentials to be stored."""
        ...
