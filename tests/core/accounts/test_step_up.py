"""A proved password is remembered for its session, for five minutes, and for nobody else."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from botyard.core import audit
from botyard.core.accounts import deletion, password_change, passwords, step_up
from botyard.core.accounts.errors import SessionOver
from botyard.core.accounts.models import OneTimeToken, User
from botyard.core.accounts.types import Kind, Principal
from botyard.kit.clock import FrozenClock
from botyard.kit.db import Database
from tests.core.accounts.people import ADDRESS, MakeUser


def at(user: User, session_id: str = "ses_1") -> Principal:
    return Principal(kind=Kind.cookie, user_id=user.id, session_id=session_id)


async def remember(db: Database, caller: Principal) -> None:
    async with db.session() as session:
        await step_up.remember(session, caller, address=ADDRESS)


async def counts(db: Database, caller: Principal) -> bool:
    async with db.reader() as session:
        return await step_up.good_until(session, caller) is not None


async def test_what_was_proved_counts_for_five_minutes(
    house: Database, alice: User, clock: FrozenClock
) -> None:
    assert not await counts(house, at(alice))
    await remember(house, at(alice))
    async with house.reader() as session:
        assert await step_up.good_until(session, at(alice)) == clock.now() + timedelta(minutes=5)

    clock.advance(299)
    assert await counts(house, at(alice))
    clock.advance(1)
    assert not await counts(house, at(alice))


async def test_proving_again_begins_anew_and_each_time_is_written_down(
    house: Database, alice: User, clock: FrozenClock
) -> None:
    await remember(house, at(alice))
    clock.advance(200)
    await remember(house, at(alice))
    clock.advance(200)

    assert await counts(house, at(alice))
    async with house.reader() as session:
        assert await session.scalar(select(func.count()).select_from(OneTimeToken)) == 1
        entries = await audit.list_entries(session, action="account.proved_again")
    assert [(entry.actor_ref, entry.address) for entry in entries] == [("session:ses_1", ADDRESS)] * 2


async def test_it_counts_in_no_other_session_for_no_other_account_and_for_no_key(
    house: Database, alice: User, make_user: MakeUser
) -> None:
    bob = await make_user("bob")
    await remember(house, at(alice))

    assert not await counts(house, at(alice, "ses_2"))
    assert not await counts(house, at(bob))
    assert not await counts(house, Principal(kind=Kind.api_key, user_id=alice.id, api_key_id="key_1"))


async def test_a_changed_password_ends_it(house: Database, alice: User) -> None:
    hashed = await passwords.hash("another password")
    await remember(house, at(alice))
    async with house.session() as session:
        user = await session.get(User, alice.id)
        assert user is not None
        await password_change.set_password(session, user, hashed)

    assert not await counts(house, at(alice))


async def test_it_can_be_given_up_before_its_time(house: Database, alice: User) -> None:
    await remember(house, at(alice))
    await remember(house, at(alice, "ses_2"))
    async with house.session() as session:
        await step_up.forget(session, at(alice))

    assert not await counts(house, at(alice))
    assert await counts(house, at(alice, "ses_2"))


async def test_proving_in_two_tabs_at_once_is_one_proof(house: Database, alice: User) -> None:
    await asyncio.gather(*(remember(house, at(alice)) for _ in range(4)))

    assert await counts(house, at(alice))


async def test_a_deleted_account_proves_nothing(house: Database, alice: User) -> None:
    async with house.session() as session:
        await deletion.delete_account(session, alice.id)

    with pytest.raises(SessionOver):
        await remember(house, at(alice))
