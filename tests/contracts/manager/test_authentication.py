"""Document section "Authentication APIs": what lies behind the calls."""

import asyncio
from http.cookies import SimpleCookie
from typing import Any

import httpx
import pyotp
import pytest

from botyard.core.accounts import invitations, sessions
from botyard.core.accounts.models import User
from botyard.core.accounts.types import Principal, Role
from botyard.core.audit import service as audit
from botyard.core.realtime import jobs as realtime_jobs
from botyard.features.fleet import jobs as fleet_jobs
from botyard.settings import Settings
from tests.contracts.dump import mentions
from tests.contracts.manager.requests import make_cast
from tests.contracts.manager.world import PASSWORD, Account, World, fill, make_command
from tests.second_factor import enrol

OTHER = "another fine password"


async def log_in(world: World, **fields: Any) -> httpx.Response:
    """A sign-in from a place of its own."""
    return await world.keep(world.client()).post("/api/auth/login", json=fields)


async def me(client: httpx.AsyncClient) -> int:
    return (await client.get("/api/auth/me")).status_code


async def actions(world: World, target: str) -> list[str]:
    async with world.running.db.reader() as session:
        return [entry.action for entry in await audit.list_entries(session, target=target)]


# --- the cookie ---------------------------------------------------------------------------------------


async def test_the_cookie_is_for_this_site_and_no_script(world: World, account: Account) -> None:
    reply = await log_in(world, username=account.username, password=PASSWORD)
    [morsel] = SimpleCookie(reply.headers["set-cookie"]).values()
    assert (morsel.key, morsel["path"], morsel["domain"]) == ("session_token", "/", "")
    assert (morsel["httponly"], morsel["samesite"].lower(), int(morsel["max-age"])) == (True, "lax", 604800)
    assert not morsel["secure"], "the server is asked over http"
    assert len(morsel.value) >= 43, "256 bits"


async def test_each_sign_in_is_a_session_of_its_own(world: World, account: Account) -> None:
    replies = [await log_in(world, username=account.username, password=PASSWORD) for _ in range(2)]
    values = {reply.cookies["session_token"] for reply in replies}
    assert len(values | {account.http.cookies["session_token"]}) == 3
    assert PASSWORD not in str([reply.text for reply in replies])


async def test_a_cookie_that_was_planted_is_not_taken_over(world: World, account: Account) -> None:
    planted = world.keep(world.client())
    planted.cookies.set("session_token", "chosen-by-somebody-else")
    reply = await planted.post("/api/auth/login", json={"username": account.email, "password": PASSWORD})
    assert reply.cookies["session_token"] != "chosen-by-somebody-else"


async def test_signing_out_takes_the_cookie_away_and_ends_only_this_session(
    world: World, account: Account
) -> None:
    one = await world.sign_in(account.username, PASSWORD)
    reply = await one.http.post("/api/auth/logout")
    [morsel] = SimpleCookie(reply.headers["set-cookie"]).values()
    assert (morsel.value.strip('"'), morsel["max-age"], morsel["path"]) == ("", "0", "/")
    assert await me(account.http) == 200


async def test_the_session_is_also_good_as_bearer_of_an_access_token(world: World, account: Account) -> None:
    async with world.running.db.session() as session:
        pair = await sessions.open_token(session, account.id, address="127.0.0.1")
    client = world.with_token(pair.access)
    assert (await client.get("/api/auth/me")).json()["user"]["id"] == account.id
    assert (await client.post("/api/auth/logout")).status_code == 200
    assert await me(client) == 401
    assert await me(world.with_token(pair.refresh)) == 401


# --- signing in ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change", [str.upper, str.title, lambda name: f" {name} "], ids=["upper", "title", "spaced"]
)
async def test_name_and_address_sign_in_whatever_their_case(
    change: Any, world: World, account: Account
) -> None:
    for identity in (account.username, account.email):
        reply = await log_in(world, username=change(identity), password=PASSWORD)
        assert (reply.status_code, reply.json()["user"]["id"]) == (200, account.id)


