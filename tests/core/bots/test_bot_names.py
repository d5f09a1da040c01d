"""X bots of one account have names of their own; bots of other kinds may share one."""

import asyncio

import pytest

from botyard.core.accounts.models import User
from botyard.core.accounts.types import Principal
from botyard.core.bots import service as bots
from botyard.core.bots.errors import BotNameTaken
from botyard.core.bots.models import Bot, BotKind
from botyard.kit.db import Database
from tests.core.accounts.people import MakeUser


async def make(db: Database, owner: User, name: str, kind: BotKind = BotKind.x) -> Bot:
    async with db.session() as session:
        return await bots.create(session, owner_id=owner.id, kind=kind, name=name)


async def names(db: Database, owner: User, kind: BotKind = BotKind.x) -> list[str]:
    async with db.reader() as session:
        return [bot.name for bot in await bots.list_bots(session, kind=kind, owner_id=owner.id)]


async def test_second_x_bot_of_a_name_is_refused_and_nothing_is_stored(house: Database, alice: User) -> None:
    await make(house, alice, "Harbour")

    with pytest.raises(BotNameTaken):
        await make(house, alice, "  Harbour ")

    assert await names(house, alice) == ["Harbour"]


async def test_names_are_taken_within_an_account_and_among_x_bots_only(
    house: Database, alice: User, make_user: MakeUser
) -> None:
    bob = await make_user("bob")
    await make(house, alice, "Harbour")

    await make(house, bob, "Harbour")
    await make(house, alice, "harbour")
    for _ in range(2):
        await make(house, alice, "Harbour", BotKind.fleet)

    assert await names(house, alice) == ["Harbour", "harbour"]
    assert await names(house, bob) == ["Harbour"]
    assert await names(house, alice, BotKind.fleet) == ["Harbour", "Harbour"]


async def test_renaming_to_a_taken_name_is_refused_and_to_its_own_is_not(
    house: Database, alice: User
) -> None:
    await make(house, alice, "Harbour")
    other = await make(house, alice, "Market")

    async def rename(name: str) -> None:
        async with house.session() as session:
            bot = await bots.get(session, other.id, kind=BotKind.x, owner_id=alice.id)
            await bots.update(session, bot, name=name)

    with pytest.raises(BotNameTaken):
        await rename("Harbour")
    await rename("Market")

    assert await names(house, alice) == ["Harbour", "Market"]


async def test_transaction_goes_on_after_a_taken_name(house: Database, alice: User) -> None:
    await make(house, alice, "Harbour")

    async with house.session() as session:
        with pytest.raises(BotNameTaken):
            await bots.create(session, owner_id=alice.id, kind=BotKind.x, name="Harbour")
        await bots.create(session, owner_id=alice.id, kind=BotKind.x, name="Harbour 2")

    assert await names(house, alice) == ["Harbour", "Harbour 2"]


async def test_of_two_bots_made_at_once_one_gets_the_name(house: Database, alice: User) -> None:
    ends = await asyncio.gather(*(make(house, alice, "Harbour") for _ in range(5)), return_exceptions=True)

    assert sorted(type(end).__name__ for end in ends) == ["Bot", *["BotNameTaken"] * 4]
    assert await names(house, alice) == ["Harbour"]


async def test_a_deleted_bot_leaves_its_name(house: Database, alice: User) -> None:
    bot = await make(house, alice, "Harbour")
    async with house.session() as session:
        found = await bots.get(session, bot.id, kind=BotKind.x, owner_id=alice.id)
        await bots.delete(session, found, actor=Principal(user_id=alice.id))

    await make(house, alice, "Harbour")
