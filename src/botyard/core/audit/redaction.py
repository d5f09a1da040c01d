"""Keeping secrets out of the log: by the name of a field, and by the look of a value."""

import re
from typing import Any

from botyard.core.audit.chain import AuditKey
from botyard.kit.redaction import redact_text

_SECRET_NAME = re.compile(
    r"passw|secret|token|api_?key|private_?key|credential|cookie|authorization|totp|(^|_)(code|pin|otp)$",
    re.IGNORECASE,
)
_SECRET_VALUE = re.compile(
    r"by_[a-z]+_[0-9A-Za-z]+_[0-9A-Za-z]{20,}"  # our own tokens and keys
    r"|eyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*"  # JSON Web Tokens
    r"|(?i:bearer|basic)\s+[\w.~+/=-]{8,}"  # Authorization headers
    r"|\$argon2\w+\$\S+"  # password hashes
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
)
_MAX_DEPTH = 8


def without_secrets(value: Any, key: AuditKey, *, hidden: bool = False, depth: int = 0) -> Any:
    """A copy that JSON can hold, with keyed digests where secrets stood; `hidden` makes all of it one."""
    if depth > _MAX_DEPTH:
        return "…"
    if isinstance(value, dict):
        return {
            clean(_shown(str(name), key), 200): without_secrets(
                item, key, hidden=hidden or _SECRET_NAME.search(str(name)) is not None, depth=depth + 1
            )
            for name, item in value.items()
        }
    if isinstance(value, (list, tuple, set, frozenset)):
        items = sorted(value, key=str) if isinstance(value, (set, frozenset)) else value
        return [without_secrets(item, key, hidden=hidden, depth=depth + 1) for item in items]
    if value is None or isinstance(value, bool):
        return value
    if hidden:
        return key.detail(clean(_text(value), None))
    if isinstance(value, int) and abs(value) < 2**53:
        return value
    return _shown(clean(_text(value), None), key)


def _shown(text: str, key: AuditKey) -> str:
    # What stands around the digests is searched for the many other looks of secrets: a name may be one itself.
    shown, end = "", 0
    for found in _SECRET_VALUE.finditer(text):
        shown += redact_text(text[end : found.start()], whole=True) + key.detail(found.group())
        end = found.end()
    return shown + redact_text(text[end:], whole=True)


def _text(value: Any) -> str:
    # Python refuses to write out numbers of thousands of digits.
    return hex(value) if isinstance(value, int) else str(value)


def clean(text: str, limit: int | None) -> str:
    """The text without what a store cannot hold (NUL, half a surrogate pair), cut to `limit` characters."""
    whole = text.replace("\x00", "�").encode("utf-8", "replace").decode()
    return whole if limit is None else whole[:limit]
