"""Every call of the document answers as it says, every error that it states can be provoked, and bad input changes nothing."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx
import pytest

from botyard.contracts.chatbots.policy import CALLS as ROWS
from tests.contracts import bad_input
from tests.contracts.bad_input import Bad
from tests.contracts.chatbots.cast import PREFIX, REQUESTS, Cast, ready, send
from tests.contracts.chatbots.refusals import REFUSALS
from tests.contracts.document import Call, Refusal, load
from tests.contracts.dump import changes, dump

DOCUMENT = load(Path(__file__).with_name("document.yaml"))
UNSAFE = [call for call in DOCUMENT.all_calls if call.method != "GET"]
WITH_QUERY = [call for call in DOCUMENT.all_calls if call.query]
WITH_ID = [call for call in DOCUMENT.all_calls if call.object]
SHAPE_OR_VALUE = (400, 422)
DEFAULTED = {("bots.create", "type")}  # stated as if it were needed, and hybrid all the same (C-07)


def by_id(entry: Any) -> str:
    return entry.id if isinstance(entry, Call) else entry.case if isinstance(entry, Refusal) else str(entry)


def problems(reply: httpx.Response) -> list[str]:
    """What is wrong with the error's envelope, whose code is the status."""
    body = reply.json()
    found = DOCUMENT.shapes.problems(body, DOCUMENT.error)
    return found or ([] if body["error"]["code"] == reply.status_code else ["error.code is not the status"])


def test_there_is_a_request_for_every_call_and_a_call_for_every_row() -> None:
    assert set(REQUESTS) == {call.id for call in DOCUMENT.all_calls}
    assert {generic(call.name) for call in DOCUMENT.all_calls} == {generic(name, "") for name in ROWS}


def generic(name: str, prefix: str = "/api") -> str:
    """Method and path without the prefix, and without the names of parameters."""
    method, _, path = name.partition(" ")
    parts = path.removeprefix(prefix).split("/")
    return f"{method} {'/'.join('{}' if part.startswith('{') else part for part in parts)}"


def test_there_is_a_case_for_every_stated_error() -> None:
    assert set(REFUSALS) == {refusal.case for _, refusal in DOCUMENT.refusals()}


async def test_openapi_file_has_every_call_under_its_version_once(cast: Cast) -> None:
    pages = ("/openapi.json", "/api/docs.json", "/api/v1/docs.json")
    files = [(await cast.anonymous.get(page)).json() for page in pages]
    present = {f"{method.upper()} {path}" for path, item in files[0]["paths"].items() for method in item}
    assert {generic(name, "/api/v1") for name in present} == {generic(name, "") for name in ROWS}
    assert all(path.startswith("/api/v1/") for path in files[0]["paths"])
    assert "/api/…" in files[0]["info"]["description"]
    assert files[0]["servers"] == [{"url": PREFIX}]
    assert files[1] == files[2] == files[0]


@pytest.mark.parametrize(
    ("page", "file"), [("/api/docs", "/api/docs.json"), ("/api/v1/docs", "/api/v1/docs.json"), ("/docs", "/openapi.json")]
)  # fmt: skip
async def test_documentation_pages_are_served(page: str, file: str, cast: Cast) -> None:
    reply = await cast.anonymous.get(page)
    assert (reply.status_code, f'data-url="{PREFIX}{file}"' in reply.text) == (200, True)


@pytest.mark.parametrize("prefix", ["/api", "/api/v1"])
@pytest.mark.parametrize("call", DOCUMENT.all_calls, ids=by_id)
async def test_call_answers_as_the_document_says_under_both_prefixes(
    call: Call, prefix: str, cast: Cast
) -> None:
    made = await ready(cast, call)
    path = prefix + made.path.removeprefix("/api")
    reply = await made.sender.request(call.method, path, params=made.query, json=made.body)
    assert reply.status_code in call.statuses, reply.text
    if reply.status_code == 204:
        assert reply.content == b""
    elif call.answer is not None:
        assert DOCUMENT.shapes.problems(reply.json(), call.answer) == []


