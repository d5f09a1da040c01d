"""Document section "Error Responses": every error is `{"error": message}`."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from botyard.edge.guard import GuardedRoute, HotRoute
from botyard.kit.errors import BotyardError


class Error(BaseModel):
    """What went wrong and what to do next."""

    error: str = Field(min_length=1)


def translate(error: BotyardError, _call: str) -> JSONResponse:
    """The document's envelope of an error. Malformed requests are 400 here (X-03)."""
    body = {"error": str(error)}
    if error.code == "second_factor_required":
        body["code"] = error.code  # additive: lets a client ask for the code and send `totp_code`
    return JSONResponse(body, status_code=400 if error.status == 422 else error.status)


# What any call may answer besides success; beyond the document's own list are the refusals that an
# honest server needs (X-13, M-15).
RESPONSES = {status: {"model": Error} for status in (400, 401, 403, 404, 405, 409, 413, 429, 500, 503, 507)}


def section(tag: str, *, prefix: str = "", hot: bool = False) -> APIRouter:
    """The calls of one section of the document, described with the errors that each may answer."""
    return APIRouter(
        prefix=prefix,
        tags=[tag],
        route_class=HotRoute if hot else GuardedRoute,
        responses=RESPONSES,  # type: ignore[arg-type]  # narrower than FastAPI's own annotation
    )
