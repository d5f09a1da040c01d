"""Document section "Webhooks", with what it leaves out: list, get, update, delete, a new secret (C-17)."""

from typing import Annotated, Any

from pydantic import Field

from botyard.contracts.chatbots.envelope import Received, Shown, Success, ok, section
from botyard.contracts.chatbots.paging import Paged, Pages, page
from botyard.contracts.chatbots.schemas import Moment, Text
from botyard.core.webhooks import service as webhooks
from botyard.core.webhooks.models import WebhookEndpoint
from botyard.edge.caller import Address, Caller
from botyard.edge.session import Reader, Session
from botyard.features.chatbots import webhook_events  # noqa: F401 - declares what there is to listen to

router = section("Webhooks", "/webhooks")
Events = Annotated[list[Text], Field(min_length=1, max_length=100)]
Description = Annotated[str, Field(max_length=200)]


class WebhookShown(Shown):
    """A webhook; its secret is never shown again."""

    id: str
    url: str
    events: list[str]
    description: str
    ordered: bool = Field(description="One delivery at a time, in the order of the events.")
    enabled: bool
    disabled_reason: str
    former_secret_until: Moment | None = Field(
        description="Until when the secret before this one signs, too."
    )
    created_at: Moment
    updated_at: Moment


class WebhookMade(WebhookShown):
    """A webhook and, where the server made its secret, that secret: it is shown this once."""

    secret: str | None = Field(None, exclude_if=lambda value: value is None)


class NewWebhook(Received):
    """Where to send which events; without a secret the server makes one."""

    url: Text
    events: Events
    secret: Text | None = None
    description: Description = ""
    ordered: bool = False


@router.post("", status_code=201)
async def register(
    body: NewWebhook, session: Session, caller: Caller, address: Address
) -> Success[WebhookMade]:
    """Register a webhook."""
    made = await webhooks.register(
        session, owner_id=caller.user_id, actor=caller, address=address, **body.model_dump()
    )
    return ok(WebhookMade(secret=made.secret, **_fields(made.endpoint)))


@router.get("")
async def list_webhooks(session: Reader, caller: Caller, paging: Pages) -> Success[Paged[WebhookShown]]:
    """List one's own webhooks, oldest first."""
    found = await webhooks.list_endpoints(
        session, owner_id=caller.user_id, limit=paging.size, offset=paging.offset
    )
    total = await webhooks.count(session, owner_id=caller.user_id)
    return page([WebhookShown(**_fields(one)) for one in found], total, paging)


@router.get("/{webhook_id}")
async def get_webhook(webhook_id: str, session: Reader, caller: Caller) -> Success[WebhookShown]:
    """Get a webhook."""
    found = await webhooks.get(session, webhook_id, owner_id=caller.user_id)
    return ok(WebhookShown(**_fields(found)))


class WebhookChange(Received):
    """Absent fields stay. Disabling cancels what still waits; enabling makes a fresh start."""

    url: Text = ""
    events: Events = Field(default_factory=list, validate_default=False)
    description: Description = ""
    ordered: bool = False
    enabled: bool = True


@router.put("/{webhook_id}")
async def update_webhook(
    webhook_id: str, body: WebhookChange, session: Session, caller: Caller, address: Address
) -> Success[WebhookShown]:
    """Change a webhook."""
    changed = await webhooks.update_endpoint(
        session,
        webhook_id,
        owner_id=caller.user_id,
        actor=caller,
        address=address,
        **body.model_dump(exclude_unset=True),
    )
    return ok(WebhookShown(**_fields(changed)))


@router.delete("/{webhook_id}", status_code=204)
async def delete_webhook(webhook_id: str, session: Session, caller: Caller, address: Address) -> None:
    """Delete a webhook with its deliveries."""
    await webhooks.delete(session, webhook_id, owner_id=caller.user_id, actor=caller, address=address)


class NewSecret(Received):
    """The new secret; without one the server makes it."""

    secret: Text | None = None


@router.post("/{webhook_id}/rotate-secret")
async def rotate_secret(
    webhook_id: str, session: Session, caller: Caller, address: Address, body: NewSecret | None = None
) -> Success[WebhookMade]:
    """Give a webhook another secret; the former one signs beside it for a day."""
    made = await webhooks.rotate_secret(
        session,
        webhook_id,
        owner_id=caller.user_id,
        actor=caller,
        secret=body.secret if body else None,
        address=address,
    )
    return ok(WebhookMade(secret=made.secret, **_fields(made.endpoint)))


def _fields(endpoint: WebhookEndpoint) -> dict[str, Any]:
    return {name: getattr(endpoint, name) for name in WebhookShown.model_fields}
