"""`POST /otlp/v1/logs`: takes what exporters send, and answers each in its own encoding."""

import asyncio
import hashlib
import zlib
from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from botyard.core.accounts.policy import Table, service, without_cookie
from botyard.core.ingest.request_key import RequestKey
from botyard.core.ingest.writer import Writer
from botyard.core.logs import service as logs
from botyard.core.logs.types import NewEntry
from botyard.edge import body as bodies
from botyard.edge import errors, fast
from botyard.edge.document import Served, assemble
from botyard.edge.guard import HotRoute
from botyard.edge.otlp import as_json
from botyard.edge.otlp.record import Record, entry
from botyard.kit.db import Database
from botyard.kit.errors import BotyardError, Invalid, Malformed, StorageFull, TooLarge
from botyard.settings import Settings

PATH = "/otlp/v1/logs"
BELOW = "/otlp/{rest:path}"  # of OTLP only logs are taken; what else is sent is told so in OTLP's own form
POLICY: Table = {f"POST {PATH}": without_cookie(service("logs:write"))}
_PROTOBUF = "application/x-protobuf"
_SLICE = 200  # records that are read before others get their turn: some milliseconds
_GZIP = 31  # zlib's word for: a gzip header, and the largest window
_MEMBERS = 64  # pieces that one packed body may have been put together from; exporters send one
_PACKED_SLICE = 64 * 1024
_MAX_RECORDS = 50_000  # a packed body may hold millions that say nothing; exporters send some hundreds
# google.rpc.Code by our status: invalid argument, unauthenticated, permission denied …
_CODES = {400: 3, 401: 16, 403: 7, 404: 5, 405: 12, 413: 8, 429: 8, 503: 14}
_INTERNAL = 13


def _encoding(scope: Scope) -> Any:
    """The module of the request's encoding; JSON where the request names none that is known."""
    if bodies.content_type(scope) != _PROTOBUF:
        return as_json
    from botyard.edge.otlp import as_protobuf  # most servers never need it

    return as_protobuf


class OtlpRoute(HotRoute):
    """A hot route whose refusals are `google.rpc.Status`, too, in the encoding of the request."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        try:
            await super().handle(scope, receive, send)
        except Exception as error:
            await refusal(error, scope)(scope, receive, send)


router = APIRouter(route_class=OtlpRoute)


def refusal(error: Exception, scope: Scope) -> Response:
    """The answer to a request that failed. A full disk is told as a state that passes, so that exporters wait."""
    encoding = _encoding(scope)

    def translate(known: BotyardError, _call: str) -> Response:
        status = 503 if isinstance(known, StorageFull) else known.status
        code = _CODES.get(status, _INTERNAL)
        return Response(encoding.status(code, known), status, media_type=encoding.MEDIA_TYPE)

    return errors.answer(error, translate, errors.operation(scope))


@router.post(PATH)
async def export(request: Request) -> Response:
    """Store log records sent by OpenTelemetry's protocol; those that no entry can be made of are counted."""
    encoding = _encoding(request.scope)
    if encoding is as_json:
        bodies.must_be_json(request.scope)
    content = await _content(request)
    entries, refused = await _entries(encoding.records(content))
    await _store(request, entries, content)
    reason = str(refused[0]) if refused else ""
    answer = encoding.accepted(len(refused), reason)
    return Response(answer, media_type=encoding.MEDIA_TYPE)


async def _content(request: Request) -> bytes:
    limit: int = request.app.state.max_body
    content = await bodies.read(request.scope, request.receive, limit=limit)
    match request.headers.get("content-encoding", "identity").strip().lower():
        case "identity" | "none" | "":
            return content
        case "gzip":
            return unpacked(content, limit)
    raise Malformed("Send the body as it is, or with Content-Encoding: gzip.")


def unpacked(content: bytes, limit: int) -> bytes:
    """What was packed by gzip. Raises TooLarge as soon as it is more than `limit` bytes, Malformed for other bytes."""
    parts: list[bytes] = []
    left, rest = limit, memoryview(content)
    try:
        for _ in range(_MEMBERS):
            stream, begun = zlib.decompressobj(_GZIP), len(rest)
            while rest and not stream.eof:  # in slices: what is left over is copied at the end of each member
                part = stream.decompress(rest[:_PACKED_SLICE], left + 1)
                left -= len(part)
                if left < 0:
                    raise TooLarge(
                        f"The request body has more than {limit} bytes once it is unpacked; send less at once."
                    )
                parts.append(part)
                used = min(len(rest), _PACKED_SLICE) - len(stream.unused_data)
                rest = rest[used:]
            if begun and not stream.eof:
                raise Malformed("The packed request body ends too early.")
            if not rest:
                return b"".join(parts)
    except zlib.error:
        raise Malformed("The request body is not packed by gzip, although it says so.") from None
    raise Malformed(f"The request body is packed in more than {_MEMBERS} pieces; pack it as one.")


async def _entries(records: Iterator[Record]) -> tuple[list[NewEntry], list[Invalid]]:
    entries: list[NewEntry] = []
    refused: list[Invalid] = []
    for number, record in enumerate(records, 1):
        if number > _MAX_RECORDS:
            raise TooLarge(
                f"One request carries at most {_MAX_RECORDS} log records; send the rest in another one."
            )
        try:
            entries.append(entry(record))
        except Invalid as error:
            refused.append(error)
        if number % _SLICE == 0:
            await asyncio.sleep(0)
    return entries, refused


async def _store(request: Request, entries: list[NewEntry], content: bytes) -> None:
    """In as many commits as it takes: then a repeated request stores only what its first try did not."""
    key = fast.idempotency_key(request)
    digest = hashlib.sha256(content).hexdigest()
    if key is None and len(entries) > logs.MAX_ENTRIES:
        key = digest
    writer: Writer = request.app.state.db.parts.get(Writer)
    for start in range(0, len(entries), logs.MAX_ENTRIES):
        part = entries[start : start + logs.MAX_ENTRIES]
        # With the content: a key that a sender uses for everything must not make other records vanish.
        part_key = None if key is None else RequestKey(f"otlp:{key}:{digest}:{start}", digest)
        await logs.submit(writer, part, sender=fast.caller(request), key=part_key)


def _translate(error: BotyardError, _call: str) -> Response:
    """For what no route answers."""
    return Response(
        as_json.status(_CODES.get(error.status, _INTERNAL), error),
        error.status,
        media_type="application/json",
    )


def create(db: Database, settings: Settings) -> Served:
    """The receiver as an app."""
    app = FastAPI(title="Botyard OTLP receiver", openapi_url=None, docs_url=None, redoc_url=None)
    assemble(app, db, settings, routers=[router], translate=_translate, table=POLICY, described=False)
    return Served(app, translate=_translate)
