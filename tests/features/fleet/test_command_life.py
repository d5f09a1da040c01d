"""Whatever happens to commands in whatever order, the queue does what a plain model of it does."""

import asyncio
import itertools
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from botyard.features.fleet import commands
from botyard.features.fleet.types import FINAL, CommandRecord, CommandState
from botyard.kit import clock as clocks
from botyard.kit.clock import FrozenClock
from botyard.kit.db import Stores
from botyard.kit.errors import Conflict
from tests.features.fleet.fleet import Fleet, bot, empty, person

S = CommandState
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
RESULTS: list[Any] = [None, {}, {"n": 1}, {"n": 2}]
NO_ANSWER = object()  # not what any bot says
_numbers = itertools.count()


def us(seconds: float) -> int:
    """In whole microseconds, whose sums do not drift."""
    return round(seconds * 1_000_000)


@dataclass(frozen=True)
class Order:
    """What a command is queued with."""

    priority: int
    delay: float
    expires: float | None
    key: str | None
    type: str


ORDERS = st.builds(
    Order,
    priority=st.integers(-1, 1),
    delay=st.sampled_from([0, 0, 0, 30]),
    expires=st.sampled_from([None, 5, 20, 100]),
    key=st.sampled_from([None, None, "a", "b"]),
    type=st.sampled_from(["ping", "stop"]),
)


@dataclass
class Model:
    """What one command must look like; moments in microseconds since the example began, as the store's are."""

    id: str
    order: Order
    number: int
    born: int
    state: CommandState = S.queued
    attempt: int = 0
    lease_id: str | None = None
    until: int = 0
    result: Any = None

    @property
    def place(self) -> tuple[int, int]:
        return -self.order.priority, self.number

    def expired(self, now: int) -> bool:
        return self.order.expires is not None and self.born + us(self.order.expires) <= now

    def end(self, state: CommandState, result: Any = None) -> None:
        self.state, self.result = state, result

    def settle(self, now: int) -> bool:
        """What happens to it by itself; true when something did."""
        if self.state is S.leased and self.until <= now:
            if self.attempt >= commands.MAX_ATTEMPTS:
                self.end(S.failed, NO_ANSWER)
            else:
                self.state, self.lease_id = S.queued, None
            return True
        if self.state is S.queued and self.expired(now):
            self.end(S.expired)
            return True
        return False

    def is_ready(self, now: int) -> bool:
        return self.state is S.queued and self.born + us(self.order.delay) <= now and not self.expired(now)


