"""Bad input of every kind, for every call: the document's error, and nothing is changed."""

from collections.abc import Iterable

import httpx
import pytest

from tests.contracts import bad_input
from tests.contracts.bad_input import Bad
from tests.contracts.document import Call
from tests.contracts.dump import RESTLESS, changes, dump
from tests.contracts.vivesphere.cast import REQUESTS, Cast, filled
from tests.contracts.vivesphere.test_document import DOCUMENT, by_id, is_error

UNSAFE = [call for call in DOCUMENT.calls if call.method != "GET"]
IDS = [
    ("config.settings", "service_name", 404),
    ("botdata.retrieve", "bot_id", 404),
]


async def check(cast: Cast, call: Call, bad: Iterable[Bad]) -> None:
    """Send each request; together they must change nothing that is stored."""
    await cast.world.rest()
    sender, stores = cast.sender(call), cast.world.running.db.stores
    before = dump(stores, without=RESTLESS)
    wrong = []
    for one in bad:
        url = httpx.URL(f"{sender.base_url}{call.path.lstrip('/')}{'?' if one.query else ''}{one.query}")
        reply = await sender.request(call.method, url, content=one.content, headers=one.headers)
        if reply.status_code not in one.statuses or is_error(reply):
            wrong.append(f"{one.what}: {reply.status_code} {reply.text[:200]}")
    assert wrong == []
    assert changes(before, dump(stores, without=RESTLESS)) == {}


@pytest.mark.parametrize("call", UNSAFE, ids=by_id)
async def test_bad_bodies_are_refused_and_change_nothing(call: Call, cast: Cast) -> None:
    too_large = cast.world.running.app.state.yard.settings.max_body_mb * 1024 * 1024
    valid = filled(cast, REQUESTS[call.id].body)
    await check(cast, call, bad_input.bodies(call, valid, too_large=too_large))


@pytest.mark.parametrize(("call_id", "name", "status"), IDS)
async def test_names_that_cannot_be_are_not_found_and_change_nothing(
    call_id: str, name: str, status: int, cast: Cast
) -> None:
    odd = [Bad(text[:30], (status, 400), query=f"{name}={text}") for text in bad_input.ODD_IDS]
    await check(cast, DOCUMENT.call(call_id), odd)


@pytest.mark.parametrize("service", ["", "x" * 101, "a\u0000b", "line\nbreak"])
async def test_service_names_have_their_limits(service: str, cast: Cast) -> None:
    settings = {"service": service, "settings": {"a": 1}}
    bad = Bad(
        "a service's name", content=httpx.Request("POST", "/", json={"settings_data": settings}).content
    )
    await check(cast, DOCUMENT.call("config.update"), [Bad(bad.what, (400,), bad.content, bad_input.JSON)])


@pytest.mark.parametrize("log_type", ["", "x" * 65, "two words", "a/b", "über"])
async def test_log_types_have_their_limits(log_type: str, cast: Cast) -> None:
    content = httpx.Request("POST", "/", json={"log_type": log_type, "log_data": {}}).content
    await check(cast, DOCUMENT.call("logs.submit"), [Bad(log_type, (400,), content, bad_input.JSON)])


async def test_log_data_beyond_its_size_is_refused(cast: Cast) -> None:
    content = httpx.Request("POST", "/", json={"log_type": "debug", "log_data": {"a": "x" * 66_000}}).content
    await check(cast, DOCUMENT.call("logs.submit"), [Bad("large", (400,), content, bad_input.JSON)])
