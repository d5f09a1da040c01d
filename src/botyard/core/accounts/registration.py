"""How accounts come to be: registered by people, made by an administrator, or the first one at start-up."""

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from botyard.core.accounts import invitations, names, passwords
from botyard.core.accounts.errors import InvitationRejected, NameTaken, RegistrationClosed
from botyard.core.accounts.events import UserRegistered
from botyard.core.accounts.models import User
from botyard.core.accounts.passwords import PasswordHash
from botyard.core.accounts.types import Principal, Role
from botyard.core.audit import service as audit
from botyard.core.realtime.events import publish
from botyard.kit import clock, crypto
from botyard.kit.db import Database, Session
from botyard.settings import Settings

MAX_FULLNAME = 200


async def register(
    session: Session,
    *,
    username: str,
    email: str,
    password_hash: PasswordHash,
    fullname: str | None = None,
    invite_code: str | None = None,
    address: str = "",
) -> User:
    """A new account with the role user, if this server takes registrations.

    `password_hash` comes from `passwords.hash`, called before. Raises RegistrationClosed, InvitationRejected
    (only where an invitation is needed, else the code does not matter), NameTaken, Invalid.
    """
    mode = session.part(Settings).registration
    if mode == "closed":
        raise RegistrationClosed
    invitation_id = ""
    if mode == "invite":
        if not invite_code:
            raise InvitationRejected("This server takes registrations by invitation only; send its code.")
        invitation_id = await invitations.accept(session, invite_code, email=email)
    user = await create(
        session, username=username, email=email, password_hash=password_hash, fullname=fullname
    )
    if invitation_id:
        await invitations.mark_used(session, invitation_id, user_id=user.id)
    await _announce(session, user, actor=Principal(user_id=user.id), address=address)
    return user


async def add(
    session: Session,
    *,
    username: str,
    email: str,
    password_hash: PasswordHash,
    actor: Principal | None,
    role: Role = Role.user,
    fullname: str | None = None,
    address: str = "",
) -> User:
    """An account made by an administrator, whatever the server's mode is. Raises NameTaken, Invalid."""
    user = await create(
        session, username=username, email=email, password_hash=password_hash, fullname=fullname, role=role
    )
    await _announce(session, user, actor=actor, address=address)
    return user


async def create(
    session: Session,
    *,
    username: str,
    email: str,
    password_hash: PasswordHash,
    fullname: str | None = None,
    role: Role = Role.user,
) -> User:
    """Store the account, told to nobody. Raises NameTaken, Invalid."""
    email = names.email(email)
    username = names.username(username, email=email)
    user = User(
        username=username,
        username_key=names.key(username),
        email=email,
        email_key=names.key(email),
        password_hash=password_hash,
        fullname=names.line(fullname, what="The full name", limit=MAX_FULLNAME),
        role=role,
        created_at=clock.now(),
    )
    try:
        async with session.begin_nested():
            session.add(user)
    except IntegrityError:
        raise NameTaken from None
    return user


async def ensure_first_admin(db: Database, settings: Settings) -> str | None:
    """Make the first administrator while there is no account at all.

    Answers the password that was made for it, to be shown once; None when the settings gave one, or when
    there is nothing to do. Raises Invalid when the settings hold something that no account can have.
    """
    async with db.reader() as session:
        if await session.scalar(select(User.id).limit(1)) is not None:
            return None
    given = settings.admin_password.get_secret_value()
    password = given or crypto.base62(clock.token_bytes(15), 21)
    password_hash = await passwords.hash(password)
    try:
        async with db.session() as session:
            await add(
                session,
                username=settings.admin_username,
                email=settings.admin_email,
                password_hash=password_hash,
                actor=None,
                role=Role.admin,
            )
    except NameTaken:  # another server that started at the same moment made it
        return None
    return None if given else password


async def _announce(session: Session, user: User, *, actor: Principal | None, address: str) -> None:
    await audit.record(
        session,
        actor=actor,
        action="account.registered",
        target=f"user:{user.id}",
        details={"role": user.role.value},  # no name: entries outlive accounts
        address=address,
    )
    publish(session, UserRegistered(owner_id=user.id, username=user.username))