class Queue(RuleBasedStateMachine):
    """Drives the queue of one bot and a model of it side by side."""

    runner: asyncio.Runner
    fleet: Fleet
    stores: Stores
    created = Bundle("created")
    leases = Bundle("leases")

    def __init__(self) -> None:
        super().__init__()
        self.clock = FrozenClock(NOON)
        self.using = clocks.use(self.clock)
        self.using.__enter__()
        empty(self.stores)
        self.bot_id = f"bot_{next(_numbers)}"
        self.models: dict[str, Model] = {}
        self.now = 0

    def teardown(self) -> None:
        self.using.__exit__(None, None, None)

    def run(self, work: Any) -> Any:
        return self.runner.run(work)

    @initialize(target=created, orders=st.lists(ORDERS, min_size=2, max_size=5))
    def create_some(self, orders: list[Order]) -> Any:
        return multiple(*filter(None, [self.queue(order) for order in orders]))

    @rule(target=created, order=ORDERS)
    def create(self, order: Order) -> Any:
        return multiple(*filter(None, [self.queue(order)]))

    def queue(self, order: Order) -> str | None:
        """The id of a new command, or None where the key is known."""
        self.pass_time(0.001)  # so that two never have the same age
        making = self.fleet.command(
            order.type,
            bot_id=self.bot_id,
            priority=order.priority,
            delay_s=order.delay,
            expires_in_s=order.expires,
            dedup_key=order.key,
        )
        same_key = (model for model in self.models.values() if order.key and model.order.key == order.key)
        known = next(same_key, None)
        if known is not None and known.order.type != order.type:
            with pytest.raises(Conflict):
                self.run(making)
            return None
        made: str = self.run(making).id
        if known is not None:
            assert made == known.id
            return None
        self.models[made] = Model(made, order, len(self.models), self.now)
        return made

    @rule(target=leases, limit=st.integers(1, 3), lease_s=st.sampled_from([10, 60]))
    def lease(self, limit: int, lease_s: float) -> Any:
        for model in self.models.values():
            if model.state is S.leased:
                model.settle(self.now)
        ready = sorted(
            (model for model in self.models.values() if model.is_ready(self.now)), key=lambda m: m.place
        )
        found: list[CommandRecord] = self.run(
            self.fleet.lease(bot_id=self.bot_id, limit=limit, lease_s=lease_s)
        )
        assert [command.id for command in found] == [model.id for model in ready[:limit]]
        for command, model in zip(found, ready, strict=False):
            model.state, model.lease_id, model.until = S.leased, command.lease_id, self.now + us(lease_s)
            model.attempt += 1
        return multiple(*((command.id, command.lease_id) for command in found))

    @rule(target=leases)
    def take_and_let_go_by(self) -> Any:
        taken = self.lease(limit=3, lease_s=10)
        self.pass_time(10)
        return taken

    @rule(lease=leases, lease_s=st.sampled_from([10, 60]))
    def renew(self, lease: tuple[str, str], lease_s: float) -> None:
        command_id, lease_id = lease
        model = self.models[command_id]
        renewing = commands.renew(
            self.fleet.writer, command_id=command_id, caller=self.bot, lease_id=lease_id, lease_s=lease_s
        )
        if model.state is S.leased and model.lease_id == lease_id:
            self.run(renewing)
            model.until = self.now + us(lease_s)
        else:
            with pytest.raises(Conflict):
                self.run(renewing)

    @rule(lease=consumes(leases))
    def release(self, lease: tuple[str, str]) -> None:
        command_id, lease_id = lease
        model = self.models[command_id]
        releasing = commands.release(
            self.fleet.writer, command_id=command_id, caller=self.bot, lease_id=lease_id
        )
        if model.state is S.leased and model.lease_id == lease_id:
            self.run(releasing)
            model.state, model.lease_id = S.queued, None
        else:
            with pytest.raises(Conflict):
                self.run(releasing)

    @rule(command_id=created, succeeded=st.booleans(), result=st.sampled_from(RESULTS))
    def acknowledge(self, command_id: str, succeeded: bool, result: Any) -> None:
        model, state = self.models[command_id], S.completed if succeeded else S.failed
        answering = self.fleet.ack(command_id, result, succeeded=succeeded, caller=self.bot)
        if model.state not in FINAL:
            self.run(answering)
            model.end(state, result)
        elif model.state is state and model.result == result:
            assert self.run(answering).state is state
        else:
            with pytest.raises(Conflict):
                self.run(answering)

    @rule(command_id=created)
    def cancel(self, command_id: str) -> None:
        model = self.models[command_id]
        cancelling = commands.cancel(self.fleet.writer, command_id=command_id, caller=person())
        if model.state in FINAL and model.state is not S.cancelled:
            with pytest.raises(Conflict):
                self.run(cancelling)
        else:
            self.run(cancelling)
            model.end(S.cancelled)

    @rule()
    def settle(self) -> None:
        changed = sum([model.settle(self.now) for model in self.models.values()])
        assert self.run(commands.settle(self.fleet.writer)) >= changed

    @rule(seconds=st.sampled_from([1, 9, 25, 61]))
    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.now += us(seconds)

    @property
    def bot(self) -> Any:
        return bot(self.bot_id)

    @invariant()
    def store_is_as_the_model(self) -> None:
        history = self.run(commands.history(self.fleet.reader, bot_id=self.bot_id))
        found = {command.id: (command.state, command.attempt) for command in history}
        assert found == {model.id: (model.state, model.attempt) for model in self.models.values()}
        counts = self.run(self.counts())
        states = [model.state for model in self.models.values()]
        pending = sum(state not in FINAL for state in states)
        assert counts.get("commands", 0) == len(states)
        assert counts.get("commands_pending", 0) == pending
        assert counts.get("commands_completed", 0) == states.count(S.completed)
        assert counts.get("commands_failed", 0) == len(states) - pending - states.count(S.completed)

    async def counts(self) -> dict[str, int]:
        sql = "SELECT name, value FROM tallies WHERE bot_id = :bot_id"
        rows = await self.fleet.reader.query(sql, {"bot_id": self.bot_id})
        return {row["name"]: row["value"] for row in rows}


def test_the_queue_does_what_a_plain_model_does(stores: Stores) -> None:
    with asyncio.Runner() as runner:
        fleet = runner.run(_started(stores))
        try:
            machine = type("QueueOnStores", (Queue,), {"runner": runner, "fleet": fleet, "stores": stores})
            run_state_machine_as_test(
                machine,
                settings=settings(
                    max_examples=120 if stores.embedded else 40,
                    stateful_step_count=30,
                    deadline=None,
                    database=None,
                    phases=(Phase.generate, Phase.shrink),  # explaining traces every line, for minutes
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner.run(fleet.stop())


async def _started(stores: Stores) -> Fleet:
    fleet = Fleet(stores)
    await fleet.start()
    return fleet
