"""One call of the API, and whether it may be sent again."""

import random
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import parse_qsl, quote, urlsplit

from chatbots_platform._version import __version__
from chatbots_platform.errors import ChatbotsError, RateLimited, Unreachable

PASSING = frozenset({429, 502, 503, 504})
NOT_DONE = frozenset({429, 503})  # the server says that it did nothing
MAX_PAUSE_S = 8.0
_chance = random.SystemRandom()


@dataclass(frozen=True)
class Call:
    """What is asked. Of `repeat`, "auto" gives a POST a key under which the server does it once."""

    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    repeat: Literal["auto", "always", "if_not_done", "never"] = "auto"
    key: str | None = None
    anonymous: bool = False
    about_account: bool = False

    def prepared_headers(self) -> dict[str, str]:
        """All headers but the credentials, the same in every try."""
        headers = {
            "Accept": "application/json",
            "User-Agent": f"chatbots-platform-sdk/{__version__} (python)",
            **self.headers,
        }
        if self.method == "POST" and self.repeat == "auto":
            headers["Idempotency-Key"] = self.key or uuid.uuid4().hex
        return headers

    def prepared_query(self) -> dict[str, str]:
        """The query as text; what is None is left out."""
        return {name: _wire(value) for name, value in self.query.items() if value is not None}

    def may_repeat(self, error: ChatbotsError) -> bool:
        """Whether sending it again can do no harm, and may help."""
        if self.repeat == "never":
            return False
        if self.repeat == "if_not_done":
            return error.status in NOT_DONE
        if isinstance(error, Unreachable):
            return True
        if error.status == 409 and error.retry_after_s is not None:
            return self.method == "POST" and self.repeat == "auto"  # the first try is still at work
        return error.status in PASSING

    def was_done(self, error: ChatbotsError, earlier: Sequence[ChatbotsError]) -> bool:
        """Whether a DELETE that finds nothing was carried out by an earlier try."""
        unclear = any(not isinstance(before, RateLimited) for before in earlier)
        return self.method == "DELETE" and error.status == 404 and unclear


def pause_s(tries: int, error: ChatbotsError, *, delay_s: float, max_retry_after_s: float) -> float:
    """How long to wait before the next try. Raises the error when the server asks for more than allowed."""
    asked = error.retry_after_s
    if asked is None:
        longest = min(MAX_PAUSE_S, delay_s * float(2**tries))
        return longest / 2 + _chance.uniform(0, longest / 2)
    if asked > max_retry_after_s:
        raise error
    return asked + _chance.uniform(0, delay_s)


def at(path: str, item_id: str) -> str:
    """The path of one item. Raises ValueError for what would lead elsewhere."""
    if item_id in ("", ".", ".."):
        raise ValueError(f"{item_id!r} is no id.")
    return f"{path}/{quote(item_id, safe='')}"


def given(**fields: Any) -> dict[str, Any]:
    """The fields that are not None."""
    return {name: value for name, value in fields.items() if value is not None}


def continued(query: Mapping[str, Any], following: str) -> dict[str, Any]:
    """The query of the next page. Only that is taken of its address: the path is known, and the credentials
    stay with this server."""
    asked = {**query, **dict(parse_qsl(urlsplit(following).query))}
    if str(asked.get("page")) == str(query.get("page") or 1):
        raise ChatbotsError(f"The server's next page is the same page: {following}")
    return asked


def _wire(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
