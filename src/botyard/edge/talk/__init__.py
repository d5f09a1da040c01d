"""Talking to chatbots without an account: by a channel's public key, then by a token of the one conversation.

Mounted at `/talk`, for pages of other origins and for messengers that call in. No cookie is read or set.
"""

from fastapi import FastAPI
from fastapi.routing import APIWebSocketRoute

from botyard.core.accounts.policy import PUBLIC, Table
from botyard.edge.document import assemble
from botyard.edge.health import translate
from botyard.edge.talk import calls, socket, telegram
from botyard.edge.talk.cors import Cors
from botyard.kit.db import Database
from botyard.settings import Settings

PREFIX = "/talk"
# Whom a route serves is told by a channel's key, a conversation's token or a messenger's secret, never by an account.
POLICY: Table = {
    "GET /{key}": PUBLIC,
    "POST /{key}/conversations": PUBLIC,
    "GET /{key}/conversation": PUBLIC,
    "POST /{key}/messages": PUBLIC,
    "GET /{key}/events": PUBLIC,
    "POST /{key}/rating": PUBLIC,
    "POST /{key}/thumbs-down": PUBLIC,
    "POST /{key}/end": PUBLIC,
    "POST /{key}/speech": PUBLIC,
    "POST /{key}/recordings": PUBLIC,
    "POST /telegram/{channel_id}": PUBLIC,
    "WS /socket": PUBLIC,
}


def create(db: Database, settings: Settings) -> FastAPI:
    """The calls and the socket as an app."""
    app = FastAPI(title="Botyard talk", openapi_url=None, docs_url=None, redoc_url=None)
    app.router.routes.append(APIWebSocketRoute("/socket", socket.talk))
    assemble(
        app,
        db,
        settings,
        routers=[telegram.router, calls.router],
        translate=translate,
        table=POLICY,
        described=False,
    )
    app.add_middleware(Cors)
    return app
