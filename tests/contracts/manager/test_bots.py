"""Document section "Bot Management APIs": tokens, ownership, deletion."""

import asyncio

import pytest

from botyard.core.audit import service as audit
from botyard.core.bots import jobs
from tests.contracts.dump import mentions
from tests.contracts.manager.world import Account, World, fill, make_command


async def audited(world: World, bot_id: str) -> list[tuple[str, int]]:
    async with world.running.db.reader() as session:
        entries = await audit.list_entries(session, target=f"bot:{bot_id}")
    return [(entry.action, entry.actor_user_id) for entry in entries]


async def test_bots_are_listed_oldest_first_and_count_is_of_the_page(world: World) -> None:
    account = await world.make_account()
    made = [(await world.make_bot(account, name=f"bot {number}")).id for number in range(3)]
    listed = (await account.http.get("/api/my-bots")).json()
    assert ([bot["id"] for bot in listed["bots"]], listed["count"]) == (made, 3)
    assert {bot["status"] for bot in listed["bots"]} == {"offline"}


async def test_metadata_come_back_as_they_were_given(world: World, account: Account) -> None:
    metadata = {"ünï": [1, 2.5, None, True, {"deep": "☃"}], "n": 2**53, "": ""}
    bot = await world.make_bot(account, metadata=metadata)
    assert (await account.http.get(f"/api/my-bots/{bot.id}")).json()["bot"]["metadata"] == metadata
    change = {"metadata": {"only": 1}}
    assert (await account.http.put(f"/api/my-bots/{bot.id}", json=change)).status_code == 200
    shown = (await account.http.get(f"/api/my-bots/{bot.id}")).json()["bot"]
    assert (shown["metadata"], shown["name"]) == ({"only": 1}, "Ada")


@pytest.mark.parametrize(
    "change",
    [
        {"owner_id": 1},
        {"id": "bot_x"},
        {"token": "by_bot_x"},
        {"token_digest": "x"},
        {"kind": "trading"},
        {"status": "online"},
        {"created_at": "2000-01-01T00:00:00Z"},
        {"settings": {"x": 1}},
    ],
    ids=str,
)
async def test_what_is_not_for_the_owner_to_set_is_not_set(
    change: dict[str, object], world: World, account: Account
) -> None:
    bot = await world.make_bot(account, **change)
    before = (await account.http.get(f"/api/bot/{bot.id}/info")).json()
    assert (await account.http.put(f"/api/my-bots/{bot.id}", json=change)).status_code == 200
    assert (await account.http.get(f"/api/bot/{bot.id}/info")).json() == before
    assert (before["bot"]["id"], before["bot"]["status"]) == (bot.id, "offline")
    assert (await account.http.get(f"/api/bot/{bot.id}/settings")).json() == {"settings": {}}
    assert (await account.http.get(f"/api/my-bots/{bot.id}/token")).json() == {"token": bot.token}


async def test_every_look_at_a_token_is_audited(world: World, admin: Account) -> None:
    account = await world.make_account()
    bot = await world.make_bot(account)
    for _ in range(2):
        assert (await account.http.get(f"/api/my-bots/{bot.id}/token")).json()["token"] == bot.token
    looks = [entry for entry in await audited(world, bot.id) if entry[0] == "bot.token_revealed"]
    assert looks == [("bot.token_revealed", account.id)] * 2
    # Another account's token is not even an administrator's to see.
    assert (await admin.http.get(f"/api/my-bots/{bot.id}/token")).status_code == 404


async def test_a_token_is_stored_sealed(world: World, account: Account) -> None:
    bot = await world.make_bot(account)
    assert mentions(world.running.db.stores, [bot.token]) == {}


async def test_a_token_opens_its_own_bots_calls_only(world: World, account: Account) -> None:
    bot, other = await world.make_bot(account), await world.make_bot(account)
    command = await make_command(account, other)
    replies = {
        path: (await bot.http.request(method, path, json=body)).status_code
        for method, path, body in (
            ("GET", f"/api/bot/{other.id}/commands", None),
            ("POST", f"/api/bot/{other.id}/logs", {"type": "info", "message": "x"}),
            ("POST", f"/api/commands/{command}/ack", {"status": "completed"}),
            ("POST", f"/api/bot/{other.id}/bye", None),
        )
    }
    assert set(replies.values()) == {404}, replies
    assert (await bot.http.get("/api/my-bots")).status_code == 403
    assert (await bot.http.get(f"/api/my-bots/{bot.id}/token")).status_code == 403


async def test_a_replaced_token_is_dead_at_once_also_for_a_call_that_waits(
    world: World, account: Account
) -> None:
    bot = await world.make_bot(account)
    waiting = asyncio.create_task(
        bot.http.get(f"/api/bot/{bot.id}/commands", params={"lease": 60, "wait": 25})
    )
    await is_waiting(world)
    made = await account.http.post(f"/api/my-bots/{bot.id}/regenerate-token")
    async with asyncio.timeout(5):
        refused = await waiting
    assert (refused.status_code, set(refused.json())) == (401, {"error"})
    assert (await bot.http.post(f"/api/bot/{bot.id}/heartbeat")).status_code == 401
    await make_command(account, bot)
    fresh = world.with_token(made.json()["token"])
    taken = (await fresh.get(f"/api/bot/{bot.id}/commands", params={"lease": 60})).json()
    assert [command["attempt"] for command in taken["commands"]] == [1]
    assert ("bot.token_renewed", account.id) in await audited(world, bot.id)


