"""What callers get to see of webhooks."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from botyard.core.webhooks.models import WebhookAttempt, WebhookEndpoint

VAULT_KIND = "webhook"
SECRET, FORMER_SECRET = "secret", "former_secret"  # names within the vault
PING = "webhook.ping"


class DeliveryState(StrEnum):
    """Where a delivery is."""

    pending = "pending"  # waits for its first or next attempt, or is being sent
    delivered = "delivered"
    failed = "failed"  # the last attempt failed, too
    cancelled = "cancelled"  # the webhook was disabled meanwhile


@dataclass(frozen=True, slots=True)
class Registered:
    """A webhook and, where the server made its secret, that secret: it is shown this once."""

    endpoint: WebhookEndpoint
    secret: str | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message to one webhook. `next_at` is set while there is another attempt to come.

    `happened_at` is the moment of the event, `created_at` that of the delivery: a replay makes one long afterwards.
    """

    id: str
    endpoint_id: str
    message_id: str
    event: str
    state: DeliveryState
    sending: bool
    attempts: int
    status: int | None
    error: str
    happened_at: datetime
    created_at: datetime
    next_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class DeliveryDetail:
    """A delivery with the body that is sent and every attempt, also of former series, in their order."""

    delivery: Delivery
    body: str
    attempts: list[WebhookAttempt]
