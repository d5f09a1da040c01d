"""How names are compared, and what keeps the store and the threads from being overrun."""

import asyncio
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from botyard.core.accounts import names, passwords, sessions, signin, throttle
from botyard.core.accounts.jobs import tidy
from botyard.core.accounts.models import RefreshToken, SigninFailures, User, UserSession
from botyard.core.accounts.password_reset import make_token
from botyard.kit.clock import FrozenClock
from botyard.kit.db import Database
from botyard.kit.errors import CredentialsRejected, Invalid, Overloaded
from tests.core.accounts.people import ADDRESS, PASSWORD


@given(st.text())
def test_key_of_a_key_is_itself_and_can_be_stored(text: str) -> None:
    key = names.key(text)

    assert names.key(key) == key
    key.encode()
    assert "\x00" not in key


@given(st.text(max_size=300), st.text(max_size=300))
def test_accepted_names_fit_their_columns(name: str, address: str) -> None:
    try:
        accepted = names.username(name, email="a@b.c")
        assert len(names.key(accepted)) <= names.MAX_KEY
        accepted.encode()
        email = names.email(f"{address}@b.c")
        assert len(names.key(email)) <= names.MAX_KEY
    except Invalid:
        return


def test_one_character_that_stands_for_eighteen() -> None:
    with pytest.raises(Invalid):
        names.username("\ufdfa" * 64, email="a@b.c")


@pytest.mark.parametrize(
    ("one", "other"), [("Straße", "STRASSE"), ("ﬁle", "FILE"), ("é", "e\u0301"), ("Ⅷ", "viii")]
)
def test_look_alikes_are_one_name(one: str, other: str) -> None:
    assert names.key(one) == names.key(other)


async def test_a_flood_of_sign_ins_is_told_to_come_back_and_the_rest_is_served() -> None:
    outcomes = await asyncio.gather(
        *(passwords.verify(None, "x") for _ in range(passwords.MAX_WAITING + 30)), return_exceptions=True
    )

    refused = [outcome for outcome in outcomes if isinstance(outcome, Overloaded)]
    assert len(refused) == 30
    assert all(error.retry_after_s for error in refused)
    assert (await passwords.verify(None, "x")) == (False, None)


@pytest.mark.usefixtures("real_cost")
async def test_hashing_leaves_the_event_loop_free() -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    ticker = asyncio.ensure_future(tick())
    await passwords.hash(PASSWORD)
    ticker.cancel()

    assert ticks > 10


async def test_tidying_removes_what_is_long_over_and_nothing_else(
    house: Database, alice: User, clock: FrozenClock
) -> None:
    async with house.session() as session:
        await sessions.open_token(session, alice.id, address=ADDRESS)
        await make_token(session, alice)
    with pytest.raises(CredentialsRejected):
        await signin.sign_in(house, identity="alice", password="wrong password", address=ADDRESS)

    async def left() -> list[int]:
        tables = (UserSession, RefreshToken, SigninFailures)
        async with house.reader() as session:
            return [int(await session.scalar(select(func.count()).select_from(t)) or 0) for t in tables]

    await tidy.run_inline(house)
    assert await left() == [1, 1, 2]
    clock.advance(throttle.FORGET_AFTER.total_seconds() + 1)
    await tidy.run_inline(house)
    assert await left() == [1, 1, 0]
    clock.advance((sessions.TOKEN_LIFETIME + timedelta(days=28)).total_seconds())
    await tidy.run_inline(house)
    assert await left() == [1, 1, 0]
    clock.advance(timedelta(days=1).total_seconds())
    await tidy.run_inline(house)
    assert await left() == [0, 0, 0]
    await tidy.run_inline(house)