async def test_a_wrong_password_and_an_unknown_name_answer_alike(world: World, account: Account) -> None:
    known = await log_in(world, username=account.username, password="not this one")
    unknown = await log_in(world, username="nobody-at-all", password="not this one")
    assert (known.status_code, known.json()) == (unknown.status_code, unknown.json())
    assert "set-cookie" not in known.headers


async def test_many_wrong_passwords_have_to_wait_even_for_the_right_one(world: World) -> None:
    victim = await world.make_account()
    allowed = world.running.db.parts.get(Settings).signin_attempts
    for _ in range(allowed):
        assert (await log_in(world, username=victim.username, password="wrong one")).status_code == 401
    reply = await log_in(world, username=victim.username, password=PASSWORD)
    assert (reply.status_code, set(reply.json())) == (429, {"error"})
    assert int(reply.headers["retry-after"]) >= 1
    assert await me(victim.http) == 200


# --- the second factor --------------------------------------------------------------------------------


@pytest.fixture
async def guarded(world: World) -> tuple[Account, pyotp.TOTP]:
    """An account with a second factor."""
    account = await world.make_account()
    return account, await enrol(world.running.db, account.id)


async def test_a_password_alone_does_not_go_around_the_second_factor(
    world: World, guarded: tuple[Account, pyotp.TOTP]
) -> None:
    account, totp = guarded
    without = await log_in(world, username=account.username, password=PASSWORD)
    assert (without.status_code, without.json()["code"]) == (401, "second_factor_required")
    assert "set-cookie" not in without.headers
    wrong = await log_in(world, username=account.username, password=PASSWORD, totp_code="000000")
    assert (wrong.status_code, "code" in wrong.json()) == (401, False)
    code = totp.now()
    right = await log_in(world, username=account.username, password=PASSWORD, totp_code=code)
    assert right.status_code == 200
    again = await log_in(world, username=account.username, password=PASSWORD, totp_code=code)
    assert again.status_code == 401


async def test_a_code_without_the_password_tells_nothing(
    world: World, guarded: tuple[Account, pyotp.TOTP]
) -> None:
    account, totp = guarded
    reply = await log_in(world, username=account.username, password="wrong one", totp_code=totp.now())
    plain = await log_in(world, username="nobody", password="wrong one")
    assert (reply.status_code, reply.json()) == (401, plain.json())


# --- registering --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"role": "admin"},
        {"is_admin": True},
        {"id": 1},
        {"is_active": False},
        {"tier": "enterprise"},
        {"credentials_version": 9},
        {"created_at": "2000-01-01T00:00:00Z"},
    ],
    ids=str,
)
async def test_nobody_makes_oneself_more_than_a_user(change: dict[str, Any], world: World) -> None:
    details = world.fresh_details()
    reply = await world.anonymous.post("/api/auth/register", json={**details, **change})
    assert reply.status_code == 200
    account = await world.sign_in(details["username"], PASSWORD)
    await account.http.post("/api/auth/update-profile", json=change)
    user = (await account.http.get(f"/api/users/{account.id}")).json()["user"]
    assert (user["role"], user["is_active"], user["created_at"] > "2020") == ("user", True, True)
    assert (await account.http.get("/api/users")).status_code == 403


async def test_two_who_want_the_same_name_at_once_do_not_both_get_it(world: World) -> None:
    details = world.fresh_details()
    replies = await asyncio.gather(
        *(world.anonymous.post("/api/auth/register", json=details) for _ in range(5))
    )
    assert sorted(reply.status_code for reply in replies) == [200, 400, 400, 400, 400]


