"""Deleting an account with all that is its own, in every document."""

from collections.abc import Awaitable, Callable

from botyard.core import vault
from botyard.core.accounts import administration, authentication, profiles, sessions
from botyard.core.accounts.events import AccountDeleted
from botyard.core.accounts.types import Principal
from botyard.core.audit import service as audit
from botyard.core.mail import service as mail
from botyard.core.realtime.events import publish
from botyard.kit.db import Session

Hook = Callable[[Session, int], Awaitable[None]]
_on_delete: list[Hook] = []


def on_delete(hook: Hook) -> None:
    """Have `hook(session, user_id)` called in the deleting transaction, while the account still exists.

    What is slow, or lies in the stream store, a hook leaves to a job that it enqueues.
    """
    if hook not in _on_delete:
        _on_delete.append(hook)


async def delete_account(
    session: Session, user_id: int, *, actor: Principal | None = None, address: str = ""
) -> None:
    """Delete an account for good: its sessions, keys, secrets, and what the hooks find of it.

    Whoever deletes the own account has proved the password before (`signin.confirm`). Raises NoSuchUser,
    LastAdministrator.
    """
    user = await profiles.get(session, user_id)
    await administration.refuse_last_administrator(session, user)
    await sessions.end_all(session, user_id)
    for hook in _on_delete:
        await hook(session, user_id)
    await mail.forget_account(session, user_id)
    await vault.shred(session, account_id=user_id)
    await audit.record(
        session,
        actor=actor or Principal(user_id=user_id),
        action="account.deleted",
        target=f"user:{user_id}",
        address=address,
    )
    publish(session, AccountDeleted(owner_id=user_id, username=user.username))
    authentication.forget(session)
    await session.delete(user)
    await session.flush()
