"""Answers of the hot routes: JSON written by msgspec, without pydantic in between."""

import hashlib
import re
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from botyard.core import idempotency
from botyard.core.accounts.types import Principal
from botyard.core.ingest.request_key import RequestKey
from botyard.edge import body as bodies
from botyard.kit.errors import Malformed

_encode = msgspec.json.Encoder().encode


def answer(value: Any, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(_encode(value), status, media_type="application/json")


async def content(request: Request) -> bytes:
    """The whole body, within the limit of the document. Raises TooLarge, and Malformed for other than JSON."""
    body = await bodies.read(request.scope, request.receive, limit=request.app.state.max_body)
    if body:
        bodies.must_be_json(request.scope)
    return body


def idempotency_key(request: Request) -> str | None:
    """The key under which the request may be repeated. Raises KeyUnusable."""
    key = request.headers.get("idempotency-key")
    return None if key is None else idempotency.check(key)


def request_key(request: Request, content: bytes) -> RequestKey | None:
    """The same with what the request carries, for what is stored under it. Raises KeyUnusable."""
    key = idempotency_key(request)
    return None if key is None else RequestKey(key, hashlib.sha256(content).hexdigest())


def caller(request: Request) -> Principal:
    """The principal that the guard admitted."""
    principal: Principal = request.scope["state"]["caller"]
    return principal


def number(request: Request, name: str, *, default: float, low: float, high: float) -> float:
    """A number of the query within its bounds, or Malformed."""
    text = request.query_params.get(name)
    if text is None:
        return default
    # Python itself would also take "1_0", "nan" and digits of other scripts.
    if not _NUMBER.fullmatch(text) or not low <= float(text) <= high:
        raise Malformed(f"{name} is a number from {low:g} to {high:g}.")
    return float(text)


def integer(request: Request, name: str, *, default: int, low: int, high: int) -> int:
    """A whole number of the query within its bounds, or Malformed."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if not _INTEGER.fullmatch(text) or not low <= int(text) <= high:
        raise Malformed(f"{name} is a whole number from {low} to {high}.")
    return int(text)


_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,20})?([eE][-+]?[0-9]{1,3})?")
_INTEGER = re.compile(r"-?[0-9]{1,15}")


def body_schema(schema: dict[str, Any], *, required: bool = True) -> dict[str, Any]:
    """The `requestBody` of a hot route for its OpenAPI description."""
    return {"requestBody": {"required": required, "content": {"application/json": {"schema": schema}}}}
