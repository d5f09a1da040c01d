"""Every failure of a mounted document is answered in its envelope, and says nothing of the inside."""

import sqlite3
from typing import Any

import pytest
from fastapi import APIRouter, HTTPException, Request, Response
from pydantic import BaseModel
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.applications import Starlette
from starlette.responses import StreamingResponse
from structlog.testing import capture_logs

from botyard.core.accounts.policy import PUBLIC, person
from botyard.edge.guard import GuardedRoute, HotRoute
from botyard.kit.db import Database
from botyard.kit.errors import Overloaded, StorageFull, TooMany
from botyard.settings import Settings
from tests.edge.yard import Exchange, client, serve


def of_sqlite(code: int) -> OperationalError:
    cause = sqlite3.OperationalError("table secret_things is in the way")
    cause.sqlite_errorcode = code
    return OperationalError("SELECT secret FROM secret_things", {}, cause)


def of_postgres(state: str) -> OperationalError:
    cause = RuntimeError("secret_things")
    cause.sqlstate = state  # type: ignore[attr-defined]
    return OperationalError("SELECT secret FROM secret_things", {}, cause)


FAILURES: dict[str, tuple[Exception, int]] = {
    "crash": (RuntimeError("secret things"), 500),
    "key": (KeyError("secret"), 500),
    "assertion": (AssertionError("secret"), 500),
    "group": (ExceptionGroup("secret", [ValueError("secret")]), 500),
    "sqlite statement": (of_sqlite(sqlite3.SQLITE_ERROR), 500),
    "sqlite full": (of_sqlite(sqlite3.SQLITE_FULL), 507),
    "sqlite busy": (of_sqlite(sqlite3.SQLITE_BUSY), 503),
    "sqlite broken disk": (of_sqlite(sqlite3.SQLITE_IOERR | (3 << 8)), 503),
    "postgres full": (of_postgres("53100"), 507),
    "postgres away": (of_postgres("57P01"), 503),
    "postgres conflict": (of_postgres("40001"), 503),
    "postgres statement": (of_postgres("42P01"), 500),
    "no connection": (ConnectionRefusedError("secret host"), 503),
    "no free connection": (PoolTimeout("secret"), 503),
    "too slow": (TimeoutError(), 503),
    "full": (StorageFull(), 507),
    "teapot": (HTTPException(418, "I am a teapot"), 400),
    "bad gateway": (HTTPException(502, "secret gateway"), 500),
}


class Body(BaseModel):
    number: int


@pytest.fixture
def app(bare_db: Database, bare_settings: Settings) -> Starlette:
    plain, hot = APIRouter(route_class=GuardedRoute), APIRouter(route_class=HotRoute)

    @plain.get("/fail/{what}")
    async def fail(what: str) -> None:
        raise FAILURES[what][0]

    @hot.get("/hot/{what}")
    async def fail_hot(request: Request) -> Response:
        raise FAILURES[request.path_params["what"]][0]

    @plain.get("/slow-down")
    async def slow_down() -> None:
        raise TooMany("Not so fast.", retry_after_s=1.2)

    @hot.get("/slow-down-hot")
    async def slow_down_hot(request: Request) -> Response:
        raise Overloaded(retry_after_s=0.01)

    @plain.get("/halfway")
    async def halfway() -> StreamingResponse:
        async def frames() -> Any:
            yield b"one"
            raise RuntimeError("secret")

        return StreamingResponse(frames())

    @plain.put("/thing/{number}")
    async def put(number: int, body: Body) -> dict[str, int]:
        return {"number": number}

    @plain.get("/thing/{number}")
    async def get(number: int) -> dict[str, int]:
        return {"number": number}

    @hot.delete("/thing/{number}")
    async def delete(request: Request) -> Response:
        return Response()

    @plain.get("/wrong-answer")
    async def wrong_answer() -> Body:
        return {"number": "secret"}  # type: ignore[return-value]

    table = dict.fromkeys(
        [
            "GET /fail/{what}",
            "GET /hot/{what}",
            "GET /slow-down",
            "GET /slow-down-hot",
            "GET /halfway",
            "PUT /thing/{number}",
            "GET /thing/{number}",
            "GET /wrong-answer",
        ],
        PUBLIC,
    )
    return serve(bare_db, bare_settings, [plain, hot], {**table, "DELETE /thing/{number}": person()})


