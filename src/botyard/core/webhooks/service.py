"""Webhooks of an account: register, change, delete them, and their secrets."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, TypedDict, Unpack

from sqlalchemy import func, select, update

from botyard.core import vault
from botyard.core.accounts.types import Principal
from botyard.core.audit import service as audit
from botyard.core.vault.limit import within_limit
from botyard.core.vault.service import lock_account
from botyard.core.webhooks import catalogue, signing
from botyard.core.webhooks.bell import ring_after_commit
from botyard.core.webhooks.errors import EventsUnknown, NoSuchEndpoint, WebhookLimit
from botyard.core.webhooks.models import WebhookDelivery, WebhookEndpoint
from botyard.core.webhooks.types import FORMER_SECRET, SECRET, VAULT_KIND, DeliveryState, Registered
from botyard.kit import clock, ids
from botyard.kit.db import Session
from botyard.kit.errors import Invalid
from botyard.kit.http import AddressRefused, NameUnknown, Resolver, check_address
from botyard.kit.redaction import redact_url
from botyard.settings import Settings

MAX_ENDPOINTS = 50  # of one account
MAX_DESCRIPTION = 200
BY_OWNER = "It was disabled by its owner."
OVERLAP = timedelta(hours=24)  # for so long a former secret signs, too


class Changes(TypedDict, total=False):
    """What can be changed of a webhook."""

    url: str
    events: Sequence[str]
    description: str
    ordered: bool
    enabled: bool


async def register(
    session: Session,
    *,
    owner_id: int,
    url: str,
    events: Sequence[str],
    actor: Principal,
    secret: str | None = None,
    description: str = "",
    ordered: bool = False,
    address: str = "",
    resolve: Resolver | None = None,
) -> Registered:
    """Have these events told to `url` from now on. Without a secret one is made and answered, this once.

    A name that nobody knows yet is taken, since each attempt asks again. Raises AddressRefused for the url,
    EventsUnknown, SecretUnfit, and WebhookLimit.
    """
    # First of all, while no transaction is open: asking for a name may take a while.
    await _check_url(session, url, resolve)
    made = signing.new_secret() if secret is None else None
    signing.check_secret(secret or made or "")
    now = clock.now()
    endpoint = WebhookEndpoint(
        id=ids.new("wh"),
        owner_id=owner_id,
        url=url,
        events=_known(events),
        description=_described(description),
        ordered=ordered,
        enabled=True,
        disabled_reason="",
        failures=0,
        created_at=now,
        updated_at=now,
    )
    await lock_account(session, owner_id)  # so that two requests at once do not pass the limit together
    if await count(session, owner_id=owner_id) >= MAX_ENDPOINTS:
        raise WebhookLimit(f"An account has at most {MAX_ENDPOINTS} webhooks; delete one first.")
    session.add(endpoint)
    await session.flush()
    await _seal(session, endpoint, SECRET, secret or made or "")
    await _record(
        session, endpoint, "webhook.registered", actor, address, url=redact_url(url), events=endpoint.events
    )
    return Registered(endpoint, made)


async def list_endpoints(
    session: Session, *, owner_id: int, limit: int = MAX_ENDPOINTS, offset: int = 0
) -> list[WebhookEndpoint]:
    """Webhooks of an account, oldest first."""
    query = select(WebhookEndpoint).where(WebhookEndpoint.owner_id == owner_id)
    query = query.order_by(WebhookEndpoint.created_at, WebhookEndpoint.id).limit(limit).offset(offset)
    return list(await session.scalars(query))


async def count(session: Session, *, owner_id: int) -> int:
    """How many webhooks an account has."""
    query = select(func.count()).where(WebhookEndpoint.owner_id == owner_id)
    return int(await session.scalar(query) or 0)


async def get(session: Session, endpoint_id: str, *, owner_id: int) -> WebhookEndpoint:
    """One webhook. Raises NoSuchEndpoint, also for another account's."""
    endpoint = await session.get(WebhookEndpoint, endpoint_id)
    if endpoint is None or endpoint.owner_id != owner_id:
        raise NoSuchEndpoint
    return endpoint


