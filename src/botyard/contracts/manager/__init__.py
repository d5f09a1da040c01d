"""The manager document: remote bots, their commands, logs and messages. Mounted at /manager."""

from fastapi import FastAPI
from starlette.routing import Mount

from botyard.contracts.manager import (
    authentication,
    bots,
    commands,
    exports,
    operations,
    presence,
    records,
    statistics,
    users,
)
from botyard.contracts.manager.envelope import translate
from botyard.contracts.manager.policy import POLICY
from botyard.contracts.manager.realtime import Sockets
from botyard.core.realtime.hub import Hub
from botyard.edge.document import Document, Served, assemble
from botyard.kit.db import Database
from botyard.settings import Settings


def create(db: Database, settings: Settings) -> Served:
    """The document as an app of its own, with the pieces that must run beside it."""
    sockets = Sockets(db, db.parts.get(Hub), allowed_origins=settings.allowed_origins)
    db.parts.add(sockets)
    app = FastAPI(
        title="Bot Manager",
        version="1.0",
        description="Remote bots: commands, logs, messages, presence.",
        redoc_url=None,
    )
    hot = (records.hot, commands.hot)  # first: their paths are looked up thousands of times a second
    sections = (authentication, users, bots, operations, statistics, exports, records, commands, presence)
    assemble(
        app,
        db,
        settings,
        routers=[*hot, *(section.router for section in sections)],
        translate=translate,
        table=POLICY,
    )
    app.router.routes.append(Mount("/socket.io", app=sockets))
    return Served(app, [sockets], translate)


DOCUMENT = Document(name="manager", prefix="/manager", create=create)
