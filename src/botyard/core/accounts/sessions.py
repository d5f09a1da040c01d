"""Where an account is signed in: opening, listing and ending sessions."""

from base64 import urlsafe_b64encode
from datetime import datetime, timedelta

from sqlalchemy import select, update

from botyard.core.accounts import authentication, pairs
from botyard.core.accounts.errors import SessionOver
from botyard.core.accounts.events import SessionEnded, SessionOpened
from botyard.core.accounts.models import ADDRESS, User, UserSession
from botyard.core.accounts.pairs import TokenPair
from botyard.core.accounts.throttle import network
from botyard.core.accounts.token_keys import secret_hash
from botyard.core.realtime.events import publish
from botyard.kit import clock, ids
from botyard.kit.db import Session
from botyard.kit.errors import NotFound

COOKIE_LIFETIME = timedelta(days=7)  # absolute: using it does not prolong it
TOKEN_LIFETIME = timedelta(days=30)  # absolute too; refresh tokens rotate within it


async def open_cookie(
    session: Session,
    user_id: int,
    *,
    address: str,
    user_agent: str = "",
    replacing: str = "",
    credentials_version: int | None = None,
) -> str:
    """Open a session and answer the value of its cookie, which is stored as a digest only.

    The value is always a new one; the session of the cookie that came with the sign-in (`replacing`) ends.
    `credentials_version` is that of the account whose password was proved. Raises SessionOver when it was
    disabled, deleted or given another password since.
    """
    await _still_there(session, user_id, credentials_version)
    if replacing:
        await _end(session, UserSession.token_hash == secret_hash(replacing))
    value = urlsafe_b64encode(clock.token_bytes(32)).decode().rstrip("=")
    opened = _open(user_id, "cookie", COOKIE_LIFETIME, address, user_agent)
    opened.token_hash = secret_hash(value)
    _add(session, opened)
    return value


async def open_token(
    session: Session,
    user_id: int,
    *,
    address: str,
    user_agent: str = "",
    credentials_version: int | None = None,
) -> TokenPair:
    """Open a session for a program and answer its first pair of tokens. Raises as `open_cookie`."""
    await _still_there(session, user_id, credentials_version)
    opened = _open(user_id, "token", TOKEN_LIFETIME, address, user_agent)
    _add(session, opened)
    await session.flush()
    return pairs.first(session, opened)


async def list_open(session: Session, user_id: int) -> list[UserSession]:
    """Sessions of an account that are not over, the one used last first."""
    query = (
        select(UserSession)
        .where(
            UserSession.user_id == user_id,
            UserSession.ended_at.is_(None),
            UserSession.expires_at > clock.now(),
        )
        .order_by(UserSession.last_used_at.desc(), UserSession.id.desc())
    )
    return list(await session.scalars(query))


async def end(session: Session, session_id: str, *, user_id: int | None = None) -> None:
    """End one session; ending an ended one changes nothing.

    With `user_id` it must be that account's. Raises NotFound.
    """
    row = await session.get(UserSession, session_id)
    if row is None or (user_id is not None and row.user_id != user_id):
        raise NotFound("There is no such session.")
    await _end(session, UserSession.id == session_id)


async def end_all(session: Session, user_id: int, *, but: str | None = None) -> int:
    """End every session of an account, except `but`; answers how many that were."""
    where = UserSession.user_id == user_id
    return await _end(session, where if but is None else where & (UserSession.id != but))


async def _end(session: Session, where: object) -> int:
    """The condition on `ended_at` is part of the update, so two that end the same session tell it once."""
    statement = (
        update(UserSession)
        .where(where, UserSession.ended_at.is_(None))  # type: ignore[arg-type]
        .values(ended_at=clock.now())
        .returning(UserSession.id, UserSession.user_id)
    )
    ended = (await session.execute(statement)).all()
    for session_id, user_id in ended:
        publish(session, SessionEnded(owner_id=user_id, session_id=session_id))
    authentication.forget(session)
    return len(ended)


async def _still_there(session: Session, user_id: int, version: int | None) -> None:
    # Locked: whoever disables the account or changes its password meanwhile waits, and then ends this one too.
    query = select(User.credentials_version).where(User.id == user_id, User.is_active)
    found = await session.scalar(query.with_for_update(read=True))
    if found is None or (version is not None and found != version):
        raise SessionOver


def _open(user_id: int, kind: str, lifetime: timedelta, address: str, user_agent: str) -> UserSession:
    now: datetime = clock.now()
    return UserSession(
        id=ids.new("ses"),
        user_id=user_id,
        kind=kind,
        created_at=now,
        last_used_at=now,
        expires_at=now + lifetime,
        address=address[:ADDRESS],
        network=network(address),
        user_agent="".join(filter(str.isprintable, user_agent))[:300],
    )


def _add(session: Session, opened: UserSession) -> None:
    session.add(opened)
    publish(session, SessionOpened(owner_id=opened.user_id, session_id=opened.id, kind=opened.kind))
