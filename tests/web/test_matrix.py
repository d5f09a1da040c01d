"""The policy table of the dashboard against every kind of caller."""

import re

import pytest

from botyard.core.accounts.types import Role
from botyard.web.policy import POLICY
from tests.web.person import Html, People, Person

INSIDE = sorted(key for key, rule in POLICY.items() if not rule.public)
OF_ADMINS = [key for key in INSIDE if POLICY[key].roles == frozenset({Role.admin})]


async def ask(person: Person, key: str, **headers: str) -> tuple[int, str]:
    """Status and goal of a call of a policy row, with names that nobody has."""
    method, path = key.split()
    path = re.sub(r"\{\w+:int\}", "2147483000", re.sub(r"\{\w+\}", "unknown", path))
    sent = {"HX-Request": "true", "Origin": person.url, **headers}
    reply = await person.http.request(method, path, headers=sent, data={} if method == "POST" else None)
    return reply.status_code, reply.headers.get("hx-redirect", "")


@pytest.mark.parametrize("key", INSIDE)
async def test_without_a_session_every_row_leads_to_the_door(people: People, key: str) -> None:
    status, goal = await ask(people.nobody(), key)

    assert status == 200
    assert goal.startswith("/sign-in")


@pytest.mark.parametrize("key", INSIDE)
async def test_an_unknown_session_leads_to_the_door(people: People, key: str) -> None:
    nobody = people.nobody()
    nobody.http.cookies.set("session_token", "made-up")

    assert (await ask(nobody, key))[1].startswith("/sign-in")


async def test_keys_and_bot_tokens_open_nothing_here(admin: Person, people: People) -> None:
    made = await admin.do(
        "/account/keys", name="all", days="30", scopes=["bots:read", "bots:write", "logs:read"]
    )
    key = Html(made.text).value("key-text")
    _, token = await admin.make_bot()
    nobody = people.nobody()

    for row in INSIDE:
        assert (await ask(nobody, row, **{"X-API-KEY": key}))[0] == 403, row
        assert (await ask(nobody, row, Authorization=f"Bearer {token}"))[0] == 403, row


async def test_rows_of_administrators_refuse_everybody_else(ada: Person) -> None:
    for row in OF_ADMINS:
        assert (await ask(ada, row))[0] == 403, row


async def test_no_row_breaks_on_names_that_nobody_has(admin: Person) -> None:
    spared = {"POST /sign-out", "POST /account/sessions/end-others", "GET /live/{view}"}

    for row in INSIDE:
        if row not in spared:
            assert (await ask(admin, row))[0] < 500, row
