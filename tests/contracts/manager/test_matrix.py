"""Every route against every kind of caller: what is expected comes from the policy table alone."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import socketio
from starlette.routing import Mount

from botyard.contracts.manager.policy import POLICY
from botyard.core.accounts.types import Kind
from tests.contracts.callers import ADMITTED, Caller, everybody, expected
from tests.contracts.manager.requests import REQUESTS, Cast, make_cast
from tests.contracts.manager.test_document import DOCUMENT
from tests.contracts.manager.world import Account, World, make_command

# "My bots" are the caller's own for administrators too; everywhere else these reach every bot.
OWN_ONLY = "/api/my-bots/"
QUERY = {"GET /api/users/search": {"q": "ada"}}
EXTENSION_BODIES: Mapping[str, Any] = {
    "POST /api/commands/{command_id}/renew": {"lease_id": "lease", "lease": 60},
    "POST /api/commands/{command_id}/release": {"lease_id": "lease"},
    "POST /api/commands/{command_id}/cancel": None,
    "POST /api/bot/{bot_id}/hello": {"version": "1", "capabilities": []},
    "POST /api/bot/{bot_id}/heartbeat": None,
    "POST /api/bot/{bot_id}/bye": None,
}
BODIES = {call.name: REQUESTS[call.id].body for call in DOCUMENT.calls} | EXTENSION_BODIES


@dataclass(frozen=True)
class Stage:
    """The object that paths name, and everybody who may try."""

    cast: Cast
    command_id: str
    callers: Mapping[str, Caller]


@pytest.fixture(scope="module")
async def stage(world: World, admin: Account, stranger: Account) -> Stage:
    cast = await make_cast(world, admin)
    callers = await everybody(cast, stranger)
    return Stage(cast, await make_command(cast.account, cast.bot), callers)


async def attempt(stage: Stage, name: str, caller: Caller, expectation: int | str) -> int | str:
    """Try one route; a caller who should be admitted sends a body that cannot be read, so that nothing happens."""
    method, _, template = name.partition(" ")
    path = template.format(
        bot_id=stage.cast.bot.id, user_id=stage.cast.account.id, command_id=stage.command_id
    )
    if method == "GET":
        reply = await caller.http.get(path, params=QUERY.get(name))
        return ADMITTED if reply.status_code == 200 else reply.status_code
    if expectation == ADMITTED:
        headers = {"content-type": "application/json"}
        reply = await caller.http.request(method, path, content=b"{", headers=headers)
        return ADMITTED if reply.status_code == 400 else reply.status_code
    body = BODIES[name]
    if isinstance(body, dict) and "bot_id" in body:
        body = {**body, "bot_id": stage.cast.bot.id}
    return (await caller.http.request(method, path, json=body)).status_code


@pytest.mark.parametrize("name", POLICY)
async def test_route_admits_whom_its_row_says(name: str, stage: Stage) -> None:
    rule = POLICY[name]
    own_only = name.partition(" ")[2].startswith(OWN_ONLY)
    wanted = {who: expected(rule, caller, own_only=own_only) for who, caller in stage.callers.items()}
    got = {who: await attempt(stage, name, caller, wanted[who]) for who, caller in stage.callers.items()}
    assert {who: got[who] for who in got if got[who] != wanted[who]} == {}, wanted


async def test_every_route_has_a_row_and_every_row_a_route(world: World) -> None:
    [app] = [r.app for r in world.running.app.routes if isinstance(r, Mount) and r.path == DOCUMENT.prefix]
    routes = {
        f"{method} {route.path}"
        for route in app.routes
        if not isinstance(route, Mount)
        for method in route.methods - {"HEAD", "OPTIONS"}
    }
    assert routes == set(POLICY)


async def test_a_command_for_somebody_elses_bot_is_refused(stage: Stage) -> None:
    body = {"bot_id": stage.cast.bot.id, "type": "ping"}
    for who in ("another user", "a service key of another account"):
        reply = await stage.callers[who].http.post("/api/commands", json=body)
        assert reply.status_code == 404, who


SOCKET_SCOPE = "events:read"


def may_listen(caller: Caller) -> bool:
    if caller.worth is Kind.api_key:
        return SOCKET_SCOPE in caller.scopes
    return caller.worth in (Kind.cookie, Kind.token)


async def test_socket_admits_people_and_keys_that_may_read_events(stage: Stage) -> None:
    wanted = {who: may_listen(caller) for who, caller in stage.callers.items()}
    got = {who: await connects(stage.cast.world, caller) for who, caller in stage.callers.items()}
    assert got == wanted


async def connects(world: World, caller: Caller) -> bool:
    try:
        async with socket(world, caller):
            return True
    except socketio.exceptions.ConnectionError:
        return False


@asynccontextmanager
async def socket(world: World, caller: Caller) -> AsyncIterator[None]:
    headers = {k: v for k, v in caller.http.headers.items() if k in ("authorization", "cookie", "x-api-key")}
    if cookie := caller.http.cookies.get("session_token"):
        headers["cookie"] = f"session_token={cookie}"
    client = socketio.AsyncClient(reconnection=False)
    async with asyncio.timeout(10):
        await client.connect(world.running.url, socketio_path=f"{DOCUMENT.prefix}/socket.io", headers=headers)
    try:
        yield
    finally:
        await client.disconnect()
