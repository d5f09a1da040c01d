"""Document sections "Bot Operations APIs" and "Commands APIs": what lies behind the calls."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.contracts.manager.world import Account, Bot, World, make_command


@pytest.fixture
async def bot(world: World, account: Account) -> Bot:
    """A bot without anything to do."""
    return await world.make_bot(account)


async def lease(bot: Bot, **query: Any) -> list[dict[str, Any]]:
    reply = await bot.http.get(f"/api/bot/{bot.id}/commands", params={"lease": 60, **query})
    assert reply.status_code == 200, reply.text
    commands: list[dict[str, Any]] = reply.json()["commands"]
    return commands


async def ack(bot: Bot, command_id: str, **body: Any) -> httpx.Response:
    return await bot.http.post(f"/api/commands/{command_id}/ack", json={"status": "completed", **body})


# --- settings -----------------------------------------------------------------------------------------


async def test_settings_merge_at_the_top_and_null_removes(account: Account, bot: Bot) -> None:
    path = f"/api/bot/{bot.id}/settings"

    async def put(**changes: Any) -> Any:
        reply = await account.http.put(path, json=changes)
        assert reply.status_code == 200, reply.text
        assert (await bot.http.get(path)).json() == {"settings": reply.json()["settings"]}
        return reply.json()["settings"]

    assert await put(a=1, b={"x": 1, "y": 2}) == {"a": 1, "b": {"x": 1, "y": 2}}
    assert await put(b={"z": 3}) == {"a": 1, "b": {"z": 3}}, "below the top it replaces"
    assert await put(a=None, c=[None]) == {"b": {"z": 3}, "c": [None]}
    assert await put(never_there=None) == {"b": {"z": 3}, "c": [None]}
    assert await put() == {"b": {"z": 3}, "c": [None]}


async def test_settings_have_a_bound_together_that_the_refusal_names(account: Account, bot: Bot) -> None:
    path = f"/api/bot/{bot.id}/settings"
    half = "x" * (128 * 1024)
    assert (await account.http.put(path, json={"a": half})).status_code == 200
    refused = await account.http.put(path, json={"b": half})
    assert (refused.status_code, "256 KiB" in refused.json()["error"]) == (400, True)
    assert (await account.http.get(path)).json()["settings"] == {"a": half}
    assert (await account.http.put(path, json={"a": None, "b": half})).json()["settings"] == {"b": half}


async def test_changes_at_once_do_not_lose_each_other(account: Account, bot: Bot) -> None:
    path = f"/api/bot/{bot.id}/settings"
    replies = await asyncio.gather(
        *(account.http.put(path, json={f"key{number}": number}) for number in range(10))
    )
    assert {reply.status_code for reply in replies} == {200}
    kept = (await account.http.get(path)).json()["settings"]
    assert kept == {f"key{number}": number for number in range(10)}


async def test_a_bot_reads_its_settings_and_does_not_write_them(bot: Bot) -> None:
    path = f"/api/bot/{bot.id}/settings"
    assert (await bot.http.get(path)).status_code == 200
    assert (await bot.http.put(path, json={"a": 1})).status_code == 403


# --- queueing -----------------------------------------------------------------------------------------


async def test_restart_and_stop_are_commands_of_these_types(account: Account, bot: Bot) -> None:
    for verb in ("restart", "stop"):
        command = (await account.http.post(f"/api/bot/{bot.id}/{verb}")).json()["command"]
        assert (command["type"], command["payload"], command["status"]) == (verb, {}, "pending")
    assert [command["type"] for command in await lease(bot)] == ["restart", "stop"]


async def test_a_command_carries_its_payload_unchanged(account: Account, bot: Bot) -> None:
    payload = {"text": "ünï ☃ \u2028", "n": [2**53, -1.5, True, None], "deep": {"a": [{"b": {}}]}}
    await make_command(account, bot, payload=payload)
    [command] = await lease(bot)
    assert command["payload"] == payload


@pytest.mark.parametrize(
    "change",
    [
        {"type": ""},
        {"type": "x" * 101},
        {"type": None},
        {"type": 7},
        {"payload": [1]},
        {"payload": "x"},
        {"payload": {"x": "y" * 300_000}},
        {"priority": 1001},
        {"priority": 0.5},
        {"priority": "high"},
        {"delay": -1},
        {"delay": 1e12},
        {"expires_in": 0},
        {"dedup_key": "x" * 201},
        {"dedup_key": 7},
    ],
    ids=lambda change: str(change)[:40],
)
async def test_what_no_bot_could_do_is_not_queued(change: dict[str, Any], account: Account, bot: Bot) -> None:
    for path, body in (
        (f"/api/bot/{bot.id}/send-command", {"type": "ping", **change}),
        ("/api/commands", {"type": "ping", "bot_id": bot.id, **change}),
    ):
        reply = await account.http.post(path, json=body)
        assert (reply.status_code, set(reply.json())) == (400, {"error"}), path
    assert await lease(bot) == []


async def test_a_command_may_wait_hurry_expire_and_be_the_only_one(account: Account, bot: Bot) -> None:
    await make_command(account, bot, type="later", delay=3600)
    await make_command(account, bot, type="plain")
    await make_command(account, bot, type="urgent", priority=5)
    expiring = await make_command(account, bot, type="plain", expires_in=3600, dedup_key="once")
    assert await make_command(account, bot, type="plain", expires_in=3600, dedup_key="once") == expiring
    taken = await lease(bot)
    assert [command["type"] for command in taken] == ["urgent", "plain", "plain"]
    assert [command["id"] for command in taken if command["expires_at"]] == [expiring]
    again = {"type": "other", "dedup_key": "once"}
    assert (await account.http.post(f"/api/bot/{bot.id}/send-command", json=again)).status_code == 409


# --- leases -------------------------------------------------------------------------------------------


async def test_a_plain_look_takes_nothing_away(account: Account, bot: Bot) -> None:
    command = await make_command(account, bot)
    for client in (bot.http, account.http, bot.http):
        found = (await client.get(f"/api/bot/{bot.id}/commands")).json()
        assert ([one["id"] for one in found["commands"]], found["count"]) == ([command], 1)
        assert (found["commands"][0]["state"], found["commands"][0]["lease_id"]) == ("queued", None)


async def test_a_lease_is_renewed_given_back_and_lost(account: Account, bot: Bot) -> None:
    await make_command(account, bot)
    [command] = await lease(bot)
    assert (command["status"], command["state"], command["attempt"]) == ("pending", "leased", 1)
    assert await lease(bot) == []
    path, body = f"/api/commands/{command['id']}", {"lease_id": command["lease_id"]}
    renewed = await bot.http.post(f"{path}/renew", json={**body, "lease": 600})
    assert renewed.json()["lease_until"] > command["lease_until"]
    given_back = (await bot.http.post(f"{path}/release", json=body)).json()["command"]
    assert (given_back["state"], given_back["lease_id"]) == ("queued", None)
    for verb in ("renew", "release"):
        assert (await bot.http.post(f"{path}/{verb}", json=body)).status_code == 409
    assert [one["attempt"] for one in await lease(bot)] == [2]


@pytest.mark.parametrize(
    "query",
    [
        "lease=0",
        "lease=0.5",
        "lease=3601",
        "lease=x",
        "wait=61",
        "wait=-1",
        "limit=0",
        "limit=1001",
        "limit=1.5",
        "limit=ten",
        "lease=nan",
    ],
)
async def test_leases_and_waits_have_bounds(query: str, account: Account, bot: Bot) -> None:
    await make_command(account, bot)
    assert (await bot.http.get(f"/api/bot/{bot.id}/commands?{query}")).status_code == 400
    assert len(await lease(bot)) == 1


async def test_a_waiting_bot_gets_its_command_at_once(account: Account, bot: Bot, world: World) -> None:
    waiting = asyncio.create_task(lease(bot, wait=20))
    async with asyncio.timeout(10):
        while not world.running.yard.bell.waiting:
            await asyncio.sleep(0.005)
    command = await make_command(account, bot)
    async with asyncio.timeout(5):
        assert [one["id"] for one in await waiting] == [command]


@pytest.mark.parametrize("body", [{}, {"lease_id": ""}, {"lease_id": None}, {"lease_id": "x", "lease": 0}, {"lease_id": "x", "lease": 3601}, {"lease_id": "x", "lease": "long"}], ids=str)  # fmt: skip
async def test_renewing_says_which_lease_and_how_long(body: Any, account: Account, bot: Bot) -> None:
    command = await make_command(account, bot)
    assert (await bot.http.post(f"/api/commands/{command}/renew", json=body)).status_code == 400


# --- ends ---------------------------------------------------------------------------------------------


async def test_bot_and_owner_may_acknowledge_and_the_first_stands(account: Account, bot: Bot) -> None:
    command = await make_command(account, bot)
    first = await account.http.post(
        f"/api/commands/{command}/ack", json={"status": "failed", "result": {"n": 1}}
    )
    shown = first.json()["command"]
    assert (first.status_code, shown["status"], shown["result"]) == (200, "failed", {"n": 1})
    again = await ack(bot, command, status="failed", result={"n": 1})
    assert (again.status_code, again.json()) == (200, first.json())
    refused = await ack(bot, command, result={"n": 1})
    assert (refused.status_code, set(refused.json())) == (409, {"error"})


async def test_an_acknowledgement_says_under_which_lease_the_command_ran(account: Account, bot: Bot) -> None:
    command = await make_command(account, bot)
    [leased] = await lease(bot, lease=60)
    refused = await ack(bot, command, lease_id="another")
    assert (refused.status_code, "handed out again" in refused.json()["error"]) == (409, True)
    assert (await ack(bot, command, lease_id=leased["lease_id"])).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"status": None},
        {"status": "pending"},
        {"status": "COMPLETED"},
        {"status": "completed", "result": [1]},
        {"status": "completed", "result": "x"},
        {"status": "completed", "result": {"x": "y" * 300_000}},
        {"status": "completed", "lease_id": 7},
    ],
    ids=lambda body: str(body)[:40],
)
async def test_an_acknowledgement_says_how_it_ended(body: Any, account: Account, bot: Bot) -> None:
    command = await make_command(account, bot)
    reply = await bot.http.post(f"/api/commands/{command}/ack", json=body)
    assert (reply.status_code, set(reply.json())) == (400, {"error"})
    assert [one["state"] for one in await lease(bot)] == ["leased"]


async def test_a_cancelled_command_shows_as_failed_and_its_state_says_why(account: Account, bot: Bot) -> None:
    command = await make_command(account, bot)
    await lease(bot)
    shown = (await account.http.post(f"/api/commands/{command}/cancel")).json()["command"]
    assert (shown["status"], shown["state"]) == ("failed", "cancelled")
    assert (await account.http.post(f"/api/commands/{command}/cancel")).status_code == 200
    assert (await ack(bot, command)).status_code == 409
    assert (await bot.http.post(f"/api/commands/{command}/cancel")).status_code == 403


async def test_somebody_elses_command_is_not_there(account: Account, bot: Bot, stranger: Account) -> None:
    command = await make_command(account, bot)
    missing = await stranger.http.post("/api/commands/cmd_none/ack", json={"status": "completed"})
    for verb, body in (
        ("ack", {"status": "completed"}),
        ("cancel", None),
        ("renew", {"lease_id": "x"}),
        ("release", {"lease_id": "x"}),
    ):
        reply = await stranger.http.post(f"/api/commands/{command}/{verb}", json=body)
        assert (reply.status_code, reply.json()) == (404, missing.json()), verb


# --- lists --------------------------------------------------------------------------------------------


async def test_history_is_newest_first_holds_all_states_and_is_limited(account: Account, bot: Bot) -> None:
    made = [await make_command(account, bot, type=f"c{number}") for number in range(4)]
    await ack(bot, made[0])
    path = f"/api/bot/{bot.id}/commands-history"
    rows = (await account.http.get(path)).json()
    assert [row["id"] for row in rows["commands"]] == made[::-1]
    assert [row["status"] for row in rows["commands"]] == ["pending"] * 3 + ["completed"]
    page = (await account.http.get(path, params={"limit": 2})).json()
    assert ([row["id"] for row in page["commands"]], page["count"]) == (made[:1:-1], 2)
    for limit in ("0", "1001", "x", "", "99999999999999999999999"):
        assert (await account.http.get(f"{path}?limit={limit}")).status_code == 400, limit


async def test_commands_are_listed_to_their_owner_and_administrators(
    account: Account, bot: Bot, stranger: Account, admin: Account
) -> None:
    command = await make_command(account, bot)

    async def listed(client: httpx.AsyncClient, **query: Any) -> set[str]:
        reply = await client.get("/api/commands", params={"limit": 1000, **query})
        return {row["id"] for row in reply.json()["commands"]}

    assert command in await listed(account.http)
    assert command in await listed(admin.http)
    assert command not in await listed(stranger.http)
    assert await listed(account.http, bot_id=bot.id) == await listed(admin.http, bot_id=bot.id) == {command}
    assert (await stranger.http.get("/api/commands", params={"bot_id": bot.id})).status_code == 404
    assert (await account.http.get("/api/commands", params={"bot_id": "bot_none"})).status_code == 404


async def test_a_bot_that_is_changed_and_deleted_at_once_fails_nobody(world: World, account: Account) -> None:
    for _ in range(5):
        bot = await world.make_bot(account)
        mine, settings = f"/api/my-bots/{bot.id}", f"/api/bot/{bot.id}/settings"
        replies = await asyncio.gather(
            account.http.put(settings, json={"a": 1}),
            account.http.delete(mine),
            account.http.put(mine, json={"name": "Eve"}),
            account.http.post(f"{mine}/regenerate-token"),
            account.http.delete(mine),
            bot.http.post(f"/api/bot/{bot.id}/logs", json={"type": "info", "message": "x"}),
        )
        statuses = [reply.status_code for reply in replies]
        assert set(statuses) <= {200, 401, 404}, [reply.text for reply in replies]
        assert (statuses[1], statuses[4]) in ((200, 404), (404, 200))
