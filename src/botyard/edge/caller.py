"""Who calls: the credential of a request or socket, turned into a principal."""

from typing import Annotated

from fastapi import Depends, Request
from starlette.requests import HTTPConnection

from botyard.core.accounts.authentication import Authenticator
from botyard.core.accounts.types import ANONYMOUS, Kind, Principal
from botyard.core.bots.tokens import BotAuthenticator
from botyard.kit.db import Database

COOKIE = "session_token"
_BOT_PREFIX = "by_bot_"
_KEY_PREFIX = "by_key_"


async def resolve(connection: HTTPConnection, db: Database, *, cookie: bool) -> Principal:
    """The caller of a request or socket handshake; anonymous without a credential.

    A bearer token may be an access token, an API key or a bot token: its prefix tells. A credential that
    is given and not accepted raises Unauthenticated, whatever else was sent. The cookie counts only
    where `cookie` says so, and only without a header.
    """
    headers = connection.headers
    if (token := headers.get("x-bot-token")) is not None:
        return await db.parts.get(BotAuthenticator).resolve(token)
    if (key := headers.get("x-api-key")) is not None:
        return await db.parts.get(Authenticator).resolve_api_key(key)
    if (header := headers.get("authorization")) is not None:
        return await bearer(db, header)
    if cookie and (value := connection.cookies.get(COOKIE)):
        return await db.parts.get(Authenticator).resolve_cookie(value)
    return ANONYMOUS


async def bearer(db: Database, header: str) -> Principal:
    """The principal of an `Authorization` header; Unauthenticated for any other scheme."""
    _scheme, _, token = header.partition(" ")
    return await by_token(db, token.strip() if _scheme.lower() == "bearer" else "")


async def by_token(db: Database, token: str) -> Principal:
    """The principal of a token of any kind, as sockets send it in their first message or query."""
    if token.startswith(_BOT_PREFIX):
        return await db.parts.get(BotAuthenticator).resolve(token)
    if token.startswith(_KEY_PREFIX):
        return await db.parts.get(Authenticator).resolve_api_key(token)
    return await db.parts.get(Authenticator).resolve_bearer(token)


async def caller(request: Request) -> Principal:
    """The principal that the guard admitted to this route."""
    principal: Principal = request.state.caller
    return principal


def address(connection: HTTPConnection) -> str:
    """The client's address: of the socket, or what the trusted proxies in front reported.

    X-Forwarded-For is read from the right, one step for each trusted proxy, because everything further
    left was written by the client itself.
    """
    peer = connection.client.host if connection.client else ""
    hops: int = getattr(connection.app.state, "trusted_proxies", 0)
    if not hops:
        return peer
    # Some proxies add a line of their own below the client's: all lines together are the chain.
    lines = ",".join(connection.headers.getlist("x-forwarded-for"))
    chain = [part.strip() for part in lines.split(",") if part.strip()]
    return chain[-hops] if len(chain) >= hops else peer


async def _address(request: Request) -> str:
    return address(request)


def is_bot(principal: Principal) -> bool:
    """Whether a bot calls with its own token."""
    return principal.kind is Kind.bot


Caller = Annotated[Principal, Depends(caller)]
Address = Annotated[str, Depends(_address)]
