"""An access token and the refresh token that follows it."""

from dataclasses import dataclass, field

from botyard.core.accounts.models import RefreshToken, UserSession
from botyard.core.accounts.token_keys import ACCESS_LIFETIME, TokenKeys, secret_hash
from botyard.kit import clock, ids
from botyard.kit.db import Session


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What a program keeps after signing in; `refresh` is good once."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    expires_in_s: int
    session_id: str


def first(session: Session, opened: UserSession) -> TokenPair:
    """The first pair of a fresh token session."""
    token_id, secret = ids.new("rt"), clock.token_bytes(32).hex()
    add(session, token_id, secret, session_id=opened.id)
    return pair(session, opened.user_id, opened.id, f"{token_id}.{secret}")


def add(session: Session, token_id: str, secret: str, *, session_id: str) -> None:
    """Store a refresh token by its digest."""
    row = RefreshToken(
        id=token_id, session_id=session_id, secret_hash=secret_hash(secret), created_at=clock.now()
    )
    session.add(row)


def pair(session: Session, user_id: int, session_id: str, refresh: str) -> TokenPair:
    """A fresh access token beside `refresh`."""
    access = session.part(TokenKeys).sign(user_id=user_id, session_id=session_id)
    return TokenPair(access, refresh, int(ACCESS_LIFETIME.total_seconds()), session_id)