@pytest.mark.parametrize(("call", "refusal"), DOCUMENT.refusals(), ids=by_id)
async def test_stated_error_is_answered(call: Call, refusal: Refusal, cast: Cast) -> None:
    reply = await REFUSALS[refusal.case](cast, call)
    assert reply.status_code == refusal.status, reply.text
    assert problems(reply) == []
    assert reply.json()["error"]["details"][0]["reason"] == refusal.code


@pytest.mark.parametrize("call", [c for c in UNSAFE if isinstance(c.body, dict)], ids=by_id)
async def test_further_fields_are_ignored_and_missing_ones_named(call: Call, cast: Cast) -> None:
    made = await ready(cast, call)
    body = {**made.body, "user_id": 1, "role": "admin", "ownerId": 1}
    needed = [key for key in call.body if not key.endswith("?") and (call.id, key) not in DEFAULTED]
    for field in needed:
        for bad in ({key: value for key, value in body.items() if key != field}, {**body, field: None}):
            reply = await send(cast, call, made.sender, body=bad)
            assert (reply.status_code, problems(reply)) == (422, [])
            assert field in [one["field"] for one in reply.json()["error"]["details"]]
    reply = await send(cast, call, made.sender, body=body)
    assert reply.status_code in call.statuses, reply.text


async def check(cast: Cast, call: Call, bad: Iterable[tuple[str, Bad]], sender: httpx.AsyncClient) -> None:
    """Send each request to its path; together they must change nothing that is stored."""
    stores = cast.db.stores
    before = dump(stores)
    wrong = []
    for path, one in bad:
        url = httpx.URL(f"{cast.running.url}{PREFIX}{path}{'?' if one.query else ''}{one.query}")
        reply = await sender.request(call.method, url, content=one.content, headers=one.headers)
        if reply.status_code not in one.statuses or problems(reply):
            wrong.append(f"{one.what}: {reply.status_code} {reply.text[:200]}")
    assert wrong == []
    found = changes(before, dump(stores))
    if not call.id.startswith("apikeys."):
        found.pop("api_keys", None)  # when a key was used last is written a little later
    assert found == {}


@pytest.mark.parametrize("call", UNSAFE, ids=by_id)
async def test_bad_bodies_are_refused_and_change_nothing(call: Call, cast: Cast) -> None:
    made = await ready(cast, call)
    too_large = cast.running.yard.settings.max_body_mb * 1024 * 1024
    bad = bad_input.bodies(call, made.body, too_large=too_large, malformed=SHAPE_OR_VALUE)
    await check(cast, call, [(made.path, one) for one in bad], made.sender)


@pytest.mark.parametrize("call", WITH_QUERY, ids=by_id)
async def test_bad_queries_are_refused(call: Call, cast: Cast) -> None:
    made = await ready(cast, call)
    await check(cast, call, [(made.path, one) for one in bad_input.queries(call)], made.sender)


@pytest.mark.parametrize("call", WITH_ID, ids=by_id)
async def test_ids_that_cannot_be_are_not_found_and_change_nothing(call: Call, cast: Cast) -> None:
    made = await ready(cast, call)
    content = None if made.body is None else httpx.Request("POST", "/", json=made.body).content
    headers = {} if made.body is None else bad_input.JSON
    requests = [
        (
            call.path.format(id=odd, delivery_id=odd, message_id=odd),
            Bad(odd[:30], (404, 405), content, headers),
        )
        for odd in bad_input.ODD_IDS
    ]
    await check(cast, call, requests, made.sender)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/nothing", 404),
        ("GET", "/nothing", 404),
        ("GET", "/api/v2/templates", 404),
        ("GET", "/api/v1/templates/", 404),
        ("GET", "/api/v1/templates%0A", 404),
        ("PATCH", "/api/templates", 405),
        ("GET", "/api/v1/auth/login", 405),
        ("GET", "/api/v0", 410),
        ("DELETE", "/api/v0/chatbots/1", 410),
        ("OPTIONS", "/api/v0/%0Ax", 410),
    ],
)
async def test_unknown_addresses_and_old_versions_have_the_envelope_too(
    method: str, path: str, status: int, cast: Cast
) -> None:
    reply = await cast.owner.http.request(method, path)
    assert (reply.status_code, problems(reply)) == (status, [])
