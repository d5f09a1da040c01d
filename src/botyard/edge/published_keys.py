"""The public keys of access tokens at `/.well-known/jwks.json`, at the root of the server whatever it serves."""

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse

from botyard.core.accounts.policy import PUBLIC, Table
from botyard.core.accounts.token_keys import TokenKeys
from botyard.edge.document import assemble
from botyard.edge.guard import GuardedRoute
from botyard.edge.health import translate
from botyard.kit.db import Database
from botyard.settings import Settings

router = APIRouter(route_class=GuardedRoute)
PATH = "/.well-known/jwks.json"
POLICY: Table = {f"GET {PATH}": PUBLIC}
# A new key is published before it signs, so that nobody needs to look more often.
_CACHE = "public, max-age=300"


@router.get(PATH)
async def keys(request: Request) -> JSONResponse:
    """Public keys that check access tokens without asking the server (RFC 7517); empty while a secret key signs."""
    db: Database = request.app.state.db
    return JSONResponse({"keys": list(db.parts.get(TokenKeys).published)}, headers={"Cache-Control": _CACHE})


def create(db: Database, settings: Settings) -> FastAPI:
    """The address as an app."""
    app = FastAPI(title="Botyard keys", openapi_url=None, docs_url=None, redoc_url=None)
    assemble(app, db, settings, routers=[router], translate=translate, table=POLICY, described=False)
    return app
