"""Document section "4. Logging System Microservice"; its one call is a hot route."""

from typing import Annotated, Any, Literal

import msgspec
from fastapi import Request, Response
from pydantic import BaseModel

from botyard.contracts.vivesphere.envelope import section
from botyard.core.ingest.writer import Writer
from botyard.core.logs import service as logs
from botyard.core.logs.types import NewEntry
from botyard.edge import body as bodies
from botyard.edge import fast
from botyard.kit.db import Parts

hot = section("Logs", hot=True)


class LogIn(msgspec.Struct):
    """A log entry on the wire."""

    log_type: Annotated[str, msgspec.Meta(min_length=1)]
    log_data: dict[str, Any]


_log = msgspec.json.Decoder(LogIn)
_SCHEMA = fast.body_schema(
    {
        "type": "object",
        "required": ["log_type", "log_data"],
        "properties": {
            "log_type": {
                "type": "string",
                "minLength": 1,
                "maxLength": 64,
                "pattern": "^[A-Za-z0-9_.-]+$",
                "examples": ["user_activity", "debug", "terminal", "console"],
            },
            "log_data": {
                "type": "object",
                "description": "Any details; `timestamp`, `message`, `level`, `source` and `correlation_id` can be searched.",
            },
        },
    }
)


class Submitted(BaseModel):
    """The entry is on disk."""

    status: Literal["log_submitted"] = "log_submitted"
    log_id: str


@hot.post("/logs/submit", status_code=201, openapi_extra=_SCHEMA, response_model=Submitted)
async def submit(request: Request) -> Response:
    """Hand in a log entry; what looks like a secret is taken out before it is stored."""
    content = await fast.content(request)
    body = bodies.decode(content, _log)
    parts: Parts = request.app.state.db.parts
    entry = NewEntry.of(body.log_type, body.log_data)
    key = fast.request_key(request, content)
    [log_id] = await logs.submit(
        parts.get(Writer),
        [entry],
        sender=fast.caller(request),
        key=key and key.within("submit"),
    )
    return fast.answer({"status": "log_submitted", "log_id": log_id}, status=201)