@pytest.mark.parametrize("route", ["fail", "hot"])
@pytest.mark.parametrize("what", FAILURES)
async def test_a_failure_has_the_envelope_and_tells_no_secret(what: str, route: str, app: Starlette) -> None:
    async with client(app) as http:
        with capture_logs() as lines:
            reply = await http.get(f"/doc/{route}/{what}")
    assert (reply.status_code, set(reply.json())) == (FAILURES[what][1], {"wrong", "code"})
    assert "secret" not in reply.text
    assert "Traceback" not in reply.text
    assert reply.headers["x-request-id"]
    if what in ("crash", "key", "assertion", "group", "sqlite statement", "postgres statement"):
        [line] = [line for line in lines if line["event"] == "request_failed"]
        assert (line["exc_info"], line["log_level"]) == (True, "error")
        assert reply.json() == {
            "wrong": "Something went wrong on the server; the request id in the answer finds it in the log.",
            "code": "internal_error",
        }


async def test_an_answer_that_does_not_fit_its_shape_is_a_failure_of_ours(app: Starlette) -> None:
    async with client(app) as http:
        reply = await http.get("/doc/wrong-answer")
    assert (reply.status_code, reply.json()["code"]) == (500, "internal_error")
    assert "secret" not in reply.text


@pytest.mark.parametrize(("path", "seconds"), [("/doc/slow-down", "2"), ("/doc/slow-down-hot", "1")])
async def test_who_must_wait_is_told_how_long(path: str, seconds: str, app: Starlette) -> None:
    async with client(app) as http:
        reply = await http.get(path)
    assert (reply.status_code, reply.headers["retry-after"]) == (429, seconds)


@pytest.mark.parametrize(
    "path", ["/doc/nothing", "/doc/", "/doc/thing", "/doc/thing/1/", "/doc/thing/1/2", "/doc/%2e%2e/x"]
)
async def test_an_unknown_path_is_not_found_and_leads_nowhere(path: str, app: Starlette) -> None:
    async with client(app) as http:
        for method in ("GET", "POST", "OPTIONS"):
            reply = await http.request(method, path)
            assert (reply.status_code, reply.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("method", ["PATCH", "POST", "OPTIONS", "HEAD", "TRACE", "NONSENSE"])
async def test_a_wrong_method_is_told_the_right_ones(method: str, app: Starlette) -> None:
    async with client(app) as http:
        reply = await http.request(method, "/doc/thing/1")
    assert (reply.status_code, reply.headers["allow"]) == (405, "DELETE, GET, PUT")
    assert method == "HEAD" or reply.json()["code"] == "method_not_allowed"


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("/doc/thing/x", {"number": 1}, "number: "),
        ("/doc/thing/1", {}, "number is missing."),
        ("/doc/thing/1", {"number": "x"}, "number: "),
        ("/doc/thing/1", [], ""),
        ("/doc/thing/1", None, ""),
    ],
)
async def test_what_does_not_fit_is_named(path: str, body: Any, said: str, app: Starlette) -> None:
    async with client(app) as http:
        reply = await http.put(path, json=body)
    assert (reply.status_code, reply.json()["code"]) == (400, "malformed")
    assert reply.json()["wrong"].startswith(said)
    assert reply.json()["wrong"].endswith(".")


@pytest.mark.parametrize("path", ["/doc/thing/%00", "/doc/fail/a%00b", "/doc/hot/%00"])
async def test_no_stored_thing_has_nul_in_its_name(path: str, app: Starlette) -> None:
    async with client(app) as http:
        assert (await http.get(path)).status_code == 404


@pytest.mark.parametrize("path", ["/doc/thing/1?q=%00", "/doc/hot/crash?%00=1"])
async def test_a_query_holds_no_nul(path: str, app: Starlette) -> None:
    async with client(app) as http:
        assert (await http.get(path)).status_code == 400


async def test_an_answer_that_has_begun_is_cut_not_continued_with_an_error(app: Starlette) -> None:
    exchange = Exchange(app, "/doc/halfway", method="GET")
    with pytest.raises(Exception, match=r".*"):
        await exchange.run()
    assert [message["type"] for message in exchange.sent].count("http.response.start") == 1
    assert exchange.sent[-1].get("more_body", True)
