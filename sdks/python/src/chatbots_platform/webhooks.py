"""Whether a webhook came from the server.

The functions take the raw body, as it came from the wire. The platform signs text as JavaScript writes it, and
Python writes the same values differently (`1.0` for `1`, `1e-07` for `1e-7`, other orders of keys), so that what
was parsed and written again is another text. The signature inside the body is checked without parsing, too: it
is the last thing in it.

Each answers False for what is not signed, malformed or too old, and raises only when it is called with something
that can never be checked.
"""

import base64
import binascii
import hashlib
import hmac
import re
import time
from collections.abc import Callable, Mapping

_SIGNATURE = re.compile(r"sha256=[0-9a-f]{64}")
_MOMENT = re.compile(r"[0-9]{1,12}")
DEFAULT_TOLERANCE_S = 300


def verify(body: bytes | str, signature: str | None, secret: str) -> bool:
    """Check the body's own `signature` or that of the header `X-Webhook-Signature`."""
    raw, key = _raw(body), _literal_key(secret)
    given = (signature or "").strip()
    if not _SIGNATURE.fullmatch(given):
        return False
    texts = [raw]
    inside = f',"signature":"{given}"}}'.encode()
    if raw.endswith(inside):
        texts.append(raw[: -len(inside)] + b"}")
    macs = [f"sha256={hmac.new(key, text, hashlib.sha256).hexdigest()}" for text in texts]
    return any(hmac.compare_digest(mac, given) for mac in macs)


def verify_standard(
    headers: Mapping[str, str],
    body: bytes | str,
    secret: str,
    *,
    tolerance_s: float = DEFAULT_TOLERANCE_S,
    now: Callable[[], float] = time.time,
) -> bool:
    """Check the headers of Standard Webhooks: `webhook-id`, `webhook-timestamp`, `webhook-signature`.

    What was sent longer ago than `tolerance_s`, or later than now, is refused; keep each `webhook-id` that long
    to notice a repetition.
    """
    raw, key = _raw(body), _standard_key(secret)
    told = {name.lower(): value for name, value in headers.items()}
    message_id, sent_at = told.get("webhook-id", ""), told.get("webhook-timestamp", "")
    if not message_id or not _MOMENT.fullmatch(sent_at) or not abs(now() - int(sent_at)) <= tolerance_s:
        return False
    mac = hmac.new(key, f"{message_id}.{sent_at}.".encode() + raw, hashlib.sha256).digest()
    given = [_decoded(entry) for entry in told.get("webhook-signature", "").split(" ")]
    return any(hmac.compare_digest(mac, one) for one in given)


def _raw(body: bytes | str) -> bytes:
    if isinstance(body, str):
        return body.encode("utf-8", "surrogatepass")
    if isinstance(body, (bytes, bytearray, memoryview)):
        return bytes(body)
    raise TypeError(
        "A webhook is verified by its raw body: give the bytes that came, before they are parsed."
    )


def _literal_key(secret: str) -> bytes:
    if not secret:
        raise ValueError("The webhook's secret is missing.")
    return secret.encode()


def _standard_key(secret: str) -> bytes:
    literal = _literal_key(secret)
    if not secret.startswith("whsec_"):
        return literal
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        raise ValueError("After `whsec_` a webhook secret continues in base64.") from None


def _decoded(entry: str) -> bytes:
    version, _, encoded = entry.partition(",")
    try:
        return base64.b64decode(encoded, validate=True) if version == "v1" else b""
    except (binascii.Error, ValueError):
        return b""  # never equal to a signature
