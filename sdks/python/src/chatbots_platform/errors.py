"""What can go wrong, as exceptions; all are ChatbotsError."""

import json
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from chatbots_platform.types import Job


class ChatbotsError(Exception):
    """What went wrong, in the server's words; `status` is the HTTP status, 0 where there was no answer."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        details: list[Any] | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.details = details or []
        self.retry_after_s = retry_after_s


class BadRequest(ChatbotsError):
    """400: a value is wrong."""


class NotAuthenticated(ChatbotsError):
    """401: no credential, or none that holds."""


class Forbidden(ChatbotsError):
    """403: not with this account."""


class NotFound(ChatbotsError):
    """404: nothing of this account has that id."""


class Conflict(ChatbotsError):
    """409: it does not go with what is there."""


class ValidationFailed(ChatbotsError):
    """422: the request has the wrong shape."""


class RateLimited(ChatbotsError):
    """429: too many requests; `retry_after_s` says how long to wait."""


class ServerFailed(ChatbotsError):
    """5xx: the server failed or is busy."""


class Unreachable(ChatbotsError):
    """No answer came: the server is away, or the connection broke."""


class TimedOut(Unreachable):
    """No answer came in time."""


class TrainingFailed(ChatbotsError):
    """A training job ended without a model; `job` is the job as it ended."""

    def __init__(self, job: Job) -> None:
        reason = job.get("error") or "the server gave no reason."
        super().__init__(f"Training job {job['id']} ended as {job['status']}: {reason}")
        self.job = job


_BY_STATUS: dict[int, type[ChatbotsError]] = {
    400: BadRequest,
    401: NotAuthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    422: ValidationFailed,
    429: RateLimited,
}


def from_answer(status: int, headers: Mapping[str, str], body: bytes) -> ChatbotsError:
    """The error that an answer tells, in the error envelope or not."""
    said = _envelope(body)
    kind = _BY_STATUS.get(status, ServerFailed if status >= 500 else ChatbotsError)
    return kind(
        said.get("message") or f"The server answered {status} without saying why; look at base_url.",
        status=status,
        details=said.get("details"),
        retry_after_s=_seconds(headers.get("retry-after")),
    )


def from_event(value: Any) -> ChatbotsError:
    """The error that a stream ended with."""
    said = value.get("error", value) if isinstance(value, dict) else {}
    said = said if isinstance(said, dict) else {"message": said}
    code = said.get("code")
    return ChatbotsError(
        said.get("message") or "The reply could not be made.",
        status=code if isinstance(code, int) else 500,
        details=said.get("details"),
    )


def _envelope(body: bytes) -> dict[str, Any]:
    try:
        error = json.loads(body)["error"]
    except (ValueError, KeyError, TypeError):
        return {}  # a proxy's page
    return error if isinstance(error, dict) else {}


def _seconds(value: str | None) -> float | None:
    if not value:
        return None
    if value.isdecimal():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None
