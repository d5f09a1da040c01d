"""The ViveSphere document: X bots, settings, logs and secrets as services. Mounted at /vivesphere."""

from fastapi import FastAPI

from botyard.contracts.vivesphere import authentication, botdata, bots, configuration, logs
from botyard.contracts.vivesphere.envelope import translate
from botyard.contracts.vivesphere.policy import POLICY
from botyard.edge.document import Document, Served, assemble
from botyard.edge.limits import per_minute
from botyard.kit.db import Database
from botyard.settings import Settings

# A gateway asks for everybody who passes through it, from one address.
_FREE = frozenset({"GET /api/v1/auth/validate"})


def create(db: Database, settings: Settings) -> Served:
    """The document as an app of its own."""
    app = FastAPI(
        title="ViveSphere Bot Manager",
        version="1.0",
        description="X bots, run-time settings, logs and secret data, each as a service.",
        redoc_url=None,
    )
    hot = (authentication.hot, logs.hot)
    sections = (authentication, bots, configuration, botdata)
    assemble(
        app,
        db,
        settings,
        routers=[*hot, *(section.router for section in sections)],
        translate=translate,
        table=POLICY,
        limit=per_minute("vivesphere", lambda _: settings.vivesphere_requests_per_minute, free=_FREE),
    )
    return Served(app, [], translate)


DOCUMENT = Document(name="vivesphere", prefix="/vivesphere", create=create)
