"""A request that is sent twice under one key."""

import asyncio
from typing import Any

import httpx
import pytest

from tests import loopback
from tests.contracts.document import Call
from tests.contracts.dump import changes, dump
from tests.contracts.manager.requests import REQUESTS, Cast, filled, make_cast, values
from tests.contracts.manager.test_document import DOCUMENT
from tests.contracts.manager.world import Account, World


@pytest.fixture
async def own(world: World, admin: Account) -> Cast:
    """An account and a bot that the test may change."""
    return await make_cast(world, admin)


@pytest.fixture
async def member(world: World) -> httpx.AsyncClient:
    """Somebody without bots."""
    return (await world.make_account()).http


async def _bots(manager: httpx.AsyncClient) -> int:
    return int((await manager.get("/api/my-bots")).json()["count"])


async def test_the_same_request_under_the_same_key_is_done_once(member: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "make-echo"}

    first = await member.post("/api/my-bots", json={"name": "Echo"}, headers=headers)
    again = await member.post("/api/my-bots", json={"name": "Echo"}, headers=headers)

    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert await _bots(member) == 1


async def test_a_key_is_refused_for_another_request(member: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "make-echo"}
    await member.post("/api/my-bots", json={"name": "Echo"}, headers=headers)

    other = await member.post("/api/my-bots", json={"name": "Other"}, headers=headers)

    assert other.status_code == 400
    assert "Idempotency-Key" in other.json()["error"]
    assert await _bots(member) == 1


async def test_a_refused_request_leaves_its_key_free(member: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "make-echo"}
    refused = await member.post("/api/my-bots", json={"name": " "}, headers=headers)

    made = await member.post("/api/my-bots", json={"name": "Echo"}, headers=headers)

    assert (refused.status_code, made.status_code) == (400, 200)


@pytest.mark.parametrize(
    ("path", "row"),
    [
        ("logs", {"type": "info", "message": "{}"}),
        (
            "messages",
            {"message": "{}", "author_id": "1", "author_name": "Bo", "thread_id": "t", "thread_type": "USER"},
        ),
    ],
)
async def test_lines_under_a_key_that_stood_for_others_are_refused_not_lost(
    member: httpx.AsyncClient, world: World, path: str, row: dict[str, str]
) -> None:
    made = (await member.post("/api/my-bots", json={"name": "Echo"})).json()
    bot_id, headers = (
        made["bot_id"],
        {"Idempotency-Key": "batch-1", "Authorization": f"Bearer {made['token']}"},
    )
    rows = [{**row, "message": text} for text in ("first", "second")]
    async with loopback.client(base_url=str(member.base_url)) as bot:
        told = [
            await bot.post(f"/api/bot/{bot_id}/{path}", json=one, headers=headers) for one in rows + rows[:1]
        ]

    assert [reply.status_code for reply in told] == [200, 400, 200]
    assert "Idempotency-Key was used for another request" in told[1].json()["error"]


# Whoever repeats these is signed in no more. The first acknowledgement of a command stands without any key.
WITHOUT_KEY = {"auth.logout", "auth.delete_account", "commands.ack"}
KEYED = [
    call
    for call in DOCUMENT.calls
    if call.method != "GET" and not call.is_public and call.id not in WITHOUT_KEY
]


@pytest.mark.parametrize("call", KEYED, ids=lambda call: call.id)
async def test_a_call_that_is_sent_again_under_its_key_is_done_once(call: Call, own: Cast) -> None:
    known = await values(own, call)
    body = filled(REQUESTS[call.id].body, known)

    async def send(content: Any, key: str = "once") -> httpx.Response:
        return await own.sender(call).request(
            call.method, call.path.format(**known), json=content, headers={"Idempotency-Key": key}
        )

    refused = await send(body, "a key with blanks")
    first = await send(body)
    stores = own.world.running.db.stores
    before = dump(stores)
    again = await send(body)
    unchanged = changes(before, dump(stores))
    other = await send({**(body or {}), "note": "for something else"})

    assert (refused.status_code, first.status_code) == (400, 200), first.text
    assert (again.status_code, again.content, unchanged) == (200, first.content, {})
    assert other.status_code == 400
    assert "Idempotency-Key was used for another request" in other.json()["error"]


async def test_an_old_picture_that_comes_again_replaces_no_newer_one(own: Cast) -> None:
    path, headers = f"/api/bot/{own.bot.id}/sync", {"Idempotency-Key": "old"}
    old, new = ({"groups": [{"id": name}], "friends": []} for name in ("old", "new"))
    await own.bot.http.post(path, json=old, headers=headers)
    await own.bot.http.post(path, json=new)

    assert (await own.bot.http.post(path, json=old, headers=headers)).status_code == 200

    assert (await own.bot.http.get(f"/api/bot/{own.bot.id}/data")).json()["data"] == new


async def test_commands_under_one_key_that_differ_in_anything_are_refused(own: Cast) -> None:
    path, headers = f"/api/bot/{own.bot.id}/send-command", {"Idempotency-Key": "one"}
    replies = [
        await own.account.http.post(path, json=body, headers=headers)
        for body in ({"type": "a"}, {"type": "b"}, {"type": "a", "delay": 5}, {"type": "a"})
    ]
    assert [reply.status_code for reply in replies] == [200, 400, 400, 200]
    assert "Idempotency-Key" in replies[1].json()["error"]
    assert replies[0].json() == replies[3].json()


async def test_a_key_keeps_the_command_that_was_found_by_its_dedup_key(own: Cast) -> None:
    path, body = f"/api/bot/{own.bot.id}/send-command", {"type": "a", "dedup_key": "d"}
    first = await own.account.http.post(path, json=body)
    again = [await own.account.http.post(path, json=body, headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert [reply.json()["command"]["id"] for reply in again] == [first.json()["command"]["id"]] * 2


async def test_commands_at_once_under_one_key_are_one_command(own: Cast) -> None:
    path, headers = f"/api/bot/{own.bot.id}/send-command", {"Idempotency-Key": "at-once"}
    replies = await asyncio.gather(
        *(own.account.http.post(path, json={"type": "a"}, headers=headers) for _ in range(8))
    )
    assert len({reply.json()["command"]["id"] for reply in replies}) == 1
    counts = (await own.account.http.get(f"/api/bot/{own.bot.id}/info")).json()["stats"]
    listed = (await own.account.http.get("/api/commands", params={"bot_id": own.bot.id})).json()
    assert counts["total_commands"] == listed["count"]


async def test_a_lease_that_is_given_back_again_under_its_key_is_no_conflict(own: Cast) -> None:
    leased = await own.bot.http.get(f"/api/bot/{own.bot.id}/commands", params={"lease": 60, "limit": 1})
    [command] = leased.json()["commands"]
    path, body = f"/api/commands/{command['id']}/release", {"lease_id": command["lease_id"]}
    headers = {"Idempotency-Key": "back"}

    replies = [await own.bot.http.post(path, json=body, headers=each) for each in (headers, headers, {})]

    assert [reply.status_code for reply in replies] == [200, 200, 409]
    assert replies[0].json() == replies[1].json()
