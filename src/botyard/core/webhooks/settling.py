"""Writing down how attempts ended, many in one transaction, and what follows for the webhook."""

from collections.abc import Sequence
from typing import Any

import structlog
from sqlalchemy import insert, select, update

from botyard.core.audit import service as audit
from botyard.core.realtime.events import publish
from botyard.core.webhooks import metrics, schedule, service
from botyard.core.webhooks.events import EndpointDisabled
from botyard.core.webhooks.jobs import tell_owner
from botyard.core.webhooks.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from botyard.core.webhooks.sending import Outcome
from botyard.core.webhooks.types import DeliveryState
from botyard.kit import clock
from botyard.kit.db import Session
from botyard.kit.redaction import redact_url

log = structlog.get_logger(__name__)

_GONE = "Its receiver answered 410: it wants nothing any more."
_ONLY_FAILURES = f"Nothing but failures for {schedule.DISABLE_AFTER.days} days."


async def settle(session: Session, outcomes: Sequence[Outcome]) -> None:
    """Write attempts and what became of their deliveries; webhooks that recovered or gave up are changed.

    An outcome whose lease went to somebody else, or whose delivery is gone, is dropped: the other one writes it.
    """
    endpoints = await _hold(session, {outcome.claim.endpoint_id for outcome in outcomes})
    held = await _still_leased(session, outcomes)
    counting = [one for one in outcomes if one.claim.endpoint_id in endpoints and one.claim.lease in held]
    if not counting:
        return
    for outcome in counting:
        _note(endpoints[outcome.claim.endpoint_id], outcome)
    await session.execute(insert(WebhookAttempt), [_attempt(outcome) for outcome in counting])
    rows = [_delivery(endpoints[one.claim.endpoint_id], one, held[one.claim.lease]) for one in counting]
    await session.execute(update(WebhookDelivery), rows)
    for endpoint in endpoints.values():
        if reason := _hopeless([one for one in counting if one.claim.endpoint_id == endpoint.id], endpoint):
            await _disable(session, endpoint, reason)


async def _hold(session: Session, endpoint_ids: set[str]) -> dict[str, WebhookEndpoint]:
    query = select(WebhookEndpoint).where(WebhookEndpoint.id.in_(endpoint_ids)).order_by(WebhookEndpoint.id)
    locked = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    return {endpoint.id: endpoint for endpoint in await session.scalars(locked)}


async def _still_leased(session: Session, outcomes: Sequence[Outcome]) -> dict[str, DeliveryState]:
    """The leases that are still ours, with the state of their deliveries.

    A delivery that was cancelled while it was sent has lost its lease, but nobody else sends it: it counts, once. A
    transaction that was committed although it seemed to fail is written again, and finds the attempt counted.
    """
    query = select(WebhookDelivery.id, WebhookDelivery.lease, WebhookDelivery.state, WebhookDelivery.attempts)
    found = await session.execute(
        query.where(WebhookDelivery.id.in_([one.claim.delivery_id for one in outcomes])).with_for_update()
    )
    rows = {row.id: row for row in found}
    ours = {}
    for outcome in outcomes:
        row = rows.get(outcome.claim.delivery_id)
        if row is None:
            continue
        uncounted = row.state == DeliveryState.cancelled and row.attempts == outcome.claim.attempts
        if row.lease == outcome.claim.lease or uncounted:
            ours[outcome.claim.lease] = DeliveryState(row.state)
    return ours


def _note(endpoint: WebhookEndpoint, outcome: Outcome) -> None:
    """Keep the health of a webhook."""
    if outcome.delivered:
        if endpoint.failures or endpoint.paused_until:
            service.start_afresh(endpoint)
        return
    endpoint.failures += 1
    if endpoint.failures >= schedule.MANY_FAILURES and endpoint.failing_since is None:
        endpoint.failing_since = outcome.at
    if outcome.pause_until is not None:
        endpoint.paused_until = max(endpoint.paused_until or outcome.pause_until, outcome.pause_until)


def _attempt(outcome: Outcome) -> dict[str, Any]:
    return {
        "delivery_id": outcome.claim.delivery_id,
        "number": outcome.claim.attempts + 1,
        "at": outcome.at,
        "latency_ms": outcome.latency_ms,
        "status": outcome.status,
        "error": outcome.error,
        "reply": outcome.reply,
    }


def _delivery(endpoint: WebhookEndpoint, outcome: Outcome, state: DeliveryState) -> dict[str, Any]:
    """What becomes of a delivery."""
    now = clock.now()
    attempts = outcome.claim.attempts + 1
    next_at = None if outcome.delivered or outcome.gone else schedule.next_attempt(attempts, now)
    row = {
        "id": outcome.claim.delivery_id,
        "lease": None,
        "attempts": attempts,
        "status": outcome.status,
        "error": outcome.error,
        "state": DeliveryState.pending,
        "next_at": now if next_at is None else max(next_at, endpoint.paused_until or next_at),
        "finished_at": None,
    }
    if outcome.delivered:
        metrics.ATTEMPTS.labels("delivered").inc()
        return row | {"state": DeliveryState.delivered, "finished_at": now}
    if state is DeliveryState.cancelled:
        metrics.ATTEMPTS.labels("abandoned").inc()
        error = f"{outcome.error} The webhook was disabled meanwhile: enable it and replay this delivery."
        return row | {"state": DeliveryState.cancelled, "error": error, "finished_at": now}
    if next_at is None:
        metrics.ATTEMPTS.labels("failed").inc()
        return row | {"state": DeliveryState.failed, "finished_at": now}
    metrics.ATTEMPTS.labels("retried").inc()
    return row


def _hopeless(outcomes: Sequence[Outcome], endpoint: WebhookEndpoint) -> str:
    """Why nothing more is to be sent to a webhook; empty where it goes on."""
    if not endpoint.enabled or not outcomes:
        return ""
    if any(outcome.gone for outcome in outcomes):
        return _GONE
    since = endpoint.failing_since
    if since is not None and clock.now() - since >= schedule.DISABLE_AFTER:
        return _ONLY_FAILURES
    return ""


async def _disable(session: Session, endpoint: WebhookEndpoint, reason: str) -> None:
    """Stop sending to a webhook and tell its owner: by mail, in the audit log and in the dashboard."""
    # A firmer hold than the one for settling: the relay's new deliveries are waited for and cancelled, too.
    await service.hold(session, endpoint.id, owner_id=endpoint.owner_id)
    endpoint.enabled, endpoint.disabled_reason = False, reason
    endpoint.updated_at = clock.now()
    await service.cancel_pending(session, endpoint, f"the webhook was disabled. {reason}")
    url = redact_url(endpoint.url)
    await audit.record(
        session,
        actor=None,
        action="webhook.disabled",
        target=f"webhook:{endpoint.id}",
        details={"reason": reason, "url": url},
    )
    publish(
        session,
        EndpointDisabled(owner_id=endpoint.owner_id, endpoint_id=endpoint.id, url=url, reason=reason),
    )
    await tell_owner.enqueue(session, endpoint_id=endpoint.id, reason=reason)
    metrics.DISABLED.labels("gone" if reason == _GONE else "failures").inc()
    log.warning("webhook_disabled", endpoint=endpoint.id, reason=reason)
