"""Who calls and from where: credentials, addresses behind proxies, and pages of other origins."""

import json
from typing import Any

import pytest
from fastapi import APIRouter, Request
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.websockets import WebSocket

from botyard.core.accounts.policy import PUBLIC, bot, person, user
from botyard.edge.caller import Address, Caller, address
from botyard.edge.guard import GuardedRoute, GuardedSocket, HotRoute
from botyard.kit.db import Database
from botyard.settings import Settings
from tests.edge.yard import USER, client, open_socket, serve

COOKIE = {"cookie": "session_token=good"}
BEARER = {"authorization": "Bearer good"}


async def hear(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_json({"user": websocket.scope["state"]["caller"].user_id})
    await websocket.close()


def build(db: Database, settings: Settings) -> Starlette:
    plain, hot = APIRouter(route_class=GuardedRoute), APIRouter(route_class=HotRoute)

    @plain.get("/who")
    async def who(caller: Caller) -> dict[str, Any]:
        return {"user": caller.user_id, "kind": caller.kind}

    @plain.post("/change")
    async def change(caller: Caller) -> dict[str, Any]:
        return {"user": caller.user_id, "kind": caller.kind}

    @plain.get("/where")
    async def where(address: Address) -> dict[str, str]:
        return {"address": address}

    @plain.get("/bots/{bot_id}")
    async def of_bot(bot_id: str) -> dict[str, str]:
        return {"bot": bot_id}

    @hot.post("/hot")
    async def hot_change(request: Request) -> Any:
        return JSONResponse({"where": address(request)})

    table = {
        "GET /who": user("bots:read"),
        "POST /change": person(),
        "GET /where": PUBLIC,
        "GET /bots/{bot_id}": bot("bots:read"),
        "POST /hot": person(),
        "WS /live": person(),
    }
    socket = APIRouter()
    socket.routes.append(GuardedSocket("/live", hear))
    return serve(db, settings, [plain, hot, socket], table)


@pytest.fixture
def app(bare_db: Database, bare_settings: Settings) -> Starlette:
    return build(bare_db, bare_settings)


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        (COOKIE, "cookie"),
        (BEARER, "token"),
        ({"authorization": "bearer   good"}, "token"),
        ({"x-api-key": "good"}, "api_key"),
        ({"authorization": "Bearer by_key_good"}, "api_key"),
    ],
)
async def test_each_credential_is_taken_where_it_stands(
    headers: dict[str, str], kind: str, app: Starlette
) -> None:
    async with client(app, headers=headers) as http:
        assert (await http.get("/doc/who")).json() == {"user": USER, "kind": kind}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"cookie": "session_token=bad"},
        {"cookie": "session_token="},
        {"authorization": "Bearer"},
        {"authorization": "Bearer "},
        {"authorization": "Basic good"},
        {"authorization": "good"},
        {"authorization": ""},
        {"x-api-key": ""},
        {"x-bot-token": ""},
        # what was given and is wrong is not replaced by what is right
        {"authorization": "Bearer bad", **COOKIE},
        {"x-api-key": "bad", **COOKIE, **BEARER},
        {"x-bot-token": "bad", **BEARER},
    ],
    ids=str,
)
async def test_anything_else_is_nobody(headers: dict[str, str], app: Starlette) -> None:
    async with client(app, headers=headers) as http:
        reply = await http.get("/doc/who")
    assert (reply.status_code, reply.json()["code"]) == (401, "unauthenticated")


async def test_a_token_in_the_query_is_not_looked_at(app: Starlette) -> None:
    async with client(app) as http:
        assert (await http.get("/doc/who?token=good&access_token=good")).status_code == 401


async def test_a_bot_finds_nothing_at_another_bots_address(app: Starlette) -> None:
    async with client(app, headers={"x-bot-token": "good"}) as http:
        assert (await http.get("/doc/bots/bot_1")).status_code == 200
        assert (await http.get("/doc/bots/bot_2")).status_code == 404
        assert (await http.get("/doc/who")).status_code == 403


# --- pages of other origins ---------------------------------------------------------------------------

OWN = [
    {},
    {"origin": "http://yard.test"},
    {"sec-fetch-site": "same-origin"},
    {"sec-fetch-site": "same-origin", "origin": "http://yard.test"},
    {"sec-fetch-site": "none"},
    {"origin": "https://friend.example"},
    {"sec-fetch-site": "cross-site", "origin": "https://friend.example"},
]
FOREIGN = [
    {"origin": "http://evil.example"},
    {"origin": "null"},
    {"origin": ""},
    {"origin": "http://yard.test.evil.example"},
    {"origin": "http://yard.test:8080"},
    {"origin": "http://evil.example/yard.test"},
    {"origin": "http://yard.test@evil.example"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "same-site", "origin": "http://other.yard.test"},
    {"sec-fetch-site": "cross-site", "origin": "https://friend.example.evil"},
]


