"""How webhooks and their deliveries look in lists and heads: a state in a word, and what comes next."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from botyard.core.webhooks import schedule, service
from botyard.core.webhooks.health import Health
from botyard.core.webhooks.models import WebhookEndpoint
from botyard.core.webhooks.types import Delivery, DeliveryState
from botyard.kit import clock
from botyard.kit.redaction import redact_url

STATES = {
    DeliveryState.pending: ("", "Waiting"),
    DeliveryState.delivered: ("good", "Delivered"),
    DeliveryState.failed: ("bad", "Failed"),
    DeliveryState.cancelled: ("", "Cancelled"),
}
ATTEMPTS = len(schedule.DELAYS_S)  # of one series
_AT_ONCE = timedelta(seconds=2)  # what is due so soon is not worth a button


@dataclass(frozen=True, slots=True)
class WebhookRow:
    """A webhook as lists and heads show it."""

    health: Health

    @property
    def endpoint(self) -> WebhookEndpoint:
        """What is stored of it."""
        return self.health.endpoint

    @property
    def name(self) -> str:
        """What its owner calls it, else where it leads."""
        return self.endpoint.description or urlsplit(self.endpoint.url).netloc

    @property
    def url(self) -> str:
        """Its address without what may be secret in it."""
        return redact_url(self.endpoint.url)

    @property
    def path(self) -> str:
        """Where its pages are."""
        return f"/webhooks/{self.endpoint.id}"

    @property
    def state(self) -> tuple[str, str]:
        """How it fares, as tone and word."""
        endpoint = self.endpoint
        if not endpoint.enabled:
            return ("" if endpoint.disabled_reason == service.BY_OWNER else "bad", "Disabled")
        if self.paused_until is not None:
            return ("warn", "Asked for a pause")
        if endpoint.failures:
            return (
                ("bad", "Failing")
                if endpoint.failures >= schedule.MANY_FAILURES
                else ("warn", "Last try failed")
            )
        last = self.health.last
        if last is None:
            return ("", "Nothing sent yet")
        if last.state in (
            DeliveryState.failed,
            DeliveryState.cancelled,
        ):  # former failures were forgiven since
            return ("", "Not tried since")
        return ("good", "Healthy")

    @property
    def paused_until(self) -> datetime | None:
        """Until when its receiver wants to be left alone."""
        until = self.endpoint.paused_until
        return until if until is not None and until > clock.now() else None

    @property
    def dead_at(self) -> datetime | None:
        """When it is disabled unless something arrives before."""
        since = self.endpoint.failing_since
        return None if since is None or not self.endpoint.enabled else since + schedule.DISABLE_AFTER

    @property
    def dies_next(self) -> bool:
        """Whether that moment is over: it is disabled once another attempt fails, which may be a day away."""
        return self.dead_at is not None and self.dead_at <= clock.now()


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A delivery as lists and its own page show it."""

    delivery: Delivery
    webhook: WebhookRow

    @property
    def path(self) -> str:
        """Where its page is."""
        return f"{self.webhook.path}/deliveries/{self.delivery.id}"

    @property
    def state(self) -> tuple[str, str]:
        """Where it is, as tone and word; of those that wait, whether they were tried before."""
        if self.delivery.sending:
            return ("busy", "Sending")
        if self.delivery.state is DeliveryState.pending and self.delivery.attempts:
            return ("warn", "Retrying")
        return STATES[self.delivery.state]

    @property
    def next_at(self) -> datetime | None:
        """When the next attempt comes; None where none does, where one is under way, and where it only waits its turn."""
        due, now = self.delivery.next_at, clock.now()
        if due is None:
            return None
        at = max(due, self.webhook.paused_until or due)
        return at if at > now else None

    @property
    def may_be_sent(self) -> bool:
        """Whether sending it by hand changes anything."""
        if not self.webhook.endpoint.enabled or self.delivery.sending:
            return False
        due = self.delivery.next_at
        return due is None or due > clock.now() + _AT_ONCE
