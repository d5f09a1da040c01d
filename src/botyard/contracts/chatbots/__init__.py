"""The chatbots document: train, deploy, talk. Mounted at /chatbots."""

from fastapi import FastAPI

from botyard.contracts.chatbots import (
    authentication,
    chatbots,
    conversations,
    deliveries,
    health,
    templates,
    training,
    voice,
    webhooks,
)
from botyard.contracts.chatbots.envelope import translate
from botyard.contracts.chatbots.policy import POLICY, UNCOUNTED
from botyard.contracts.chatbots.versions import Retired, alias
from botyard.core.accounts.types import ENTERPRISE, Principal
from botyard.edge.document import PAGES, Document, Served, assemble
from botyard.edge.limits import PerMinute
from botyard.kit.db import Database
from botyard.settings import Settings

STANDARD_PER_MINUTE, ENTERPRISE_PER_MINUTE = 100, 1000
# A section is a module here with a `router`, and `hot` where calls come by the thousand; its rows are in policy.py.
SECTIONS = (
    authentication,
    chatbots,
    conversations,
    templates,
    training,
    voice,
    health,
    webhooks,
    deliveries,
)
_PAGES = {**PAGES, "/api/docs": "/api/docs.json", "/api/v1/docs": "/api/v1/docs.json"}
_DESCRIPTION = (
    "Chatbots that are trained in seconds, deployed by version and talked to by text and voice. Every call is "
    "at `/api/v1/…` and, as an alias that does the same, at `/api/…`; `/api/v0` is no longer served and answers 410."
)


def create(db: Database, settings: Settings) -> Served:
    """The document as an app of its own."""
    app = FastAPI(title="Chatbots Platform", version="1.0", description=_DESCRIPTION, redoc_url=None)
    hot = [section.hot for section in SECTIONS if hasattr(section, "hot")]
    routers = [*hot, *(section.router for section in SECTIONS)]
    assemble(
        app,
        db,
        settings,
        routers=[*routers, *map(alias, routers)],
        translate=translate,
        table=POLICY,
        pages=_PAGES,
        limit=PerMinute("chatbots", _per_minute, UNCOUNTED, whole_account=True, told=True),
    )
    app.router.routes.append(Retired("/api/v0"))
    return Served(app, translate=translate)


def _per_minute(caller: Principal) -> int:
    return ENTERPRISE_PER_MINUTE if caller.tier == ENTERPRISE else STANDARD_PER_MINUTE


DOCUMENT = Document(name="chatbots", prefix="/chatbots", create=create)
