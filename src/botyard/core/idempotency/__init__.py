"""Idempotency keys: a request sent twice is done once."""

from botyard.core.idempotency.errors import InFlight, KeyReused, KeyUnusable, ReplyLost
from botyard.core.idempotency.jobs import forget_old_keys
from botyard.core.idempotency.service import (
    Replay,
    abandon,
    begin,
    check,
    cleanup,
    find,
    finish,
    hash_request,
)

__all__ = [
    "InFlight",
    "KeyReused",
    "KeyUnusable",
    "Replay",
    "ReplyLost",
    "abandon",
    "begin",
    "check",
    "cleanup",
    "find",
    "finish",
    "forget_old_keys",
    "hash_request",
]
