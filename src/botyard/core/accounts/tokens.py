"""Refreshing a pair of tokens: each refresh token is good once, and its reuse ends the session."""

from datetime import timedelta

from sqlalchemy import select, update

from botyard.core.accounts import pairs, sessions
from botyard.core.accounts.errors import TokenRejected
from botyard.core.accounts.models import RefreshToken, User, UserSession
from botyard.core.accounts.pairs import TokenPair
from botyard.core.accounts.token_keys import TokenKeys, secret_hash
from botyard.core.accounts.types import Principal
from botyard.core.audit import service as audit
from botyard.kit import clock, crypto, ids
from botyard.kit.db import Database, Session

__all__ = ["GRACE", "TokenPair", "refresh", "revoke"]

GRACE = timedelta(seconds=20)  # a client whose answer got lost, or whose tabs race, asks again within it


async def refresh(
    db: Database, refresh_token: str, *, address: str = "", grace: timedelta = GRACE
) -> TokenPair:
    """A new pair for a refresh token, which is used up by it. Raises TokenRejected.

    Within `grace` (none where a document wants each token to be good once and no more) the same token gets the same successor again. Later use means that two parties hold it:
    the session ends for both. A wrong secret changes nothing, so that knowing an id harms nobody.
    """
    token_id, secret = _parts(refresh_token)
    async with db.session() as session:
        found = await _find(session, token_id, secret)
        answer = None if found is None else await _rotate(session, found, secret, address, grace)
    if answer is None:  # raised only now: ending a session has to be committed
        raise TokenRejected
    return answer


async def revoke(session: Session, refresh_token: str, *, user_id: int) -> None:
    """End the session that a refresh token continues. One that is over, or of another account, changes nothing.

    Raises TokenRejected for what cannot be a refresh token at all.
    """
    found = await _find(session, *_parts(refresh_token))
    if found is not None:
        opened = await session.get_one(UserSession, found.session_id)
        if opened.user_id == user_id:
            await sessions.end(session, opened.id)


def _parts(refresh_token: str) -> tuple[str, str]:
    token_id, _, secret = refresh_token.partition(".")
    if not (token_id.isascii() and secret.isascii() and token_id.isprintable()):
        raise TokenRejected
    return token_id, secret


async def _find(session: Session, token_id: str, secret: str) -> RefreshToken | None:
    query = (
        select(RefreshToken)
        .join(UserSession, UserSession.id == RefreshToken.session_id)
        .join(User, User.id == UserSession.user_id)
        .where(
            RefreshToken.id == token_id,
            UserSession.ended_at.is_(None),
            UserSession.expires_at > clock.now(),
            User.is_active,
        )
        .execution_options(populate_existing=True)
    )
    row = await session.scalar(query)
    return row if row is not None and crypto.same(row.secret_hash, secret_hash(secret)) else None


async def _rotate(
    session: Session, row: RefreshToken, secret: str, address: str, grace: timedelta
) -> TokenPair | None:
    now, successor_id = clock.now(), ids.new("rt")
    claim = (
        update(RefreshToken)
        .where(RefreshToken.id == row.id, RefreshToken.used_at.is_(None))
        .values(used_at=now, successor_id=successor_id)
        .execution_options(synchronize_session=False)
    )
    first = (await session.execute(claim)).rowcount == 1  # type: ignore[attr-defined]
    if first:
        successor = session.part(TokenKeys).successor_secrets(secret, successor_id)[0]
        pairs.add(session, successor_id, successor, session_id=row.session_id)
        return await _answer(session, row, successor_id, successor)
    await session.refresh(row)
    if grace and row.used_at is not None and now - row.used_at <= grace:
        return await _same_again(session, row, secret)
    await _end_family(session, row, address)
    return None


async def _same_again(session: Session, row: RefreshToken, secret: str) -> TokenPair | None:
    successor = await session.get(RefreshToken, row.successor_id)
    if successor is None:
        return None
    for candidate in session.part(TokenKeys).successor_secrets(secret, successor.id):
        if crypto.same(successor.secret_hash, secret_hash(candidate)):
            return await _answer(session, row, successor.id, candidate)
    return None  # the signing key was replaced within the grace: sign in again


async def _answer(session: Session, row: RefreshToken, token_id: str, secret: str) -> TokenPair:
    user_id = await session.scalar(select(UserSession.user_id).where(UserSession.id == row.session_id))
    assert user_id is not None, "found together with its session"
    return pairs.pair(session, user_id, row.session_id, f"{token_id}.{secret}")


async def _end_family(session: Session, row: RefreshToken, address: str) -> None:
    user_id = await session.scalar(select(UserSession.user_id).where(UserSession.id == row.session_id))
    await audit.record(
        session,
        actor=Principal(user_id=user_id or 0, session_id=row.session_id),
        action="account.refresh_token_reused",
        target=f"session:{row.session_id}",
        address=address,
    )
    await sessions.end(session, row.session_id)
