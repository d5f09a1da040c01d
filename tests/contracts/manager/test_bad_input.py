"""Bad input of every kind, for every call: the document's error, and nothing is changed."""

from collections.abc import Iterable

import httpx
import pytest

from tests.contracts import bad_input
from tests.contracts.bad_input import Bad
from tests.contracts.document import Call
from tests.contracts.dump import changes, dump
from tests.contracts.manager.requests import REQUESTS, Cast, filled, make_cast, values
from tests.contracts.manager.test_document import DOCUMENT, by_id, is_error
from tests.contracts.manager.world import Account, World

WITH_ID = [call for call in DOCUMENT.calls if call.object]
UNSAFE = [call for call in DOCUMENT.calls if call.method != "GET"]
WITH_QUERY = [call for call in DOCUMENT.calls if call.query]


@pytest.fixture
async def cast(world: World, admin: Account) -> Cast:
    """An account and a bot with content."""
    return await make_cast(world, admin)


async def check(cast: Cast, call: Call, bad: Iterable[tuple[str, Bad]]) -> None:
    """Send each request to its path; together they must change nothing that is stored."""
    sender = cast.admin.http if call.object == "user" else cast.sender(call)
    if "bot" in call.access:
        await sender.post(
            f"/api/bot/{cast.bot.id}/heartbeat"
        )  # first, so that it does not come online on the way
    await cast.world.rest()
    before = dump(cast.world.running.db.stores)
    wrong = []
    for path, one in bad:
        url = httpx.URL(f"{sender.base_url}{path.lstrip('/')}{'?' if one.query else ''}{one.query}")
        reply = await sender.request(call.method, url, content=one.content, headers=one.headers)
        if reply.status_code not in one.statuses or is_error(reply):
            wrong.append(f"{one.what}: {reply.status_code} {reply.text[:200]}")
    assert wrong == []
    assert changes(before, dump(cast.world.running.db.stores)) == {}


@pytest.mark.parametrize("call", UNSAFE, ids=by_id)
async def test_bad_bodies_are_refused_and_change_nothing(call: Call, cast: Cast) -> None:
    known = await values(cast, call)
    path, valid = call.path.format(**known), filled(REQUESTS[call.id].body, known)
    too_large = cast.world.running.app.state.yard.settings.max_body_mb * 1024 * 1024
    await check(cast, call, [(path, bad) for bad in bad_input.bodies(call, valid, too_large=too_large)])


@pytest.mark.parametrize("call", WITH_QUERY, ids=by_id)
async def test_bad_queries_are_refused_and_change_nothing(call: Call, cast: Cast) -> None:
    path = call.path.format(**await values(cast, call))
    await check(cast, call, [(path, bad) for bad in bad_input.queries(call)])


@pytest.mark.parametrize("call", WITH_ID, ids=by_id)
async def test_ids_that_cannot_be_are_not_found_and_change_nothing(call: Call, cast: Cast) -> None:
    known = await values(cast, call)
    body = filled(REQUESTS[call.id].body, known)
    content = None if body is None else httpx.Request("POST", "/", json=body).content
    headers = {} if body is None else bad_input.JSON
    name = {"user": "user_id", "command": "command_id"}.get(call.object, "bot_id")
    requests = [
        (call.path.format(**{**known, name: odd}), Bad(odd[:30], (404,), content, headers))
        for odd in bad_input.ODD_IDS
    ]
    await check(cast, call, requests)
