"""Removing what is over: sessions, tokens, counts."""

from datetime import timedelta

from sqlalchemy import delete, or_

from botyard.core.accounts import throttle
from botyard.core.accounts.models import ApiKey, Invitation, OneTimeToken, UserSession
from botyard.core.jobs import JobContext, recurring
from botyard.kit import clock

_KEEP = timedelta(days=30)  # what is over stays this long, for looking back


@recurring("accounts.tidy", cron="23 * * * *")
async def tidy(ctx: JobContext) -> None:
    """Remove rows that have been over for long; repeating it changes nothing."""
    before = clock.now() - _KEEP
    async with ctx.db.session() as session:
        await throttle.forget_old(session)
        # Refresh tokens go with their session: until then each is needed to notice its reuse.
        await session.execute(
            delete(UserSession).where(or_(UserSession.ended_at < before, UserSession.expires_at < before))
        )
        await session.execute(delete(OneTimeToken).where(OneTimeToken.expires_at < before))
        await session.execute(delete(ApiKey).where(ApiKey.revoked_at < before))
        await session.execute(delete(Invitation).where(Invitation.expires_at < before))
