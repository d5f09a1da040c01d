"""Old events go, and listeners with an old cursor get what is left."""

from botyard.core.ingest import Writer
from botyard.core.realtime.hub import Hub
from botyard.core.realtime.jobs import retain
from botyard.kit.clock import FrozenClock
from botyard.kit.db import Database
from botyard.settings import Settings
from tests.core.realtime.happenings import Knocked, happen, hear, numbers, stream

_DAY_S = 24 * 3600


async def test_events_are_kept_for_their_days(
    db: Database, hub: Hub, writer: Writer, settings: Settings, clock: FrozenClock
) -> None:
    db.parts.add(writer)
    start = hub.cursor()
    await happen(db, *[Knocked(owner_id=1, n=n) for n in range(1200)])
    await stream(writer, Knocked(owner_id=1, n=1200))
    clock.advance(settings.event_retention_days * _DAY_S - 60)
    await happen(db, Knocked(owner_id=1, n=1201))
    await stream(writer, Knocked(owner_id=1, n=1202))
    clock.advance(120)

    assert await retain.run_inline(db) == {"events": 1200, "stream_events": 1, "ingest_keys": 0}
    assert await retain.run_inline(db) == {"events": 0, "stream_events": 0, "ingest_keys": 0}
    async with hub.subscribe(owner_id=1, since=start) as subscription:
        assert numbers(await hear(subscription, 2)) == [1201, 1202]
        await happen(db, Knocked(owner_id=1, n=1203))
        assert numbers(await hear(subscription, 1)) == [1203]
