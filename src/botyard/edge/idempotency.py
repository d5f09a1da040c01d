"""`Idempotency-Key` on any route that changes the main store: the same request twice is done once.

The key is claimed in the request's own transaction and the answer is stored in it, so both are there or
neither. What goes to the stream store remembers its key there: those routes take `Once`, and hot ones `edge.fast`.
"""

from dataclasses import asdict, dataclass
from typing import Annotated

from fastapi import Depends, Request, Response

from botyard.core import idempotency
from botyard.core.accounts.types import Kind, Principal
from botyard.core.ingest.request_key import RequestKey
from botyard.kit.db import Session

HEADER = "idempotency-key"


@dataclass(frozen=True, slots=True)
class Claim:
    """Whose key it is, for which route and which request."""

    principal_key: str
    route: str
    key: str
    request_hash: str


class Replayed(Exception):
    """The request was done before; this is the answer that it got."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(status)
        self.response = Response(
            body, status, media_type="application/json", headers={"Idempotency-Replayed": "true"}
        )


def claim(request: Request, caller: Principal, *, route: str, body: bytes) -> None:
    """Note the key of a request, if it has one and a caller who can own it."""
    key = request.headers.get(HEADER)
    if key is None or not caller.known:
        return
    owner = f"bot:{caller.bot_id}" if caller.kind is Kind.bot else f"user:{caller.user_id}"
    path = f"{request.url.path}?{request.url.query}"
    digest = idempotency.hash_request(request.method, path, body)
    request.state.claim = Claim(owner, f"{request.method} {route}", key, digest)


async def _once(request: Request) -> RequestKey | None:
    found = _claim_of(request)
    if found is None:
        return None
    key = idempotency.check(found.key)
    return RequestKey(f"{found.principal_key} {found.route} {key}", found.request_hash)


# The request's key, for what is stored in the stream store. Raises KeyUnusable.
Once = Annotated[RequestKey | None, Depends(_once)]


async def look(request: Request, session: Session) -> None:
    """Ask for the request's key before the work begins. Raises as `begin`, but for InFlight."""
    if (found := _claim_of(request)) is not None:
        _replay(await idempotency.find(session, **asdict(found)))


async def begin(request: Request, session: Session) -> None:
    """Claim the request's key in its transaction. Raises Replayed, and what `core.idempotency.begin` raises."""
    if (found := _claim_of(request)) is None:
        return
    _replay(await idempotency.begin(session, **asdict(found)))
    request.state.claimed_in = session


def _claim_of(request: Request) -> Claim | None:
    found: Claim | None = getattr(request.state, "claim", None)
    return found


def _replay(answer: idempotency.Replay | None) -> None:
    if answer is not None:
        raise Replayed(answer.status, answer.body)


async def finish(request: Request, response: Response) -> None:
    """Store the answer in the transaction that claimed the key; nothing where none did."""
    session: Session | None = getattr(request.state, "claimed_in", None)
    if session is None:
        return
    found: Claim = request.state.claim
    await idempotency.finish(
        session,
        principal_key=found.principal_key,
        route=found.route,
        key=found.key,
        status=response.status_code,
        body=bytes(response.body),
    )
