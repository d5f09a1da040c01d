"""What pages of other origins may do: those that the operator named, and all others."""

from typing import Any

import httpx
import pytest

from tests.contracts.running import Running
from tests.web.person import People, Person

SHOP = "https://shop.example"
EVIL = "https://evil.example"
ALLOWED = "access-control-allow-origin"


@pytest.fixture(scope="module")
def chosen() -> dict[str, Any]:
    """One origin is allowed."""
    return {"allowed_origins": [SHOP]}


async def ask(person: Person, path: str, origin: str) -> httpx.Response:
    """What a browser asks before it lets a page call."""
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,idempotency-key",
    }
    return await person.http.options(path, headers=headers)


@pytest.mark.parametrize(
    "path", ["/manager/api/my-bots", "/vivesphere/api/v1/bots/create", "/chatbots/api/v1/chatbots", "/events"]
)
async def test_a_named_origin_may_ask_and_read_with_its_reader_s_cookie(ada: Person, path: str) -> None:
    asked = await ask(ada, path, SHOP)
    read = await ada.http.get("/manager/api/my-bots", headers={"Origin": SHOP})

    assert asked.status_code == 200
    for reply in (asked, read):
        assert reply.headers[ALLOWED] == SHOP
        assert reply.headers["access-control-allow-credentials"] == "true"
        assert "Origin" in reply.headers["vary"]
    assert "POST" in asked.headers["access-control-allow-methods"]
    assert read.json()["count"] == 0


async def test_what_it_sends_is_done_and_a_refusal_can_be_read(ada: Person) -> None:
    made = await ada.http.post(
        "/manager/api/my-bots", json={"name": "From the shop"}, headers={"Origin": SHOP}
    )
    refused = await ada.http.post("/manager/api/my-bots", json={"name": ""}, headers={"Origin": SHOP})

    assert (made.status_code, refused.status_code) == (200, 400)
    assert refused.headers[ALLOWED] == SHOP


@pytest.mark.parametrize("path", ["/manager/api/my-bots", "/events", "/fleet"])
async def test_other_origins_may_neither_ask_nor_read_nor_send(ada: Person, path: str) -> None:
    asked = await ask(ada, path, EVIL)
    read = await ada.http.get("/manager/api/my-bots", headers={"Origin": EVIL})
    sent = await ada.http.post("/manager/api/my-bots", json={"name": "No"}, headers={"Origin": EVIL})

    assert asked.status_code >= 400
    assert sent.status_code == 403
    assert [reply.headers.get(ALLOWED) for reply in (asked, read, sent)] == [None] * 3


async def test_the_dashboard_is_read_by_no_other_origin(ada: Person) -> None:
    page = await ada.http.get("/fleet", headers={"Origin": SHOP})

    assert page.status_code == 200
    assert ALLOWED not in page.headers


async def test_what_widgets_call_keeps_rules_of_its_own(people: People) -> None:
    asked = await ask(people.nobody(), "/talk/ck_nobody/conversations", SHOP)

    assert "access-control-allow-credentials" not in asked.headers


@pytest.mark.parametrize(
    ("path", "key"), [("/manager", "error"), ("/vivesphere", "detail"), ("/chatbots", "error")]
)
async def test_the_bare_prefix_of_a_document_is_answered_by_it(
    people: People, running: Running, path: str, key: str
) -> None:
    reply = await people.nobody().http.get(path)
    beside = await people.nobody().http.get(f"{path}s-and-more")

    assert reply.status_code == 404
    assert reply.headers["content-type"] == "application/json"
    assert key in reply.json()
    assert "text/html" in beside.headers["content-type"]


async def test_what_is_no_log_is_refused_in_the_form_of_its_protocol(people: People) -> None:
    reply = await people.nobody().http.post("/otlp/v1/traces", json={})

    assert reply.status_code == 404
    assert set(reply.json()) == {"code", "message"}
