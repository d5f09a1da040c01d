"""Signatures of what is sent, in the three forms that receivers check, and what a secret must look like.

The document's form stands in the body, over the body without it. The header has the same over the whole body, as
GitHub sends it. The third is that of Standard Webhooks, over id, time and body.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable

from botyard.core.webhooks.errors import SecretUnfit
from botyard.kit import clock

PREFIX = "whsec_"
_BYTES = 32  # of a secret that is made here
_SHORTEST, _LONGEST = 16, 200
_FEWEST_BYTES, _MOST_BYTES = 24, 64  # Standard Webhooks' bounds for what stands behind the prefix


def new_secret() -> str:
    """A fresh secret as the libraries of Standard Webhooks take it."""
    return PREFIX + base64.b64encode(clock.token_bytes(_BYTES)).decode()


def check_secret(secret: str) -> None:
    """Raises SecretUnfit for one that is too short, too long, or starts with `whsec_` and goes on otherwise."""
    if not (_SHORTEST <= len(secret) <= _LONGEST) or not secret.isprintable():
        raise SecretUnfit
    if secret.startswith(PREFIX):
        try:
            size = len(base64.b64decode(secret.removeprefix(PREFIX), validate=True))
        except (binascii.Error, ValueError):
            size = 0
        if not _FEWEST_BYTES <= size <= _MOST_BYTES:
            raise SecretUnfit(
                f"Behind whsec_ stand {_FEWEST_BYTES} to {_MOST_BYTES} bytes in base64; leave the secret out to have "
                "one made, or choose one that starts otherwise."
            )


def library_secret(secret: str) -> str:
    """The secret as the libraries of Standard Webhooks want to be given it."""
    return secret if secret.startswith(PREFIX) else PREFIX + base64.b64encode(secret.encode()).decode()


def of_text(secret: str, text: str) -> str:
    """`sha256=…` as the document's function computes it: the key is the secret as it is written."""
    return "sha256=" + hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def body(text: str, signature: str) -> str:
    """The text, a JSON object, with its signature as the last member."""
    return f'{text[:-1]},"signature":"{signature}"}}'


def standard(secrets: Iterable[str], message_id: str, timestamp: int, sent: str) -> str:
    """The header `webhook-signature`: one entry for each secret that is valid now."""
    signed = f"{message_id}.{timestamp}.{sent}".encode()
    entries = [hmac.new(_key(secret), signed, hashlib.sha256).digest() for secret in secrets]
    return " ".join(f"v1,{base64.b64encode(entry).decode()}" for entry in entries)


def _key(secret: str) -> bytes:
    return base64.b64decode(library_secret(secret).removeprefix(PREFIX))
