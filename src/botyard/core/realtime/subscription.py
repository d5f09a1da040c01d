"""One listener: first what it missed, then what happens, without a gap and without a repetition."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from botyard.core.realtime import cursor, metrics
from botyard.core.realtime.events import Event
from botyard.kit import clock
from botyard.kit.errors import BotyardError

if TYPE_CHECKING:
    from botyard.core.realtime.hub import Hub

Made = TypeVar("Made")


class SlowConsumer(BotyardError):
    """This listener took its events too slowly and was closed; it may come back with its last cursor."""

    code, status = "slow_consumer", 503


class Delivery:
    """One event on its way to listeners, shared by all of them; `id` is the cursor just after it."""

    __slots__ = ("_made", "at_us", "event", "id")

    def __init__(self, id: str, event: Event, at_us: int) -> None:  # noqa: A002 - the field's standard term
        self.id = id
        self.event = event
        self.at_us = at_us
        self._made: dict[str, Any] | None = None

    @property
    def at(self) -> datetime:
        """When it happened."""
        return clock.from_us(self.at_us)

    def once(self, face: str, make: Callable[["Delivery"], Made]) -> Made:
        """What `make` answers, made once for all listeners of a face: encode an event once, not per client."""
        if self._made is None:
            self._made = {}
        if face not in self._made:
            self._made[face] = make(self)
        made: Made = self._made[face]
        return made


class Subscription:
    """Asynchronous iterator of deliveries. Enter it with `async with`; one task reads it."""

    def __init__(
        self,
        hub: "Hub",
        *,
        owner_id: int | None,
        names: frozenset[str] | None,
        positions: Mapping[str, int],
        limit: int,
    ) -> None:
        self.owner_id = owner_id
        self.names = names
        self.positions = dict(positions)
        self._hub = hub
        self._limit = limit
        self._queue: deque[Delivery] = deque()
        self._held: deque[Delivery] | None = None  # live ones that wait until the last of the replay is read
        self._waiter: asyncio.Future[None] | None = None
        self._entered = self._live = self._closed = self._slow = False

    async def __aenter__(self) -> Self:
        self._entered = True
        self._hub.enter(self)
        if not self._closed and self._hub.behind(self) == 0:
            self._go_live()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the iteration, from wherever; may be called twice."""
        if not self._closed:
            self._closed = True
            self._queue.clear()
            self._hub.leave(self)
            self._wake()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Delivery:
        while not self._queue:
            await self._more()
            if self._closed and not self._slow:
                raise StopAsyncIteration
        return self._queue.popleft()

    async def take(self, *, timeout_s: float | None = None) -> list[Delivery]:
        """Everything there is, waiting for the first; [] after `timeout_s` or when closed.

        Raises SlowConsumer. A face writes what it takes as one frame.
        """
        while not self._queue and not (self._closed and not self._slow):
            try:
                async with asyncio.timeout(timeout_s if self._live else None):
                    await self._more()
            except TimeoutError:
                break
        taken = list(self._queue)
        self._queue.clear()
        return taken

    def cursor(self) -> str:
        """Where this listener is once it has taken what it was given: for a keep-alive that moves it on."""
        return self._hub.cursor() if self._live else cursor.write(self.positions)

    @property
    def closed(self) -> bool:
        """Whether nothing more will come."""
        return self._closed

    # --- for the hub ------------------------------------------------------------------------------

    def hears(self, names: frozenset[str]) -> bool:
        """Whether any of these names is wanted."""
        return self.names is None or not self.names.isdisjoint(names)

    def push(self, delivery: Delivery) -> None:
        """Take a live event; a full queue closes this listener instead of holding anyone up."""
        queue = self._queue if self._held is None else self._held
        if len(queue) >= self._limit:
            metrics.SLOW.inc()
            self._slow = True
            self.close()
            return
        queue.append(delivery)
        if self._waiter is not None:
            self._wake()

    # --- waiting and replay -----------------------------------------------------------------------

    async def _more(self) -> None:
        """Return when the queue may hold something, or when this is closed."""
        if self._slow:
            raise SlowConsumer
        if self._closed:
            return
        if not self._entered:
            raise RuntimeError("enter the subscription with `async with` first")
        if self._live:
            await self._wait()
        else:
            await self._replay()

    async def _wait(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _replay(self) -> None:
        """Read one page of what was missed; with the last one, live events follow without a gap."""
        if self._held is None and self._hub.behind(self) == 0:
            self._go_live()
            return
        more = await self._read_page()
        if more or self._closed:
            return
        if self._held is None:
            # Attach first and read the rest afterwards: what is committed from here on waits in `_held`.
            self._held = deque()
            self._hub.attach(self)
            self._until = self._hub.positions()
            return
        held, self._held = self._held, None
        self._queue.extend(held)
        self._live = True

    def _go_live(self) -> None:
        self._hub.attach(self)
        self._live = True

    async def _read_page(self) -> bool:
        upto = self._hub.positions() if self._held is None else self._until
        page = await self._hub.read(self, upto)
        if self._closed:
            return False
        for key, row_id, event, at_us in page.events:
            self.positions[key] = row_id
            self._queue.append(Delivery(cursor.write(self.positions), event, at_us))
        self.positions.update(page.reached)
        return page.more
