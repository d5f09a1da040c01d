"""What people do with webhooks: make one, try it, send again, change it, look at its secret, remove it."""

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from botyard.core.webhooks import deliveries, service, signing
from botyard.edge.caller import Address, Caller
from botyard.edge.guard import GuardedRoute
from botyard.edge.session import Session, Stores
from botyard.kit import clock
from botyard.kit.errors import Invalid
from botyard.web.forms import Fields, Form
from botyard.web.lists import address as list_address
from botyard.web.proof import prove
from botyard.web.rendering import render
from botyard.web.shell import SceneFor, go, part
from botyard.web.webhooks import WebhookOf, load_delivery, rows

router = APIRouter(prefix="/webhooks", route_class=GuardedRoute)


@router.post("")
async def create(form: Form, scene: SceneFor, db: Stores, caller: Caller, address: Address) -> Response:
    """Make a webhook and show its secret, where the server made it, this once."""
    # Not the session of the request: its answer could be kept, and the secret with it.
    async with db.session() as session:
        made = await service.register(
            session,
            owner_id=caller.user_id,
            secret=form["secret"] or None,
            actor=caller,
            address=address,
            **_told(form),
        )
    listed = render("_webhooks.html", **await rows(scene))
    return part(
        "_webhook_made.html", "#made", also={"#list": listed}, webhook=made.endpoint, secret=made.secret
    )


def _told(form: Fields) -> Any:
    return {
        "url": form.needed("url", "The address"),
        "events": form.all("events"),
        "description": form["description"].strip(),
        "ordered": form["ordered"] == "yes",
    }


@router.post("/{webhook_id}/settings")
async def change(
    request: Request, webhook: WebhookOf, form: Form, session: Session, caller: Caller, address: Address
) -> Response:
    """Change address, events, name and order."""
    await service.update_endpoint(
        session, webhook.endpoint.id, owner_id=caller.user_id, actor=caller, address=address, **_told(form)
    )
    return go(request, f"{webhook.path}/settings", "The webhook is changed.")


@router.post("/{webhook_id}/enable")
async def enable(
    request: Request, webhook: WebhookOf, session: Session, caller: Caller, address: Address
) -> Response:
    """Send to it from now on; the page offers a replay from the first event on that did not arrive."""
    missed = await deliveries.first_missed(session, webhook.endpoint.id, owner_id=caller.user_id)
    since = missed or webhook.endpoint.failing_since
    await _switch(session, webhook, caller, address, enabled=True)
    target = list_address(webhook.path, {"since": since and clock.rfc3339(since)})
    return go(request, target, "The webhook is enabled. Replay what it missed meanwhile.")


@router.post("/{webhook_id}/disable")
async def disable(
    request: Request, webhook: WebhookOf, session: Session, caller: Caller, address: Address
) -> Response:
    """Send nothing more to it."""
    await _switch(session, webhook, caller, address, enabled=False)
    return go(request, webhook.path, "The webhook is disabled.")


async def _switch(
    session: Session, webhook: WebhookOf, caller: Caller, address: Address, *, enabled: bool
) -> None:
    await service.update_endpoint(
        session,
        webhook.endpoint.id,
        owner_id=caller.user_id,
        actor=caller,
        address=address,
        enabled=enabled,
    )


@router.post("/{webhook_id}/test")
async def ping(request: Request, webhook: WebhookOf, session: Session, caller: Caller) -> Response:
    """Send the event `webhook.ping` and show what comes of it."""
    sent = await deliveries.ping(session, webhook.endpoint.id, owner_id=caller.user_id)
    return go(request, f"{webhook.path}/deliveries/{sent.id}", "The ping is on its way.")


@router.post("/{webhook_id}/deliveries/{delivery_id}/replay")
async def replay(
    request: Request,
    webhook: WebhookOf,
    delivery_id: str,
    scene: SceneFor,
    session: Session,
    caller: Caller,
    address: Address,
) -> Response:
    """Send one again."""
    await load_delivery(scene, webhook.endpoint.id, delivery_id)
    await deliveries.replay(session, delivery_id, owner_id=caller.user_id, actor=caller, address=address)
    return go(request, f"{webhook.path}/deliveries/{delivery_id}", "It is sent again, under the same id.")


@router.post("/{webhook_id}/replay")
async def replay_since(
    request: Request, webhook: WebhookOf, form: Form, session: Session, caller: Caller, address: Address
) -> Response:
    """Send again what happened since a moment."""
    count = await deliveries.replay_since(
        session,
        webhook.endpoint.id,
        owner_id=caller.user_id,
        since=_moment(form),
        actor=caller,
        delivered=form["delivered"] == "yes",
        address=address,
    )
    return go(request, webhook.path, _said(count))


def _said(count: int) -> str:
    if count >= deliveries.REPLAYED_AT_ONCE:
        return f"The oldest {count} messages are sent again; replay the rest from a later moment."
    said = "1 message is" if count == 1 else f"{count} messages are"
    return f"{said} sent again." if count else "There was nothing to send again."


def _moment(form: Fields) -> datetime:
    try:
        at = datetime.fromisoformat(form.needed("since", "The moment"))
    except ValueError:
        raise Invalid("Write the moment like 2026-06-01T12:00.", details={"field": "since"}) from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


# --- the secret, and the end ----------------------------------------------------------------------------


@router.post("/{webhook_id}/secret/reveal")
async def reveal(webhook: WebhookOf, form: Form, db: Stores, caller: Caller, address: Address) -> Response:
    """Show the secret to somebody who proves to be the one who signed in; the audit log tells of it."""
    await prove(db, caller, form, address)
    async with db.session() as session:
        secret = await service.reveal_secret(
            session, webhook.endpoint.id, owner_id=caller.user_id, actor=caller, address=address
        )
    return _secret(secret)


@router.post("/{webhook_id}/secret/rotate")
async def rotate(webhook: WebhookOf, form: Form, db: Stores, caller: Caller, address: Address) -> Response:
    """Give it another secret and show that, where the server made it."""
    await prove(db, caller, form, address)
    own = form["secret"] or None
    async with db.session() as session:
        made = await service.rotate_secret(
            session, webhook.endpoint.id, owner_id=caller.user_id, actor=caller, secret=own, address=address
        )
    return _secret(made.secret or own or "", until=made.endpoint.former_secret_until)


def _secret(secret: str, until: datetime | None = None) -> Response:
    library = signing.library_secret(secret)
    return part("_webhook_secret.html", "#secret", secret=secret, library=library, until=until)


@router.post("/{webhook_id}/delete")
async def delete(
    request: Request, webhook: WebhookOf, form: Form, db: Stores, caller: Caller, address: Address
) -> Response:
    """Remove it with its deliveries."""
    await prove(db, caller, form, address)
    async with db.session() as session:
        await service.delete(
            session, webhook.endpoint.id, owner_id=caller.user_id, actor=caller, address=address
        )
    return go(request, "/webhooks", "The webhook is deleted.")
