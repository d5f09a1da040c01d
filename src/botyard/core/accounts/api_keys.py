"""Keys for programs, shown once and kept as a digest."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import func, select

from botyard.core.accounts import authentication, names
from botyard.core.accounts.events import KeyRevoked, UserChanged
from botyard.core.accounts.models import ApiKey, User
from botyard.core.accounts.types import ALL_SCOPES, Principal, Role
from botyard.core.audit import service as audit
from botyard.core.realtime.events import publish
from botyard.kit import clock, crypto, ids
from botyard.kit.db import Session
from botyard.kit.errors import Forbidden, Invalid, NotFound

MAX_NAME = 100
MAX_KEYS = 100  # live ones per account; nobody can look after more


async def create(
    session: Session,
    *,
    user_id: int,
    name: str,
    scopes: Iterable[str] | None = None,
    role: Role = Role.user,
    expires_at: datetime | None = None,
    actor: Principal | None = None,
    address: str = "",
) -> tuple[ApiKey, str]:
    """A key and its text, which is shown this once; without `scopes` it may do all that a key may.

    The role service is for administrators to give. Raises Invalid, Forbidden, NotFound.
    """
    owner = await session.get(User, user_id)
    if owner is None:
        raise NotFound("There is no such user.")
    if role is not Role.user and (role is not Role.service or owner.role is Role.user):
        raise Forbidden("Only administrators make keys with the role service.")
    await _check(session, user_id, name, expires_at)
    number = ids.ulid()
    text = crypto.make_token("key", number)
    key = ApiKey(
        id=f"key_{number}",
        user_id=user_id,
        name=name.strip(),
        digest=crypto.fingerprint(text),
        scopes=_scopes(scopes),
        role=role,
        created_at=clock.now(),
        expires_at=expires_at,
    )
    session.add(key)
    await _tell(session, key, "api_key.created", actor, address)
    return key, text


async def list_keys(session: Session, user_id: int) -> list[ApiKey]:
    """Keys of an account that were not withdrawn, newest first; expired ones are among them."""
    query = (
        select(ApiKey)
        .where(ApiKey.user_id == user_id, ApiKey.revoked_at.is_(None))
        .order_by(ApiKey.created_at.desc(), ApiKey.id.desc())
    )
    return list(await session.scalars(query))


async def revoke(
    session: Session, key_id: str, *, user_id: int, actor: Principal | None = None, address: str = ""
) -> None:
    """Withdraw a key for good; it stops working with the commit. Raises NotFound."""
    key = await session.get(ApiKey, key_id)
    if key is None or key.user_id != user_id or key.revoked_at is not None:
        raise NotFound("There is no such API key.")
    key.revoked_at = clock.now()
    await _tell(session, key, "api_key.revoked", actor, address)
    publish(session, KeyRevoked(owner_id=user_id, api_key_id=key.id))
    authentication.forget(session)


async def stopped(session: Session, user_id: int, *, role: Role | None = None) -> None:
    """Tell that the keys of an account, or those of one role, stop working: sockets opened with them close."""
    for key in await list_keys(session, user_id):
        if role is None or key.role is role:
            publish(session, KeyRevoked(owner_id=user_id, api_key_id=key.id))


async def _check(session: Session, user_id: int, name: str, expires_at: datetime | None) -> None:
    if names.line(name, what="The name of an API key", limit=MAX_NAME) is None:
        raise Invalid("An API key needs a name.")
    if expires_at is not None and expires_at <= clock.now():
        raise Invalid("The expiry of an API key lies in the future.")
    live = select(func.count()).where(ApiKey.user_id == user_id, ApiKey.revoked_at.is_(None))
    if int(await session.scalar(live) or 0) >= MAX_KEYS:
        raise Invalid(f"An account has at most {MAX_KEYS} API keys; withdraw one first.")


def _scopes(scopes: Iterable[str] | None) -> list[str]:
    wanted = ALL_SCOPES if scopes is None else frozenset(scopes)
    if unknown := wanted - ALL_SCOPES:
        raise Invalid(f"There is no scope {sorted(unknown)[0]}; known are {', '.join(sorted(ALL_SCOPES))}.")
    if not wanted:
        raise Invalid("An API key needs at least one scope.")
    return sorted(wanted)


async def _tell(session: Session, key: ApiKey, action: str, actor: Principal | None, address: str) -> None:
    await audit.record(
        session,
        actor=actor or Principal(user_id=key.user_id),
        action=action,
        target=f"key:{key.id}",
        details={"name": key.name, "scopes": key.scopes, "role": key.role.value},
        address=address,
    )
    publish(session, UserChanged(owner_id=key.user_id, what="api_keys"))
