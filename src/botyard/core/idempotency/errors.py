"""What can be wrong with an idempotency key."""

from botyard.kit.errors import BotyardError, Conflict, Invalid


class KeyUnusable(Invalid):
    """An Idempotency-Key has 1 to 255 visible ASCII characters."""

    code = "idempotency_key_invalid"


class KeyReused(BotyardError):
    """This Idempotency-Key was used for another request; take a new key for a new request."""

    code, status = "idempotency_key_reused", 422


class InFlight(Conflict):
    """The first request with this Idempotency-Key is still at work; ask again shortly with the same key."""

    code = "idempotency_in_flight"


class ReplyLost(Conflict):
    """This request was done before, but its answer can no longer be shown; look the result up instead."""

    code = "idempotency_reply_lost"
