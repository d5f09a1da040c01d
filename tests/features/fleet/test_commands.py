"""A command is handed out until it is answered, in order, to one caller at a time; its first end stands."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import closing
from typing import Any

import psycopg
import pytest

from botyard.features.fleet import commands
from botyard.features.fleet.events import CommandChanged
from botyard.features.fleet.types import CommandState
from botyard.kit import clock as clocks
from botyard.kit.clock import FrozenClock
from botyard.kit.errors import Conflict, Invalid, NotFound
from tests.features.fleet.fleet import BOT, Fleet, bot, person

MakeFleet = Callable[..., Awaitable[Fleet]]


async def test_higher_priority_then_older_commands_are_handed_out_first(
    fleet: Fleet, clock: FrozenClock
) -> None:
    made = []
    for number in range(6):
        made.append(await fleet.command(f"c{number}", priority=number % 2))
        clock.advance(0.001)
    wanted = [made[n].id for n in (1, 3, 5, 0, 2, 4)]
    assert [command.id for command in await fleet.lease(limit=4)] == wanted[:4]
    assert [command.id for command in await fleet.lease(limit=4)] == wanted[4:]


async def test_what_was_let_go_by_comes_before_what_was_queued_later(
    fleet: Fleet, clock: FrozenClock
) -> None:
    first = await fleet.command("first")
    await fleet.lease(lease_s=10)
    await fleet.command("second")
    clock.advance(11)
    assert [command.type for command in await fleet.lease(limit=1)] == ["first"]
    assert (await fleet.get(first.id)).attempt == 2


async def test_a_leased_command_is_nobody_elses_until_the_lease_ends(
    fleet: Fleet, clock: FrozenClock
) -> None:
    await fleet.command()
    [first] = await fleet.lease(lease_s=30)
    assert await fleet.lease() == []
    clock.advance(29.999)
    assert await fleet.lease() == []
    clock.advance(0.001)
    [second] = await fleet.lease()
    assert (second.id, second.attempt, second.lease_id == first.lease_id) == (first.id, 2, False)


async def test_a_renewed_lease_lasts_from_now(fleet: Fleet, clock: FrozenClock) -> None:
    await fleet.command()
    [leased] = await fleet.lease(lease_s=30)
    assert leased.lease_id
    clock.advance(25)
    until = await commands.renew(
        fleet.writer, command_id=leased.id, caller=bot(), lease_id=leased.lease_id, lease_s=30
    )
    assert until == clocks.now_us() + 30_000_000
    clock.advance(29)
    assert await commands.settle(fleet.writer) == 0
    clock.advance(1)
    assert await commands.settle(fleet.writer) == 1


async def test_a_lost_lease_can_be_neither_renewed_nor_given_back(fleet: Fleet, clock: FrozenClock) -> None:
    await fleet.command()
    [lost] = await fleet.lease(lease_s=10)
    clock.advance(10)
    [_taken] = await fleet.lease(lease_s=10)
    assert lost.lease_id
    with pytest.raises(Conflict):
        await commands.renew(
            fleet.writer, command_id=lost.id, caller=bot(), lease_id=lost.lease_id, lease_s=60
        )
    with pytest.raises(Conflict):
        await commands.release(fleet.writer, command_id=lost.id, caller=bot(), lease_id=lost.lease_id)


async def test_a_command_given_back_keeps_its_place(fleet: Fleet, clock: FrozenClock) -> None:
    await fleet.command("first")
    [leased] = await fleet.lease()
    clock.advance(1)
    await fleet.command("second")
    assert leased.lease_id
    await commands.release(fleet.writer, command_id=leased.id, caller=bot(), lease_id=leased.lease_id)
    assert [command.type for command in await fleet.lease()] == ["first", "second"]


async def test_the_first_acknowledgement_stands(fleet: Fleet) -> None:
    command = await fleet.command()
    await fleet.lease()
    first = await fleet.ack(command.id, {"n": 1, "m": [2]})
    assert (first.state, first.result) == (CommandState.completed, {"n": 1, "m": [2]})
    assert await fleet.ack(command.id, {"m": [2], "n": 1}) == first
    for result, succeeded in (
        ({"n": 2}, True),
        ({"n": 1, "m": [2]}, False),
        (None, True),
        ({"n": True}, True),
    ):
        with pytest.raises(Conflict):
            await fleet.ack(command.id, result, succeeded=succeeded)
    assert await fleet.get(command.id) == first


@pytest.mark.parametrize("result", [None, {}])
async def test_a_result_is_not_needed(result: Any, fleet: Fleet) -> None:
    command = await fleet.command()
    first = await fleet.ack(command.id, result, succeeded=False)
    assert await fleet.ack(command.id, result, succeeded=False) == first
    assert first.result == result


async def test_a_result_that_comes_before_the_lease_was_answered_counts(fleet: Fleet) -> None:
    command = await fleet.command()
    leasing = asyncio.create_task(fleet.lease())
    acknowledging = asyncio.create_task(fleet.ack(command.id, {"quick": True}))
    await asyncio.gather(leasing, acknowledging)
    assert (await fleet.get(command.id)).state is CommandState.completed
    assert await fleet.lease() == []


async def test_an_acknowledgement_without_any_lease_counts(fleet: Fleet) -> None:
    command = await fleet.command()
    assert (await fleet.ack(command.id)).state is CommandState.completed
    assert await fleet.lease() == []


async def test_an_acknowledgement_after_the_lease_ran_out_counts(fleet: Fleet, clock: FrozenClock) -> None:
    command = await fleet.command()
    await fleet.lease(lease_s=10)
    clock.advance(3600)
    await commands.settle(fleet.writer)
    assert (await fleet.ack(command.id, {"late": True})).state is CommandState.completed
    assert await fleet.lease() == []


async def test_the_second_taker_loses_to_the_first_that_answers(fleet: Fleet, clock: FrozenClock) -> None:
    command = await fleet.command()
    await fleet.lease(lease_s=10)
    clock.advance(10)
    await fleet.lease(lease_s=10)
    await fleet.ack(command.id, {"by": "the first"})
    with pytest.raises(Conflict):
        await fleet.ack(command.id, {"by": "the second"})
    clock.advance(10)
    assert await commands.settle(fleet.writer) == 0


async def test_who_lost_the_lease_does_not_answer_for_who_has_it(fleet: Fleet, clock: FrozenClock) -> None:
    command = await fleet.command()
    [first] = await fleet.lease(lease_s=10)
    clock.advance(10)
    [second] = await fleet.lease(lease_s=10)
    with pytest.raises(Conflict, match="handed out again"):
        await fleet.ack(command.id, {"by": "the first"}, lease_id=first.lease_id)
    assert (await fleet.get(command.id)).state is CommandState.leased
    done = await fleet.ack(command.id, {"by": "the second"}, lease_id=second.lease_id)
    assert done.result == {"by": "the second"}
    assert (await fleet.ack(command.id, {"by": "the second"}, lease_id=first.lease_id)) == done


@pytest.mark.parametrize("settled", [False, True])
async def test_a_lease_that_ended_is_good_enough_while_nobody_has_another(
    settled: bool, fleet: Fleet, clock: FrozenClock
) -> None:
    command = await fleet.command()
    [first] = await fleet.lease(lease_s=10)
    clock.advance(10)
    await fleet.lease(lease_s=10)
    clock.advance(10)
    if settled:
        await commands.settle(fleet.writer)
    assert (await fleet.ack(command.id, lease_id=first.lease_id)).state is CommandState.completed


async def test_after_the_last_attempt_a_command_fails(fleet: Fleet, clock: FrozenClock) -> None:
    command = await fleet.command()
    for attempt in range(1, commands.MAX_ATTEMPTS + 1):
        [leased] = await fleet.lease(lease_s=10)
        assert leased.attempt == attempt
        clock.advance(10)
    assert await fleet.lease() == []
    ended = await fleet.get(command.id)
    assert (ended.state, "never answered" in ended.result["error"]) == (CommandState.failed, True)
    assert await fleet.tally() == {"commands": 1, "commands_failed": 1, "type:ping": 1}


async def test_an_expired_command_is_never_handed_out(fleet: Fleet, clock: FrozenClock) -> None:
    soon = await fleet.command(expires_in_s=10)
    await fleet.command("later", expires_in_s=11)
    clock.advance(10)
    assert [command.type for command in await fleet.lease(limit=1)] == ["later"]
    assert await commands.settle(fleet.writer) == 1
    assert (await fleet.get(soon.id)).state is CommandState.expired
    with pytest.raises(Conflict):
        await fleet.ack(soon.id)


async def test_what_a_bot_has_taken_does_not_expire_while_it_works(fleet: Fleet, clock: FrozenClock) -> None:
    command = await fleet.command(expires_in_s=10)
    await fleet.lease(lease_s=60)
    clock.advance(30)
    assert await commands.settle(fleet.writer) == 0
    assert (await fleet.ack(command.id)).state is CommandState.completed


async def test_a_delayed_command_waits_for_its_moment(fleet: Fleet, clock: FrozenClock) -> None:
    await fleet.command(delay_s=5)
    clock.advance(4.9)
    assert await fleet.lease() == []
    clock.advance(0.1)
    assert len(await fleet.lease()) == 1


async def test_a_cancelled_command_is_over_for_its_bot(fleet: Fleet) -> None:
    command = await fleet.command()
    await fleet.lease()
    cancelled = await commands.cancel(fleet.writer, command_id=command.id, caller=person())
    assert cancelled.state is CommandState.cancelled
    assert await commands.cancel(fleet.writer, command_id=command.id, caller=person()) == cancelled
    with pytest.raises(Conflict, match="cancelled"):
        await fleet.ack(command.id)


async def test_a_finished_command_cannot_be_cancelled(fleet: Fleet) -> None:
    command = await fleet.command()
    await fleet.ack(command.id)
    with pytest.raises(Conflict, match="completed"):
        await commands.cancel(fleet.writer, command_id=command.id, caller=person())


async def test_the_same_key_queues_one_command(fleet: Fleet) -> None:
    first = await fleet.command(dedup_key="k", payload={"n": 1})
    assert await fleet.command(dedup_key="k", payload={"n": 1}) == first
    assert (await fleet.command(dedup_key="k", bot_id="bot_b", payload={"n": 2})).id != first.id
    for different in ({"payload": {"n": 2}}, {"type": "pong", "payload": {"n": 1}}):
        with pytest.raises(Conflict):
            await fleet.command(dedup_key="k", **different)
    assert len(await fleet.lease()) == 1
    assert (await fleet.tally())["commands"] == 1


async def test_the_same_key_at_once_from_two_processes_queues_one(
    make_fleet: MakeFleet, clock: FrozenClock
) -> None:
    one = await make_fleet()
    other = one if one.db.embedded else await make_fleet()
    made = await asyncio.gather(
        *(fleet.command(dedup_key=str(key)) for key in range(20) for fleet in (one, other))
    )
    assert len({command.id for command in made}) == 20


@pytest.mark.parametrize("lease_s", [0, 0.5, -1, 3601, float("nan"), float("inf")])
async def test_a_lease_has_bounds(lease_s: float, fleet: Fleet) -> None:
    with pytest.raises(Invalid):
        await fleet.lease(lease_s=lease_s)


async def test_a_payload_has_bounds(fleet: Fleet) -> None:
    with pytest.raises(Invalid):
        await fleet.command(payload={"text": "x" * commands.MAX_JSON})
    command = await fleet.command()
    with pytest.raises(Invalid):
        await fleet.ack(command.id, {"text": "x" * commands.MAX_JSON})


@pytest.mark.parametrize("caller", [bot("bot_b"), bot("bot_b", owner_id=8), person(8)], ids=str)
async def test_what_is_somebody_elses_is_not_there(caller: Any, fleet: Fleet) -> None:
    command = await fleet.command()
    [leased] = await fleet.lease()
    before = await fleet.get(command.id)
    how: Any = {"command_id": command.id, "caller": caller}
    for act in (
        lambda: commands.acknowledge(fleet.writer, succeeded=True, **how),
        lambda: commands.renew(fleet.writer, lease_id=leased.lease_id or "", lease_s=60, **how),
        lambda: commands.release(fleet.writer, lease_id=leased.lease_id or "", **how),
        lambda: commands.cancel(fleet.writer, **how),
        lambda: commands.get(fleet.reader, command.id, caller=caller),
    ):
        with pytest.raises(NotFound):
            await act()
    assert await fleet.get(command.id) == before


async def test_every_change_is_told_once_in_order(fleet: Fleet, clock: FrozenClock) -> None:
    command = await fleet.command()
    await fleet.lease(lease_s=10)
    clock.advance(10)
    await commands.settle(fleet.writer)
    await commands.settle(fleet.writer)
    await fleet.lease()
    await fleet.ack(command.id, {"n": 1})
    await fleet.ack(command.id, {"n": 1})
    told = [(event.state, event.attempt, event.result) for event in fleet.of(CommandChanged)]
    assert told == [
        ("queued", 0, None),
        ("leased", 1, None),
        ("queued", 1, None),
        ("leased", 2, None),
        ("completed", 2, {"n": 1}),
    ]


async def test_a_clock_that_jumps_ahead_hands_out_again_and_loses_nothing(
    fleet: Fleet, clock: FrozenClock
) -> None:
    command = await fleet.command()
    [before] = await fleet.lease(lease_s=60)
    clock.advance(3600)
    [after] = await fleet.lease(lease_s=60)
    clock.advance(-3600)
    assert (before.id, after.id) == (command.id, command.id)
    assert (await fleet.ack(command.id, {"n": 1})).state is CommandState.completed
    clock.advance(7200)
    assert (await commands.settle(fleet.writer), await fleet.lease()) == (0, [])


async def test_after_a_restart_leases_and_order_are_as_before(
    make_fleet: MakeFleet, clock: FrozenClock
) -> None:
    fleet = await make_fleet()
    taken = await fleet.command("taken")
    [leased] = await fleet.lease(lease_s=60)
    await fleet.command("waiting")
    await fleet.stop()
    clock.advance(30)
    again = await make_fleet()
    assert [command.type for command in await again.lease()] == ["waiting"]
    assert leased.lease_id
    await commands.renew(
        again.writer, command_id=taken.id, caller=bot(), lease_id=leased.lease_id, lease_s=60
    )
    clock.advance(45)
    assert (await again.ack(taken.id, {"n": 1})).result == {"n": 1}


async def test_history_is_newest_first_and_holds_every_state(fleet: Fleet, clock: FrozenClock) -> None:
    for number in range(3):
        await fleet.command(f"c{number}")
        clock.advance(1)
    await fleet.ack((await fleet.lease(limit=1))[0].id)
    found = await commands.history(fleet.reader, bot_id=BOT)
    assert [(command.type, command.state.value) for command in found] == [
        ("c2", "queued"),
        ("c1", "queued"),
        ("c0", "completed"),
    ]
    assert [command.type for command in await commands.history(fleet.reader, owner_id=7, limit=2)] == [
        "c2",
        "c1",
    ]
    assert await commands.history(fleet.reader, owner_id=8) == []


async def test_a_look_takes_nothing_away(fleet: Fleet) -> None:
    await fleet.command("urgent", priority=5)
    await fleet.command("plain")
    for _ in range(2):
        found = await commands.pending(fleet.reader, bot_id=BOT, limit=10, now_us=clocks.now_us())
        assert [(command.type, command.attempt) for command in found] == [("urgent", 0), ("plain", 0)]


async def test_two_processes_never_lease_the_same_command(make_fleet: MakeFleet, clock: FrozenClock) -> None:
    one = await make_fleet()
    others = [one, one] if one.db.embedded else [one, await make_fleet()]
    made = [(await one.command(f"c{number}")).id for number in range(60)]
    found = await asyncio.gather(*(fleet.lease(limit=3) for _ in range(20) for fleet in others))
    leased = [command.id for batch in found for command in batch]
    assert (len(leased), len(set(leased))) == (len(leased), len(leased))
    rest = [command.id for fleet in others for command in await fleet.lease(limit=60)]
    assert sorted(leased + rest) == sorted(made)


async def test_what_ends_while_it_is_looked_at_stays_as_it_ended(
    make_fleet: MakeFleet, clock: FrozenClock
) -> None:
    """Another process finishes one overdue command and renews the lease of the other, just before `settle`
    changes them: neither is changed and nobody gets an error."""
    fleet = await make_fleet()
    if fleet.db.embedded:
        pytest.skip("SQLite has one writer, so nothing can come between")
    await fleet.command("finished")
    await fleet.command("renewed")
    finished, renewed = await fleet.lease(lease_s=10)
    clock.advance(10)
    url = fleet.db.stores.stream.render_as_string(hide_password=False)
    with closing(psycopg.connect(url)) as other:
        other.execute("UPDATE commands SET state = 'completed' WHERE id = %s", (finished.id,))
        until = clocks.now_us() + 60_000_000
        other.execute("UPDATE commands SET lease_until_us = %s WHERE id = %s", (until, renewed.id))
        settling = asyncio.create_task(commands.settle(fleet.writer))
        await _blocked(url)
        other.commit()
        await settling
    assert (await fleet.get(finished.id)).state is CommandState.completed
    assert (await fleet.get(renewed.id)).lease_id == renewed.lease_id
    assert len(fleet.of(CommandChanged)) == 4


async def _blocked(url: str) -> None:
    """Return when some connection waits for a row that another one holds."""
    async with asyncio.timeout(10):
        with closing(psycopg.connect(url, autocommit=True)) as look:
            while not look.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchall():
                await asyncio.sleep(0)
