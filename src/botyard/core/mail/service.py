"""Sending mail, and what became of it."""

from sqlalchemy import delete, select

from botyard.core import vault
from botyard.core.mail import message
from botyard.core.mail.jobs import KIND, NAME, deliver
from botyard.core.mail.models import Outgoing
from botyard.kit import clock, ids
from botyard.kit.db import Session


async def send(session: Session, *, to: str, subject: str, text: str, account_id: int = 0) -> str:
    """Put a mail into the outbox and answer its id; it leaves after the commit, or not at all.

    `account_id` is whose secrets the text holds: with the account its text becomes unreadable. Raises
    Invalid for what is no address, or a subject of several lines.
    """
    message.check(to, subject)
    mail = Outgoing(
        id=ids.new("mail"),
        account_id=account_id,
        recipient=to,
        subject=subject,
        state="waiting",
        created_at=clock.now(),
    )
    session.add(mail)
    await session.flush()
    await vault.put(session, account_id=account_id, kind=KIND, id=mail.id, name=NAME, value=text)
    await deliver.enqueue(session, key=f"mail.deliver:{mail.id}", mail_id=mail.id)
    return mail.id


async def list_outgoing(session: Session, *, limit: int = 100) -> list[Outgoing]:
    """Mails, newest first, for the administrator; their texts are not among it."""
    query = select(Outgoing).order_by(Outgoing.created_at.desc(), Outgoing.id.desc()).limit(limit)
    return list(await session.scalars(query))


async def forget_account(session: Session, account_id: int) -> None:
    """Remove an account's mails, sent or not; part of deleting it."""
    await session.execute(delete(Outgoing).where(Outgoing.account_id == account_id))
