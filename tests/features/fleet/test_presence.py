"""One truth about who is online: from the last call with the bot's token, told once for each change."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from structlog.testing import capture_logs

from botyard.features.fleet import jobs
from botyard.features.fleet.events import PresenceChanged
from botyard.kit import clock as clocks
from botyard.kit.clock import FrozenClock
from tests.features.fleet.fleet import BOT, PATIENCE_S, TIMEOUT_S, Fleet, bot

MakeFleet = Callable[..., Awaitable[Fleet]]


def told(*fleets: Fleet) -> list[tuple[str, bool, str]]:
    """What was said of bots, in each process' order."""
    return [
        (event.bot_id, event.online, event.reason) for fleet in fleets for event in fleet.of(PresenceChanged)
    ]


async def online(fleet: Fleet, *bot_ids: str) -> set[str]:
    return await fleet.presence.online(bot_ids or (BOT,))


async def test_a_bot_never_heard_of_is_offline(fleet: Fleet) -> None:
    assert await online(fleet) == set()
    assert await fleet.presence.last_seen([BOT]) == {}
    assert await fleet.presence.about(BOT) == {}


async def test_the_first_call_makes_a_bot_online(fleet: Fleet) -> None:
    fleet.presence.touch(bot())
    assert await online(fleet) == {BOT}
    await fleet.presence.write()
    assert told(fleet) == [(BOT, True, "call")]
    assert await fleet.presence.last_seen([BOT]) == {BOT: clocks.now_us()}


async def test_coming_online_is_written_at_once_by_the_watch(make_fleet: MakeFleet) -> None:
    fleet = await make_fleet()
    await fleet.presence.start()
    try:
        fleet.presence.touch(bot())
        async with asyncio.timeout(PATIENCE_S):
            while not told(fleet):
                await asyncio.sleep(0.001)
        assert told(fleet) == [(BOT, True, "call")]
    finally:
        await fleet.presence.stop()


async def test_another_timeout_holds_from_then_on(fleet: Fleet, clock: FrozenClock) -> None:
    fleet.presence.touch(bot())
    await fleet.presence.sweep()
    clock.advance(10)
    fleet.presence.wait(9)
    await fleet.presence.sweep()
    assert await online(fleet) == set()
    assert told(fleet)[-1] == (BOT, False, "silence")


async def test_silence_makes_a_bot_offline_after_the_timeout_and_not_before(
    fleet: Fleet, clock: FrozenClock
) -> None:
    fleet.presence.touch(bot())
    await fleet.presence.sweep()
    clock.advance(TIMEOUT_S - 0.001)
    assert await fleet.presence.sweep() == 0
    assert await online(fleet) == {BOT}
    clock.advance(0.002)
    assert await fleet.presence.sweep() == 1
    assert await fleet.presence.sweep() == 0
    assert await online(fleet) == set()
    assert told(fleet) == [(BOT, True, "call"), (BOT, False, "silence")]


async def test_a_call_shortly_after_the_last_written_one_counts_in_full(
    fleet: Fleet, clock: FrozenClock
) -> None:
    """Calls are written seldom; the last of a burst must still be what the timeout is counted from."""
    fleet.presence.touch(bot())
    await fleet.presence.sweep()
    clock.advance(9)
    fleet.presence.touch(bot())
    for _ in range(int(TIMEOUT_S) - 1):
        clock.advance(1)
        await fleet.presence.sweep()
    assert told(fleet) == [(BOT, True, "call")]
    clock.advance(1.1)
    await fleet.presence.sweep()
    assert told(fleet)[1:] == [(BOT, False, "silence")]


async def test_a_bot_that_comes_back_is_told_again(fleet: Fleet, clock: FrozenClock) -> None:
    for _ in range(2):
        fleet.presence.touch(bot())
        await fleet.presence.sweep()
        clock.advance(TIMEOUT_S + 1)
        await fleet.presence.sweep()
    assert [now for _bot, now, _why in told(fleet)] == [True, False, True, False]


async def test_a_busy_bot_costs_few_writes(fleet: Fleet, clock: FrozenClock) -> None:
    writes: list[int] = []
    for _ in range(120):
        fleet.presence.touch(bot())
        await fleet.presence.sweep()
        rows = await fleet.reader.query("SELECT seen_us FROM presence")
        writes.append(rows[0]["seen_us"])
        clock.advance(1)
    assert len(set(writes)) <= 13
    assert told(fleet) == [(BOT, True, "call")]


async def test_goodbye_is_believed_at_once(fleet: Fleet, clock: FrozenClock) -> None:
    fleet.presence.touch(bot())
    await fleet.presence.bye(bot())
    assert await online(fleet) == set()
    assert told(fleet) == [(BOT, True, "call"), (BOT, False, "bye")]
    await fleet.presence.bye(bot())
    clock.advance(TIMEOUT_S * 2)
    await fleet.presence.sweep()
    assert len(told(fleet)) == 2
    fleet.presence.touch(bot())
    await fleet.presence.sweep()
    assert told(fleet)[2:] == [(BOT, True, "call")]


