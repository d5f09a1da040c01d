"""One hub for every face: fans committed events out to bounded queues, and replays what was missed."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterable

import structlog
from sqlalchemy.exc import SQLAlchemyError

from botyard.core.realtime import cursor, metrics
from botyard.core.realtime.bus import Bus, MemoryBus
from botyard.core.realtime.cursor import Positions
from botyard.core.realtime.lane import Lane
from botyard.core.realtime.replay import Page, read_event, read_page
from botyard.core.realtime.source import MAIN_EVENTS, STREAM_EVENTS, Source, Tables, concerns
from botyard.core.realtime.subscription import Delivery, SlowConsumer, Subscription
from botyard.core.realtime.types import Committed, Outlet, Row
from botyard.kit.db import Database

__all__ = ["Delivery", "Hub", "SlowConsumer", "Subscription"]

_QUEUE = 5_000  # deliveries a listener may be behind; they are shared, so a full queue is 40 kB
_LOOK_S = (
    5.0  # how often tables are looked at for what no hint told: commands of `cli.py`, a crash in between
)
_LOOK_WITHOUT_BUS_S = 1.0

_log = structlog.get_logger(__name__)


class Hub:
    """Every live event of this process goes through here. Belongs to the event loop that started it."""

    def __init__(
        self,
        db: Database,
        *,
        sources: Iterable[Source] = (),
        bus: Bus | None = None,
        tables: Tables | None = None,
        queue_limit: int = _QUEUE,
        look_s: float = _LOOK_S,
    ) -> None:
        self._db = db
        self._tables = tables or Tables(db)
        self._sources: dict[str, Source] = {}
        for source in (MAIN_EVENTS, STREAM_EVENTS, *sources):
            self.add(source)
        self._bus: Bus = bus or MemoryBus()
        self._queue_limit = queue_limit
        self._look_s = look_s
        self._lanes: dict[str, Lane] = {}
        self._by_table: dict[str, Lane] = {}
        self._audience: dict[str, dict[int | None, set[Subscription]]] = {}
        self._entered: set[Subscription] = set()
        self._look = asyncio.Event()
        self._watcher: asyncio.Task[None] | None = None
        self._closed = False

    def add(self, source: Source) -> None:
        """Add a table of events; before `start`."""
        if source.key in self._sources:
            raise ValueError(f"two sources are called {source.key}")
        self._sources[source.key] = source

    async def start(self) -> None:
        """Find out where each table is, join the bus, and become the outlet of this process."""
        for key, source in self._sources.items():
            audience = self._audience[key] = defaultdict(set)
            last = await self._tables.last(source)
            lane = Lane(source, self._tables, self._fan_out, wanted=audience.__len__, position=last)
            self._lanes[key] = self._by_table[source.table] = lane
        await self._bus.start(self.heard, self.look)
        self._watcher = asyncio.create_task(self._watch(), name="hub-watch")
        self._db.parts.add(Outlet(self.committed))

    def close(self) -> None:
        """End every subscription, also those that come later; what is committed still reaches the bus."""
        self._closed = True
        for subscription in list(self._entered):
            subscription.close()

    async def stop(self) -> None:
        """End every subscription and leave the bus."""
        self.close()
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.gather(self._watcher, return_exceptions=True)
        for lane in self._lanes.values():
            await lane.stop()
        await self._bus.stop()

    # --- what listeners call ----------------------------------------------------------------------

    def subscribe(
        self, *, owner_id: int | None, names: frozenset[str] | None = None, since: str | None = None
    ) -> Subscription:
        """Listen to what happens to an account's things from now on, or from just after the cursor `since`.

        `owner_id` None hears every account. A cursor of before the retention time starts at what is left.
        Raises CursorInvalid.
        """
        positions = self.positions()
        if since is not None:
            wanted = cursor.read(since)
            # A source that is newer than the cursor starts now; so does a store put back from a backup.
            positions = {key: min(last, wanted.get(key, last)) for key, last in positions.items()}
        return Subscription(
            self, owner_id=owner_id, names=names, positions=positions, limit=self._queue_limit
        )

    def cursor(self) -> str:
        """Where the stream is now. A page asks before it reads its state, then listens from there."""
        return cursor.write(self.positions())

    @property
    def connected(self) -> int:
        """Open subscriptions."""
        return len(self._entered)

    @property
    def degraded(self) -> bool:
        """Whether the bus is away, so that events of other processes come up to a second late."""
        return not self._bus.connected

    # --- what is new ------------------------------------------------------------------------------

    def committed(self, what: Committed) -> None:
        """Hand out rows that this process committed and tell the other processes. On the event loop only."""
        news: Positions = {}
        for part in what.appended:
            lane = self._by_table.get(part.table)
            if lane is not None and part.ids:
                news[lane.source.key] = part.ids[-1]
                lane.offer(part.ids, part.rows)
        if news:
            self._bus.send(news)

    def look(self) -> None:
        """Look at the tables now, for what no hint told."""
        self._look.set()

    def heard(self, news: Positions) -> None:
        """Take the bus' word that other processes committed up to here."""
        for key, last in news.items():
            lane = self._lanes.get(key)
            if lane is not None:
                lane.hint(last)

    async def _watch(self) -> None:
        while True:
            pause = self._look_s if self._bus.connected else min(self._look_s, _LOOK_WITHOUT_BUS_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._look.wait()
            self._look.clear()
            try:
                for lane in self._lanes.values():
                    lane.reach(await self._tables.last(lane.source))
            except (SQLAlchemyError, OSError) as error:
                _log.warning("realtime.look_failed", error=str(error))
            except Exception:  # nothing else would find what no hint told
                _log.exception("realtime.look_failed")

    def _fan_out(self, lane: Lane, row_id: int, row: Row) -> None:
        audience = self._audience[lane.source.key]
        owner_id = row["owner_id"] if lane.source.owner_id is None else lane.source.owner_id
        listeners = [*audience.get(owner_id, ()), *audience.get(None, ())]
        if not listeners:
            return
        if lane.source.names is None:
            named = frozenset((row["name"],))
            listeners = [listener for listener in listeners if listener.hears(named)]
        event = read_event(lane.source, row) if listeners else None
        if event is None:
            return
        delivery = Delivery(self.cursor(), event, row["at_us"])
        for listener in listeners:
            if listener.names is None or event.name in listener.names:
                listener.push(delivery)
        metrics.DELIVERED.labels(lane.source.key).inc(len(listeners))

    # --- for subscriptions ------------------------------------------------------------------------

    def positions(self) -> Positions:
        """The last id that was handed out, of every source."""
        return {key: lane.position for key, lane in self._lanes.items()}

    def enter(self, subscription: Subscription) -> None:
        """Count a subscription that was opened."""
        if self._closed:
            subscription.close()
            return
        self._entered.add(subscription)
        metrics.SUBSCRIPTIONS.set(len(self._entered))

    def attach(self, subscription: Subscription) -> None:
        """Give it live events from here on."""
        for key, lane in self._lanes.items():
            names = lane.source.names
            named = names is None or subscription.hears(names)
            if named and concerns(lane.source, subscription.owner_id):
                self._audience[key][subscription.owner_id].add(subscription)
                lane.stir()

    def leave(self, subscription: Subscription) -> None:
        """Forget a subscription."""
        self._entered.discard(subscription)
        metrics.SUBSCRIPTIONS.set(len(self._entered))
        for audience in self._audience.values():
            listeners = audience.get(subscription.owner_id)
            if listeners is not None:
                listeners.discard(subscription)
                if not listeners:
                    del audience[subscription.owner_id]

    def behind(self, subscription: Subscription) -> int:
        """How many ids were given since where the subscription is."""
        return sum(max(0, lane.position - subscription.positions[key]) for key, lane in self._lanes.items())

    async def read(self, subscription: Subscription, upto: Positions) -> Page:
        """The next page of what a subscription missed."""
        return await read_page(
            self._tables,
            self._sources.values(),
            after=subscription.positions,
            upto=upto,
            owner_id=subscription.owner_id,
            names=subscription.names,
        )
