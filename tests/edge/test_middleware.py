"""What every answer carries, whoever gives it: an id, safe headers, and a line in the log without secrets."""

import re
from typing import Any

import pytest
from fastapi import APIRouter
from prometheus_client import REGISTRY
from starlette.applications import Starlette
from structlog.testing import capture_logs

from botyard.core.accounts.policy import PUBLIC
from botyard.edge.guard import GuardedRoute
from botyard.kit.db import Database
from botyard.settings import Settings
from tests.edge.yard import client, serve

SAFE = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}


def build(db: Database, settings: Settings) -> Starlette:
    router = APIRouter(route_class=GuardedRoute)

    @router.get("/things/{number}")
    async def thing(number: int) -> dict[str, int]:
        return {"number": number}

    @router.get("/crash")
    async def crash() -> None:
        raise RuntimeError

    return serve(db, settings, [router], {"GET /things/{number}": PUBLIC, "GET /crash": PUBLIC})


@pytest.fixture
def app(bare_db: Database, bare_settings: Settings) -> Starlette:
    return build(bare_db, bare_settings)


@pytest.mark.parametrize(
    ("path", "status"),
    [("/doc/things/1", 200), ("/doc/things/x", 400), ("/doc/none", 404), ("/none", 404), ("/doc/crash", 500)],
)
async def test_every_answer_has_safe_headers_and_an_id(path: str, status: int, app: Starlette) -> None:
    async with client(app) as http:
        reply = await http.get(path)
    assert reply.status_code == status
    assert {name: reply.headers[name] for name in SAFE} == SAFE
    policy = reply.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy
    assert len(reply.headers.get_list("x-request-id")) == 1
    assert "strict-transport-security" not in reply.headers


async def test_each_request_has_an_id_of_its_own(app: Starlette) -> None:
    async with client(app) as http:
        ids = {(await http.get("/doc/things/1")).headers["x-request-id"] for _ in range(20)}
    assert len(ids) == 20


@pytest.mark.parametrize("given", ["abc-123", "a" * 32, "01J.X_y-z"])
async def test_a_plain_id_of_the_client_is_kept(given: str, app: Starlette) -> None:
    async with client(app, headers={"x-request-id": given}) as http:
        assert (await http.get("/doc/things/1")).headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "a" * 5000, "two words", "<script>", "a\tb", "é", "a;b", '"'])
async def test_any_other_id_is_replaced(given: str, app: Starlette) -> None:
    async with client(app, headers={"x-request-id": given.encode("latin-1")}) as http:  # type: ignore[dict-item]
        made = (await http.get("/doc/things/1")).headers["x-request-id"]
    assert made != given
    assert re.fullmatch(r"[\w.-]{8,64}", made)


@pytest.mark.parametrize(
    ("proxies", "scheme", "forwarded", "strict"),
    [
        (0, "http", "https", False),
        (1, "http", "https", True),
        (1, "http", "http", False),
        (1, "http", "", False),
        (0, "https", "", True),
        (1, "http", "javascript", False),
    ],
)
async def test_https_is_kept_where_it_is_used_and_only_a_trusted_proxy_says_so(
    proxies: int, scheme: str, forwarded: str, strict: bool, bare_db: Database, bare_settings: Settings
) -> None:
    app = build(bare_db, bare_settings.model_copy(update={"trusted_proxies": proxies}))
    headers = {"x-forwarded-proto": forwarded} if forwarded else {}
    async with client(app, base_url=f"{scheme}://yard.test", headers=headers) as http:
        reply = await http.get("/doc/things/1")
    assert ("strict-transport-security" in reply.headers) is strict


async def test_a_request_is_logged_without_its_query(app: Starlette) -> None:
    async with client(app, headers={"authorization": "Bearer s3cret"}) as http:
        with capture_logs() as lines:
            await http.get("/doc/things/1?token=s3cret")
    [line] = [line for line in lines if line["event"] == "request"]
    assert (line["path"], line["status"], line["method"]) == ("/doc/things/1", 200, "GET")
    assert "s3cret" not in str(lines)


def counted(route: str, status: str) -> Any:
    labels = {"route": route, "method": "GET", "status": status}
    return REGISTRY.get_sample_value("botyard_http_requests_total", labels) or 0


async def test_requests_are_counted_by_route_and_never_by_path(app: Starlette) -> None:
    before = counted("/doc/things/{number}", "200"), counted("other", "404")
    async with client(app) as http:
        for number in range(5):
            await http.get(f"/doc/things/{number}")
            await http.get(f"/doc/none/{number}")
    assert counted("/doc/things/{number}", "200") - before[0] == 5
    assert counted("other", "404") - before[1] == 5
    assert (
        REGISTRY.get_sample_value(
            "botyard_http_requests_total", {"route": "/doc/things/1", "method": "GET", "status": "200"}
        )
        is None
    )


async def test_a_method_that_nobody_knows_makes_no_new_series(app: Starlette) -> None:
    async with client(app) as http:
        for number in range(20):
            await http.request(f"ODD{number}", "/doc/things/1")
    methods = {
        sample.labels["method"]
        for metric in REGISTRY.collect()
        if metric.name == "botyard_http_requests"
        for sample in metric.samples
    }
    assert not [method for method in methods if method.startswith("ODD")]
