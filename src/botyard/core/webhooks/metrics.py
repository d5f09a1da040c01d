"""What webhooks tell about themselves on `/metrics`; labels never name an account or an address."""

from prometheus_client import Counter, Gauge, Histogram

MESSAGES = Counter("botyard_webhooks_messages", "Events that became webhook messages.")
UNTOLD = Counter("botyard_webhooks_untold", "Events of which no webhook message could be made.")
ATTEMPTS = Counter(
    "botyard_webhooks_attempts",
    "Attempts by outcome: delivered, retried, failed, abandoned.",
    ["outcome"],
)
ATTEMPT_SECONDS = Histogram(
    "botyard_webhooks_attempt_seconds",
    "How long receivers took.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15),
)
IN_FLIGHT = Gauge("botyard_webhooks_in_flight", "Deliveries that this process is sending.")
DISABLED = Counter("botyard_webhooks_disabled", "Webhooks that the server disabled.", ["reason"])
