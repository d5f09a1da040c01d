"""What calls cost: entered before they are made, never beyond the cap, settled by how they ended."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from botyard.core import jobs
from botyard.features.studio import spend
from botyard.features.studio.errors import PlatformOff, SpendCapReached, usd
from botyard.features.studio.platform import Price
from botyard.features.studio.spend import CallOutcome, MonthSummary
from botyard.kit.clock import FrozenClock
from botyard.kit.db import Database, Stores
from botyard.settings import Settings

POST = Price(Decimal("0.015"), "post", "https://example.org", date(2026, 11, 25))


@pytest.fixture(autouse=True)
def switched_on(settings: Settings) -> None:
    settings.x_enabled, settings.x_monthly_cap_usd = True, Decimal("0.05")


async def reserve(db: Database, *, count: int = 1) -> int:
    async with db.session() as session:
        return await spend.reserve(session, "x", "post", price=POST, owner_id=1, bot_id="bot_1", count=count)


async def settle(db: Database, number: int, outcome: CallOutcome) -> None:
    async with db.session() as session:
        await spend.settle(session, number, outcome)


async def summary(db: Database) -> MonthSummary:
    async with db.reader() as session:
        return await spend.month_summary(session, "x")


async def test_a_call_counts_from_before_it_is_made(db: Database, clock: FrozenClock) -> None:
    await reserve(db)

    found = await summary(db)

    assert (found.month, found.spent_usd, found.calls) == ("2026-06", Decimal("0.015"), 1)
    assert found.left_usd == Decimal("0.035")


@pytest.mark.parametrize(
    ("outcome", "spent"),
    [
        (CallOutcome.done, "0.015"),
        (CallOutcome.refused, "0.015"),
        (CallOutcome.unknown, "0.015"),
        (CallOutcome.not_sent, "0"),
    ],
)
async def test_only_what_was_certainly_not_sent_costs_nothing(
    db: Database, clock: FrozenClock, outcome: CallOutcome, spent: str
) -> None:
    number = await reserve(db)

    for _ in range(2):
        await settle(db, number, outcome)

    assert (await summary(db)).spent_usd == Decimal(spent)


async def test_the_cap_is_reached_to_the_last_call_that_fits(db: Database, clock: FrozenClock) -> None:
    for _ in range(3):
        await reserve(db)

    with pytest.raises(SpendCapReached, match=r"0\.05 USD") as raised:
        await reserve(db)

    assert "0.045 USD are spent" in str(raised.value)
    assert "x_monthly_cap_usd" in str(raised.value)
    assert isinstance(raised.value, jobs.Refused)
    assert (await summary(db)).calls == 3


async def test_a_call_for_several_things_costs_by_the_thing(db: Database, clock: FrozenClock) -> None:
    await reserve(db, count=3)

    with pytest.raises(SpendCapReached):
        await reserve(db)


async def test_what_was_not_sent_makes_room_again(db: Database, clock: FrozenClock) -> None:
    numbers = [await reserve(db) for _ in range(3)]
    await settle(db, numbers[0], CallOutcome.not_sent)

    await reserve(db)

    assert (await summary(db)).spent_usd == Decimal("0.045")


async def test_racing_calls_do_not_pass_the_cap(db: Database, stores: Stores, settings: Settings) -> None:
    others = [Database(stores) for _ in range(3)]
    for other in others:
        other.parts.add(settings)

    ends = await asyncio.gather(
        *(reserve(each) for each in (db, *others) for _ in range(5)), return_exceptions=True
    )

    assert sum(isinstance(end, int) for end in ends) == 3
    assert {type(end) for end in ends} == {int, SpendCapReached}
    assert (await summary(db)).spent_usd == Decimal("0.045")
    for other in others:
        await other.close()


async def test_a_new_month_begins_at_zero(db: Database, clock: FrozenClock) -> None:
    await reserve(db, count=3)
    clock.advance((datetime(2026, 7, 1, tzinfo=UTC) - clock.now()) / timedelta(seconds=1))

    assert (await summary(db)).spent_usd == 0
    await reserve(db)
    async with db.reader() as session:
        june = await spend.month_summary(session, "x", at=datetime(2026, 6, 30, 23, 59, tzinfo=UTC))
    assert june.spent_usd == Decimal("0.045")


async def test_nothing_is_spent_while_it_is_off(db: Database, settings: Settings) -> None:
    settings.x_enabled = False

    with pytest.raises(PlatformOff, match="x_enabled"):
        await reserve(db)

    assert (await summary(db)).calls == 0


async def test_the_settings_are_read_at_each_call(
    db: Database, clock: FrozenClock, settings: Settings
) -> None:
    settings.x_monthly_cap_usd = Decimal(0)
    with pytest.raises(SpendCapReached):
        await reserve(db)

    settings.x_monthly_cap_usd = Decimal(1)

    await reserve(db)


async def test_thousands_of_calls_add_up_exactly(
    db: Database, clock: FrozenClock, settings: Settings
) -> None:
    settings.x_monthly_cap_usd = Decimal("3.015")
    await reserve(db, count=1)
    for _ in range(200):
        await reserve(db)

    assert (await summary(db)).spent_usd == Decimal("3.015")
    with pytest.raises(SpendCapReached):
        await reserve(db)


@pytest.mark.parametrize(
    ("amount", "text"),
    [("0", "0.00"), ("0.015", "0.015"), ("10", "10.00"), ("1.2", "1.20"), ("120", "120.00")],
)
def test_amounts_are_written_as_people_do(amount: str, text: str) -> None:
    assert usd(Decimal(amount)) == text
