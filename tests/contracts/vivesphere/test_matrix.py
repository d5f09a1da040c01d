"""Every route against every kind of caller: what is expected comes from the policy table alone."""

from collections.abc import Mapping
from dataclasses import dataclass

import httpx
import pytest
from starlette.routing import Mount

from botyard.contracts.vivesphere.policy import POLICY
from tests.contracts.callers import ADMITTED, Caller, everybody, expected
from tests.contracts.manager.requests import make_cast as make_manager_cast
from tests.contracts.manager.world import Account, World
from tests.contracts.vivesphere.cast import PREFIX, REQUESTS, Cast, bearer, filled, login
from tests.contracts.vivesphere.test_document import DOCUMENT

CALLS = {call.name: call for call in DOCUMENT.calls}
PAGES = ("GET /docs", "GET /openapi.json")


@dataclass(frozen=True)
class Stage:
    """The owner's bot with its data, and everybody who may try."""

    cast: Cast
    callers: Mapping[str, Caller]


@pytest.fixture(scope="module")
async def stage(world: World, admin: Account, cast: Cast) -> Stage:
    manager = await make_manager_cast(world, admin)
    owner = bearer(world, await login(world, manager.account))
    bot_id = await cast.make_bot(owner)
    reply = await owner.post("/api/v1/botdata/store", json={"bot_id": bot_id, "data": {"a": 1}})
    assert reply.status_code == 201
    own = Cast(**{**vars(cast), "account": manager.account, "owner": owner, "bot_id": bot_id})
    return Stage(own, await everybody(manager, cast.stranger))


async def attempt(stage: Stage, name: str, caller: Caller, expectation: int | str) -> int | str:
    """Try one route; a caller who should be admitted sends a body that cannot be read, so that nothing happens."""
    method, _, path = name.partition(" ")
    url = httpx.URL(stage.cast.world.running.url + PREFIX + path)
    sent = REQUESTS[CALLS[name].id] if name in CALLS else None
    if method == "GET":
        query = filled(stage.cast, sent.query) if sent else None
        reply = await caller.http.get(url, params=query)
        return ADMITTED if reply.status_code == 200 else reply.status_code
    assert sent is not None
    if expectation == ADMITTED:
        headers = {"content-type": "application/json"}
        reply = await caller.http.request(method, url, content=b"{", headers=headers)
        return ADMITTED if reply.status_code == 400 else reply.status_code
    return (await caller.http.request(method, url, json=filled(stage.cast, sent.body))).status_code


@pytest.mark.parametrize("name", POLICY)
async def test_route_admits_whom_its_row_says(name: str, stage: Stage) -> None:
    wanted = {who: expected(POLICY[name], caller, own_only=True) for who, caller in stage.callers.items()}
    got = {who: await attempt(stage, name, caller, wanted[who]) for who, caller in stage.callers.items()}
    assert {who: got[who] for who in got if got[who] != wanted[who]} == {}, wanted


async def test_an_administrator_and_a_service_reach_what_is_theirs(stage: Stage) -> None:
    for who, client in (("service", stage.cast.service), ("administrator", stage.cast.boss)):
        for call_id in ("config.settings", "logs.submit"):
            call, sent = DOCUMENT.call(call_id), REQUESTS[call_id]
            reply = await client.request(call.method, call.path, params=sent.query, json=sent.body)
            assert reply.status_code in call.statuses, who


def test_every_call_has_a_row() -> None:
    assert set(POLICY) == {*CALLS, *PAGES}


async def test_every_route_has_a_row_and_every_row_a_route(world: World) -> None:
    [app] = [r.app for r in world.running.app.routes if isinstance(r, Mount) and r.path == PREFIX]
    routes = {
        f"{method} {route.path}" for route in app.routes for method in route.methods - {"HEAD", "OPTIONS"}
    }
    assert routes == set(POLICY)
