"""Takes out of a text what looks like a secret, before it leaves the machine.

Every expression is linear in the length of the text. It is a net, not a promise: what does not look like a
secret passes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

HIDDEN = "[redacted]"
_NAMES = r"pass(?:word|wd|phrase)?|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?|authorization|session[_-]?id|cookie"
_SECRET_NAME = re.compile(rf"(?i)(?:^|[^a-z])(?:{_NAMES})(?:$|[^a-z])|(?:{_NAMES})$")


class Shape(NamedTuple):
    """How one sort of secret looks. A text without any of the hints (lower case) is not searched: looking for
    a word costs a fiftieth of looking for a pattern."""

    hints: tuple[str, ...]
    pattern: re.Pattern[str]
    instead: str = HIDDEN


_SHAPES = (
    # the whole block of a private key, or what there is of it on one line
    Shape(
        ("private key-----",),
        re.compile(
            r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[A-Za-z0-9+/=\s\\]*"
            r"(?:-----END [A-Z ]{0,30}PRIVATE KEY-----)?"
        ),
    ),
    Shape(("by_",), re.compile(r"\bby_[a-z]{1,10}_[a-z0-9]{4,40}_[A-Za-z0-9]{20,}")),
    # JSON web tokens
    Shape(("eyj",), re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*")),
    # payment and model providers
    Shape(
        ("sk-", "sk_", "pk-", "pk_", "rk-", "rk_"),
        re.compile(r"\b(?:sk|pk|rk)[-_](?:[a-z]{2,10}[-_])?[A-Za-z0-9_-]{16,}"),
    ),
    # GitHub, GitLab
    Shape(
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-"),
        re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,}|glpat-[A-Za-z0-9_-]{20,})"),
    ),
    # Slack
    Shape(("xox",), re.compile(r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}")),
    # ids of AWS keys
    Shape(("akia", "asia"), re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b")),
    # bots of Telegram and Discord
    Shape((":",), re.compile(r"\b\d{8,10}:[A-Za-z0-9_-]{35}\b")),
    Shape((".",), re.compile(r"\b[MNO][A-Za-z0-9_-]{23,25}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}")),
    Shape(
        ("bearer", "basic"),
        re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9+/=._~-]{8,}"),
        rf"\1 {HIDDEN}",
    ),
    # passwords in addresses
    Shape(
        ("://",),
        re.compile(r"(\b[a-z][a-z0-9+.-]{1,20}://[^\s:/@]{0,100}:)[^\s/@]{1,200}@"),
        rf"\1{HIDDEN}@",
    ),
    # name=value, name: value, "name": "value"
    Shape(
        ("pass", "secret", "token", "key", "credential", "authorization", "session", "cookie"),
        re.compile(
            rf"(?i)\b([a-z0-9_-]{{0,40}}?(?:{_NAMES}))(\"?\s?[=:]\s?)"
            r"(?!\[redacted\]|(?:bearer|basic)\s)(\"[^\"]*\"|'[^']*'|[^\s,;&\"')}\]]+)"
        ),
        rf"\1\2{HIDDEN}",
    ),
)

Redact = Callable[[str], str]


def redactor(known: Iterable[str] = ()) -> Redact:
    """A function that hides the `known` texts wherever they stand, and everything that looks like a secret."""
    exact = [text for text in known if len(text) >= 8]

    def redact(text: str) -> str:
        for secret in exact:
            text = text.replace(secret, HIDDEN)
        lowered = text.lower()
        for hints, pattern, instead in _SHAPES:
            for hint in hints:
                if hint in lowered:
                    text = pattern.sub(instead, text)
                    break
        return text

    return redact


def redact_values(value: Any, redact: Redact, *, depth: int = 8) -> Any:
    """A copy of JSON-like data with its texts redacted, and hidden whole under names such as `api_key`."""
    if isinstance(value, str):
        return redact(value)
    if depth and isinstance(value, dict):
        return {
            key: HIDDEN
            if isinstance(key, str) and isinstance(item, (str, bytes)) and item and _SECRET_NAME.search(key)
            else redact_values(item, redact, depth=depth - 1)
            for key, item in value.items()
        }
    if depth and isinstance(value, (list, tuple)):
        return [redact_values(item, redact, depth=depth - 1) for item in value]
    return value