@pytest.fixture
def friendly(bare_db: Database, bare_settings: Settings) -> Starlette:
    return build(bare_db, bare_settings.model_copy(update={"allowed_origins": ["https://friend.example"]}))


@pytest.mark.parametrize("path", ["/doc/change", "/doc/hot"])
@pytest.mark.parametrize("page", OWN, ids=str)
async def test_our_own_pages_and_programs_may_change_things(
    page: dict[str, str], path: str, friendly: Starlette
) -> None:
    async with client(friendly, headers=COOKIE | page) as http:
        assert (await http.post(path)).status_code == 200


@pytest.mark.parametrize("path", ["/doc/change", "/doc/hot"])
@pytest.mark.parametrize("page", FOREIGN, ids=str)
async def test_a_page_of_another_origin_changes_nothing_with_the_readers_cookie(
    page: dict[str, str], path: str, friendly: Starlette
) -> None:
    async with client(friendly, headers=COOKIE | page) as http:
        reply = await http.post(path)
    assert (reply.status_code, reply.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize("page", FOREIGN, ids=str)
async def test_who_sends_a_token_needs_no_origin(page: dict[str, str], app: Starlette) -> None:
    async with client(app, headers=BEARER | page) as http:
        assert (await http.post("/doc/change")).status_code == 200


async def test_reading_is_no_matter_of_origin(app: Starlette) -> None:
    async with client(app, headers=COOKIE | {"origin": "http://evil.example"}) as http:
        reply = await http.get("/doc/who")
    assert reply.status_code == 200
    assert "access-control-allow-origin" not in reply.headers


@pytest.mark.parametrize("page", FOREIGN, ids=str)
async def test_a_page_of_another_origin_opens_no_socket(page: dict[str, str], friendly: Starlette) -> None:
    [refused] = await open_socket(friendly, "/doc/live", COOKIE | page)
    assert (refused["type"], refused["code"]) == ("websocket.close", 1008)


@pytest.mark.parametrize("headers", [COOKIE, BEARER, *(COOKIE | page for page in OWN)], ids=str)
async def test_our_own_pages_and_programs_open_sockets(headers: dict[str, str], friendly: Starlette) -> None:
    accepted, greeting, closed = await open_socket(friendly, "/doc/live", headers)
    assert (accepted["type"], closed["type"]) == ("websocket.accept", "websocket.close")
    assert json.loads(greeting["text"]) == {"user": USER}


async def test_without_a_credential_no_socket_opens(app: Starlette) -> None:
    assert [message["type"] for message in await open_socket(app, "/doc/live", {})] == ["websocket.close"]


# --- addresses ----------------------------------------------------------------------------------------

PEER = "127.0.0.1"


@pytest.mark.parametrize(
    ("proxies", "forwarded", "wanted"),
    [
        (0, ["1.1.1.1"], PEER),
        (0, [], PEER),
        (1, [], PEER),
        (1, [""], PEER),
        (1, ["2.2.2.2"], "2.2.2.2"),
        (1, ["forged, 2.2.2.2"], "2.2.2.2"),
        (1, ["forged", "2.2.2.2"], "2.2.2.2"),
        (1, [" 2.2.2.2 ,"], "2.2.2.2"),
        (2, ["2.2.2.2"], PEER),
        (2, ["2.2.2.2, 10.0.0.1"], "2.2.2.2"),
        (2, ["forged, 2.2.2.2, 10.0.0.1"], "2.2.2.2"),
        (2, ["forged", "2.2.2.2, 10.0.0.1"], "2.2.2.2"),
        (2, ["forged, 2.2.2.2", "10.0.0.1"], "2.2.2.2"),
        (1, ["2001:db8::1"], "2001:db8::1"),
    ],
    ids=str,
)
async def test_the_address_is_what_the_trusted_proxies_saw(
    proxies: int, forwarded: list[str], wanted: str, bare_db: Database, bare_settings: Settings
) -> None:
    app = build(bare_db, bare_settings.model_copy(update={"trusted_proxies": proxies}))
    lines = [("x-forwarded-for", line) for line in forwarded]
    async with client(app) as http:
        assert (await http.get("/doc/where", headers=lines)).json() == {"address": wanted}
        hot = await http.post("/doc/hot", headers=[*lines, *BEARER.items()])
        assert hot.json() == {"where": wanted}
