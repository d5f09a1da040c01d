"""Document section "Bot Manager Microservice": every bot is listed, names are what a reader sees."""

import pytest

from botyard.core.bots.models import Bot, BotKind
from botyard.kit import clock, ids
from tests.contracts.manager.world import Account, World
from tests.contracts.vivesphere.cast import CREDENTIALS, Cast, make_cast


async def test_however_many_bots_there_are_all_are_listed(world: World, admin: Account) -> None:
    cast = await make_cast(world, admin)
    now = clock.now()
    async with world.running.db.session() as session:
        session.add_all(
            Bot(
                id=ids.new("bot"),
                owner_id=cast.account.id,
                kind=BotKind.x,
                name=f"Bot {number}",
                extra={},
                settings={},
                created_at=now,
                updated_at=now,
            )
            for number in range(1200)
        )
    listed = (await cast.owner.get("/api/v1/bots/list")).json()["bots"]
    assert (len(listed), len(set(listed)), listed[0]) == (1201, 1201, cast.bot_id)


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[31m", "\u202egnp.exe", "\u200b", " ", "x" * 201])
async def test_names_that_nobody_could_read_are_refused(cast: Cast, name: str) -> None:
    body = {"bot_name": name, "credentials": CREDENTIALS}
    reply = await cast.owner.post("/api/v1/bots/create", json=body)
    assert (reply.status_code, reply.json()["error_code"]) == (400, "INVALID_DATA")


async def test_one_name_written_in_two_ways_is_one_name(cast: Cast) -> None:
    replies = [
        await cast.owner.post("/api/v1/bots/create", json={"bot_name": name, "credentials": {}})
        for name in ("Caf\u00e9", "Cafe\u0301")
    ]
    assert [reply.status_code for reply in replies] == [201, 400]


async def test_names_of_any_script_are_welcome(cast: Cast) -> None:
    for name in ("Ботанік", "木の家", "family 👨‍👩‍👧", "بوت"):
        body = {"bot_name": name, "credentials": {}}
        assert (await cast.owner.post("/api/v1/bots/create", json=body)).status_code == 201


async def test_a_key_used_for_another_request_is_bad_data(cast: Cast) -> None:
    headers = {"idempotency-key": "one-of-mine"}
    replies = [
        await cast.owner.post(
            "/api/v1/bots/create", json={"bot_name": name, "credentials": {}}, headers=headers
        )
        for name in ("First of a key", "Second of a key", "First of a key")
    ]
    assert [reply.status_code for reply in replies] == [201, 400, 201]
    assert replies[0].json() == replies[2].json()
    assert replies[1].json()["error_code"] == "INVALID_DATA"
