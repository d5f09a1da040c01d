"""The one error class that contracts translate; each subclass' docstring is its default message."""

from collections.abc import Mapping
from typing import Any, ClassVar


class BotyardError(Exception):
    """Something went wrong on the server; the request id in the answer finds it in the log."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500

    def __init__(
        self,
        message: str | None = None,
        *,
        details: Mapping[str, Any] | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message or type(self).__doc__ or self.code)
        self.details = dict(details or {})
        self.retry_after_s = retry_after_s


class Invalid(BotyardError):
    """The request holds a value that cannot be accepted."""

    code, status = "invalid", 400


class Malformed(Invalid):
    """The request does not have the expected shape; documents that know 422 answer with it."""

    code = "malformed"


class Unauthenticated(BotyardError):
    """Sign in first, or send a valid token."""

    code, status = "unauthenticated", 401


class SecondFactorRequired(Unauthenticated):
    """This account has a second factor: send the current code as well."""

    code = "second_factor_required"


class CredentialsRejected(Unauthenticated):
    """Name or password is wrong."""

    code = "credentials_rejected"


class Forbidden(BotyardError):
    """This account may not do that."""

    code, status = "forbidden", 403


class NotFound(BotyardError):
    """Nothing here has that id."""

    code, status = "not_found", 404


class MethodNotAllowed(BotyardError):
    """This address does not know that method."""

    code, status = "method_not_allowed", 405


class Conflict(BotyardError):
    """The request contradicts what is already stored."""

    code, status = "conflict", 409


class Gone(BotyardError):
    """This is no longer served."""

    code, status = "gone", 410


class TooLarge(BotyardError):
    """The request is larger than this address accepts; send it in smaller parts."""

    code, status = "too_large", 413


class TooMany(BotyardError):
    """Too many requests; try again after the time in Retry-After."""

    code, status = "rate_limited", 429


class Overloaded(TooMany):
    """The server cannot store at this speed right now; try again after the time in Retry-After."""

    code = "overloaded"


class Unavailable(BotyardError):
    """A part of the server that this needs is away; try again shortly."""

    code, status = "unavailable", 503


class StorageFull(BotyardError):
    """The disk of the server is full; nothing was stored. Free some space, then send it again."""

    code, status = "storage_full", 507