async def update_endpoint(
    session: Session,
    endpoint_id: str,
    *,
    owner_id: int,
    actor: Principal,
    address: str = "",
    resolve: Resolver | None = None,
    **changes: Unpack[Changes],
) -> WebhookEndpoint:
    """Change what is given; the rest stays. Raises as `register` does, and NoSuchEndpoint.

    Enabling, and another url, make a fresh start: former failures count no more. Disabling cancels what still
    waits to be sent.
    """
    if "url" in changes:
        await _check_url(session, changes["url"], resolve)
    endpoint = await hold(session, endpoint_id, owner_id=owner_id)
    if "events" in changes:
        endpoint.events = _known(changes["events"])
    if "description" in changes:
        endpoint.description = _described(changes["description"])
    endpoint.ordered = changes.get("ordered", endpoint.ordered)
    if changes.get("url", endpoint.url) != endpoint.url:
        endpoint.url = changes["url"]
        start_afresh(endpoint)
    if changes.get("enabled", endpoint.enabled) != endpoint.enabled:
        await _switch(session, endpoint, enabled=changes["enabled"])
    endpoint.updated_at = clock.now()
    told = {**changes, "url": redact_url(endpoint.url)}
    await _record(session, endpoint, "webhook.changed", actor, address, **told)
    ring_after_commit(session)
    return endpoint


async def delete(
    session: Session, endpoint_id: str, *, owner_id: int, actor: Principal, address: str = ""
) -> None:
    """Remove a webhook with its secret and deliveries. Raises NoSuchEndpoint."""
    await lock_account(session, owner_id)  # first, as when the account is deleted
    endpoint = await hold(session, endpoint_id, owner_id=owner_id)
    await vault.drop(session, kind=VAULT_KIND, id=endpoint.id, account_id=owner_id)
    await _record(session, endpoint, "webhook.deleted", actor, address, url=redact_url(endpoint.url))
    await session.delete(endpoint)
    await session.flush()


async def rotate_secret(
    session: Session,
    endpoint_id: str,
    *,
    owner_id: int,
    actor: Principal,
    secret: str | None = None,
    address: str = "",
) -> Registered:
    """Give a webhook another secret; the former one signs beside it for 24 hours.

    Raises NoSuchEndpoint, SecretUnfit. Answers the secret where the server made it.
    """
    made = signing.new_secret() if secret is None else None
    signing.check_secret(secret or made or "")
    await lock_account(session, owner_id)  # first, as when the account is deleted
    endpoint = await hold(session, endpoint_id, owner_id=owner_id)
    former = await _open(session, endpoint, SECRET)
    await _seal(session, endpoint, FORMER_SECRET, former)
    await _seal(session, endpoint, SECRET, secret or made or "")
    endpoint.updated_at = clock.now()
    endpoint.former_secret_until = endpoint.updated_at + OVERLAP
    await _record(session, endpoint, "webhook.secret_rotated", actor, address)
    return Registered(endpoint, made)


async def reveal_secret(
    session: Session, endpoint_id: str, *, owner_id: int, actor: Principal, address: str = ""
) -> str:
    """The secret in clear; every look is audited and counts among the account's looks into the vault.

    Raises NoSuchEndpoint, TooMany, VaultCorrupt. `signing.library_secret` writes it as libraries take it.
    """
    await within_limit(session, actor)
    endpoint = await get(session, endpoint_id, owner_id=owner_id)
    secret = await _open(session, endpoint, SECRET)
    await _record(session, endpoint, "webhook.secret_revealed", actor, address)
    return secret


