"""A waiting bot gets its command as soon as there is one, from wherever, and costs next to nothing until then."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from botyard.core.accounts.events import SessionEnded, UserChanged
from botyard.core.bots.events import BotTokenChanged
from botyard.core.realtime.events import Event, publish
from botyard.features.fleet.types import CommandState
from botyard.kit.errors import Unauthenticated
from tests.features.fleet.fleet import BOT, OWNER, Fleet, bot

MakeFleet = Callable[..., Awaitable[Fleet]]


@pytest.fixture
async def live(make_fleet: MakeFleet) -> Fleet:
    """One process at the real time: a long-poll waits for moments to come."""
    return await make_fleet()


async def test_what_waits_already_is_answered_at_once(live: Fleet) -> None:
    await live.command()
    assert [command.state for command in await live.wait(wait_s=0)] == [CommandState.leased]


async def test_without_commands_the_answer_is_empty_after_the_wait(live: Fleet) -> None:
    assert await live.wait(wait_s=0.05) == []
    assert live.bell.waiting == 0


async def test_a_command_wakes_its_bot_and_no_other(live: Fleet) -> None:
    waiting = asyncio.create_task(live.wait())
    other = asyncio.create_task(live.wait(bot_id="bot_b"))
    await live.all_wait(2)
    command = await live.command()
    assert [found.id for found in await waiting] == [command.id]
    assert not other.done()
    live.bell.close()
    assert await other == []


async def test_of_two_calls_of_one_bot_one_gets_the_command(live: Fleet) -> None:
    calls = {asyncio.create_task(live.wait()) for _ in range(2)}
    await live.all_wait(2)
    await live.command()
    done, _pending = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
    live.bell.close()
    answers = [await call for call in calls]
    assert len(done) == 1
    assert sorted(len(answer) for answer in answers) == [0, 1]


async def test_a_look_that_waits_takes_nothing_away(live: Fleet) -> None:
    waiting = asyncio.create_task(live.wait(lease_s=None))
    await live.all_wait(1)
    await live.command()
    assert [command.state for command in await waiting] == [CommandState.queued]
    assert [command.attempt for command in await live.wait(lease_s=None)] == [0]
    assert len(await live.lease()) == 1


async def test_a_delayed_command_wakes_its_bot_at_its_moment(live: Fleet) -> None:
    waiting = asyncio.create_task(live.wait())
    await live.all_wait(1)
    began = time.monotonic()
    await live.command(delay_s=0.3)
    [command] = await waiting
    assert time.monotonic() - began > 0.29
    assert command.attempt == 1


async def test_a_lease_that_runs_out_wakes_the_bot(live: Fleet) -> None:
    await live.command()
    await live.lease(lease_s=1)
    [command] = await live.wait()
    assert command.attempt == 2


async def test_expired_commands_keep_nobody_busy(live: Fleet) -> None:
    await live.command(expires_in_s=0.000001)
    began = time.process_time()
    assert await live.wait(wait_s=0.3) == []
    assert time.process_time() - began < 0.1


async def test_closing_answers_everyone_who_waits(live: Fleet) -> None:
    calls = [asyncio.create_task(live.wait(bot_id=f"bot_{number}")) for number in range(50)]
    await live.all_wait(50)
    live.bell.close()
    async with asyncio.timeout(5):
        assert await asyncio.gather(*calls) == [[]] * 50
    assert await live.wait() == []


async def test_a_command_of_another_process_wakes_too(make_fleet: MakeFleet) -> None:
    here = await make_fleet(look_s=3600)  # the bus tells, or nothing does
    if here.db.embedded:
        pytest.skip("on SQLite there is one process")
    there = await make_fleet()
    waiting = asyncio.create_task(here.wait())
    await here.all_wait(1)
    await connected(here, there)
    command = await there.command()
    async with asyncio.timeout(10):
        assert [found.id for found in await waiting] == [command.id]


async def test_a_thousand_that_wait_cost_next_to_nothing(live: Fleet, note: Callable[[str], None]) -> None:
    calls = [asyncio.create_task(live.wait(bot_id=f"bot_{number}", wait_s=60)) for number in range(1000)]
    await live.all_wait(1000)
    async with asyncio.timeout(20):
        while await share_of_a_core(0.2) > 0.05:
            pass  # each looks into the queue once before it rests
    idle = await share_of_a_core(1)
    delays = []
    for number in range(0, 1000, 50):
        began = time.monotonic()
        await live.command(bot_id=f"bot_{number}")
        assert len(await calls[number]) == 1
        delays.append(time.monotonic() - began)
    live.bell.close()
    await asyncio.gather(*calls)
    note(
        f"1,000 long-polls at rest: {idle:.1%} of a core; from queueing to the answer of one of them: "
        f"{sorted(delays)[10] * 1000:.1f} ms in the middle, {max(delays) * 1000:.0f} ms at most"
    )
    assert idle < 0.05
    assert max(delays) < 1


@pytest.mark.parametrize(
    "event",
    [
        BotTokenChanged(owner_id=OWNER, bot_id=BOT),
        SessionEnded(owner_id=OWNER, session_id="ses_1"),
        UserChanged(owner_id=OWNER, what="active"),
    ],
    ids=lambda event: event.name,
)
async def test_who_waits_is_asked_again_when_the_credential_may_have_ended(event: Event, live: Fleet) -> None:
    asked: list[bool] = []

    async def refuse(*, fresh: bool) -> None:
        asked.append(fresh)
        raise Unauthenticated

    waiting = asyncio.create_task(
        live.bell.lease_waiting(
            live.writer,
            live.reader,
            bot_id=BOT,
            caller=bot(),
            recheck=refuse,
            limit=10,
            lease_s=60,
            wait_s=10,
        )
    )
    stranger = asyncio.create_task(
        live.bell.lease_waiting(
            live.writer,
            live.reader,
            bot_id="bot_b",
            caller=bot("bot_b", owner_id=OWNER + 1),
            recheck=refuse,
            limit=10,
            lease_s=60,
            wait_s=10,
        )
    )
    await live.all_wait(2)
    async with live.db.session() as session:
        publish(session, event)
    with pytest.raises(Unauthenticated):
        await waiting
    assert asked == [True]
    assert not stranger.done()
    stranger.cancel()
    await asyncio.gather(stranger, return_exceptions=True)


async def test_nothing_is_handed_to_a_caller_who_is_refused_meanwhile(live: Fleet) -> None:
    async def refuse(*, fresh: bool) -> None:
        raise Unauthenticated

    waiting = asyncio.create_task(
        live.bell.lease_waiting(
            live.writer,
            live.reader,
            bot_id=BOT,
            caller=bot(),
            recheck=refuse,
            limit=10,
            lease_s=60,
            wait_s=10,
        )
    )
    await live.all_wait(1)
    command = await live.command()
    with pytest.raises(Unauthenticated):
        await waiting
    assert (await live.get(command.id)).attempt == 0


async def share_of_a_core(seconds: float) -> float:
    """How much of a core this process takes while nothing happens."""
    cpu, wall = time.process_time(), time.monotonic()
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.Event().wait()
    return (time.process_time() - cpu) / (time.monotonic() - wall)


async def connected(*fleets: Fleet) -> None:
    """Return when the bus of each process is."""
    async with asyncio.timeout(10):
        while any(fleet.hub.degraded for fleet in fleets):
            await asyncio.sleep(0.01)  # the bus connects by itself
