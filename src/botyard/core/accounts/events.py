"""What happens to accounts, live; `owner_id` is the account itself."""

from dataclasses import dataclass
from typing import ClassVar

from botyard.core.realtime.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRegistered(Event):
    """There is a new account."""

    name: ClassVar[str] = "accounts.user_registered"
    username: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UserChanged(Event):
    """`what` changed: profile, password, role, active, tier, second_factor or api_keys."""

    name: ClassVar[str] = "accounts.user_changed"
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOpened(Event):
    """Somebody signed in; `kind` is cookie or token."""

    name: ClassVar[str] = "accounts.session_opened"
    session_id: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEnded(Event):
    """A session is over: sockets that were opened with it are to be closed."""

    name: ClassVar[str] = "accounts.session_ended"
    session_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRevoked(Event):
    """An API key was withdrawn, or its account disabled: sockets opened with it are to be closed."""

    name: ClassVar[str] = "accounts.key_revoked"
    api_key_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountDeleted(Event):
    """An account and all that was its own is gone."""

    name: ClassVar[str] = "accounts.account_deleted"
    username: str
