"""Leave to register while the server does not take everybody."""

from datetime import timedelta

from sqlalchemy import select, update

from botyard.core.accounts import codes, names
from botyard.core.accounts.errors import InvitationRejected
from botyard.core.accounts.models import Invitation
from botyard.core.accounts.types import Principal
from botyard.core.audit import service as audit
from botyard.core.mail import service as mail
from botyard.kit import clock, ids
from botyard.kit.db import Session
from botyard.kit.errors import NotFound
from botyard.settings import Settings

LIFETIME = timedelta(days=14)
PAGE = "/register"  # of the dashboard; `?invite=` fills the code in


async def create(
    session: Session,
    *,
    actor: Principal,
    email: str = "",
    note: str = "",
    lifetime: timedelta = LIFETIME,
    address: str = "",
) -> tuple[Invitation, str]:
    """An invitation and its code, which is shown this once.

    With a mail address it is sent there, and good for that address only. Raises Invalid.
    """
    code, now = codes.make(), clock.now()
    invitation = Invitation(
        id=ids.new("inv"),
        code_hash=codes.digest(code),
        email=names.email(email) if email else "",
        note=names.line(note, what="The note", limit=200) or "",
        created_by=actor.user_id or None,
        created_at=now,
        expires_at=now + lifetime,
    )
    session.add(invitation)
    await session.flush()
    await _audit(session, actor, "account.invited", invitation, address)
    if invitation.email:
        link = f"{session.part(Settings).base_url}{PAGE}?invite={code}"
        await mail.send(
            session,
            to=invitation.email,
            subject="You are invited to Botyard",
            text=f"You may register an account with this link, once, until {invitation.expires_at:%d %B %Y}:"
            f"\n\n{link}\n\nThe invitation code is {code}.\n",
        )
    return invitation, code


async def list_invitations(session: Session, *, limit: int = 100, offset: int = 0) -> list[Invitation]:
    """Invitations of every state, newest first."""
    query = select(Invitation).order_by(Invitation.created_at.desc(), Invitation.id.desc())
    return list(await session.scalars(query.limit(limit).offset(offset)))


async def revoke(session: Session, invitation_id: str, *, actor: Principal, address: str = "") -> None:
    """Withdraw an invitation; one that was used stays as it is. Raises NotFound."""
    invitation = await session.get(Invitation, invitation_id)
    if invitation is None:
        raise NotFound("There is no such invitation.")
    if invitation.used_at is None and invitation.revoked_at is None:
        invitation.revoked_at = clock.now()
        await _audit(session, actor, "account.invitation_withdrawn", invitation, address)


async def accept(session: Session, code: str, *, email: str) -> str:
    """Use an invitation up and answer its id; `mark_used` tells by whom. Raises InvitationRejected."""
    wanted = names.key(email)
    statement = (
        update(Invitation)
        .where(
            Invitation.code_hash == codes.digest(code),
            Invitation.used_at.is_(None),
            Invitation.revoked_at.is_(None),
            Invitation.expires_at > clock.now(),
        )
        .values(used_at=clock.now())
        .returning(Invitation.id, Invitation.email)
    )
    found = (await session.execute(statement)).one_or_none()
    if found is None or (found.email and names.key(found.email) != wanted):
        raise InvitationRejected
    return str(found.id)


async def mark_used(session: Session, invitation_id: str, *, user_id: int) -> None:
    """Note who came by an invitation."""
    await session.execute(update(Invitation).where(Invitation.id == invitation_id).values(used_by=user_id))


async def _audit(session: Session, actor: Principal, action: str, row: Invitation, address: str) -> None:
    await audit.record(session, actor=actor, action=action, target=f"invitation:{row.id}", address=address)
