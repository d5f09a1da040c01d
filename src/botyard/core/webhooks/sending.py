"""One attempt: what goes over the wire, and what came back."""

import asyncio
from dataclasses import dataclass
from datetime import datetime

import httpx
import structlog

from botyard.core.webhooks import metrics, schedule, signing
from botyard.kit import clock
from botyard.kit.errors import BotyardError
from botyard.kit.http import MAY_BE_PACKED, OutgoingFailed, guarded_client, is_packed
from botyard.kit.redaction import HIDDEN, redact_text

log = structlog.get_logger(__name__)

TIMEOUT_S = 15.0
_READ = 65_536  # of a reply; what is longer is not read
_READ_S = 2.0  # and what takes longer: the status is known by then, and others wait for this place
_LOOKED_AT = 4_096  # of those, where the stored part is taken from
KEPT = 1_000  # characters of a reply in the log of deliveries
_UNREAD = "(packed, so it was not read)"
_NO_LIMIT = 1 << 40  # the client's own limit would make an error of a long reply to what arrived


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that this process sends, under its lease."""

    delivery_id: str
    endpoint_id: str
    owner_id: int
    message_id: str
    lease: str
    attempts: int  # before this one
    url: str
    body: str
    secrets: tuple[str, ...]
    in_trouble: bool  # whether the receiver has only failed lately


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended. `pause_until` is what the receiver asked for."""

    claim: Claim
    at: datetime
    latency_ms: int
    status: int | None = None
    error: str = ""
    reply: str = ""
    pause_until: datetime | None = None

    @property
    def delivered(self) -> bool:
        """Whether the receiver took it."""
        return not self.error

    @property
    def gone(self) -> bool:
        """Whether the receiver wants nothing ever again."""
        return self.status == httpx.codes.GONE


def new_client(
    *, allow_private: bool, transport: httpx.AsyncBaseTransport | None = None
) -> httpx.AsyncClient:
    """The client that all deliveries of a process share."""
    return guarded_client(
        allow_private=allow_private, timeout_s=TIMEOUT_S, max_bytes=_NO_LIMIT, transport=transport
    )


def headers(claim: Claim, at: datetime) -> dict[str, str]:
    """The headers of an attempt: signatures over the very body that is sent."""
    timestamp = int(at.timestamp())
    return {
        "Content-Type": "application/json",
        "X-Webhook-Signature": signing.of_text(claim.secrets[0], claim.body),
        "webhook-id": claim.message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signing.standard(claim.secrets, claim.message_id, timestamp, claim.body),
    }


async def send(client: httpx.AsyncClient, claim: Claim) -> Outcome:
    """Send it once. Never raises: whatever goes wrong is the outcome."""
    at, began = clock.now(), clock.monotonic()
    try:
        status, retry_after, reply = await _exchange(client, claim, at)
        error = "" if 200 <= status < 300 else _refusal(status)
    except BotyardError as failure:
        status, retry_after, reply, error = None, "", "", str(failure)
    except Exception as failure:
        log.exception("webhook_not_sent", delivery=claim.delivery_id)
        status, retry_after, reply, error = (
            None,
            "",
            "",
            f"The server could not send it: {type(failure).__name__}.",
        )
    took_s = clock.monotonic() - began
    metrics.ATTEMPT_SECONDS.observe(took_s)
    return Outcome(
        claim=claim,
        at=at,
        latency_ms=round(took_s * 1000),
        status=status,
        error=error,
        reply=_kept(reply, claim.secrets),
        pause_until=schedule.pause(status, retry_after, clock.now()),
    )


async def _exchange(client: httpx.AsyncClient, claim: Claim, at: datetime) -> tuple[int, str, str]:
    """Status, `Retry-After` and the beginning of the reply."""
    content, told = claim.body.encode(), headers(claim, at)
    async with client.stream(
        "POST", claim.url, content=content, headers=told, extensions=MAY_BE_PACKED
    ) as reply:
        beginning = _UNREAD if is_packed(reply) else await _beginning(reply, claim)
    return reply.status_code, reply.headers.get("retry-after", ""), beginning


async def _beginning(reply: httpx.Response, claim: Claim) -> str:
    read = bytearray()
    try:
        async with asyncio.timeout(_READ_S):
            async for chunk in reply.aiter_raw():
                read += chunk
                if len(read) >= _READ:
                    break
    except TimeoutError:
        log.info("webhook_reply_broke_off", delivery=claim.delivery_id, error="slow")
    except OutgoingFailed as error:  # the status counts, whatever became of the rest
        log.info("webhook_reply_broke_off", delivery=claim.delivery_id, error=error.code)
    return read[:_LOOKED_AT].decode("utf-8", "replace")


def _refusal(status: int) -> str:
    if 300 <= status < 400:
        return f"The receiver answered {status}; redirects are not followed, so register the address they lead to."
    if status == httpx.codes.GONE:
        return f"The receiver answered {status}: it wants nothing any more, so the webhook is disabled."
    return f"The receiver answered {status}."


def _kept(reply: str, secrets: tuple[str, ...]) -> str:
    for secret in secrets:
        reply = reply.replace(secret, HIDDEN)
    return redact_text(reply).replace("\x00", "")[:KEPT]