async def test_a_call_that_waits_ends_with_its_bot_and_with_the_session(world: World) -> None:
    account = await world.make_account()
    bot = await world.make_bot(account)
    path = f"/api/bot/{bot.id}/commands"
    person = await world.sign_in(account.username, account.password)
    by_person = asyncio.create_task(person.http.get(path, params={"wait": 25}))
    by_bot = asyncio.create_task(bot.http.get(path, params={"wait": 25}))
    await is_waiting(world, 2)
    await person.http.post("/api/auth/logout")
    async with asyncio.timeout(5):
        assert (await by_person).status_code == 401
    await account.http.delete(f"/api/my-bots/{bot.id}")
    async with asyncio.timeout(5):
        assert (await by_bot).status_code == 401


async def is_waiting(world: World, number: int = 1) -> None:
    """Return when so many long-polls wait on the server."""
    async with asyncio.timeout(10):
        while world.running.yard.bell.waiting < number:
            await asyncio.sleep(0.005)


async def test_a_deleted_bot_is_gone_with_all_it_had(world: World, account: Account) -> None:
    bot, other = await world.make_bot(account), await world.make_bot(account)
    for one in (bot, other):
        await fill(account, one)
    assert (await account.http.delete(f"/api/my-bots/{bot.id}")).status_code == 200
    assert (await account.http.delete(f"/api/my-bots/{bot.id}")).status_code == 404
    assert (await bot.http.get(f"/api/bot/{bot.id}/commands")).status_code == 401
    left = mentions(world.running.db.stores, [bot.id], without=("audit", "jobs", "events", "stream_events"))
    assert left == {}
    assert (await account.http.get(f"/api/stats/bot/{other.id}")).json()["total_logs"] == 1
    assert ("bot.deleted", account.id) in await audited(world, bot.id)


async def test_of_a_deleted_bot_nothing_is_replayed_but_that_it_is_gone(world: World) -> None:
    account = await world.make_account()
    bot, other = await world.make_bot(account, name="Harbour"), await world.make_bot(account)
    for one in (bot, other):
        await one.http.post(
            f"/api/bot/{one.id}/sync", json={"groups": [], "friends": [f"friend of {one.id}"]}
        )
        command = await make_command(account, one)
        done = {"status": "completed", "result": {"of": one.id}}
        assert (await one.http.post(f"/api/commands/{command}/ack", json=done)).status_code == 200
    assert (await account.http.delete(f"/api/my-bots/{bot.id}")).status_code == 200
    db = world.running.db
    await jobs.forget_events.run_inline(db, user_id=account.id, bot_id=bot.id)
    without = ("audit", "jobs")
    assert mentions(db.stores, [f"friend of {bot.id}"], without=without) == {}
    assert mentions(db.stores, [bot.id], without=without).keys() == {"events"}
    assert mentions(db.stores, [f"friend of {other.id}"], without=without).keys() == {
        "stream_events",
        "synced_data",
    }


@pytest.mark.parametrize("how", ["made", "changed"])
async def test_metadata_have_a_bound_that_the_refusal_names(how: str, world: World, account: Account) -> None:
    most = {"x": "y" * (256 * 1024 - len('{"x":""}'))}
    bot = await world.make_bot(account, metadata=most)
    body = {"name": "Ada", "metadata": {"x": most["x"] + "y"}}
    if how == "made":
        refused = await account.http.post("/api/my-bots", json=body)
    else:
        refused = await account.http.put(f"/api/my-bots/{bot.id}", json=body)
    assert (refused.status_code, "256 KiB" in refused.json()["error"]) == (400, True)
    assert (await account.http.get(f"/api/my-bots/{bot.id}")).json()["bot"]["metadata"] == most


async def test_administrators_list_every_bot_with_its_owner(
    world: World, admin: Account, account: Account
) -> None:
    bot = await world.make_bot(account)
    rows = (await admin.http.get("/api/admin/bots")).json()["bots"]
    assert {row["id"]: row["owner_id"] for row in rows}[bot.id] == account.id


@pytest.mark.parametrize("name", ["", "   ", "x" * 201, None, 7, ["x"], "a\x00b"], ids=repr)
async def test_a_name_has_bounds(name: object, world: World, account: Account) -> None:
    before = (await account.http.get("/api/my-bots")).json()["count"]
    reply = await account.http.post("/api/my-bots", json={"name": name})
    assert (reply.status_code, set(reply.json())) == (400, {"error"})
    assert (await account.http.get("/api/my-bots")).json()["count"] == before


async def test_two_bots_may_have_the_same_name(world: World, account: Account) -> None:
    one, other = await world.make_bot(account, name="twin"), await world.make_bot(account, name="twin")
    assert one.id != other.id


async def test_status_follows_the_bots_own_calls(world: World, account: Account) -> None:
    bot = await world.make_bot(account)
    path = f"/api/my-bots/{bot.id}"
    before = (await account.http.get(path)).json()["bot"]
    assert (before["status"], before["last_active"]) == ("offline", None)
    await bot.http.post(f"/api/bot/{bot.id}/heartbeat")
    during = (await account.http.get(path)).json()["bot"]
    assert (during["status"], during["last_active"] is None) == ("online", False)
    assert (await account.http.get(f"/api/bot/{bot.id}/info")).json()["online"] is True
    await bot.http.post(f"/api/bot/{bot.id}/bye")
    after = (await account.http.get(path)).json()["bot"]
    assert (after["status"], after["last_active"] >= during["last_active"]) == ("offline", True)
    # What the owner does in its name is no sign of life.
    await account.http.post(f"/api/bot/{bot.id}/logs", json={"type": "info", "message": "by hand"})
    assert (await account.http.get(path)).json()["bot"]["status"] == "offline"
