"""A new password by a link in a mail, for those who forgot the old one."""

from base64 import urlsafe_b64encode
from datetime import timedelta

from sqlalchemy import delete, select, update

from botyard.core.accounts import names, passwords
from botyard.core.accounts.errors import ResetRejected
from botyard.core.accounts.models import OneTimeToken, User
from botyard.core.accounts.password_change import set_password
from botyard.core.accounts.token_keys import TokenKeys, secret_hash
from botyard.core.accounts.types import Principal
from botyard.core.audit import service as audit
from botyard.core.jobs import JobContext, job
from botyard.core.mail import service as mail
from botyard.kit import clock, ids
from botyard.kit.db import Database, Session
from botyard.settings import Settings

LIFETIME = timedelta(hours=1)
PAGE = "/reset-password"  # of the dashboard; the link carries `?token=`
_AGAIN_AFTER = timedelta(minutes=1)  # one mail a minute per account, however often it is asked for
_PURPOSE = "password_reset"


async def request(session: Session, email: str) -> None:
    """Have a reset link sent, if an account has this address.

    Only a job is stored, the same for a known and an unknown address, so that neither the answer nor its
    time tells which it was. Raises Invalid for what is no address at all.
    """
    address = names.email(email)
    minute = int(clock.now().timestamp() // 60)
    subject = session.part(TokenKeys).subject(f"reset {names.key(address)}")
    await send_link.enqueue(session, key=f"accounts.send_reset_link:{subject}:{minute}", email=address)


@job("accounts.send_reset_link", queue="mail", retries=5)
async def send_link(ctx: JobContext, *, email: str) -> None:
    """Mail a fresh link; an older one is void. Does nothing for an unknown address or a disabled account."""
    async with ctx.db.session() as session:
        user = await session.scalar(select(User).where(User.email_key == names.key(email), User.is_active))
        if user is None or await _sent_just_now(session, user.id):
            return
        link = f"{session.part(Settings).base_url}{PAGE}?token={await make_token(session, user)}"
        await mail.send(
            session,
            to=user.email,
            subject="A new password for Botyard",
            text=f"Hello {user.username},\n\nset a new password with this link, once, within the next hour:"
            f"\n\n{link}\n\nIf you did not ask for it, nothing has changed and this mail can be ignored.\n",
            account_id=user.id,
        )


async def make_token(session: Session, user: User) -> str:
    """A token for one reset within the hour; those made before are void."""
    await session.execute(
        delete(OneTimeToken).where(OneTimeToken.user_id == user.id, OneTimeToken.purpose == _PURPOSE)
    )
    token, now = urlsafe_b64encode(clock.token_bytes(32)).decode().rstrip("="), clock.now()
    row = OneTimeToken(
        id=ids.new("ott"),
        user_id=user.id,
        purpose=_PURPOSE,
        token_hash=secret_hash(token),
        credentials_version=user.credentials_version,
        created_at=now,
        expires_at=now + LIFETIME,
    )
    session.add(row)
    return token


async def complete(db: Database, token: str, new_password: str, *, address: str = "") -> None:
    """Set the password that goes with a reset token; every session of the account ends.

    Runs transactions of its own: call it outside of any. Raises PasswordTooWeak, ResetRejected.
    """
    passwords.check_rules(new_password)
    digest = secret_hash(token) if token.isascii() else ""
    async with db.reader() as session:
        await _valid(session, digest, lock=False)  # before the costly hash
    password_hash = await passwords.hash(new_password)
    async with db.session() as session:
        user = await _valid(session, digest, lock=True)
        await _use_up(session, digest)
        await set_password(session, user, password_hash)
        await audit.record(
            session,
            actor=Principal(user_id=user.id),
            action="account.password_reset",
            target=f"user:{user.id}",
            address=address,
        )


async def _valid(session: Session, digest: str, *, lock: bool) -> User:
    query = (
        select(User)
        .join(OneTimeToken, OneTimeToken.user_id == User.id)
        .where(
            OneTimeToken.token_hash == digest,
            OneTimeToken.purpose == _PURPOSE,
            OneTimeToken.used_at.is_(None),
            OneTimeToken.expires_at > clock.now(),
            OneTimeToken.credentials_version == User.credentials_version,
            User.is_active,
        )
    )
    user = await session.scalar(query.with_for_update(of=User) if lock else query)
    if user is None:
        raise ResetRejected
    return user


async def _use_up(session: Session, digest: str) -> None:
    statement = (
        update(OneTimeToken)
        .where(OneTimeToken.token_hash == digest, OneTimeToken.used_at.is_(None))
        .values(used_at=clock.now())
        .returning(OneTimeToken.id)
    )
    if (await session.execute(statement)).one_or_none() is None:
        raise ResetRejected


async def _sent_just_now(session: Session, user_id: int) -> bool:
    query = select(OneTimeToken.id).where(
        OneTimeToken.user_id == user_id,
        OneTimeToken.purpose == _PURPOSE,
        OneTimeToken.created_at > clock.now() - _AGAIN_AFTER,
    )
    return await session.scalar(query.limit(1)) is not None