async def test_a_closed_server_registers_nobody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = world.running.db.parts.get(Settings)
    monkeypatch.setattr(settings, "registration", "closed")
    reply = await world.anonymous.post("/api/auth/register", json=world.fresh_details())
    assert (reply.status_code, set(reply.json())) == (403, {"error"})


async def test_an_invitation_is_good_once(
    world: World, admin: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.running.db.parts.get(Settings), "registration", "invite")
    actor = Principal(user_id=admin.id, role=Role.admin)
    async with world.running.db.session() as session:
        _, code = await invitations.create(session, actor=actor)
    statuses = []
    for invite in ("", "wrong", code, code):
        details = {**world.fresh_details(), "invite_code": invite}
        statuses.append((await world.anonymous.post("/api/auth/register", json=details)).status_code)
    assert statuses == [400, 400, 200, 400]


# --- passwords ----------------------------------------------------------------------------------------


async def test_a_new_password_ends_every_other_session(world: World) -> None:
    account = await world.make_account()
    other = await world.sign_in(account.username, PASSWORD)
    change = {"old_password": PASSWORD, "new_password": OTHER}
    assert (await account.http.post("/api/auth/change-password", json=change)).status_code == 200
    assert (await me(account.http), await me(other.http)) == (200, 401)
    assert (await log_in(world, username=account.username, password=PASSWORD)).status_code == 401
    assert (await log_in(world, username=account.username, password=OTHER)).status_code == 200
    assert "account.password_changed" in await actions(world, f"user:{account.id}")


async def test_a_wrong_old_password_changes_nothing(world: World) -> None:
    account = await world.make_account()
    other = await world.sign_in(account.username, PASSWORD)
    change = {"old_password": "not this one", "new_password": OTHER}
    assert (await account.http.post("/api/auth/change-password", json=change)).status_code == 400
    assert await me(other.http) == 200
    assert (await log_in(world, username=account.username, password=PASSWORD)).status_code == 200


@pytest.mark.parametrize("password", ["x" * 1025, "1234567", "é" * 7])
async def test_a_new_password_has_its_bounds(password: str, world: World, account: Account) -> None:
    change = {"old_password": PASSWORD, "new_password": password}
    assert (await account.http.post("/api/auth/change-password", json=change)).status_code == 400


async def test_a_forgotten_password_is_reset_once_by_the_mailed_link(world: World) -> None:
    account = await world.make_account()
    token = await world.reset_token(account)
    for password, status in (("short", 400), (OTHER, 200), ("yet another one", 400)):
        reply = await world.anonymous.post(
            "/api/auth/reset-password", json={"token": token, "new_password": password}
        )
        assert reply.status_code == status, reply.text
    assert await me(account.http) == 401
    assert (await log_in(world, username=account.username, password=PASSWORD)).status_code == 401
    assert (await log_in(world, username=account.username, password=OTHER)).status_code == 200


async def test_a_reset_link_dies_with_the_password_it_was_made_for(world: World) -> None:
    account = await world.make_account()
    token = await world.reset_token(account)
    change = {"old_password": PASSWORD, "new_password": OTHER}
    assert (await account.http.post("/api/auth/change-password", json=change)).status_code == 200
    reset = {"token": token, "new_password": "a thief's password"}
    assert (await world.anonymous.post("/api/auth/reset-password", json=reset)).status_code == 400
    assert await me(account.http) == 200


async def test_of_two_that_use_a_reset_link_at_once_one_gets_in(world: World) -> None:
    account = await world.make_account()
    token = await world.reset_token(account)
    replies = await asyncio.gather(
        *(
            world.anonymous.post(
                "/api/auth/reset-password", json={"token": token, "new_password": f"{OTHER} {number}"}
            )
            for number in range(4)
        )
    )
    assert sorted(reply.status_code for reply in replies) == [200, 400, 400, 400]


# --- deleting an account ------------------------------------------------------------------------------


