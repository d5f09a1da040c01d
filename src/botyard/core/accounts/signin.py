"""Proving who one is: by name or address, password, and the second factor where there is one."""

from dataclasses import dataclass

from botyard.core.accounts import names, passwords, profiles, second_factor, sessions, throttle
from botyard.core.accounts.errors import AccountDisabled
from botyard.core.accounts.models import User
from botyard.core.accounts.pairs import TokenPair
from botyard.core.accounts.passwords import PasswordHash
from botyard.core.accounts.throttle import Place
from botyard.core.accounts.types import Principal
from botyard.core.audit import service as audit
from botyard.kit import clock
from botyard.kit.db import Database, Session
from botyard.kit.errors import BotyardError, CredentialsRejected, SecondFactorRequired, TooMany

MAX_IDENTITY = 1024  # more than any name or address; what is cut off matches nothing anyway


@dataclass(frozen=True, slots=True)
class _Attempt:
    place: Place
    user_id: int | None
    password_hash: str | None
    address: str


async def sign_in(
    db: Database,
    *,
    identity: str,
    password: str,
    totp_code: str | None = None,
    address: str,
    user_agent: str = "",
) -> User:
    """The account, once its credentials are proved; open a session for it next.

    Takes as long for an unknown name as for a known one, and answers the same. Runs short transactions of
    its own: call it outside of any. Raises CredentialsRejected, SecondFactorRequired (the password was
    right), AccountDisabled (everything was right), TooMany.
    """
    attempt = await _by_identity(db, identity, address)
    async with throttle.one_at_a_time(attempt.place):
        return await _prove(db, attempt, password, code=totp_code or "", user_agent=user_agent)


async def sign_in_program(
    db: Database,
    *,
    identity: str,
    password: str,
    totp_code: str | None = None,
    address: str,
    user_agent: str = "",
) -> TokenPair:
    """A program's first pair of tokens, once the account's credentials are proved. Raises as `sign_in`."""
    user = await sign_in(
        db,
        identity=identity,
        password=password,
        totp_code=totp_code,
        address=address,
        user_agent=user_agent,
    )
    async with db.session() as session:
        return await sessions.open_token(
            session,
            user.id,
            address=address,
            user_agent=user_agent,
            credentials_version=user.credentials_version,
        )


async def confirm(
    db: Database, user_id: int, *, password: str, totp_code: str | None = None, address: str
) -> User:
    """Ask somebody who is signed in for the password again, and for a code where one is given.

    Wrong answers count like wrong sign-ins. Raises CredentialsRejected, TooMany.
    """
    async with db.reader() as session:
        user = await session.get(User, user_id)
        attempt = _attempt(session, user, f"user:{user_id}", address)
    async with throttle.one_at_a_time(attempt.place):
        try:
            return await _prove(db, attempt, password, code=totp_code, user_agent=None)
        except CredentialsRejected as error:
            if str(error) == CredentialsRejected.__doc__:  # no name was asked for here
                raise CredentialsRejected("This password is wrong.") from None
            raise


async def _by_identity(db: Database, identity: str, address: str) -> _Attempt:
    key = names.key(identity[:MAX_IDENTITY])
    async with db.reader() as session:
        user = await profiles.find(session, key)
        return _attempt(session, user, key, address)


def _attempt(session: Session, user: User | None, identity: str, address: str) -> _Attempt:
    user_id = None if user is None else user.id
    place = throttle.place(session, user_id=user_id, identity=identity, address=address)
    return _Attempt(place, user_id, None if user is None else user.password_hash, address)


async def _prove(
    db: Database, attempt: _Attempt, password: str, *, code: str | None, user_agent: str | None
) -> User:
    async with db.reader() as session:
        wait = await throttle.wait_s(session, attempt.place)
    if wait > 0:
        raise TooMany("Too many wrong sign-ins; wait a moment, then try again.", retry_after_s=wait)
    right, renewed = await passwords.verify(attempt.password_hash, password)
    async with db.session() as session:
        verdict = await _judge(session, attempt, right=right, code=code)
        if isinstance(verdict, User):
            await _accept(session, attempt, verdict, renewed, user_agent)
    if isinstance(verdict, BotyardError):  # raised only now: a failure has to be counted by a commit
        raise verdict
    return verdict


async def _judge(
    session: Session, attempt: _Attempt, *, right: bool, code: str | None
) -> User | BotyardError:
    user = await session.get(User, attempt.user_id or 0)  # 0 is nobody: asked for all the same, as long
    if user is None or not right or user.password_hash != attempt.password_hash:
        await _count(session, attempt)
        return CredentialsRejected()
    if code is not None and await second_factor.is_on(session, user.id):
        if not code:
            return SecondFactorRequired()
        if not await second_factor.check(session, user.id, code):
            await _count(session, attempt)
            return CredentialsRejected("The code is wrong or was used before.")
    return user if user.is_active else AccountDisabled()


async def _count(session: Session, attempt: _Attempt) -> None:
    # Only the first wait is audited, alike for known and unknown names: a flood must not fill the log.
    if await throttle.count(session, attempt.place):
        await audit.record(
            session,
            actor=None,
            action="account.sign_in_throttled",
            target=f"user:{attempt.user_id}" if attempt.user_id is not None else "",
            address=attempt.address,
        )


async def _accept(
    session: Session, attempt: _Attempt, user: User, renewed: PasswordHash | None, user_agent: str | None
) -> None:
    await throttle.clear(session, attempt.place)
    if renewed is not None:
        user.password_hash = renewed
    if user_agent is not None:
        user.last_login_at = clock.now()
        await audit.record(
            session,
            actor=Principal(user_id=user.id, role=user.role),
            action="account.signed_in",
            target=f"user:{user.id}",
            details={"user_agent": user_agent[:300]},
            address=attempt.address,
        )
