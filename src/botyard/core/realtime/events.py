"""What happened, told to whoever may hear it: the base of all events, their registry, and `publish`.

A subclass says its name once and is then known to every process that imports it:

    @dataclass(frozen=True, slots=True, kw_only=True)
    class BotRenamed(Event):
        name: ClassVar[str] = "bots.renamed"
        bot_id: str
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec
from sqlalchemy import insert, select
from sqlalchemy.sql.functions import func

from botyard.core.realtime.models import EventRow
from botyard.core.realtime.types import Appended, Committed, Outlet
from botyard.kit import clock
from botyard.kit.db import Session

EVENTS_LOCK = 0x6279_0001  # advisory lock of PostgreSQL: ids of `events` are given in commit order
_PENDING = "botyard.realtime.pending"

_registry: dict[str, type["Event"]] = {}
_decoders: dict[str, msgspec.json.Decoder[Any]] = {}
_encoder = msgspec.json.Encoder()


class UnknownEvent(LookupError):
    """A stored event has a name that this version does not know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened to what `owner_id` owns; with 0 only administrators hear it."""

    name: ClassVar[str]
    owner_id: int

    def __init_subclass__(cls) -> None:
        # dataclass(slots=True) makes the class a second time: the same place may register again.
        name = getattr(cls, "name", None)
        if not isinstance(name, str) or not name:
            raise TypeError(f"{cls.__qualname__} needs a name such as 'fleet.command_changed'")
        known = _registry.get(name)
        place = (cls.__module__, cls.__name__)
        if known is not None and (known.__module__, known.__name__) != place:
            raise TypeError(f"two events are called {name}: {known.__qualname__} and {cls.__qualname__}")
        _registry[name] = cls


def names() -> frozenset[str]:
    """Names of every event that is known, for documentation and its tests."""
    return frozenset(_registry)


def by_name(name: str) -> type[Event]:
    """The class of a name. Raises UnknownEvent."""
    try:
        return _registry[name]
    except KeyError:
        raise UnknownEvent(name) from None


def encode(event: Event) -> str:
    """The event's fields as JSON, as they are stored."""
    return _encoder.encode(event).decode()


def decode(name: str, payload: str) -> Event:
    """The event that was stored. Fields this version does not know are passed over; raises UnknownEvent."""
    decoder = _decoders.get(name)
    if decoder is None:
        decoder = _decoders[name] = msgspec.json.Decoder(by_name(name))
    event: Event = decoder.decode(payload)
    return event


def publish(session: Session, event: Event) -> None:
    """Store the event with the session's transaction; after its commit everyone who may hear it does."""
    pending: list[Event] | None = session.info.get(_PENDING)
    if pending is None:
        pending = session.info[_PENDING] = []
        session.before_commit(_store, last=True)
    pending.append(event)


async def _store(session: Session) -> None:
    # Last of all hooks, so that the lock is held for the insert and the commit only, and nobody who
    # holds it waits for a row lock of somebody who waits for it.
    events: list[Event] = session.info.pop(_PENDING)
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(select(func.pg_advisory_xact_lock(EVENTS_LOCK)))
    now = clock.now()
    rows = [
        {"at": now, "owner_id": event.owner_id, "name": event.name, "payload": encode(event)}
        for event in events
    ]
    statement = insert(EventRow).returning(EventRow.id, sort_by_parameter_order=True)
    ids = list(await session.scalars(statement, rows))
    at_us = clock.to_us(now)
    live = [{"at_us": at_us, "owner_id": e.owner_id, "name": e.name, "event": e} for e in events]

    async def tell(session: Session) -> None:
        _hand_over(session, ids, live)

    session.after_commit(tell)


def _hand_over(session: Session, ids: Sequence[int], rows: Sequence[dict[str, Any]]) -> None:
    outlet = session.find_part(Outlet)
    if outlet is not None:
        outlet.committed(Committed((Appended(EventRow.__tablename__, ids, rows),)))
