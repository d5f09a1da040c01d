"""Which workers are alive, and which of them is elected; every comparison is by the database's clock."""

import asyncio
import os
import socket
import uuid
from collections.abc import Hashable, Iterable
from datetime import datetime
from typing import Generic, TypeVar

from sqlalchemy import ColumnElement, and_, delete, false, insert, or_, select, update

from botyard.core.jobs.errors import WorkerForgotten
from botyard.core.jobs.models import LeaseRow, WorkerRow
from botyard.core.jobs.sql import db_now_us, insert_once, seconds
from botyard.core.jobs.types import WorkerInfo
from botyard.kit import clock
from botyard.kit.db import Session

Seen = TypeVar("Seen", bound=Hashable)
Beat = tuple[str, datetime]  # of which worker, when by the database's clock


class Life:
    """One identity of this process as a worker, from its registration until it ends or is declared dead."""

    def __init__(self, fence_s: float) -> None:
        self.worker_id = uuid.uuid4().hex
        self._fence_s = fence_s
        self._beat_at = clock.monotonic()
        self._fresh = asyncio.Event()

    @property
    def fit(self) -> bool:
        """Whether the last heartbeat is recent enough to begin something new."""
        return clock.monotonic() - self._beat_at < self._fence_s

    def beaten(self, at: float) -> None:
        """Note a heartbeat that the database accepted; `at` is monotonic time from before it was sent."""
        self._beat_at = at
        self._fresh.set()
        self._fresh = asyncio.Event()

    async def until_fit(self) -> None:
        """Wait while heartbeats are missing. Where this life is lost instead, the waiter is cancelled."""
        while not self.fit:
            await self._fresh.wait()


class Watch(Generic[Seen]):
    """How long things have stayed as they are, by this process' own counter, which nobody sets."""

    def __init__(self) -> None:
        self._since: dict[Seen, float] = {}

    def see(self, present: Iterable[Seen]) -> None:
        """Note what is there now; what is not is forgotten."""
        now = clock.monotonic()
        self._since = {each: self._since.get(each, now) for each in present}

    def unchanged(self, for_s: float) -> set[Seen]:
        """What was there each time for at least so long."""
        until = clock.monotonic() - for_s
        return {each for each, since in self._since.items() if since <= until}


async def register(session: Session, worker_id: str, *, alone: bool) -> None:
    """Enter this process among the live workers; with `alone` every other one is dead by definition."""
    if alone:
        await session.execute(delete(WorkerRow))
        await session.execute(delete(LeaseRow))
    now = db_now_us()
    await session.execute(
        insert(WorkerRow).values(
            id=worker_id, host=socket.gethostname(), pid=os.getpid(), started_at=now, last_seen=now
        )
    )


async def beat(session: Session, worker_id: str) -> None:
    """Say that this worker is alive. Raises WorkerForgotten when it was declared dead."""
    touched = update(WorkerRow).where(WorkerRow.id == worker_id).values(last_seen=db_now_us())
    if (await session.execute(touched.returning(WorkerRow.id))).first() is None:
        raise WorkerForgotten


async def confirm(session: Session, worker_id: str) -> None:
    """Hold the worker's row until the end of the transaction, so that nobody declares it dead meanwhile.

    A heartbeat does not wait for that: a run that waits for a lock as it begins must not look like death.
    Raises WorkerForgotten when that has happened already.
    """
    query = select(WorkerRow.id).where(WorkerRow.id == worker_id).with_for_update(read=True, key_share=True)
    if (await session.execute(query)).first() is None:
        raise WorkerForgotten


async def drain(session: Session, worker_id: str) -> None:
    """Show that this worker takes nothing new."""
    await session.execute(update(WorkerRow).where(WorkerRow.id == worker_id).values(draining=True))


async def forget(session: Session, worker_id: str) -> None:
    """Take this worker from the live ones and give up its leases."""
    await session.execute(delete(LeaseRow).where(LeaseRow.holder == worker_id))
    await session.execute(delete(WorkerRow).where(WorkerRow.id == worker_id))


async def beats(session: Session) -> set[Beat]:
    """The last heartbeat of every worker, to be watched."""
    rows = await session.execute(select(WorkerRow.id, WorkerRow.last_seen))
    return {(worker_id, last_seen) for worker_id, last_seen in rows}


async def bury(session: Session, seen: Watch[Beat], *, silent_s: float, beat_s: float) -> list[str]:
    """Declare dead every worker without a heartbeat for `silent_s`, of those watched; returns their ids.

    Somebody may set the database's clock. Forward, every worker looks silent at once: so one must also have
    been watched for two of the `beat_s` in which a live one is heard. Back, a dead one looks alive for as
    long: so it is enough to have watched its silence.
    """
    watched = [_is_last(beat) for beat in seen.unchanged(silent_s)]
    doubted = [_is_last(beat) for beat in seen.unchanged(2 * beat_s)]
    by_clock = WorkerRow.last_seen < db_now_us() - seconds(silent_s)
    dead = or_(false(), *watched, and_(by_clock, or_(false(), *doubted)))
    return list(await session.scalars(delete(WorkerRow).where(dead).returning(WorkerRow.id)))


def _is_last(beat: Beat) -> ColumnElement[bool]:
    worker_id, last_seen = beat
    return and_(WorkerRow.id == worker_id, WorkerRow.last_seen == last_seen)


async def alive(session: Session) -> set[str]:
    """Ids of the workers that nobody declared dead."""
    return set(await session.scalars(select(WorkerRow.id)))


async def list_workers(session: Session) -> list[WorkerInfo]:
    """Live workers, the oldest first."""
    rows = await session.scalars(select(WorkerRow).order_by(WorkerRow.started_at))
    return [
        WorkerInfo(
            id=row.id,
            host=row.host,
            pid=row.pid,
            started_at=row.started_at,
            last_seen=row.last_seen,
            draining=row.draining,
        )
        for row in rows
    ]


async def lead(session: Session, duty: str, worker_id: str, *, lease_s: float) -> bool:
    """Take or renew the lease of a duty; whether this worker has it now. All give it for the same time."""
    until = db_now_us() + seconds(lease_s)
    # Nobody gave it for so long: the database's clock was put back since.
    impossible = LeaseRow.until > db_now_us() + seconds(2 * lease_s)
    free = or_(LeaseRow.holder == worker_id, LeaseRow.until < db_now_us(), impossible)
    taken = (
        update(LeaseRow)
        .where(LeaseRow.name == duty, free)
        .values(holder=worker_id, until=until)
        .returning(LeaseRow.name)
    )
    if (await session.execute(taken)).first() is not None:
        return True
    return await insert_once(session, LeaseRow, unique="name", name=duty, holder=worker_id, until=until)