async def hold(session: Session, endpoint_id: str, *, owner_id: int) -> WebhookEndpoint:
    """One webhook, kept until the commit. Raises NoSuchEndpoint."""
    query = select(WebhookEndpoint).where(WebhookEndpoint.id == endpoint_id).with_for_update()
    endpoint = await session.scalar(query.execution_options(populate_existing=True))
    if endpoint is None or endpoint.owner_id != owner_id:
        raise NoSuchEndpoint
    return endpoint


async def secrets_of(session: Session, endpoint: WebhookEndpoint, now: datetime) -> list[str]:
    """The secrets that sign now, the present one first. Raises NotFound, VaultCorrupt or MasterKeyUnknown."""
    secrets = [await _open(session, endpoint, SECRET)]
    if endpoint.former_secret_until is not None and now < endpoint.former_secret_until:
        secrets.append(await _open(session, endpoint, FORMER_SECRET))
    return secrets


async def cancel_pending(session: Session, endpoint: WebhookEndpoint, reason: str) -> None:
    """Let what waits to be sent to a webhook wait no longer; it can be replayed."""
    waiting = update(WebhookDelivery).where(
        WebhookDelivery.endpoint_id == endpoint.id, WebhookDelivery.state == DeliveryState.pending
    )
    error = f"Cancelled: {reason} Enable the webhook and replay it."
    await session.execute(
        waiting.values(state=DeliveryState.cancelled, error=error, lease=None, finished_at=clock.now())
    )


def start_afresh(endpoint: WebhookEndpoint) -> None:
    """Forget former failures and pauses of a webhook."""
    endpoint.failures = 0
    endpoint.failing_since = endpoint.paused_until = None


async def _switch(session: Session, endpoint: WebhookEndpoint, *, enabled: bool) -> None:
    endpoint.enabled = enabled
    if enabled:
        endpoint.disabled_reason = ""
        start_afresh(endpoint)
        return
    endpoint.disabled_reason = BY_OWNER
    await cancel_pending(session, endpoint, "the webhook was disabled by its owner.")


async def _check_url(session: Session, url: str, resolve: Resolver | None) -> None:
    allow_private = session.part(Settings).allow_private_networks
    try:
        await check_address(url, allow_private=allow_private, resolve=resolve)
    except NameUnknown:
        return  # it may get its name later, or cannot be asked for right now; each attempt asks again
    except AddressRefused as error:
        if allow_private or "private networks" not in str(error):
            raise
        raise AddressRefused(
            f"{str(error).partition(' An operator')[0]} An operator can allow it with "
            "BOTYARD_ALLOW_PRIVATE_NETWORKS=true."
        ) from None


def _known(events: Sequence[str]) -> list[str]:
    known = catalogue.names()
    unknown = sorted({event for event in events if event not in known})
    if unknown or not events:
        wrong = f"There is no event {', '.join(unknown)[:200]}." if unknown else "Name at least one event."
        raise EventsUnknown(f"{wrong} Known are {', '.join(known)}.", details={"field": "events"})
    return list(dict.fromkeys(events))


def _described(description: str) -> str:
    if len(description) > MAX_DESCRIPTION or "\x00" in description:
        raise Invalid(f"The description of a webhook has at most {MAX_DESCRIPTION} characters.")
    return description


async def _seal(session: Session, endpoint: WebhookEndpoint, name: str, secret: str) -> None:
    await vault.put(
        session, account_id=endpoint.owner_id, kind=VAULT_KIND, id=endpoint.id, name=name, value=secret
    )


async def _open(session: Session, endpoint: WebhookEndpoint, name: str) -> str:
    return await vault.reveal(
        session, account_id=endpoint.owner_id, kind=VAULT_KIND, id=endpoint.id, name=name
    )


async def _record(
    session: Session, endpoint: WebhookEndpoint, action: str, actor: Principal, address: str, **details: Any
) -> None:
    target = f"webhook:{endpoint.id}"
    await audit.record(session, actor=actor, action=action, target=target, details=details, address=address)
