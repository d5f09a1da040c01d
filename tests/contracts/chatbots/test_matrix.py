"""Every route against every kind of caller: what is expected comes from the policy table alone."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import httpx
import pytest
from starlette.routing import Mount

from botyard.contracts.chatbots.envelope import PREFIXES
from botyard.contracts.chatbots.policy import CALLS, POLICY
from botyard.core.accounts.policy import without_cookie
from tests.contracts.callers import ADMITTED, Caller, everybody, expected
from tests.contracts.chatbots.cast import PREFIX, Cast, furnish, ready
from tests.contracts.chatbots.test_document import DOCUMENT, SHAPE_OR_VALUE, generic
from tests.contracts.conftest import ADMIN_PASSWORD
from tests.contracts.document import Call
from tests.contracts.manager.requests import make_cast as make_manager_cast
from tests.contracts.manager.world import World
from tests.contracts.people import Details
from tests.contracts.running import Running

BY_ROW: Mapping[str, Call] = {generic(call.name): call for call in DOCUMENT.all_calls}
# Of the keys with one scope only: those that this document asks for, and one that it does not.
NARROW = ("bots:read", "bots:write", "logs:read")


@dataclass(frozen=True)
class Stage:
    """One of everything, and everybody who may try."""

    cast: Cast
    callers: Mapping[str, Caller]


@pytest.fixture(scope="module")
async def stage(running: Running, cast: Cast) -> AsyncIterator[Stage]:
    world = World(running)
    manager = await make_manager_cast(world, await world.sign_in("admin", ADMIN_PASSWORD))
    callers = await everybody(manager, await world.make_account())
    own = Cast(running, clients=cast.clients)
    own.anonymous, account = cast.anonymous, manager.account
    own.owner = await own.sign_in(account.id, Details(account.username, account.email))
    await furnish(own)
    chosen = {
        who: caller
        for who, caller in callers.items()
        if not who.endswith(" only") or any(scope in who for scope in NARROW)
    }
    yield Stage(own, chosen)
    await world.close()


async def attempt(stage: Stage, name: str, caller: Caller, expectation: int | str) -> int | str:
    """Try one route; a caller who should be admitted sends a body that cannot be read, so that nothing happens."""
    method, _, path = name.partition(" ")
    call = next((BY_ROW[row] for row in BY_ROW if row == generic(f"{method} {path}", "/api/v1")), None)
    made = await ready_once(stage.cast, call) if call else None
    if made is not None:
        path = "/api/v1" + made[0].removeprefix("/api")
    url = httpx.URL(stage.cast.running.url + PREFIX + path)
    if method == "GET":
        reply = await caller.http.get(url, params=made[2] if made else None)
        return ADMITTED if reply.status_code == 200 else reply.status_code
    assert made is not None
    if expectation == ADMITTED:
        headers = {"content-type": "application/json"}
        reply = await caller.http.request(method, url, content=b"{", headers=headers)
        return ADMITTED if reply.status_code in SHAPE_OR_VALUE else reply.status_code
    return (await caller.http.request(method, url, json=made[1])).status_code


_READY: dict[tuple[int, str], tuple[str, object, Mapping[str, str]]] = {}


async def ready_once(cast: Cast, call: Call) -> tuple[str, object, Mapping[str, str]]:
    """Path, body and query of a call's valid request; nobody gets through with it, so it is made once."""
    key = id(cast), call.id
    if key not in _READY:
        made = await ready(cast, call)
        _READY[key] = made.path, made.body, made.query
    return _READY[key]


V1 = [name for name in POLICY if name.partition(" ")[2].startswith("/api/v1/")]


@pytest.mark.parametrize("name", V1)
async def test_route_admits_whom_its_row_says(name: str, stage: Stage) -> None:
    wanted = {who: expected(POLICY[name], caller, own_only=True) for who, caller in stage.callers.items()}
    got = {who: await attempt(stage, name, caller, wanted[who]) for who, caller in stage.callers.items()}
    assert {who: got[who] for who in got if got[who] != wanted[who]} == {}, wanted


def test_both_prefixes_have_the_same_rows_and_none_knows_a_cookie() -> None:
    for name, rule in CALLS.items():
        method, _, path = name.partition(" ")
        rows = [POLICY[f"{method} {prefix}{path}"] for prefix in PREFIXES]
        assert rows == [without_cookie(rule)] * len(PREFIXES)


async def test_every_route_has_a_row_and_every_row_a_route(cast: Cast) -> None:
    [app] = [r.app for r in cast.running.app.routes if isinstance(r, Mount) and r.path == PREFIX]
    routes = {
        f"{method} {route.path}"
        for route in app.routes
        if not isinstance(route, Mount)
        for method in route.methods - {"HEAD", "OPTIONS"}
    }
    assert routes == set(POLICY)
