"""Under which key a request may be sent again."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botyard.core.idempotency import KeyReused
from botyard.core.ingest.models import IngestKey
from botyard.core.ingest.reader import StreamReader

SCOPE = "requests"  # of keys that are known by their sender and route
FIRST = f"SELECT digest, made FROM {IngestKey.__tablename__} WHERE scope = :scope AND key = :key"  # noqa: S608


@dataclass(frozen=True, slots=True)
class RequestKey:
    """A sender's key, and the digest of what is sent under it: the same key for something else is an error."""

    key: str
    digest: str

    def within(self, kind: str) -> "RequestKey":
        """The key among those of one kind of request."""
        return RequestKey(f"{kind}:{self.key}", self.digest)


async def find_made(reader: StreamReader, key: RequestKey) -> str | None:
    """The id of what a request made when it came first, as `Tx.claim` noted it; None where it is new.

    Raises KeyReused when the key was used for another request.
    """
    rows = await reader.query(FIRST, {"scope": SCOPE, "key": key.key})
    return made_by(rows[0], key.digest) if rows else None


def made_by(first: Mapping[str, Any], digest: str) -> str:
    """What the request of a stored key made; empty where that is nothing. Raises KeyReused for another request."""
    if first["digest"] not in (None, digest):
        raise KeyReused
    return first["made"] or ""
