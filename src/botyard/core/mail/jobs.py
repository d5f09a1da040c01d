"""Delivering what is in the outbox."""

from datetime import timedelta

import aiosmtplib
from sqlalchemy import delete, select, update

from botyard.core import vault
from botyard.core.jobs import JobContext, job, recurring
from botyard.core.mail.mailer import Mailer
from botyard.core.mail.message import compose
from botyard.core.mail.models import Outgoing
from botyard.kit import clock
from botyard.kit.db import Database
from botyard.kit.errors import NotFound
from botyard.settings import Settings

KIND, NAME = "mail", "text"
RETRIES = 8  # some nine minutes; after that once an hour
_LEAVE_ALONE = timedelta(minutes=30)
GIVE_UP_AFTER = timedelta(days=2)  # links in mails are long void by then
_KEEP = timedelta(days=30)


@job("mail.deliver", queue="mail", retries=RETRIES)
async def deliver(ctx: JobContext, *, mail_id: str) -> str:
    """Deliver one mail, drop its text, answer its state; what is delivered or given up is left alone.

    A crash between delivery and commit delivers it again, under the same message id.
    """
    async with ctx.db.reader() as session:
        mail = await session.get(Outgoing, mail_id)
        if mail is None or mail.state != "waiting":
            return "gone" if mail is None else mail.state
        try:
            text = await vault.reveal(session, kind=KIND, id=mail_id, name=NAME, account_id=mail.account_id)
        except NotFound:  # another run delivered it, or its account was deleted, since the row was read
            return "gone"
        sender = session.part(Settings).mail_from
    message = compose(mail_id=mail_id, sender=sender, to=mail.recipient, subject=mail.subject, text=text)
    try:
        await ctx.db.parts.get(Mailer).deliver(mail_id, message)  # type: ignore[type-abstract]
    except (OSError, aiosmtplib.SMTPException) as error:
        await _note_failure(ctx.db, mail_id, error)
        raise
    return await _settle(ctx.db, mail_id, "sent")


@recurring("mail.tidy", cron="41 * * * *")
async def tidy(ctx: JobContext) -> None:
    """Try waiting mails again, give them up after two days, forget what is settled after a month."""
    now = clock.now()
    async with ctx.db.reader() as session:
        query = select(Outgoing.id).where(
            Outgoing.state == "waiting", Outgoing.created_at < now - GIVE_UP_AFTER
        )
        stale = list(await session.scalars(query))
    for mail_id in stale:
        await _settle(ctx.db, mail_id, "given_up")
    async with ctx.db.session() as session:
        waiting = select(Outgoing.id).where(
            Outgoing.state == "waiting", Outgoing.created_at < now - _LEAVE_ALONE
        )
        for mail_id in await session.scalars(waiting):
            await deliver.enqueue(session, key=f"mail.deliver:{mail_id}:{now:%Y%m%d%H}", mail_id=mail_id)
        await session.execute(
            delete(Outgoing).where(Outgoing.state != "waiting", Outgoing.created_at < now - _KEEP)
        )


async def _settle(db: Database, mail_id: str, state: str) -> str:
    sent: dict[str, object] = {"sent_at": clock.now(), "last_error": ""} if state == "sent" else {}
    waiting = (Outgoing.id == mail_id) & (Outgoing.state == "waiting")
    async with db.session() as session:
        await session.execute(update(Outgoing).where(waiting).values(state=state, **sent))
        await vault.drop(session, kind=KIND, id=mail_id)
    return state


async def _note_failure(db: Database, mail_id: str, error: Exception) -> None:
    reason = f"{type(error).__name__}: {error}".replace("\x00", "")[:300]
    async with db.session() as session:
        await session.execute(
            update(Outgoing)
            .where(Outgoing.id == mail_id)
            .values(attempts=Outgoing.attempts + 1, last_error=reason)
        )
