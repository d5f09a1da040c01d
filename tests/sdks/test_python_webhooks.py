"""Webhooks are verified by their raw body."""

import base64
import hashlib
import hmac
import json
import secrets
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from botyard.kit import ecmascript
from chatbots_platform import webhooks

SECRET = "your_webhook_secret"
DATA = {
    "event": "message.received",
    "timestamp": "2026-05-01T12:00:00Z",
    "data": {"b": 1e-7, "10": 1.0, "t": "grüße"},
}
SIGNED = ecmascript.stringify(DATA)
NOW = 1_800_000_000


def mac(text: str, secret: str = SECRET) -> str:
    return f"sha256={hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()}"


SIGNATURE = mac(SIGNED)
BODY = f'{SIGNED[:-1]},"signature":"{SIGNATURE}"}}'


def test_body_and_header_are_verified() -> None:
    assert json.loads(BODY)["signature"] == SIGNATURE
    for body in (BODY, BODY.encode(), bytearray(BODY.encode())):
        assert webhooks.verify(body, SIGNATURE, SECRET)
        assert webhooks.verify(body, mac(BODY), SECRET)


def test_what_was_changed_or_written_anew_is_not_verified() -> None:
    anew = json.dumps(json.loads(BODY), ensure_ascii=False, separators=(",", ":"))
    for body in (BODY.replace("grüße", "Grüße"), BODY[:-1] + ',"x":1}', anew, ""):
        assert not webhooks.verify(body, SIGNATURE, SECRET)
    assert not webhooks.verify(BODY, SIGNATURE, "another secret")


@pytest.mark.parametrize(
    "signature", [None, "", "sha256=", SIGNATURE[:-1], SIGNATURE + "0", SIGNATURE.upper(), "é"]
)
def test_a_malformed_signature_is_false_and_no_exception(signature: str | None) -> None:
    assert not webhooks.verify(BODY, signature, SECRET)


def test_a_call_that_can_never_verify_anything_is_an_error() -> None:
    with pytest.raises(TypeError, match="raw body"):
        webhooks.verify(json.loads(BODY), SIGNATURE, SECRET)
    with pytest.raises(ValueError, match="secret is missing"):
        webhooks.verify(BODY, SIGNATURE, "")
    with pytest.raises(ValueError, match="base64"):
        webhooks.verify_standard({}, BODY, "whsec_*")


def standard(secret: str, *, sent_at: int = NOW) -> dict[str, str]:
    """The headers as the official package makes them."""
    if not secret.startswith("whsec_"):
        secret = f"whsec_{base64.b64encode(secret.encode()).decode()}"
    signature = Webhook(secret).sign("msg_1", datetime.fromtimestamp(sent_at, UTC), BODY)
    return {"Webhook-Id": "msg_1", "Webhook-Timestamp": str(sent_at), "Webhook-Signature": signature}


def accepted(headers: dict[str, str], secret: str, body: str = BODY) -> bool:
    return webhooks.verify_standard(headers, body, secret, now=lambda: float(NOW))


def test_headers_of_the_official_package_are_verified() -> None:
    made = f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
    for secret in (made, SECRET):
        headers = standard(secret)
        assert accepted(headers, secret)
        assert accepted(
            headers | {"Webhook-Signature": f"v1,AAAA v1a,x {headers['Webhook-Signature']}"}, secret
        )


@pytest.mark.parametrize(
    "change",
    [
        standard(SECRET, sent_at=NOW - 301),
        standard(SECRET, sent_at=NOW + 301),
        standard("another secret"),
        {"Webhook-Id": "msg_2"},
        {"Webhook-Id": ""},
        {"Webhook-Timestamp": f"{NOW}.0"},
        {"Webhook-Signature": ""},
        {"Webhook-Signature": "v1,é"},
    ],
)
def test_old_early_changed_and_malformed_deliveries_are_false(change: dict[str, str]) -> None:
    assert not accepted(standard(SECRET) | change, SECRET)


def test_a_changed_body_is_false() -> None:
    assert not accepted(standard(SECRET), SECRET, BODY + " ")
