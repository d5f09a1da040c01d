"""Probes and metrics, at the root of the server whatever it serves."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import text

from botyard.core.accounts.policy import PERSON, PUBLIC, Rule, Table
from botyard.core.accounts.types import Kind, Role
from botyard.core.ingest.writer import Tx, Writer
from botyard.core.realtime.hub import Hub
from botyard.edge.document import assemble
from botyard.edge.guard import GuardedRoute
from botyard.kit.db import Database
from botyard.kit.errors import BotyardError
from botyard.settings import Settings

router = APIRouter(route_class=GuardedRoute)
LEAST_FREE_BYTES = 50 * 1024 * 1024
_PROBE_S = 3.0

POLICY: Table = {
    "GET /health/live": PUBLIC,
    "GET /health/ready": PUBLIC,
    # The numbers are of everybody: for administrators, and for a service's API key.
    "GET /metrics": Rule(
        kinds=PERSON | {Kind.api_key}, roles=frozenset({Role.admin, Role.service}), scope="stats:read"
    ),
}


@router.get("/health/live")
async def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "live"}


@dataclass(frozen=True)
class Readiness:
    """How each thing that a request needs is; a lost bus only degrades."""

    checks: Mapping[str, str]
    degraded: bool

    @property
    def well(self) -> bool:
        """Whether requests can be served."""
        return all(found == "ok" for found in self.checks.values())

    @property
    def status(self) -> str:
        """In a word."""
        return "unavailable" if not self.well else "degraded" if self.degraded else "ready"

    @property
    def all_checks(self) -> dict[str, str]:
        """With the bus, which nothing has to wait for."""
        return {**self.checks, "events": "away" if self.degraded else "ok"}


async def readiness(db: Database, settings: Settings) -> Readiness:
    """Try everything that a request needs."""
    checks = {
        "database": await _holds(lambda: _reads(db)),
        "writer": await _holds(lambda: _writes(db)),
        "disk": _disk(settings.data_dir),
    }
    return Readiness(checks, db.parts.get(Hub).degraded)


@router.get("/health/ready")
async def ready(request: Request) -> JSONResponse:
    """Everything that a request needs is there; 503 names what is not. A lost bus only degrades."""
    found = await readiness(request.app.state.db, request.app.state.settings)
    body = {"status": found.status, "checks": found.all_checks}
    return JSONResponse(body, status_code=200 if found.well else 503)


@router.get("/metrics")
async def metrics() -> Response:
    """Metrics in Prometheus' text format."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def _disk(folder: Path) -> str:
    try:
        return "ok" if shutil.disk_usage(folder).free > LEAST_FREE_BYTES else "full"
    except OSError:
        return "away"


async def _reads(db: Database) -> None:
    async with db.reader() as session:
        await session.execute(text("SELECT 1"))


async def _writes(db: Database) -> None:
    def operation(tx: Tx) -> None:
        tx.execute("DELETE FROM ingest_keys WHERE scope = :scope", {"scope": "health"})

    await db.parts.get(Writer).run(operation)


async def _holds(check: Callable[[], Awaitable[None]]) -> str:
    try:
        async with asyncio.timeout(_PROBE_S):
            await check()
    except TimeoutError:
        return "slow"
    except (BotyardError, OSError) as error:
        return getattr(error, "code", "away")
    except Exception as error:  # a probe reports whatever stands in the way
        return type(error).__name__
    return "ok"


def translate(error: BotyardError, _call: str) -> JSONResponse:
    """The envelope of addresses that belong to no document."""
    return JSONResponse({"error": str(error), "code": error.code}, status_code=error.status)


def create(db: Database, settings: Settings) -> FastAPI:
    """The probes as an app."""
    app = FastAPI(title="Botyard probes", openapi_url=None, docs_url=None, redoc_url=None)
    assemble(app, db, settings, routers=[router], translate=translate, table=POLICY, described=False)
    return app
