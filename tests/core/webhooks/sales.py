"""Events of the tests, and short ways to make them happen."""

from dataclasses import dataclass
from typing import ClassVar

from botyard.core.ingest import Writer
from botyard.core.realtime import Event, publish
from botyard.core.webhooks import catalogue
from botyard.kit.db import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Sold(Event):
    """Something was sold."""

    name: ClassVar[str] = "test.webhooks.sold"
    n: int
    secretly: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost(Event):
    """Something was lost, and nobody can say what."""

    name: ClassVar[str] = "test.webhooks.lost"


def describe(event: Sold) -> dict[str, object] | None:
    """What a webhook says of a sale; nothing of a secret one."""
    return None if event.secretly else {"n": event.n, "2": "é", "1": 1.0}


def fail(event: Lost) -> dict[str, object]:
    """Always raises."""
    raise RuntimeError("nobody can say what")


def declare() -> None:
    """Let webhooks listen to them."""
    catalogue.declare("item.sold", event=Sold, data=describe, about="An item was sold.")
    catalogue.declare("item.lost", event=Lost, data=fail)


def forget() -> None:
    """Take the events out again."""
    for name in ("item.sold", "item.lost"):
        del catalogue._declared[name]


async def happen(db: Database, *events: Event) -> None:
    """Publish events in one transaction of the main store."""
    async with db.session() as session:
        for event in events:
            publish(session, event)


async def stream(writer: Writer, *events: Event) -> None:
    """Emit events in one operation on the stream store."""
    await writer.run(lambda tx: [tx.emit(event) for event in events])
