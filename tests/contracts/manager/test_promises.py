"""What the document promises beside its calls: one test of that name for each."""

import sys
from pathlib import Path

import pytest

from tests.contracts.document import load
from tests.contracts.manager.requests import Cast, make_cast, send
from tests.contracts.manager.world import PASSWORD, Account, World

DOCUMENT = load(Path(__file__).with_name("document.yaml"))
SEVEN_DAYS_S = 7 * 24 * 3600


@pytest.fixture
async def cast(world: World, admin: Account) -> Cast:
    return await make_cast(world, admin)


def test_every_promise_has_its_test() -> None:
    here = vars(sys.modules[__name__])
    assert [name for name in DOCUMENT.promises if f"test_{name}" not in here] == []


async def test_every_error_has_the_envelope(cast: Cast) -> None:
    client = cast.account.http
    replies = [
        await cast.world.anonymous.get("/api/my-bots"),
        await client.get("/api/users"),
        await client.get("/api/my-bots/bot_none"),
        await client.post("/api/my-bots", content=b"{"),
        await client.delete("/api/my-bots"),
        await client.get("/nowhere"),
        await client.post("/api/my-bots", content=b'"' + b"x" * (11 * 1024 * 1024) + b'"'),
    ]
    assert [reply.status_code for reply in replies] == [401, 403, 404, 400, 405, 404, 413]
    assert [DOCUMENT.shapes.problems(reply.json(), DOCUMENT.error) for reply in replies] == [[]] * len(
        replies
    )


async def test_cookie_is_httponly_and_lives_seven_days_at_most(world: World) -> None:
    details = world.fresh_details()
    await world.anonymous.post("/api/auth/register", json=details)
    client = world.keep(world.client())
    reply = await client.post("/api/auth/login", json={"username": details["email"], "password": PASSWORD})
    parts = [part.strip() for part in reply.headers["set-cookie"].split(";")]
    age = next(int(part.partition("=")[2]) for part in parts if part.lower().startswith("max-age="))
    assert parts[0].startswith("session_token=")
    assert {"httponly", "path=/", "samesite=lax"} <= {part.lower() for part in parts}
    assert 0 < age <= SEVEN_DAYS_S


async def test_logout_ends_the_session_on_the_server(cast: Cast) -> None:
    cookie = cast.account.http.cookies["session_token"]
    assert (await cast.account.http.post("/api/auth/logout")).status_code == 200
    copied = cast.world.keep(cast.world.client(cookie=f"session_token={cookie}"))
    assert (await copied.get("/api/auth/me")).status_code == 401


async def test_forgot_password_answers_alike_for_unknown_addresses(cast: Cast) -> None:
    replies = [
        await cast.world.anonymous.post("/api/auth/forgot-password", json={"email": address})
        for address in (cast.account.email, "nobody@example.org")
    ]
    known, unknown = [(reply.status_code, reply.json()) for reply in replies]
    assert known == unknown


@pytest.mark.parametrize(("password", "status"), [("1234567", 400), ("12345678", 200)])
async def test_passwords_have_eight_characters(password: str, status: int, world: World) -> None:
    details = {**world.fresh_details(), "password": password}
    assert (await world.anonymous.post("/api/auth/register", json=details)).status_code == status


async def test_a_deleted_account_is_gone(cast: Cast) -> None:
    account = cast.account
    assert (await send(cast, DOCUMENT.call("auth.delete_account"))).status_code == 200
    assert (await account.http.get("/api/auth/me")).status_code == 401
    assert (await cast.bot.http.get(f"/api/bot/{cast.bot.id}/commands")).status_code == 401
    assert (await cast.admin.http.get(f"/api/users/{account.id}")).status_code == 404
    login = {"username": account.username, "password": PASSWORD}
    assert (await cast.world.anonymous.post("/api/auth/login", json=login)).status_code == 401
    bots = (await cast.admin.http.get("/api/admin/bots")).json()["bots"]
    assert cast.bot.id not in {bot["id"] for bot in bots}


async def test_admin_calls_need_the_role(cast: Cast) -> None:
    for call in (call for call in DOCUMENT.calls if call.access == "admin"):
        assert (await send(cast, call, cast.account.http)).status_code == 403, call.name
        assert (await send(cast, call)).status_code == 200, call.name


async def test_a_new_bot_token_replaces_the_old_one(cast: Cast) -> None:
    path = f"/api/bot/{cast.bot.id}/heartbeat"
    made = await cast.account.http.post(f"/api/my-bots/{cast.bot.id}/regenerate-token")
    assert (await cast.bot.http.post(path)).status_code == 401
    assert (await cast.world.with_token(made.json()["token"]).post(path)).status_code == 200


async def test_what_belongs_to_others_is_hidden(cast: Cast, stranger: Account) -> None:
    for path, key in (
        ("/api/my-bots", "bots"),
        ("/api/logs", "logs"),
        ("/api/messages", "messages"),
        ("/api/commands", "commands"),
        ("/api/export/logs", "logs"),
        ("/api/export/messages", "messages"),
    ):
        rows = (await stranger.http.get(path)).json()[key]
        assert cast.bot.id not in {row.get("bot_id", row["id"] if key == "bots" else None) for row in rows}, (
            path
        )
    assert (await stranger.http.get("/api/logs", params={"bot_id": cast.bot.id})).status_code == 404
