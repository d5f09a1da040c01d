"""No gap and no repetition, whatever happens at the same time: thousands of made-up histories.

The tables are lists in memory and every read gives the others a turn, so that commits of this process, of
others, hints, looks, new listeners and reading overlap in any order that hypothesis thinks of.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from botyard.core.realtime import cursor
from botyard.core.realtime.cursor import Positions
from botyard.core.realtime.hub import Delivery, Hub, Subscription
from botyard.core.realtime.source import Source, Tables
from botyard.core.realtime.types import Appended, Committed, Row
from botyard.kit.db import Database, Stores
from tests.core.realtime.happenings import Knocked, Rang

_KEYS = {"events": "e", "stream_events": "s"}
_TURNS = 4000  # of the event loop until everything must have been heard


class Memory(Tables):
    """Committed rows; reading takes a few turns of the event loop, as the history says."""

    page = 3

    def __init__(self) -> None:
        self.committed: dict[str, list[Row]] = {table: [] for table in _KEYS}
        self.turns: Iterator[int] = iter(())

    async def rows(
        self, source: Source, *, after: int, upto: int, limit: int, **filters: Any
    ) -> Sequence[Row]:
        await self._pause()
        # what is committed while the answer is on its way is not in it
        owner, names = filters.get("owner_id"), filters.get("names")
        found = [
            row
            for row in self.committed[source.table]
            if after < row["id"] <= upto
            and (owner is None or row["owner_id"] == owner)
            and (names is None or row["name"] in names)
        ]
        await self._pause()
        return found[:limit]

    async def last(self, source: Source) -> int:
        await self._pause()
        rows = self.committed[source.table]
        return rows[-1]["id"] if rows else 0

    async def _pause(self) -> None:
        for _ in range(next(self.turns, 1)):
            await asyncio.sleep(0)


class Wire:
    """A bus whose hints the history delivers."""

    connected = True

    async def start(self, heard: Callable[[Positions], None], gap: Callable[[], None]) -> None:
        self.heard, self.gap = heard, gap

    async def stop(self) -> None:
        pass

    def send(self, news: Positions) -> None:
        pass


@dataclass
class Listener:
    subscription: Subscription
    since: Positions
    heard: list[Delivery] = field(default_factory=list)

    def expected(self, memory: Memory) -> set[tuple[str, int]]:
        """What it must hear: source and number of each row."""
        owner, names = self.subscription.owner_id, self.subscription.names
        return {
            (_KEYS[table], row["id"])
            for table, rows in memory.committed.items()
            for row in rows
            if row["id"] > self.since[_KEYS[table]]
            and (owner is None or row["owner_id"] == owner)
            and (names is None or row["name"] in names)
        }

    def got(self) -> list[tuple[str, int]]:
        """What it heard, in the same words."""
        events = [delivery.event for delivery in self.heard]
        return [(event.door, event.n) for event in events if isinstance(event, Knocked | Rang)]


class History:
    """Carries out the steps of one made-up history."""

    def __init__(self, hub: Hub, memory: Memory, wire: Wire) -> None:
        self.hub, self.memory, self.wire = hub, memory, wire
        self.listeners: list[Listener] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.cursors: list[str] = []
        self.ids: defaultdict[str, int] = defaultdict(int)
        self.untold: deque[Committed] = deque()

    def commit(self, table: str, rows: list[tuple[int, bool, int]], *, own: bool) -> None:
        made = []
        for owner, knocked, skipped in rows:
            self.ids[table] += 1 + skipped  # numbers of transactions that were rolled back are missing
            number, key = self.ids[table], _KEYS[table]
            event = (Knocked if knocked else Rang)(owner_id=owner, n=number, door=key)
            made.append(
                {"id": number, "at_us": number, "owner_id": owner, "name": event.name, "event": event}
            )
        self.memory.committed[table] += made
        if own:
            self.untold.append(Committed([Appended(table, [row["id"] for row in made], made)]))

    def tell(self) -> None:
        """The writer's word comes a while after its rows can be read."""
        if self.untold:
            self.hub.committed(self.untold.popleft())

    def listen(self, owner: int | None, wanted: int, since: int | None) -> None:
        names = [None, frozenset({Knocked.name}), frozenset({Rang.name})][wanted]
        text = self.cursors[since % len(self.cursors)] if since is not None and self.cursors else None
        now = cursor.read(self.hub.cursor())
        subscription = self.hub.subscribe(owner_id=owner, names=names, since=text)
        listener = Listener(subscription, now if text is None else cursor.read(text))
        self.listeners.append(listener)
        self.tasks.append(asyncio.create_task(self._hear(listener)))

    async def _hear(self, listener: Listener) -> None:
        async with listener.subscription as deliveries:
            async for delivery in deliveries:
                listener.heard.append(delivery)
                self.cursors.append(delivery.id)

    async def settle(self) -> None:
        while self.untold:
            self.tell()
        self.wire.gap()
        for _ in range(_TURNS):
            if all(len(listener.heard) >= len(listener.expected(self.memory)) for listener in self.listeners):
                break
            await asyncio.sleep(0)
        for _ in range(20):  # for what must not come
            await asyncio.sleep(0)


