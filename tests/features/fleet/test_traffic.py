"""Counts of the last hour: right by bot and minute, cheap, never older than an hour."""

from botyard.features.fleet import records
from botyard.features.fleet.traffic import Traffic
from botyard.features.fleet.types import NewLog, NewMessage
from botyard.kit.clock import FrozenClock
from tests.features.fleet.fleet import BOT, OWNER, Fleet


async def log(fleet: Fleet, *types: str, bot_id: str = BOT, owner_id: int = OWNER) -> None:
    """Store log lines of these types, now."""
    lines = [NewLog(level, "a line") for level in types]
    await records.append_logs(fleet.writer, bot_id=bot_id, owner_id=owner_id, logs=lines)


async def test_lines_are_counted_in_their_minute_and_by_trouble(fleet: Fleet, clock: FrozenClock) -> None:
    traffic = Traffic(fleet.reader)
    await log(fleet, "info", "info", "error")
    clock.advance(60)
    await log(fleet, "warning")

    hour = await traffic.of(owner_id=OWNER)

    assert len(hour.all) == 60
    assert (hour.all[-2:], hour.trouble[-2:]) == ([3, 1], [1, 1])
    assert sum(hour.all) == 4


async def test_a_later_look_adds_what_is_new(fleet: Fleet, clock: FrozenClock) -> None:
    traffic = Traffic(fleet.reader)
    await log(fleet, "info")
    await traffic.of()
    await log(fleet, "info", "info")
    clock.advance(1)

    assert sum((await traffic.of()).all) == 3


async def test_an_account_sees_its_own_bots_only(fleet: Fleet) -> None:
    traffic = Traffic(fleet.reader)
    await log(fleet, "info")
    await log(fleet, "info", "info", bot_id="bot_b", owner_id=OWNER + 1)

    assert sum((await traffic.of(owner_id=OWNER)).all) == 1
    assert sum((await traffic.of()).all) == 3
    assert sum((await traffic.of(owner_id=99)).all) == 0


async def test_what_is_older_than_an_hour_is_forgotten(fleet: Fleet, clock: FrozenClock) -> None:
    traffic = Traffic(fleet.reader)
    await log(fleet, "info")
    await traffic.of()

    clock.advance(61 * 60)

    assert sum((await traffic.of()).all) == 0
    assert await traffic.of_bots([BOT]) == {BOT: [0] * 12}


async def test_bots_have_a_small_drawing_each(fleet: Fleet, clock: FrozenClock) -> None:
    traffic = Traffic(fleet.reader)
    await log(fleet, "info", "error")
    clock.advance(10 * 60)
    await log(fleet, "info")

    found = await traffic.of_bots([BOT, "bot_unknown"])

    assert found == {BOT: [*([0] * 9), 2, 0, 1], "bot_unknown": [0] * 12}


async def test_messages_are_counted_beside(fleet: Fleet) -> None:
    traffic = Traffic(fleet.reader)
    said = NewMessage("hi", "7", "Bo", "1", "USER")
    await records.append_messages(fleet.writer, bot_id=BOT, owner_id=OWNER, messages=[said, said])

    hour = await traffic.of(owner_id=OWNER)

    assert (hour.messages[-1], sum(hour.all)) == (2, 0)
