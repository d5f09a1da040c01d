"""No route runs without its row of the policy table, and the server does not start when one is missing."""

from typing import Any

import pytest
from fastapi import APIRouter, FastAPI

from botyard.core.accounts.policy import PUBLIC, person
from botyard.edge import guard
from botyard.edge.guard import GuardedRoute
from botyard.kit.db import Database
from botyard.settings import Settings
from tests.edge.yard import client, serve


def router(route_class: Any = GuardedRoute) -> APIRouter:
    made = APIRouter(route_class=route_class)

    @made.get("/a")
    async def read() -> dict[str, str]:
        return {}

    @made.post("/a")
    async def write() -> dict[str, str]:
        return {}

    return made


@pytest.mark.parametrize(
    ("table", "what"),
    [
        ({"GET /a": PUBLIC}, "routes without a policy row: POST /a"),
        ({}, "routes without a policy row: GET /a, POST /a"),
        ({"GET /a": PUBLIC, "POST /a": PUBLIC, "GET /b": PUBLIC}, "rows without a route: GET /b"),
    ],
)
def test_table_and_routes_must_agree(
    table: dict[str, Any], what: str, bare_db: Database, bare_settings: Settings
) -> None:
    with pytest.raises(LookupError, match=what):
        serve(bare_db, bare_settings, [router()], table)


def test_a_route_that_would_run_unguarded_is_refused(bare_db: Database, bare_settings: Settings) -> None:
    from fastapi.routing import APIRoute

    with pytest.raises(LookupError, match="not guarded: POST /a"):
        serve(bare_db, bare_settings, [router(APIRoute)], {"GET /a": PUBLIC, "POST /a": person()})


def test_a_row_is_written_into_the_description() -> None:
    app = FastAPI()
    app.router.routes[:] = []
    app.router.routes.extend(router().routes)
    guard.enforce(app, {"GET /a": PUBLIC, "POST /a": person()})
    described = app.openapi()["paths"]["/a"]
    assert described["get"]["security"] == []
    assert described["post"]["security"] == [{"session": []}, {"bearer": []}]


async def test_a_stranger_learns_nothing_of_the_bodys_shape(
    bare_db: Database, bare_settings: Settings
) -> None:
    made = APIRouter(route_class=GuardedRoute)

    @made.post("/a/{number}")
    async def write(number: int, body: dict[str, int]) -> dict[str, str]:
        return {}

    async with client(serve(bare_db, bare_settings, [made], {"POST /a/{number}": person()})) as http:
        for path, content in (("1", b"{"), ("x", b"{}"), ("1", b"x" * 2_000_000)):
            reply = await http.post(f"/doc/a/{path}", content=content)
            assert (reply.status_code, reply.json()["code"]) == (401, "unauthenticated")