_rows = st.lists(
    st.tuples(st.integers(1, 2), st.booleans(), st.sampled_from([0, 0, 0, 1, 3])), min_size=1, max_size=6
)
_tables = st.sampled_from(sorted(_KEYS))
_steps = st.one_of(
    st.tuples(st.just("own"), _tables, _rows),
    st.tuples(st.just("other"), _tables, _rows),
    st.tuples(st.just("tell")),
    st.tuples(st.just("tell")),
    st.tuples(st.just("hint"), _tables, st.sampled_from([0, 0, 3, 1000])),
    st.tuples(st.just("look")),
    st.tuples(st.just("turn"), st.integers(1, 6)),
    st.tuples(
        st.just("listen"), st.sampled_from([None, 1, 2]), st.integers(0, 2), st.none() | st.integers(0, 50)
    ),
)


async def _live(db: Database, steps: list[Any], turns: list[int]) -> History:
    memory, wire = Memory(), Wire()
    memory.turns = iter(turns)
    hub = Hub(db, bus=wire, tables=memory, look_s=3600)
    await hub.start()
    history = History(hub, memory, wire)
    history.cursors.append(hub.cursor())
    for what, *given_with in steps:
        if what == "own":
            history.commit(*given_with, own=True)
        elif what == "other":
            history.commit(*given_with, own=False)
        elif what == "tell":
            history.tell()
        elif what == "hint":
            table, lie = given_with
            wire.heard({_KEYS[table]: history.ids[table] + lie})
        elif what == "look":
            wire.gap()
        elif what == "turn":
            for _ in range(given_with[0]):
                await asyncio.sleep(0)
        else:
            history.listen(*given_with)
    await history.settle()
    await hub.stop()
    await asyncio.gather(*history.tasks)
    return history


@pytest.fixture(scope="module")
def quiet_db(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """A database that nobody connects to; the hub only wants its parts."""
    return Database(Stores.at("", tmp_path_factory.mktemp("unused")))


@settings(max_examples=400, deadline=None)
@given(st.lists(_steps, min_size=5, max_size=40), st.lists(st.integers(0, 5), max_size=60))
def test_every_listener_hears_each_event_once_in_order(
    quiet_db: Database, steps: list[Any], turns: list[int]
) -> None:
    history = asyncio.run(_live(quiet_db, steps, turns))
    for listener in history.listeners:
        heard = listener.got()
        assert set(heard) == listener.expected(history.memory)
        for key in _KEYS.values():
            numbers = [number for door, number in heard if door == key]
            assert numbers == sorted(set(numbers)), "out of order or twice"


@settings(max_examples=150, deadline=None)
@given(st.lists(_steps, min_size=5, max_size=40), st.lists(st.integers(0, 5), max_size=60))
def test_each_cursor_stands_for_exactly_what_was_heard(
    quiet_db: Database, steps: list[Any], turns: list[int]
) -> None:
    history = asyncio.run(_live(quiet_db, steps, turns))
    for listener in history.listeners:
        for index, delivery in enumerate(listener.heard):
            at = cursor.read(delivery.id)
            covered = {(door, n) for door, n in listener.expected(history.memory) if n <= at[door]}
            assert set(listener.got()[: index + 1]) == covered
