"""Document section "Common Response Formats": every answer is `{status, data}` or `{status, error}`.

`error.code` is the HTTP status; a word for programs stands in `details` as `reason` (C-23). A body of the wrong
shape is 422, a value that cannot be accepted 400 (X-03), and so is everything about a query.
"""

from collections.abc import Mapping
from typing import Any, Generic, Literal, TypeVar

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from botyard.edge import fast
from botyard.edge.errors import PROBLEMS
from botyard.edge.guard import GuardedRoute, HotRoute
from botyard.kit.errors import BotyardError, Invalid, Malformed

VERSION = "/api/v1"
ALIAS = "/api"  # the same calls; the document's examples use it (C-22)
PREFIXES = (VERSION, ALIAS)

Data = TypeVar("Data")


class Shown(BaseModel):
    """Part of an answer: fields are written the document's way, in camel case."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, from_attributes=True)


class Received(BaseModel):
    """A request's body: fields are read the document's way, in camel case; further ones are ignored (X-16)."""

    model_config = ConfigDict(alias_generator=to_camel)


class Success(BaseModel, Generic[Data]):
    """What every call that succeeds answers, unless it has nothing to say (204)."""

    status: Literal["success"] = "success"
    data: Data


class ErrorBody(BaseModel):
    """What went wrong."""

    code: int = Field(description="The HTTP status.")
    message: str = Field(min_length=1, description="What is wrong, and what to do next.")
    details: list[dict[str, Any]] = Field(
        description="For programs: each with a `reason`, fields where it is about one."
    )


class Error(BaseModel):
    """What every call that fails answers."""

    status: Literal["error"] = "error"
    error: ErrorBody


def ok(data: Data) -> Success[Data]:
    """The answer of a call that succeeded."""
    return Success(data=data)


def translate(error: BotyardError, _call: str) -> Response:
    """The document's envelope of an error."""
    code = status_of(error)
    body = {"code": code, "message": str(error), "details": _details(error)}
    return fast.answer({"status": "error", "error": body}, code)


def status_of(error: BotyardError) -> int:
    """422 for what has not the shape of a request, else the error's own status."""
    if not isinstance(error, Malformed):
        return error.status
    problems = error.details.get(PROBLEMS, ())
    only_values = problems and all(one["kind"] == "value" or one["in"] != "body" for one in problems)
    return 400 if only_values else 422


_REASONS = {"shape": Malformed.code, "value": Invalid.code}


def _details(error: BotyardError) -> list[dict[str, Any]]:
    problems: list[Mapping[str, str]] = error.details.get(PROBLEMS, [])
    if problems:
        return [
            {"reason": _REASONS[one["kind"]], "field": one["field"], "message": one["message"]}
            for one in problems
        ]
    return [{"reason": error.code, **error.details}]


# What any call may answer besides success; beyond the document's own list are the refusals that an honest
# server needs.
RESPONSES = {
    status: {"model": Error}
    for status in (400, 401, 403, 404, 405, 409, 413, 422, 429, 500, 503, 507)
}  # fmt: skip


def section(tag: str, path: str = "", *, hot: bool = False) -> APIRouter:
    """The calls of one section of the document, described with the errors that each may answer."""
    return APIRouter(
        prefix=VERSION + path,
        tags=[tag],
        route_class=HotRoute if hot else GuardedRoute,
        responses=RESPONSES,  # type: ignore[arg-type]  # narrower than FastAPI's own annotation
    )
