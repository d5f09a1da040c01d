"""Remembering for a few minutes that whoever holds a session proved the password in it just now."""

from datetime import datetime, timedelta

from sqlalchemy import delete, select

from botyard.core.accounts.errors import SessionOver
from botyard.core.accounts.models import OneTimeToken, User
from botyard.core.accounts.token_keys import secret_hash
from botyard.core.accounts.types import Principal
from botyard.core.audit import service as audit
from botyard.kit import clock, ids
from botyard.kit.db import Session

LIFETIME = timedelta(minutes=5)  # absolute: looking at something does not prolong it
_PURPOSE = "step_up"


async def remember(session: Session, caller: Principal, *, address: str = "") -> None:
    """Keep that the caller proved the password, and the second factor where there is one, in this session.

    The caller of this function has checked both (`signin.confirm`). A changed password ends it. Raises
    SessionOver when the account is gone.
    """
    # Locked: of two that prove it at once the second replaces the row of the first.
    query = select(User.credentials_version).where(User.id == caller.user_id).with_for_update()
    version = await session.scalar(query)
    if version is None:
        raise SessionOver
    now, digest = clock.now(), _digest(caller)
    await _drop(session, digest)
    session.add(
        OneTimeToken(
            id=ids.new("ott"),
            user_id=caller.user_id,
            purpose=_PURPOSE,
            token_hash=digest,
            credentials_version=version,
            created_at=now,
            expires_at=now + LIFETIME,
        )
    )
    await audit.record(
        session,
        actor=caller,
        action="account.proved_again",
        target=f"user:{caller.user_id}",
        address=address,
    )


async def forget(session: Session, caller: Principal) -> None:
    """Ask for the password again from now on; without anything remembered nothing changes."""
    await _drop(session, _digest(caller))


async def good_until(session: Session, caller: Principal) -> datetime | None:
    """Until when what was proved in this session counts; None when it does not."""
    if not caller.session_id:  # an API key has none, and proves nothing
        return None
    query = (
        select(OneTimeToken.expires_at)
        .join(User, User.id == OneTimeToken.user_id)
        .where(
            OneTimeToken.purpose == _PURPOSE,
            OneTimeToken.token_hash == _digest(caller),
            OneTimeToken.user_id == caller.user_id,
            OneTimeToken.expires_at > clock.now(),
            OneTimeToken.credentials_version == User.credentials_version,
        )
    )
    until: datetime | None = await session.scalar(query)
    return until


async def _drop(session: Session, digest: str) -> None:
    where = OneTimeToken.purpose == _PURPOSE, OneTimeToken.token_hash == digest
    await session.execute(delete(OneTimeToken).where(*where))


def _digest(caller: Principal) -> str:
    return secret_hash(f"{_PURPOSE}:{caller.session_id}")