async def test_an_account_with_a_second_factor_is_deleted_with_its_code_only(world: World) -> None:
    account = await world.make_account()
    totp = await enrol(world.running.db, account.id)
    body = {"password": PASSWORD}
    without = await account.http.post("/api/auth/delete-account", json=body)
    wrong = await account.http.post("/api/auth/delete-account", json={**body, "totp_code": "abcdef"})
    there = await account.http.get("/api/my-bots")
    right = await account.http.post("/api/auth/delete-account", json={**body, "totp_code": totp.now()})

    assert (without.status_code, without.json()["code"]) == (401, "second_factor_required")
    assert (wrong.status_code, there.status_code, right.status_code) == (401, 200, 200)


async def test_a_wrong_password_deletes_nothing(world: World, account: Account) -> None:
    bot = await world.make_bot(account)
    reply = await account.http.post("/api/auth/delete-account", json={"password": "not this one"})
    assert (reply.status_code, await me(account.http)) == (401, 200)
    assert (await account.http.get(f"/api/my-bots/{bot.id}")).status_code == 200


async def test_of_an_account_that_is_deleted_nothing_is_left(world: World, admin: Account) -> None:
    """In both stores, apart from the audit log, which says who did what for good."""
    cast = await make_cast(world, admin)
    account, bot = cast.account, cast.bot
    mark = f"trace-of-{account.username}"
    await bot.http.post(f"/api/bot/{bot.id}/logs", json={"type": "info", "message": mark})
    await bot.http.post(f"/api/bot/{bot.id}/sync", json={"groups": [mark], "friends": []})
    await bot.http.post(f"/api/bot/{bot.id}/hello", json={"version": mark})
    done = await make_command(account, bot, payload={"x": mark}, dedup_key=mark)
    await bot.http.post(f"/api/commands/{done}/ack", json={"status": "completed", "result": {"x": mark}})
    await account.http.put(f"/api/bot/{bot.id}/settings", json={"x": mark})
    await account.http.post("/api/auth/update-profile", json={"fullname": mark})
    await world.reset_token(account)
    words = [mark, account.username, account.email, bot.id, done]
    stores = world.running.db.stores
    assert {"logs", "commands", "synced_data", "bots", "users"} <= mentions(stores, words).keys()

    reply = await account.http.post("/api/auth/delete-account", json={"password": PASSWORD})
    assert reply.status_code == 200
    assert (await me(account.http), await me(bot.http)) == (401, 401)
    db = world.running.db
    await fleet_jobs.clear_deleted_bot.run_inline(db, bot_id=bot.id)
    await realtime_jobs.forget_account.run_inline(db, user_id=account.id)

    # The job that mailed the link keeps its address for the days that ended jobs are kept.
    assert mentions(stores, words, without=("audit", "jobs")) == {}
    assert mentions(stores, [mark]) == {}


async def test_the_freed_name_can_be_taken_by_somebody_new(world: World) -> None:
    account = await world.make_account()
    await account.http.post("/api/auth/delete-account", json={"password": PASSWORD})
    details = {"username": account.username, "email": account.email, "password": OTHER}
    assert (await world.anonymous.post("/api/auth/register", json=details)).status_code == 200
    again = await world.sign_in(account.username, OTHER)
    assert again.id != account.id, "an id is never given twice: old traces must not become a stranger's"
    assert (await again.http.get("/api/my-bots")).json()["count"] == 0


async def test_the_last_administrator_stays(world: World, admin: Account) -> None:
    other = await world.make_account()
    async with world.running.db.session() as session:
        (await session.get_one(User, other.id)).role = Role.admin
    second = await world.sign_in(other.username, PASSWORD)
    await fill(second, await world.make_bot(second))
    delete = {"password": PASSWORD}
    assert (await second.http.post("/api/auth/delete-account", json=delete)).status_code == 200
    reply = await admin.http.post("/api/auth/delete-account", json={"password": admin.password})
    assert (reply.status_code, await me(admin.http)) == (400, 200)
