"""A new password in place of the old one, while signed in."""

from dataclasses import dataclass

from botyard.core.accounts import passwords, sessions, signin
from botyard.core.accounts.errors import OldPasswordRejected
from botyard.core.accounts.events import UserChanged
from botyard.core.accounts.models import User
from botyard.core.accounts.passwords import PasswordHash
from botyard.core.accounts.types import Principal
from botyard.core.audit import service as audit
from botyard.core.realtime.events import publish
from botyard.kit.db import Database, Session
from botyard.kit.errors import CredentialsRejected


@dataclass(frozen=True, slots=True)
class Proved:
    """The old password was right, and which one follows it; void once the password changes otherwise."""

    credentials_version: int
    password_hash: PasswordHash


async def change(
    db: Database, *, actor: Principal, old_password: str, new_password: str, address: str = ""
) -> None:
    """Set a new password; every other session of the account ends, the actor's own goes on.

    Runs transactions of its own: call it outside of any. Raises PasswordTooWeak, OldPasswordRejected,
    TooMany.
    """
    proved = await prove(
        db, actor=actor, old_password=old_password, new_password=new_password, address=address
    )
    async with db.session() as session:
        await complete(session, proved, actor=actor, address=address)


async def prove(
    db: Database, *, actor: Principal, old_password: str, new_password: str, address: str = ""
) -> Proved:
    """The slow half of a change: nothing is changed yet. Runs and raises as `change`."""
    passwords.check_rules(new_password)
    try:
        proved = await signin.confirm(db, actor.user_id, password=old_password, address=address)
    except CredentialsRejected:
        raise OldPasswordRejected from None
    return Proved(proved.credentials_version, await passwords.hash(new_password))


async def complete(session: Session, proved: Proved, *, actor: Principal, address: str = "") -> None:
    """The other half, which changes the password. Raises OldPasswordRejected."""
    user = await session.get(User, actor.user_id, with_for_update=True)
    if user is None or user.credentials_version != proved.credentials_version:
        raise OldPasswordRejected("The password was changed meanwhile; sign in again.")
    await set_password(session, user, proved.password_hash, but=actor.session_id)
    await audit.record(
        session, actor=actor, action="account.password_changed", target=f"user:{user.id}", address=address
    )


async def set_password(
    session: Session, user: User, password_hash: PasswordHash, *, but: str | None = None
) -> None:
    """Store a new hash, void what was made for the old one, end every session but one."""
    user.password_hash = password_hash
    user.credentials_version += 1
    await sessions.end_all(session, user.id, but=but or None)
    publish(session, UserChanged(owner_id=user.id, what="password"))
