"""The last things that happened, from both stores."""

from botyard.core.ingest import Writer
from botyard.core.realtime.events import Event
from botyard.core.realtime.recent import recent
from botyard.kit.clock import FrozenClock
from botyard.kit.db import Database
from tests.core.realtime.happenings import Knocked, Rang, happen, stream

BOTH = frozenset({Knocked.name, Rang.name})


def told(found: list[tuple[int, Event]]) -> list[tuple[str, int]]:
    """Name and number of each event."""
    return [(event.name, event.n) for _, event in found]  # type: ignore[attr-defined]


async def test_the_newest_comes_first_whatever_store_it_is_in(
    db: Database, writer: Writer, clock: FrozenClock
) -> None:
    await happen(db, Knocked(owner_id=7, n=1))
    clock.advance(1)
    await stream(writer, Rang(owner_id=7, n=2))
    clock.advance(1)
    await happen(db, Knocked(owner_id=7, n=3))

    found = await recent(db, owner_id=7, names=BOTH, limit=10)

    assert told(found) == [("test.knocked", 3), ("test.rang", 2), ("test.knocked", 1)]
    assert found[0][0] - found[2][0] == 2_000_000


async def test_only_so_many_and_only_of_these_names(db: Database, writer: Writer) -> None:
    await happen(db, *(Knocked(owner_id=7, n=n) for n in range(5)))
    await stream(writer, Rang(owner_id=7, n=9))

    found = await recent(db, owner_id=7, names=frozenset({Knocked.name}), limit=2)

    assert told(found) == [("test.knocked", 4), ("test.knocked", 3)]


async def test_others_are_heard_by_nobody_but_administrators(db: Database, writer: Writer) -> None:
    await happen(db, Knocked(owner_id=8, n=1))
    await stream(writer, Rang(owner_id=9, n=2))

    assert await recent(db, owner_id=7, names=BOTH, limit=10) == []
    assert len(await recent(db, owner_id=None, names=BOTH, limit=10)) == 2
