"""Choosing what is sent next: fair between accounts and their webhooks, bounded for each, and no delivery by two
processes at once."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import structlog
from sqlalchemy import ColumnElement, Select, func, literal_column, or_, select, update

from botyard.core.vault import MasterKeyUnknown, VaultCorrupt
from botyard.core.webhooks import service, signing
from botyard.core.webhooks.models import WebhookDelivery, WebhookEndpoint, WebhookMessage
from botyard.core.webhooks.sending import TIMEOUT_S, Claim, Outcome
from botyard.core.webhooks.types import DeliveryState
from botyard.kit import clock, ids
from botyard.kit.db import Session
from botyard.kit.errors import NotFound

log = structlog.get_logger(__name__)

IN_FLIGHT = 96  # of a process; below the 100 connections of its client, where deliveries would wait unseen
PER_ENDPOINT = 8
# No account has more than half of what is free and its own: 48 while nobody else sends, enough for six webhooks at full
# width. However many of its receivers hang, half of the rest is left for the next account.
_OF_ACCOUNT = 2
_OF_ENDPOINT = 4  # and no webhook more than this part of its account's
_IN_TROUBLE = 24  # of a process' deliveries, those to receivers that only fail; shared in the same way
ENDPOINTS_AT_ONCE = 16  # looked after in one transaction
LEASE = timedelta(seconds=4 * TIMEOUT_S)

# As a literal, since both stores use the partial indexes only when the statement itself says so.
PENDING: ColumnElement[bool] = WebhookDelivery.state == literal_column(f"'{DeliveryState.pending}'")


class Candidate(NamedTuple):
    """A webhook with something to send, and how much of it at once at most."""

    endpoint_id: str
    owner_id: int
    at_once: int


def may_send(now: datetime) -> ColumnElement[bool]:
    """Whether anything may be sent to a webhook now."""
    rested = or_(WebhookEndpoint.paused_until.is_(None), WebhookEndpoint.paused_until <= now)
    return WebhookEndpoint.enabled & rested


def _due(now: datetime) -> ColumnElement[bool]:
    """Whether a webhook has something to send; of an ordered one, whether the oldest is due."""
    mine = (WebhookDelivery.endpoint_id == WebhookEndpoint.id) & PENDING
    oldest = select(WebhookDelivery.next_at).where(mine).order_by(WebhookDelivery.message_id).limit(1)
    any_due = select(WebhookDelivery.id).where(mine, WebhookDelivery.next_at <= now).exists()
    ordered = WebhookEndpoint.ordered
    return or_(~ordered & any_due, ordered & (oldest.scalar_subquery() <= now))


async def due_endpoints(session: Session, now: datetime) -> list[Candidate]:
    """Webhooks with something to send now."""
    query = select(
        WebhookEndpoint.id, WebhookEndpoint.owner_id, WebhookEndpoint.ordered, WebhookEndpoint.failing_since
    )
    found = await session.execute(query.where(may_send(now), _due(now)))
    return [
        Candidate(row.id, row.owner_id, 1 if row.ordered or row.failing_since else PER_ENDPOINT)
        for row in found
    ]


def in_turn(candidates: Sequence[Candidate], served: Mapping[str, int]) -> list[str]:
    """The webhooks in the order of their turns: of each account the one that waited longest, then its next ones.

    `served` says when each had its last turn.
    """
    waited = sorted(candidates, key=lambda one: served.get(one.endpoint_id, 0))
    before: Counter[int] = Counter()
    places = []
    for place, one in enumerate(waited):
        places.append((before[one.owner_id], place, one.endpoint_id))
        before[one.owner_id] += 1
    return [endpoint_id for _, _, endpoint_id in sorted(places)]


async def hold_endpoints(session: Session, chosen: Sequence[str], now: datetime) -> list[WebhookEndpoint]:
    """These webhooks, held until the commit; without those that another process holds or that may not be sent to.

    In the order in which they were chosen.
    """
    query = select(WebhookEndpoint).where(WebhookEndpoint.id.in_(chosen), may_send(now))
    # An ordinary lock would keep the relay's deliveries waiting, which refer to these rows.
    held = query.with_for_update(key_share=True, skip_locked=True).execution_options(populate_existing=True)
    found = {endpoint.id: endpoint for endpoint in await session.scalars(held)}
    return [found[endpoint_id] for endpoint_id in chosen if endpoint_id in found]


class Room:
    """How many more deliveries may begin: of this process, of an account in it, of one webhook in all processes."""

    def __init__(self, sending: Collection[Claim]) -> None:
        self._all = Counter(claim.owner_id for claim in sending)
        self._in_trouble = Counter(claim.owner_id for claim in sending if claim.in_trouble)

    def for_account(self, owner_id: int) -> int:
        """How many more of an account."""
        return _share(IN_FLIGHT, self._all, owner_id)

    def for_endpoint(self, endpoint: WebhookEndpoint, elsewhere: int) -> int:
        """How many more to this webhook, of which so many are under way already.

        A receiver that only fails gets one at a time until it answers; a healthy one at most a share of what its
        account has free, so that a dozen that begin to hang at once leave something for the others.
        """
        free = self.for_account(endpoint.owner_id)
        if endpoint.failing_since is not None:
            in_trouble = _share(_IN_TROUBLE, self._in_trouble, endpoint.owner_id)
            return max(0, min(1 - elsewhere, free, in_trouble))
        if endpoint.ordered:
            return max(0, min(1 - elsewhere, free))
        share = max(1, (free + elsewhere) // _OF_ENDPOINT)
        return max(0, min(min(PER_ENDPOINT, share) - elsewhere, free))

    def take(self, endpoint: WebhookEndpoint, number: int) -> None:
        """Count deliveries that begin."""
        self._all[endpoint.owner_id] += number
        if endpoint.failing_since is not None:
            self._in_trouble[endpoint.owner_id] += number


def _share(most: int, taken: Counter[int], owner_id: int) -> int:
    """How many more of `most` an account may take; one at least where it has none and any is free."""
    free, own = most - taken.total(), taken[owner_id]
    if free <= 0:
        return 0
    return max(0 if own else 1, (free + own) // _OF_ACCOUNT - own)


async def claim(
    session: Session, endpoints: Sequence[WebhookEndpoint], room: Room, now: datetime
) -> tuple[list[Claim], list[Outcome]]:
    """Lease what may be sent to these webhooks, which the caller holds.

    The second list are attempts that failed before they began, because the secret does not open.
    """
    claims: list[Claim] = []
    failed: list[Outcome] = []
    for endpoint in endpoints:
        number = room.for_endpoint(endpoint, await _under_way(session, endpoint, now))
        if number == 0:
            continue
        rows = (await session.execute(_next(endpoint, number, now))).all()
        taken = [(delivery, text) for delivery, text in rows if delivery.next_at <= now]
        if not taken:
            continue
        room.take(endpoint, len(taken))
        leased, broken = await _lease(session, endpoint, taken, now)
        claims += leased
        failed += broken
    return claims, failed


async def _under_way(session: Session, endpoint: WebhookEndpoint, now: datetime) -> int:
    query = select(func.count()).where(
        WebhookDelivery.endpoint_id == endpoint.id,
        PENDING,
        WebhookDelivery.next_at > now,
        WebhookDelivery.next_at <= now + LEASE,  # no lease ends later: spares a look at all later attempts
        WebhookDelivery.lease.is_not(None),
    )
    return int(await session.scalar(query) or 0)


def _next(endpoint: WebhookEndpoint, number: int, now: datetime) -> Select[WebhookDelivery, str]:
    """What is due at a webhook; of an ordered one the oldest that was not delivered, due or not."""
    query = (
        select(WebhookDelivery, WebhookMessage.text)
        .join(WebhookMessage, WebhookMessage.id == WebhookDelivery.message_id)
        .where(WebhookDelivery.endpoint_id == endpoint.id, PENDING)
        .with_for_update(of=WebhookDelivery, skip_locked=not endpoint.ordered)
        .execution_options(populate_existing=True)
    )
    if endpoint.ordered:
        return query.order_by(WebhookDelivery.message_id).limit(1)
    due = query.where(WebhookDelivery.next_at <= now)
    return due.order_by(WebhookDelivery.next_at, WebhookDelivery.id).limit(number)


async def _lease(
    session: Session, endpoint: WebhookEndpoint, taken: Sequence[tuple[WebhookDelivery, str]], now: datetime
) -> tuple[list[Claim], list[Outcome]]:
    try:
        secrets, error = tuple(await service.secrets_of(session, endpoint, now)), ""
    except (NotFound, VaultCorrupt, MasterKeyUnknown) as trouble:
        log.warning("webhook_secret_unreadable", endpoint=endpoint.id, reason=trouble.code)
        secrets, error = (), f"Not sent, because its secret cannot be read: {trouble}"
    claims, values = [], []
    for delivery, text in taken:
        signature = delivery.signature
        if secrets and not signature:
            signature = signing.of_text(secrets[0], text)
        lease = ids.new("lease")
        values.append(_leased(delivery.id, lease, signature, now))
        claims.append(
            Claim(
                delivery_id=delivery.id,
                endpoint_id=endpoint.id,
                owner_id=endpoint.owner_id,
                message_id=delivery.message_id,
                lease=lease,
                attempts=delivery.attempts,
                url=endpoint.url,
                body=signing.body(text, signature),
                secrets=secrets,
                in_trouble=endpoint.failing_since is not None,
            )
        )
    await session.execute(update(WebhookDelivery), values)
    if not secrets:
        return [], [Outcome(claim=one, at=now, latency_ms=0, error=error) for one in claims]
    return claims, []


def _leased(delivery_id: str, lease: str, signature: str, now: datetime) -> dict[str, Any]:
    return {"id": delivery_id, "lease": lease, "next_at": now + LEASE, "signature": signature}


async def let_go(session: Session) -> None:
    """End every lease, where this process is the only one that sends: at its start those of one that died."""
    leased = update(WebhookDelivery).where(PENDING, WebhookDelivery.lease.is_not(None))
    await session.execute(leased.values(lease=None, next_at=clock.now()))


async def give_up(session: Session, claims: Sequence[Claim]) -> None:
    """End these leases as far as they are still held: nobody sends what they are for, so it is due at once."""
    if not claims:
        return
    ids = [claim.delivery_id for claim in claims]
    held = PENDING & WebhookDelivery.lease.in_([claim.lease for claim in claims])
    free = update(WebhookDelivery).where(WebhookDelivery.id.in_(ids), held)
    await session.execute(free.values(lease=None, next_at=clock.now()))