async def test_what_another_process_heard_before_the_goodbye_does_not_undo_it(
    make_fleet: MakeFleet, clock: FrozenClock
) -> None:
    here = await make_fleet()
    there = here if here.db.embedded else await make_fleet()
    there.presence.touch(bot())
    await there.presence.write()
    clock.advance(15)
    there.presence.touch(bot())
    clock.advance(1)
    here.presence.touch(bot())
    await here.presence.bye(bot())
    await there.presence.write(all_of_them=True)
    assert told(here)[-1] == (BOT, False, "bye")
    assert there is here or told(there) == [(BOT, True, "call")]
    rows = await here.reader.query("SELECT online FROM presence")
    assert [bool(row["online"]) for row in rows] == [False]


async def test_after_downtime_silent_bots_are_told_offline_once(
    make_fleet: MakeFleet, clock: FrozenClock
) -> None:
    before = await make_fleet()
    before.presence.touch(bot())
    await before.presence.stop()
    await before.stop()
    clock.advance(TIMEOUT_S * 10)
    after = await make_fleet()
    for _ in range(2):
        await after.presence.start()
        await after.presence.stop()
    assert told(after) == [(BOT, False, "silence")]


async def test_after_a_short_downtime_a_bot_is_still_online(
    make_fleet: MakeFleet, clock: FrozenClock
) -> None:
    before = await make_fleet()
    before.presence.touch(bot())
    await before.presence.stop()
    await before.stop()
    clock.advance(TIMEOUT_S / 2)
    after = await make_fleet()
    await after.presence.start()
    assert (told(after), await online(after)) == ([], {BOT})
    await after.presence.stop()


async def test_several_processes_tell_each_change_once(make_fleet: MakeFleet, clock: FrozenClock) -> None:
    one = await make_fleet()
    both = [one] if one.db.embedded else [one, await make_fleet()]
    names = [f"bot_{number}" for number in range(20)]
    for fleet in both:
        for name in names:
            fleet.presence.touch(bot(name))
    await asyncio.gather(*(fleet.presence.sweep() for fleet in both))
    clock.advance(TIMEOUT_S + 1)
    await asyncio.gather(*(fleet.presence.sweep() for fleet in both))
    found = told(*both)
    assert sorted(found) == sorted(
        (name, now, why) for name in names for now, why in ((True, "call"), (False, "silence"))
    )


async def test_each_process_knows_what_the_others_heard(make_fleet: MakeFleet, clock: FrozenClock) -> None:
    here = await make_fleet()
    there = here if here.db.embedded else await make_fleet()
    here.presence.touch(bot("bot_1"))
    here.presence.touch(bot("bot_2"))
    await here.presence.write()
    assert await online(there, "bot_1", "bot_2", "bot_3") == {"bot_1", "bot_2"}
    assert await online(there, "bot_1") == {"bot_1"}
    assert set(await there.presence.last_seen(["bot_1", "bot_2", "bot_3"])) == {"bot_1", "bot_2"}
    clock.advance(TIMEOUT_S + 1)
    assert await online(there, "bot_1", "bot_2") == set()


async def test_what_a_bot_says_of_itself_is_kept(fleet: Fleet) -> None:
    about: dict[str, Any] = {"version": "1.2", "host": "pi", "capabilities": ["ping"]}
    await fleet.presence.describe(bot(), about)
    assert await fleet.presence.about(BOT) == about
    assert told(fleet) == [(BOT, True, "call")]


async def test_a_forgotten_bot_is_not_written_again(fleet: Fleet) -> None:
    fleet.presence.touch(bot())
    fleet.presence.forget(BOT)
    await fleet.presence.write(all_of_them=True)
    assert await fleet.rows("presence") == []


async def test_a_deleted_bot_is_told_offline_once_and_only_if_it_was_online(fleet: Fleet) -> None:
    for name in (BOT, "bot_b"):
        fleet.presence.touch(bot(name))
    await fleet.presence.bye(bot("bot_b"))
    before = len(told(fleet))
    for name in (BOT, BOT, "bot_b"):
        await jobs.clear_bot(fleet.writer, name)
    assert told(fleet)[before:] == [(BOT, False, "deleted")]
    assert await fleet.rows("presence") == []


async def test_the_watch_survives_a_store_that_fails_for_a_while(make_fleet: MakeFleet) -> None:
    fleet = await make_fleet()
    await fleet.presence.start()
    try:
        with capture_logs() as lines:
            await fleet.writer.stop()  # every write is refused from now on
            fleet.presence.touch(bot())
            async with asyncio.timeout(PATIENCE_S):
                while not lines:
                    await asyncio.sleep(0.01)
        assert lines[0]["event"] == "presence_not_written"
        await fleet.writer.start()
        async with asyncio.timeout(PATIENCE_S):
            while not told(fleet):
                await asyncio.sleep(0.01)
    finally:
        await fleet.presence.stop()


async def test_a_call_may_wait_at_most_half_the_timeout(make_fleet: MakeFleet) -> None:
    assert (await make_fleet(timeout_s=20.0)).presence.longest_silence_s == 10
