"""Forgetting old deliveries, and telling an owner that a webhook was disabled."""

from datetime import timedelta

import structlog
from sqlalchemy import delete, select

from botyard.core.accounts.models import User
from botyard.core.jobs import JobContext, job, recurring
from botyard.core.mail import service as mail
from botyard.core.realtime import jobs as realtime_jobs
from botyard.core.webhooks import positions
from botyard.core.webhooks.models import WebhookEndpoint, WebhookMessage
from botyard.kit import clock
from botyard.kit.db import Database, Session
from botyard.kit.errors import Invalid
from botyard.kit.redaction import redact_url
from botyard.settings import Settings

log = structlog.get_logger(__name__)

PAGE = "/webhooks"  # of the dashboard
KEPT = timedelta(days=30)
_CHUNK = 200  # messages with all their deliveries; the store's only writer is free again in between

realtime_jobs.keep_for(positions.needed_after)


@recurring("webhooks.retention", cron="29 * * * *")
async def retain(ctx: JobContext) -> int:
    """Remove messages of more than 30 days ago with their deliveries; answers how many. Safe to run twice."""
    return await forget(ctx.db)


async def forget(db: Database) -> int:
    """Remove old messages in small bites; answers how many."""
    old = select(WebhookMessage.id).where(WebhookMessage.created_at < clock.now() - KEPT).limit(_CHUNK)
    total = 0
    while True:
        async with db.session() as session:
            found = list(await session.scalars(old))
            await session.execute(delete(WebhookMessage).where(WebhookMessage.id.in_(found)))
        total += len(found)
        if len(found) < _CHUNK:
            return total


@job("webhooks.tell_owner", retries=5)
async def tell_owner(ctx: JobContext, *, endpoint_id: str, reason: str) -> str:
    """Write the owner of a webhook that it was disabled, and answer the mail's id; empty where none was sent.

    After a crash at the wrong moment the mail may be sent twice.
    """
    async with ctx.db.session() as session:
        return await _tell_owner(session, endpoint_id, reason)


async def _tell_owner(session: Session, endpoint_id: str, reason: str) -> str:
    endpoint = await session.get(WebhookEndpoint, endpoint_id)
    owner = None if endpoint is None else await session.get(User, endpoint.owner_id)
    if endpoint is None or owner is None or endpoint.enabled:
        return ""
    text = (
        f"Hello {owner.username},\n\nsince {endpoint.updated_at:%d %B %Y, %H:%M} UTC nothing is sent to your webhook "
        f"any more.\n\nAddress: {redact_url(endpoint.url)}\nWhy: {reason}\n\n"
        "What happens meanwhile is kept for 30 days. Once the receiver works again, enable the webhook and replay "
        f"what it missed: {session.part(Settings).base_url}{PAGE}/{endpoint.id}\n"
    )
    subject = "A webhook of yours was disabled"
    try:
        return await mail.send(
            session, to=owner.email, subject=subject, text=text, account_id=endpoint.owner_id
        )
    except Invalid as error:  # an account may have an address that no mail can be sent to
        log.warning("webhook_notice_not_sent", endpoint=endpoint_id, reason=str(error))
        return ""
