"""Which events webhooks can tell. Features declare theirs when they are imported; core knows none of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from botyard.core.realtime.events import Event

E = TypeVar("E", bound=Event)
Data = Callable[[Any], dict[str, Any] | None]


@dataclass(frozen=True, slots=True)
class Declared:
    """A webhook event: what it is called, from which event it comes, and how its `data` are made."""

    name: str
    event: type[Event]
    data: Data
    about: str


_declared: dict[str, Declared] = {}


def declare(
    name: str, *, event: type[E], data: Callable[[E], dict[str, Any] | None], about: str = ""
) -> None:
    """Let webhooks listen to `name`. `data` makes JSON of the event alone, or None where it is not to be told.

    Times in it are texts, amounts of money Decimals, ids texts. One event may be declared under several names.
    """
    known = _declared.get(name)
    if known is not None and known.event is not event:
        raise ValueError(f"two events are declared as {name}: {known.event.name} and {event.name}")
    _declared[name] = Declared(name, event, data, about)


def names() -> list[str]:
    """What webhooks can listen to, in alphabetical order."""
    return sorted(_declared)


def all_declared() -> list[Declared]:
    """Every webhook event by name, for documentation."""
    return [_declared[name] for name in names()]


def sources() -> frozenset[str]:
    """Names of the live events that any webhook event comes from."""
    return frozenset(declared.event.name for declared in _declared.values())


def made_of(event: Event) -> list[Declared]:
    """The webhook events that a live event becomes."""
    return [declared for declared in _declared.values() if declared.event.name == event.name]
