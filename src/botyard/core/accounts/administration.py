"""What administrators do with accounts."""

from collections.abc import Awaitable, Callable

from sqlalchemy import select

from botyard.core.accounts import api_keys, authentication, profiles, sessions
from botyard.core.accounts.errors import LastAdministrator
from botyard.core.accounts.events import UserChanged
from botyard.core.accounts.models import User
from botyard.core.accounts.types import ENTERPRISE, STANDARD, Principal, Role
from botyard.core.audit import service as audit
from botyard.core.realtime.events import publish
from botyard.kit.db import Session
from botyard.kit.errors import Invalid

TIERS = (STANDARD, ENTERPRISE)

Hook = Callable[[Session, int], Awaitable[None]]
_on_disable: list[Hook] = []


def on_disable(hook: Hook) -> None:
    """Have `hook(session, user_id)` called in the transaction that disables an account."""
    if hook not in _on_disable:
        _on_disable.append(hook)


async def disable(session: Session, user_id: int, *, actor: Principal, address: str = "") -> User:
    """Shut an account out: its sessions end, its keys and tokens stop working, all it has stays.

    Disabling a disabled one changes nothing. Raises NoSuchUser, LastAdministrator.
    """
    user = await profiles.get(session, user_id)
    if user.is_active:
        await refuse_last_administrator(session, user)
        user.is_active = False
        await sessions.end_all(session, user_id)
        await api_keys.stopped(session, user_id)
        for hook in _on_disable:
            await hook(session, user_id)
        await _tell(session, user, "active", "account.disabled", actor, address)
    return user


async def enable(session: Session, user_id: int, *, actor: Principal, address: str = "") -> User:
    """Let a disabled account in again. Raises NoSuchUser."""
    user = await profiles.get(session, user_id)
    if not user.is_active:
        user.is_active = True
        await _tell(session, user, "active", "account.enabled", actor, address)
    return user


async def change_role(
    session: Session, user_id: int, role: Role, *, actor: Principal, address: str = ""
) -> User:
    """Give an account another role; it signs in again for it. Raises NoSuchUser, LastAdministrator."""
    user = await profiles.get(session, user_id)
    if user.role is not role:
        await refuse_last_administrator(session, user)
        details = {"from": user.role.value, "to": role.value}
        user.role = role
        # Sockets joined rooms by the old role, and whoever gains rights should prove the password anew.
        await sessions.end_all(session, user_id)
        await api_keys.stopped(session, user_id, role=Role.service)
        await _tell(session, user, "role", "account.role_changed", actor, address, details)
    return user


async def change_tier(
    session: Session, user_id: int, tier: str, *, actor: Principal, address: str = ""
) -> User:
    """Put an account on another tier of limits. Raises NoSuchUser, Invalid for an unknown tier."""
    if tier not in TIERS:
        raise Invalid(f"There is no tier {tier}; known are {' and '.join(TIERS)}.")
    user = await profiles.get(session, user_id)
    if user.tier != tier:
        details = {"from": user.tier, "to": tier}
        user.tier = tier
        await _tell(session, user, "tier", "account.tier_changed", actor, address, details)
    return user


async def refuse_last_administrator(session: Session, user: User) -> None:
    """Raises LastAdministrator if nobody else could administer; holds the others in place until the commit."""
    if user.role is not Role.admin or not user.is_active:
        return
    # Locked in one order: of two administrators who demote each other, the second sees the first's work.
    query = select(User.id).where(User.role == Role.admin, User.is_active).order_by(User.id).with_for_update()
    if set(await session.scalars(query)) <= {user.id}:
        raise LastAdministrator


async def _tell(
    session: Session,
    user: User,
    what: str,
    action: str,
    actor: Principal,
    address: str,
    details: dict[str, str] | None = None,
) -> None:
    await audit.record(
        session,
        actor=actor,
        action=action,
        target=f"user:{user.id}",
        details=dict(details or {}),
        address=address,
    )
    publish(session, UserChanged(owner_id=user.id, what=what))
    authentication.forget(session)
