"""The fleet at a glance."""

import pytest
from sqlalchemy import insert

from botyard.core.accounts.models import User
from botyard.core.bots.models import Bot, BotKind
from botyard.features.fleet import roster
from botyard.kit import clock as clocks
from botyard.kit.clock import FrozenClock
from botyard.kit.db import Database
from tests.features.fleet.fleet import Fleet, bot


@pytest.fixture
async def owners(db: Database, clock: FrozenClock) -> list[int]:
    """Two accounts with two bots and one; the stores of a module are shared, so the ids are new each time."""
    async with db.session() as session:
        made = []
        for number in range(2):
            name = f"{clocks.token_bytes(6).hex()}{number}"
            user = {
                "username": name,
                "username_key": name,
                "email": name,
                "email_key": name,
                "password_hash": "",
            }
            statement = insert(User).values(**user, created_at=clocks.now()).returning(User.id)
            made.append(int(await session.scalar(statement) or 0))
        for owner, name in ((made[0], "a"), (made[0], "b"), (made[1], "c")):
            now = clocks.now()
            session.add(
                Bot(
                    id=f"bot_{owner}{name}",
                    owner_id=owner,
                    kind=BotKind.fleet,
                    name=name,
                    created_at=now,
                    updated_at=now,
                )
            )
    return made


async def test_each_bot_stands_with_its_presence_and_what_waits_for_it(
    db: Database, fleet: Fleet, owners: list[int]
) -> None:
    owner = owners[0]
    here = bot(f"bot_{owner}b", owner)
    await fleet.presence.describe(here, {"version": "1", "host": "pier"})
    await fleet.command(bot_id=here.bot_id, owner_id=owner)

    async with db.reader() as session:
        found = await roster.call(session, fleet.reader, fleet.presence, owner_id=owner)

    assert [(each.bot.name, each.online, each.waiting) for each in found] == [("a", False, 0), ("b", True, 1)]
    assert found[0].seen_us is None
    assert found[1].about == {"version": "1", "host": "pier"}


async def test_administrators_see_everybody_s(db: Database, fleet: Fleet, owners: list[int]) -> None:
    async with db.reader() as session:
        found = await roster.call(session, fleet.reader, fleet.presence, owner_id=None)

    assert {each.bot.owner_id for each in found} >= set(owners)


async def test_one_bot_stands_as_in_the_list(
    db: Database, fleet: Fleet, owners: list[int], clock: FrozenClock
) -> None:
    owner = owners[1]
    here = bot(f"bot_{owner}c", owner)
    await fleet.presence.describe(here, {"version": "2"})
    clock.advance(120)
    await fleet.presence.sweep()

    async with db.reader() as session:
        (listed,) = await roster.call(session, fleet.reader, fleet.presence, owner_id=owner)
        single = await roster.one(fleet.reader, fleet.presence, listed.bot)

    assert single == listed
    assert (single.online, single.about) == (False, {"version": "2"})
