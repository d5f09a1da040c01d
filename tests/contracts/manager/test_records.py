"""Document sections "Logs & Messages", "Statistics & Analytics" and "Data Export": whose they are, and how many."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.contracts.dump import changes, dump
from tests.contracts.manager.requests import Cast, make_cast
from tests.contracts.manager.world import Account, Bot, World, fill, make_command

LOG = {"type": "info", "message": "up"}
CHAT = {"message": "hi", "author_id": "1", "author_name": "Bo", "thread_id": "t", "thread_type": "USER"}


@pytest.fixture
async def bot(world: World, account: Account) -> Bot:
    """A bot that said nothing yet."""
    return await world.make_bot(account)


@pytest.fixture(scope="module")
async def cast(world: World, admin: Account) -> Cast:
    """An account of its own with a bot that has some of everything."""
    return await make_cast(world, admin)


async def lines(account: Account, bot: Bot, kind: str = "logs", **query: Any) -> list[dict[str, Any]]:
    reply = await account.http.get(f"/api/{kind}", params={"bot_id": bot.id, "limit": 1000, **query})
    assert reply.status_code == 200, reply.text
    rows: list[dict[str, Any]] = reply.json()[kind]
    return rows


# --- handing in ---------------------------------------------------------------------------------------


async def test_texts_come_back_as_they_were_said(account: Account, bot: Bot) -> None:
    said = ["ünï ☃ 🤖", "<script>alert(1)</script>", "two\r\nlines\x1b[31m", "'; DROP TABLE logs; --", " "]
    reply = await bot.http.post(
        f"/api/bot/{bot.id}/logs", json=[{"type": "error", "message": text} for text in said]
    )
    assert reply.json() == {"status": "ok", "received": len(said)}
    assert [row["message"] for row in await lines(account, bot)] == said[::-1]


@pytest.mark.parametrize(("kind", "row"), [("logs", LOG), ("messages", CHAT)])
async def test_the_same_key_is_stored_once(kind: str, row: Any, account: Account, bot: Bot) -> None:
    path, headers = f"/api/bot/{bot.id}/{kind}", {"idempotency-key": "batch-1"}
    replies = [await bot.http.post(path, json=[row, row], headers=headers) for _ in range(3)]
    assert {(reply.status_code, reply.text) for reply in replies} == {(200, replies[0].text)}
    assert replies[0].json()["received"] == 2
    assert len(await lines(account, bot, kind)) == 2
    assert (await bot.http.post(path, json=row, headers={"idempotency-key": "x" * 256})).status_code == 400


async def test_moments_are_kept_within_bounds(account: Account, bot: Bot) -> None:
    now = datetime.now(UTC)
    given = {
        "an hour ago": (now - timedelta(hours=1)).isoformat(),
        "with an offset": (now - timedelta(hours=2)).astimezone().isoformat(),
        "without an offset": (now - timedelta(hours=3)).replace(tzinfo=None).isoformat(),
        "long ago": "1970-01-01T00:00:00Z",
        "far ahead": "9999-12-31T23:59:59Z",
        "before time": "0001-01-01T00:00:00+14:00",
    }
    body = [{**LOG, "message": name, "timestamp": moment} for name, moment in given.items()]
    reply = await bot.http.post(f"/api/bot/{bot.id}/logs", json=body)
    assert reply.status_code == 200, reply.text
    found = {row["message"]: datetime.fromisoformat(row["timestamp"]) for row in await lines(account, bot)}
    assert found["an hour ago"] == now - timedelta(hours=1)
    assert abs(found["with an offset"] - (now - timedelta(hours=2))) < timedelta(seconds=1)
    assert found["without an offset"] == now - timedelta(hours=3)
    for name in ("long ago", "before time"):
        assert abs(found[name] - (now - timedelta(hours=48))) < timedelta(minutes=1)
    assert abs(found["far ahead"] - (now + timedelta(minutes=5))) < timedelta(minutes=1)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {**LOG, "type": "debug"},
        {**LOG, "type": "INFO"},
        {**LOG, "type": None},
        {**LOG, "message": ""},
        {**LOG, "message": None},
        {**LOG, "message": 7},
        {**LOG, "message": "x" * 300_000},
        {**LOG, "metadata": [1]},
        {**LOG, "metadata": "x"},
        {**LOG, "metadata": {"x": "y" * 300_000}},
        {**LOG, "timestamp": "yesterday"},
        {**LOG, "timestamp": 1},
        {**LOG, "timestamp": "2026-02-30T00:00:00Z"},
        [LOG, {**LOG, "type": "debug"}],
        [LOG, 7],
        [[LOG]],
        [LOG] * 5001,
        "text",
        7,
        None,
        True,
    ],
    ids=lambda body: str(body)[:40],
)
async def test_one_bad_line_refuses_all(body: Any, account: Account, bot: Bot) -> None:
    reply = await bot.http.post(f"/api/bot/{bot.id}/logs", json=body)
    assert (reply.status_code, set(reply.json())) == (400, {"error"}), reply.text
    assert await lines(account, bot) == []


@pytest.mark.parametrize("field", list(CHAT))
@pytest.mark.parametrize("value", [None, 7, ["x"], "absent"], ids=repr)
async def test_a_message_needs_every_field(field: str, value: Any, account: Account, bot: Bot) -> None:
    body = {key: known for key, known in CHAT.items() if key != field}
    if value != "absent":
        body[field] = value
    reply = await bot.http.post(f"/api/bot/{bot.id}/messages", json=body)
    assert (reply.status_code, set(reply.json())) == (400, {"error"})
    assert await lines(account, bot, "messages") == []


async def test_messages_may_come_in_an_array(account: Account, bot: Bot) -> None:
    body = [{**CHAT, "message": str(number), "thread_type": "GROUP"} for number in range(3)]
    assert (await bot.http.post(f"/api/bot/{bot.id}/messages", json=body)).json()["received"] == 3
    assert [row["message"] for row in await lines(account, bot, "messages")] == ["2", "1", "0"]


async def test_an_empty_array_is_nothing(account: Account, bot: Bot) -> None:
    assert (await bot.http.post(f"/api/bot/{bot.id}/logs", json=[])).json() == {"status": "ok", "received": 0}
    assert (await account.http.get(f"/api/stats/bot/{bot.id}")).json()["total_logs"] == 0


async def test_synced_data_replace_each_other(account: Account, bot: Bot) -> None:
    path = f"/api/bot/{bot.id}/data"
    assert (await account.http.get(path)).json() == {"data": None, "source": "database", "updated_at": None}
    assert (await account.http.get(f"/api/my-bots/{bot.id}/data")).json() == {"data": None}
    for picture in (
        {"groups": [{"id": "g", "n": None}], "friends": [1, "x"], "metadata": {"a": None}},
        {"groups": [], "friends": []},
    ):
        assert (await bot.http.post(f"/api/bot/{bot.id}/sync", json=picture)).status_code == 200
        for client in (account.http, bot.http):
            found = (await client.get(path)).json()
            assert (found["data"], found["source"], bool(found["updated_at"])) == (picture, "database", True)
        assert (await account.http.get(f"/api/my-bots/{bot.id}/data")).json() == {"data": picture}


@pytest.mark.parametrize(
    "body",
    [{}, {"groups": []}, {"groups": {}, "friends": []}, {"groups": [], "friends": None}, {"groups": [], "friends": [], "metadata": 7}],
    ids=str,
)  # fmt: skip
async def test_a_bad_picture_changes_nothing(body: Any, account: Account, bot: Bot) -> None:
    await bot.http.post(f"/api/bot/{bot.id}/sync", json={"groups": [1], "friends": []})
    assert (await bot.http.post(f"/api/bot/{bot.id}/sync", json=body)).status_code == 400
    found = (await account.http.get(f"/api/bot/{bot.id}/data")).json()
    assert found["data"] == {"groups": [1], "friends": []}


async def test_a_picture_has_a_bound_that_the_refusal_names(account: Account, bot: Bot) -> None:
    most = {"groups": [], "friends": ["x" * (2**20 - len('{"groups":[],"friends":[""]}'))]}
    assert (await bot.http.post(f"/api/bot/{bot.id}/sync", json=most)).status_code == 200
    more = {**most, "groups": [1]}
    refused = await bot.http.post(f"/api/bot/{bot.id}/sync", json=more)
    assert (refused.status_code, "1 MiB" in refused.json()["error"]) == (400, True)
    assert (await account.http.get(f"/api/bot/{bot.id}/data")).json()["data"] == most


# --- reading ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["logs", "messages", "commands"])
async def test_lists_are_of_ones_own_bots_and_of_all_for_administrators(
    kind: str, cast: Cast, world: World
) -> None:
    stranger = await world.make_account()
    mine = (await cast.account.http.get(f"/api/{kind}")).json()
    assert {row["bot_id"] for row in mine[kind]} == {cast.bot.id}
    assert mine["count"] == len(mine[kind])
    assert (await stranger.http.get(f"/api/{kind}")).json() == {kind: [], "count": 0}
    everybody = (await cast.admin.http.get(f"/api/{kind}", params={"limit": 1000})).json()
    assert cast.bot.id in {row["bot_id"] for row in everybody[kind]}
    by_admin = await cast.admin.http.get(f"/api/{kind}", params={"bot_id": cast.bot.id})
    by_owner = await cast.account.http.get(f"/api/{kind}", params={"bot_id": cast.bot.id})
    assert by_admin.json() == by_owner.json()
    for client in (stranger.http, world.anonymous, cast.bot.http):
        reply = await client.get(f"/api/{kind}", params={"bot_id": cast.bot.id})
        assert reply.status_code in (401, 403, 404)


@pytest.mark.parametrize(
    ("path", "most"),
    [("/api/logs", 1000), ("/api/messages", 1000), ("/api/commands", 1000), ("/api/export/logs", 10000), ("/api/export/messages", 10000)],
)  # fmt: skip
async def test_limits_are_capped(path: str, most: int, account: Account) -> None:
    for limit, status in ((1, 200), (most, 200), (0, 400), (-1, 400), (most + 1, 400), ("x", 400), ("", 400)):
        assert (await account.http.get(path, params={"limit": limit})).status_code == status, limit


async def test_lists_are_newest_first_and_limited(account: Account, bot: Bot) -> None:
    await bot.http.post(f"/api/bot/{bot.id}/logs", json=[{**LOG, "message": str(n)} for n in range(150)])
    reply = (await account.http.get("/api/logs", params={"bot_id": bot.id})).json()
    assert (reply["count"], [row["message"] for row in reply["logs"]][:2]) == (100, ["149", "148"])
    assert [row["message"] for row in await lines(account, bot, limit=3)] == ["149", "148", "147"]


# --- numbers ------------------------------------------------------------------------------------------


async def test_the_overview_is_of_oneself_and_of_all_for_administrators(world: World, admin: Account) -> None:
    before = (await admin.http.get("/api/stats/overview")).json()
    account = await world.make_account()
    mine = (await account.http.get("/api/stats/overview")).json()
    assert mine == {
        "total_users": before["total_users"] + 1,
        "total_bots": 0,
        "user_bots": 0,
        "total_commands": 0,
        "pending_commands": 0,
        "total_logs": 0,
        "total_messages": 0,
        "connected_clients": 0,
    }
    await fill(account, await world.make_bot(account))
    counted = {
        "total_bots": 1,
        "total_commands": 2,
        "pending_commands": 1,
        "total_logs": 1,
        "total_messages": 1,
    }
    mine = (await account.http.get("/api/stats/overview")).json()
    assert mine == {**mine, **counted, "user_bots": 1}
    after = (await admin.http.get("/api/stats/overview")).json()
    assert {key: after[key] - before[key] for key in counted} == counted
    assert after["user_bots"] == before["user_bots"]


async def test_a_bots_numbers_count_every_command_once(account: Account, bot: Bot) -> None:
    made = [await make_command(account, bot, type=name) for name in ("ping", "ping", "stop", "ping", "ping")]
    for command, status in zip(made, ("completed", "completed", "failed"), strict=False):
        for _ in range(2):
            await bot.http.post(f"/api/commands/{command}/ack", json={"status": status})
    await account.http.post(f"/api/commands/{made[3]}/cancel")
    wanted = {"total_commands": 5, "pending_commands": 1, "completed_commands": 2, "failed_commands": 2}
    numbers = (await account.http.get(f"/api/stats/bot/{bot.id}")).json()
    assert numbers == {**numbers, **wanted}
    assert numbers["command_types"] == {"ping": 4, "stop": 1}
    assert (await account.http.get(f"/api/bot/{bot.id}/info")).json()["stats"] == wanted


# --- exports ------------------------------------------------------------------------------------------


async def test_an_export_has_everything_of_the_bot_and_no_secret(cast: Cast) -> None:
    exported = (await cast.account.http.get(f"/api/export/bot-data/{cast.bot.id}")).json()
    assert (exported["bot"]["id"], exported["bot"]["settings"]) == (cast.bot.id, {"language": "en"})
    assert exported["data"] == {"groups": [{"id": "g"}], "friends": []}
    counts = {kind: len(exported[kind]) for kind in ("commands", "logs", "messages")}
    assert counts == {"commands": 2, "logs": 1, "messages": 1}
    assert cast.bot.token not in str(exported)
    assert "token" not in exported["bot"]


@pytest.mark.parametrize("kind", ["logs", "messages"])
async def test_exports_follow_bot_and_limit(kind: str, cast: Cast, stranger: Account) -> None:
    path = f"/api/export/{kind}"
    mine = (await cast.account.http.get(path, params={"bot_id": cast.bot.id, "limit": 1})).json()
    assert (mine["count"], len(mine[kind]), mine[kind][0]["bot_id"]) == (1, 1, cast.bot.id)
    assert (await stranger.http.get(path, params={"bot_id": cast.bot.id})).status_code == 404
    assert (await cast.account.http.get(path, params={"bot_id": "bot_none"})).status_code == 404


async def test_reading_changes_nothing(cast: Cast, world: World) -> None:
    stores = world.running.db.stores
    before = dump(stores)
    for path in (
        "/api/auth/me",
        "/api/my-bots",
        f"/api/my-bots/{cast.bot.id}",
        f"/api/bot/{cast.bot.id}/info",
        f"/api/bot/{cast.bot.id}/commands",
        f"/api/bot/{cast.bot.id}/commands-history",
        f"/api/export/bot-data/{cast.bot.id}",
        "/api/stats/overview",
        "/api/logs",
    ):
        assert (await cast.account.http.get(path)).status_code == 200
    assert changes(before, dump(stores)) == {}
