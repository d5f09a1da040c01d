"""Every call of the document answers as it says, and every error that it states can be provoked."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.document import Call, Refusal, load
from tests.contracts.manager.refusals import REFUSALS
from tests.contracts.manager.requests import REQUESTS, Cast, make_cast, send
from tests.contracts.manager.world import Account, World

DOCUMENT = load(Path(__file__).with_name("document.yaml"))
SECURED = [call for call in DOCUMENT.calls if not call.is_public]
WITH_BODY = [call for call in DOCUMENT.calls if isinstance(call.body, dict)]
OF_BOTS = [call for call in DOCUMENT.calls if call.object == "bot"]


@pytest.fixture(scope="module")
async def shared(world: World, admin: Account) -> Cast:
    """One cast for the requests that leave it as it is."""
    return await make_cast(world, admin)


@pytest.fixture
async def own(world: World, admin: Account) -> Cast:
    """A cast that the test may destroy."""
    return await make_cast(world, admin)


def by_id(entry: Any) -> str:
    return entry.id if isinstance(entry, Call) else entry.case if isinstance(entry, Refusal) else str(entry)


def is_error(reply: Any) -> list[str]:
    return DOCUMENT.shapes.problems(reply.json(), DOCUMENT.error)


def test_there_is_a_request_for_every_call() -> None:
    assert set(REQUESTS) == {call.id for call in DOCUMENT.calls}


def test_there_is_a_case_for_every_stated_error() -> None:
    assert set(REFUSALS) == {(call.id, refusal.case) for call, refusal in DOCUMENT.refusals()}


async def test_openapi_file_has_every_call(world: World) -> None:
    schema = (await world.anonymous.get("/openapi.json")).json()
    present = {f"{method.upper()} {path}" for path, item in schema["paths"].items() for method in item}
    assert {call.name for call in DOCUMENT.calls} - present == set()


async def test_documentation_page_is_served(world: World) -> None:
    reply = await world.anonymous.get("/docs")
    assert (reply.status_code, "openapi.json" in reply.text) == (200, True)


@pytest.mark.parametrize("call", [c for c in DOCUMENT.calls if not REQUESTS[c.id].destroys], ids=by_id)
async def test_call_answers_as_the_document_says(call: Call, shared: Cast) -> None:
    await check(call, shared)


@pytest.mark.parametrize("call", [c for c in DOCUMENT.calls if REQUESTS[c.id].destroys], ids=by_id)
async def test_call_that_ends_something_answers_as_the_document_says(call: Call, own: Cast) -> None:
    await check(call, own)


async def check(call: Call, cast: Cast) -> None:
    reply = await send(cast, call)
    assert reply.status_code in call.statuses, reply.text
    assert DOCUMENT.shapes.problems(reply.json(), call.answer) == []
    assert list(empty_lists(reply.json(), call.answer)) == []
    if call.cookie:
        assert call.cookie in reply.cookies


def empty_lists(value: Any, shape: Any, place: str = "$") -> Iterator[str]:
    """Places of lists without an element, whose shape would prove nothing."""
    if isinstance(shape, dict) and isinstance(value, dict):
        for key, inner in shape.items():
            yield from empty_lists(value.get(key.removesuffix("?")), inner, f"{place}.{key}")
    elif isinstance(shape, list) and not value:
        yield place


@pytest.mark.parametrize("call", [c for c in DOCUMENT.calls if c.body_alternative], ids=by_id)
async def test_alternative_body_is_accepted(call: Call, shared: Cast) -> None:
    bodies = [REQUESTS[call.id].body] * 3
    path = call.path.format(bot_id=shared.bot.id)
    reply = await shared.bot.http.request(call.method, path, json=bodies)
    assert (reply.status_code, reply.json().get("received")) == (200, 3)


@pytest.mark.parametrize(("call", "refusal"), DOCUMENT.refusals(), ids=by_id)
async def test_stated_error_is_answered(
    call: Call, refusal: Refusal, shared: Cast, stranger: Account
) -> None:
    reply = await REFUSALS[call.id, refusal.case](shared, stranger, call)
    assert reply.status_code == refusal.status, reply.text
    assert is_error(reply) == []


@pytest.mark.parametrize("call", SECURED, ids=by_id)
async def test_without_a_credential_a_call_is_refused(call: Call, shared: Cast) -> None:
    reply = await send(shared, call, shared.world.anonymous)
    assert (reply.status_code, is_error(reply)) == (401, [])


@pytest.mark.parametrize("call", OF_BOTS, ids=by_id)
async def test_somebody_elses_bot_is_not_there(call: Call, shared: Cast, stranger: Account) -> None:
    reply = await send(shared, call, stranger.http)
    assert (reply.status_code, is_error(reply)) == (404, [])


@pytest.mark.parametrize("call", OF_BOTS, ids=by_id)
async def test_a_bot_that_never_was_answers_like_somebody_elses(
    call: Call, shared: Cast, stranger: Account
) -> None:
    foreign = await send(shared, call, stranger.http)
    path = call.path.format(bot_id="bot_00000000000000000000000000")
    missing = await stranger.http.request(call.method, path, json=REQUESTS[call.id].body)
    assert (missing.status_code, missing.json()) == (foreign.status_code, foreign.json())


@pytest.mark.parametrize("call", WITH_BODY, ids=by_id)
@pytest.mark.parametrize("body", [b"{", b"[1]", b"7", b'{"a": "\xff"}', b"null"], ids=str)
async def test_a_body_of_another_shape_is_refused(call: Call, body: bytes, shared: Cast) -> None:
    path = call.path.format(bot_id=shared.bot.id, command_id="cmd_1")
    headers = {"content-type": "application/json"}
    reply = await shared.sender(call).request(call.method, path, content=body, headers=headers)
    assert (reply.status_code, is_error(reply)) == (400, [])


@pytest.mark.parametrize(
    ("call", "field"), [(c, f) for c in WITH_BODY for f in c.body if f[-1] != "?"], ids=by_id
)
async def test_a_missing_or_null_field_is_refused(call: Call, field: str, shared: Cast) -> None:
    path = call.path.format(bot_id=shared.bot.id, command_id="cmd_1")
    valid = REQUESTS[call.id].body
    for body in ({key: value for key, value in valid.items() if key != field}, {**valid, field: None}):
        reply = await shared.sender(call).request(call.method, path, json=body)
        assert (reply.status_code, is_error(reply)) == (400, []), body


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/api/nothing", 404), ("GET", "/nothing", 404), ("PATCH", "/api/my-bots", 405), ("GET", "/api/auth/login", 405)],
)  # fmt: skip
async def test_unknown_addresses_have_the_envelope_too(
    method: str, path: str, status: int, shared: Cast
) -> None:
    reply = await shared.account.http.request(method, path)
    assert (reply.status_code, is_error(reply)) == (status, [])
