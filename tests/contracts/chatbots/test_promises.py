"""What the document promises beyond the shape of each call: limits, pages, fields, tokens, probes, templates, webhooks."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from botyard.contracts.chatbots import ENTERPRISE_PER_MINUTE, STANDARD_PER_MINUTE
from botyard.core.accounts import administration
from botyard.core.accounts.types import Principal, Role
from botyard.features.chatbots import templates
from botyard.kit import clock
from botyard.kit.clock import SystemClock
from botyard.kit.limits import Limiter
from tests import loopback
from tests.contracts.chatbots.cast import HOOK, MAKERS, PREFIX, Cast
from tests.contracts.chatbots.refusals import setting
from tests.contracts.chatbots.test_document import problems
from tests.contracts.examples import DOCS, blocks, disagreements
from tests.contracts.running import Running, run

ADMIN = Principal(user_id=1, role=Role.admin)
LIMIT, REMAINING, RESET = "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"


class Still(SystemClock):
    """Only the counter stands still, so that no limit refills while a test counts; waiting stays real."""

    def __init__(self) -> None:
        self._at = super().monotonic()

    def monotonic(self) -> float:
        return self._at


@pytest.fixture
def counted(cast: Cast) -> Iterator[Cast]:
    """The documented limits, and nobody counted yet."""
    parts = cast.db.parts
    before = parts.get(Limiter)
    parts.add(Limiter(), kind=Limiter)
    with setting(cast, rate_limits="documented"), clock.use(Still()):
        yield cast
    parts.add(before, kind=Limiter)


def told(reply: httpx.Response) -> tuple[int, int]:
    """Limit and remaining of an answer, which also says when all are there again."""
    assert int(reply.headers[RESET]) > 1_700_000_000
    return int(reply.headers[LIMIT]), int(reply.headers[REMAINING])


async def test_every_answer_tells_the_limit_and_beyond_it_is_429(counted: Cast) -> None:
    person = await counted.person()
    seen = [
        await person.http.get("/api/templates", params={"fields": "id"}) for _ in range(STANDARD_PER_MINUTE)
    ]
    over = await person.http.get("/api/templates")

    assert {reply.status_code for reply in seen} == {200}
    assert told(seen[0]) == (STANDARD_PER_MINUTE, STANDARD_PER_MINUTE - 1)
    assert told(seen[9]) == (STANDARD_PER_MINUTE, STANDARD_PER_MINUTE - 10)
    assert (over.status_code, problems(over), told(over)) == (429, [], (STANDARD_PER_MINUTE, 0))
    assert 1 <= int(over.headers["retry-after"]) <= 60


async def test_a_key_counts_with_its_account_and_each_account_for_itself(counted: Cast) -> None:
    person, other = await counted.person(), await counted.person()
    by_key = counted.client(**{"x-api-key": person.key})
    await person.http.get("/api/templates")

    assert told(await by_key.get("/api/v1/templates"))[1] == STANDARD_PER_MINUTE - 2
    assert told(await other.http.get("/api/templates"))[1] == STANDARD_PER_MINUTE - 1


async def test_an_administrator_gives_an_account_the_enterprise_tier_at_once(counted: Cast) -> None:
    person = await counted.person()
    assert told(await person.http.get("/api/templates"))[0] == STANDARD_PER_MINUTE
    async with counted.db.session() as session:
        await administration.change_tier(session, person.id, "enterprise", actor=ADMIN)

    for client in (person.http, counted.client(**{"x-api-key": person.key})):
        assert told(await client.get("/api/templates"))[0] == ENTERPRISE_PER_MINUTE


async def test_what_nobody_is_admitted_to_counts_by_address_once(counted: Cast) -> None:
    bad = counted.client(authorization="Bearer nonsense")
    replies = [
        await bad.get("/api/templates"),
        await counted.anonymous.get("/nothing"),
        await counted.anonymous.patch("/api/templates"),
        await counted.anonymous.get("/api/v0/x"),
        await counted.anonymous.post("/api/auth/refresh", json={"refreshToken": "x"}),
        await counted.anonymous.post("/api/auth/refresh", content=b"{"),
    ]
    assert [reply.status_code for reply in replies] == [401, 404, 405, 410, 401, 422]
    assert [told(reply)[1] for reply in replies] == [STANDARD_PER_MINUTE - n for n in range(1, 7)]
    for _ in range(STANDARD_PER_MINUTE):
        last = await bad.get("/api/templates")
    assert (last.status_code, problems(last), told(last)[1]) == (429, [], 0)


async def test_probes_and_pages_are_not_counted(counted: Cast) -> None:
    free = ["/api/health/liveness", "/api/v1/health/metrics", "/api/docs", "/api/docs.json", "/openapi.json"]
    for path in free:
        reply = await counted.anonymous.get(path)
        assert (reply.status_code, LIMIT in reply.headers) == (200, False), path
    assert told(await counted.anonymous.get("/nothing"))[1] == STANDARD_PER_MINUTE - 1


async def test_limits_are_off_where_the_operator_says_so(counted: Cast) -> None:
    with setting(counted, rate_limits="off"):
        replies = [await counted.anonymous.get("/nothing") for _ in range(STANDARD_PER_MINUTE + 1)]
    assert {(reply.status_code, LIMIT in reply.headers) for reply in replies} == {(404, False)}


async def test_next_and_prev_lead_through_every_page_and_keep_mount_version_and_filters(cast: Cast) -> None:
    person = await cast.person()
    for number in range(3):
        await person.http.post("/api/templates", json={"name": f"T{number}"})
    path, seen = "/api/v1/templates?pageSize=2&fields=name&note=a%26b", []
    while path:
        data = (await person.http.get(path)).json()["data"]
        seen += data["items"]
        frame = data["pagination"]
        assert (frame["total"], frame["pageSize"], frame["pages"]) == (6, 2, 3)
        following = frame["next"] or ""
        assert not following or following.startswith(f"{PREFIX}/api/v1/templates?page={frame['page'] + 1}&")
        path = following.removeprefix(PREFIX)
    built_in = [{"name": template.name} for template in templates.built_in().values()]
    assert seen == [*built_in, {"name": "T2"}, {"name": "T1"}, {"name": "T0"}]
    assert frame["prev"] == f"{PREFIX}/api/v1/templates?page=2&pageSize=2&fields=name&note=a%26b"


async def test_a_page_beyond_the_last_leads_back_to_it(cast: Cast) -> None:
    frame = (await cast.stranger.http.get("/api/templates?page=9")).json()["data"]["pagination"]
    assert (frame["pages"], frame["next"]) == (1, None)
    assert frame["prev"] == f"{PREFIX}/api/templates?page=1&pageSize=10"


async def test_reuse_of_a_refresh_token_ends_its_whole_family(cast: Cast) -> None:
    person = await cast.person()
    first = (await cast.anonymous.post("/api/auth/refresh", json={"refreshToken": person.refresh})).json()
    again = await cast.anonymous.post("/api/auth/refresh", json={"refreshToken": person.refresh})
    newer = first["data"]["refreshToken"]
    ended = await cast.anonymous.post("/api/auth/refresh", json={"refreshToken": newer})
    access = cast.client(authorization=f"Bearer {first['data']['accessToken']}")

    assert (again.status_code, ended.status_code) == (401, 401)
    assert (await access.get("/api/templates")).status_code == 401


async def test_logout_ends_the_session_and_that_of_the_refresh_token_sent(cast: Cast) -> None:
    person = await cast.person()
    login = {"username": person.email.upper(), "password": "correct horse battery"}
    other = (await cast.anonymous.post("/api/auth/login", json=login)).json()["data"]
    foreign = await cast.person()

    await person.http.post("/api/auth/logout", json={"refreshToken": foreign.refresh})
    assert (await person.http.get("/api/templates")).status_code == 401
    assert (await foreign.http.get("/api/templates")).status_code == 200

    further = (await cast.anonymous.post("/api/auth/login", json=login)).json()["data"]
    client = cast.client(authorization=f"Bearer {further['accessToken']}")
    await client.post("/api/auth/logout", json={"refreshToken": other["refreshToken"]})
    for token in (other["accessToken"], further["accessToken"]):
        bearer = cast.client(authorization=f"Bearer {token}")
        assert (await bearer.get("/api/templates")).status_code == 401


async def test_a_key_does_what_its_scopes_say_until_it_is_withdrawn(cast: Cast) -> None:
    body = {"name": "reader", "scopes": ["bots:read"]}
    made = (await cast.owner.http.post("/api/auth/api-keys", json=body)).json()["data"]
    client = cast.client(**{"x-api-key": made["key"]})
    listed = (await cast.owner.http.get("/api/auth/api-keys")).json()["data"]["items"]

    assert (await client.get("/api/templates")).status_code == 200
    assert (await client.post("/api/templates", json={"name": "x"})).status_code == 403
    assert made["id"] in [key["id"] for key in listed]
    assert "key" not in listed[0]
    assert (await cast.owner.http.delete(f"/api/auth/api-keys/{made['id']}")).status_code == 204
    assert (await client.get("/api/templates")).status_code == 401


async def test_readiness_says_what_is_not_there_in_the_error_envelope(cast: Cast) -> None:
    fine = await cast.anonymous.get("/api/health/readiness")
    assert fine.json()["data"]["status"] == "ready"
    with setting(cast, data_dir=Path("/nowhere at all")):
        reply = await cast.anonymous.get("/api/health/readiness")
    assert (reply.status_code, problems(reply)) == (503, [])
    assert reply.json()["error"]["details"][0]["checks"]["disk"] == "away"


async def test_metrics_are_of_this_document_as_json_and_as_prometheus_reads_them(cast: Cast) -> None:
    before = (await cast.anonymous.get("/api/health/metrics")).json()["data"]
    await cast.anonymous.get("/api/health/liveness")
    after = (await cast.anonymous.get("/api/health/metrics")).json()["data"]
    text = await cast.anonymous.get("/api/health/metrics", headers={"accept": "text/plain"})
    routes = {
        line.partition('route="')[2].partition('"')[0] for line in text.text.splitlines() if "route=" in line
    }

    assert after["requests"] >= before["requests"] + 2
    assert after["requestsByStatus"]["200"] > before["requestsByStatus"].get("200", 0)
    assert text.headers["content-type"].startswith("text/plain")
    assert routes
    assert all(route.startswith(f"{PREFIX}/api/") for route in routes)


async def test_templates_that_come_with_the_server_are_read_by_all_and_changed_by_none(cast: Cast) -> None:
    for template_id in templates.built_in():
        shown = (await cast.stranger.http.get(f"/api/templates/{template_id}")).json()["data"]
        assert (shown["builtIn"], shown["problem"]) == (True, None)
        for method in ("PUT", "DELETE"):
            reply = await cast.stranger.http.request(method, f"/api/templates/{template_id}", json={})
            assert reply.status_code == 403


async def test_a_template_is_kept_as_given_and_says_what_a_chatbot_could_not_read(cast: Cast) -> None:
    odd = {"intents": ["greet"], "anything": {"n": 1}}
    made = (await cast.owner.http.post("/api/templates", json={"name": "Odd", "content": odd})).json()["data"]
    path = f"/api/templates/{made['id']}"
    changed = (await cast.owner.http.put(path, json={"description": "d"})).json()["data"]

    assert (made["content"], changed["content"], changed["name"]) == (odd, odd, "Odd")
    assert "intents" in made["problem"]
    fixed = (await cast.owner.http.put(path, json={"content": {}})).json()["data"]
    assert fixed["problem"] is None


async def test_a_webhook_shows_a_secret_only_where_the_server_made_it_and_once(cast: Cast) -> None:
    given = await cast.owner.http.post("/api/webhooks", json={**HOOK, "secret": "my own good secret"})
    made = await cast.owner.http.post("/api/webhooks", json=HOOK)
    path = f"/api/webhooks/{made.json()['data']['id']}"
    shown = await cast.owner.http.get(path)
    renewed = await cast.owner.http.post(f"{path}/rotate-secret")

    assert "secret" not in given.json()["data"]
    assert made.json()["data"]["secret"].startswith("whsec_")
    assert "secret" not in shown.json()["data"]
    assert renewed.json()["data"]["secret"] not in ("", made.json()["data"]["secret"])
    assert renewed.json()["data"]["formerSecretUntil"] is not None


async def test_a_delivery_shows_what_is_sent_and_is_sent_again_on_request(cast: Cast) -> None:
    webhook_id = await MAKERS["webhook"](cast)
    sent = (await cast.owner.http.post(f"/api/webhooks/{webhook_id}/test")).json()["data"]
    path = f"/api/webhooks/{webhook_id}/deliveries"
    whole = (await cast.owner.http.get(f"{path}/{sent['id']}")).json()["data"]
    again = await cast.owner.http.post(f"{path}/{sent['id']}/replay")
    listed = (await cast.owner.http.get(path, params={"state": "pending"})).json()["data"]

    assert '"event":"webhook.ping"' in whole["body"]
    assert again.json()["data"]["messageId"] == sent["messageId"]
    assert [one["id"] for one in listed["items"]] == [sent["id"]]


async def test_under_one_idempotency_key_a_template_is_made_once(cast: Cast) -> None:
    headers = {"idempotency-key": "make-it-once"}
    first, second = [
        await cast.owner.http.post("/api/templates", json={"name": "Once"}, headers=headers) for _ in range(2)
    ]
    assert first.json() == second.json()
    assert second.headers["idempotency-replayed"] == "true"


async def _deployed(cast: Cast, *environments: str) -> str:
    chatbot_id = await MAKERS["chatbot"](cast)
    for environment in environments:
        order = {"environment": environment}
        reply = await cast.owner.http.post(f"/api/chatbots/{chatbot_id}/deploy", json=order)
        assert reply.status_code == 200, reply.text
    return chatbot_id


def _refusal(reply: httpx.Response) -> tuple[int, str]:
    return reply.status_code, reply.json()["error"]["details"][0]["reason"]


async def test_a_mistyped_environment_is_refused_with_the_names_of_those_there_are(cast: Cast) -> None:
    chatbot_id = await _deployed(cast, "production", "staging")
    reply = await cast.owner.http.post(
        "/api/conversations", json={"chatbotId": chatbot_id, "environment": "prodution"}
    )
    assert _refusal(reply) == (400, "not_deployed_there")
    assert "`production`, `staging`" in reply.json()["error"]["message"]


async def test_nothing_is_deployed_where_the_draft_always_answers(cast: Cast) -> None:
    chatbot_id = await _deployed(cast)
    reply = await cast.owner.http.post(f"/api/chatbots/{chatbot_id}/deploy", json={"environment": "draft"})
    assert _refusal(reply) == (400, "no_place_to_deploy")
    listed = await cast.owner.http.get(f"/api/chatbots/{chatbot_id}/versions")
    assert listed.json()["data"]["items"] == []


async def test_the_index_of_no_button_is_no_message(cast: Cast) -> None:
    path = f"/api/conversations/{await MAKERS['conversation'](cast)}"
    reply = await cast.owner.http.post(f"{path}/messages", json={"choice": 0})
    assert _refusal(reply) == (400, "no_such_button")
    assert (await cast.owner.http.get(path)).json()["data"]["messageCount"] == 2


async def test_every_example_of_the_documentation_gives_the_answer_below_it(counted: Cast) -> None:
    page = DOCS / "how-to" / "use-chatbots.md"
    assert await disagreements(page, {"BASE": f"{counted.running.url}{PREFIX}/api"}) == []
    assert len([answer for _, answer in blocks(page) if answer]) >= 8


@pytest.fixture(scope="module")
async def at_root(running: Running, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """The document alone, at the root of a server of its own."""
    settings = running.yard.settings.model_copy()
    settings.data_dir, settings.database_url = tmp_path_factory.mktemp("root"), ""
    settings.rate_limits = "documented"
    async with run(settings, at_root="chatbots", works=False) as other:
        yield other


async def test_at_the_root_nothing_needs_a_prefix(at_root: Running) -> None:
    async with loopback.client(base_url=at_root.url) as client:
        new = {"username": "ada", "email": "ada@example.org", "password": "correct horse battery"}
        assert (await client.post("/api/auth/register", json=new)).status_code == 201
        token = (await client.post("/api/v1/auth/login", json=new)).json()["data"]["accessToken"]
        headers = {"authorization": f"Bearer {token}"}
        frame = (await client.get("/api/templates?pageSize=1", headers=headers)).json()["data"]["pagination"]
        assert frame["next"] == "/api/templates?page=2&pageSize=1"
        assert (await client.get("/api/docs.json")).json()["servers"] == [{"url": "/"}]
        assert (await client.get("/api/v0/x")).status_code == 410
        assert told(await client.get("/api/templates", headers=headers))[0] == STANDARD_PER_MINUTE
