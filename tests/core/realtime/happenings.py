"""Events of the tests, and making them happen."""

from dataclasses import dataclass
from typing import ClassVar

from botyard.core.ingest import Writer
from botyard.core.realtime import Event, publish
from botyard.core.realtime.subscription import Delivery, Subscription
from botyard.kit.db import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Knocked(Event):
    """Somebody knocked."""

    name: ClassVar[str] = "test.knocked"
    n: int = 0
    door: str = "front"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rang(Event):
    """Somebody rang."""

    name: ClassVar[str] = "test.rang"
    n: int = 0
    door: str = "front"


async def happen(db: Database, *events: Event) -> None:
    """Publish events in one transaction of the main store."""
    async with db.session() as session:
        for event in events:
            publish(session, event)


async def stream(writer: Writer, *events: Event) -> None:
    """Emit events in one operation on the stream store."""
    await writer.run(lambda tx: [tx.emit(event) for event in events])


async def hear(subscription: Subscription, count: int) -> list[Delivery]:
    """The next `count` deliveries."""
    return [await anext(subscription) for _ in range(count)]


def numbers(deliveries: list[Delivery]) -> list[int]:
    """The `n` of each event."""
    return [delivery.event.n for delivery in deliveries]  # type: ignore[attr-defined]
