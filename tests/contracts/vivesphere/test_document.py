"""Every call of the document answers as it says, and every error that it states can be provoked."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.contracts.document import Call, Refusal, load
from tests.contracts.manager.world import World
from tests.contracts.vivesphere.cast import PREFIX, REQUESTS, Cast, client, filled, send
from tests.contracts.vivesphere.refusals import REFUSALS

DOCUMENT = load(Path(__file__).with_name("document.yaml"))
SECURED = [call for call in DOCUMENT.calls if not call.is_public]
WITH_BODY = [call for call in DOCUMENT.calls if isinstance(call.body, dict)]


def by_id(entry: Any) -> str:
    return entry.id if isinstance(entry, Call) else entry.case if isinstance(entry, Refusal) else str(entry)


def is_error(reply: httpx.Response) -> list[str]:
    return DOCUMENT.shapes.problems(reply.json(), DOCUMENT.error)


def test_there_is_a_request_for_every_call() -> None:
    assert set(REQUESTS) == {call.id for call in DOCUMENT.calls}


def test_there_is_a_case_for_every_stated_error() -> None:
    assert set(REFUSALS) == {(call.id, refusal.case) for call, refusal in DOCUMENT.refusals()}


async def test_openapi_file_has_every_call(cast: Cast) -> None:
    schema = (await cast.anonymous.get("/openapi.json")).json()
    present = {f"{method.upper()} {path}" for path, item in schema["paths"].items() for method in item}
    assert {call.name for call in DOCUMENT.calls} == present
    assert schema["servers"] == [{"url": PREFIX}]


async def test_documentation_page_is_served(cast: Cast) -> None:
    reply = await cast.anonymous.get("/docs")
    assert (reply.status_code, "openapi.json" in reply.text) == (200, True)


@pytest.mark.parametrize("call", DOCUMENT.calls, ids=by_id)
async def test_call_answers_as_the_document_says(call: Call, cast: Cast) -> None:
    reply = await send(cast, call)
    assert reply.status_code in call.statuses, reply.text
    assert DOCUMENT.shapes.problems(reply.json(), call.answer) == []


@pytest.mark.parametrize(("call", "refusal"), DOCUMENT.refusals(), ids=by_id)
async def test_stated_error_is_answered(call: Call, refusal: Refusal, cast: Cast) -> None:
    reply = await REFUSALS[call.id, refusal.case](cast, call)
    body = reply.json()
    assert (reply.status_code, body.get("error_code")) == (refusal.status, refusal.code), reply.text
    assert is_error(reply) == []
    if refusal.message:
        assert body["message"] == refusal.message


@pytest.mark.parametrize("call", SECURED, ids=by_id)
async def test_a_session_cookie_counts_for_nothing(call: Call, cast: Cast, world: World) -> None:
    value = cast.admin.http.cookies["session_token"]
    reply = await send(cast, call, client(world, cookie=f"session_token={value}"))
    assert (reply.status_code, reply.json()["error_code"]) == (401, "UNAUTHORIZED")


@pytest.mark.parametrize(
    ("call", "field"), [(c, f) for c in WITH_BODY for f in c.body if f[-1] != "?"], ids=by_id
)
async def test_a_missing_or_null_field_is_refused(call: Call, field: str, cast: Cast) -> None:
    valid = filled(cast, REQUESTS[call.id].body)
    for body in ({key: value for key, value in valid.items() if key != field}, {**valid, field: None}):
        reply = await send(cast, call, body=body)
        assert (reply.status_code, reply.json()["error_code"], is_error(reply)) == (400, "INVALID_DATA", [])
        assert field in reply.json()["detail"]


@pytest.mark.parametrize("call", WITH_BODY, ids=by_id)
async def test_further_fields_are_ignored(call: Call, cast: Cast) -> None:
    body = {**filled(cast, REQUESTS[call.id].body), "user_id": 1, "role": "admin", "owner_id": 1}
    reply = await send(cast, call, body=body)
    assert reply.status_code in call.statuses, reply.text


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/v1/nothing", 404, "NOT_FOUND"),
        ("GET", "/api/v2/bots/list", 404, "NOT_FOUND"),
        ("GET", "/nothing", 404, "NOT_FOUND"),
        ("GET", "/api/v1/bots/list/", 404, "NOT_FOUND"),
        ("GET", "/api/v1/bots%0A", 404, "NOT_FOUND"),
        ("GET", "/api/v1/bots/list%0A", 404, "NOT_FOUND"),
        ("GET", "/api/v1/auth/validate%0A", 404, "NOT_FOUND"),
        ("DELETE", "/api/v1/bots/list", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/api/v1/auth/login", 405, "METHOD_NOT_ALLOWED"),
    ],
)
async def test_unknown_addresses_have_the_envelope_too(
    method: str, path: str, status: int, code: str, cast: Cast
) -> None:
    reply = await cast.owner.request(method, path)
    assert (reply.status_code, reply.json()["error_code"], is_error(reply)) == (status, code, [])
