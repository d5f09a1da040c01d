"""The decorators that make a function a job, and the register of all jobs that this version knows."""

import inspect
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cronsim import CronSim, CronSimError

from botyard.core.jobs import dispatch
from botyard.core.jobs.context import JobContext, inline
from botyard.core.jobs.types import QUEUES
from botyard.kit import clock
from botyard.kit.db import Database, Session

Body = Callable[..., Awaitable[Any]]

_jobs: dict[str, "Job"] = {}
_ENQUEUE = frozenset({"session", "key", "delay_s", "at", "partition", "owner_id"})


@dataclass(frozen=True, slots=True)
class Job:
    """A job that can be enqueued. Calling it runs the plain function with the given context."""

    name: str
    body: Body
    queue: str
    retries: int
    timeout_s: float | None = None
    cron: str | None = None

    async def __call__(self, ctx: JobContext, **arguments: Any) -> Any:
        return await self.body(ctx, **arguments)

    async def enqueue(
        self,
        session: Session,
        *,
        key: str | None = None,
        delay_s: float | None = None,
        at: datetime | None = None,
        partition: str | None = None,
        owner_id: int | None = None,
        **arguments: Any,
    ) -> str:
        """Ask for one run and return the job's id; the job leaves when, and only when, the transaction commits.

        The same `key` a second time returns the first job, in whatever state it is. `at` or `delay_s` put
        the start off; a queue that works one at a time per partition needs `partition`. Arguments are
        stored as JSON and shown to administrators: pass ids, never secrets. Raises TypeError or ValueError
        for arguments that the function would refuse.
        """
        self.check(arguments)
        when = dispatch.When(delay_s=delay_s, at=at)
        place = dispatch.Place(key=key, partition=partition, owner_id=owner_id or 0)
        return await dispatch.enqueue(session, self, arguments, when, place)

    async def run_inline(self, db: Database, **arguments: Any) -> Any:
        """Run the job here and now, without engine, durability or repetition: for commands and tests."""
        self.check(arguments)
        return await self.body(inline(db), **arguments)

    def check(self, arguments: dict[str, Any]) -> None:
        """Raise TypeError or ValueError where the arguments fit neither the function nor JSON."""
        inspect.signature(self.body).bind(None, **arguments)
        json.dumps(arguments, allow_nan=False)


def job(
    name: str, *, queue: str = "maintenance", retries: int = 3, timeout_s: float | None = None
) -> Callable[[Body], Job]:
    """Make `async def body(ctx, *, …)` a durable job `feature.verb`.

    It runs at least once: after a crash it starts again, and finished steps return their stored results.
    An error is repeated `retries` times with growing pauses; one that lasts longer than `timeout_s` counts
    as an error.
    """

    def register(body: Body) -> Job:
        return _register(Job(name, body, queue, retries, timeout_s))

    return register


def recurring(
    name: str,
    *,
    cron: str,
    queue: str = "maintenance",
    retries: int = 3,
    timeout_s: float | None = None,
) -> Callable[[Body], Job]:
    """Make `async def body(ctx)` a job that recurs by a cron line in UTC, one at a time.

    Occurrences missed while no worker ran are made up for by one run at the next start.
    """
    try:
        CronSim(cron, clock.now())
    except CronSimError as problem:
        raise ValueError(f"{name}: {cron!r} is no cron line: {problem}") from None

    def register(body: Body) -> Job:
        return _register(Job(name, body, queue, retries, timeout_s, cron))

    return register


def find(name: str) -> Job | None:
    """The job of that name, if this version has it."""
    return _jobs.get(name)


def names() -> frozenset[str]:
    """Every job this version knows, for documentation and its tests."""
    return frozenset(_jobs)


def recurring_jobs() -> list[Job]:
    """Jobs that recur, by name."""
    return sorted((each for each in _jobs.values() if each.cron is not None), key=lambda each: each.name)


def queues_in_use() -> list[str]:
    """Queues that any job names; others need no polling thread."""
    return sorted({each.queue for each in _jobs.values()})


def _register(new: Job) -> Job:
    if new.queue not in QUEUES:
        raise ValueError(f"{new.name}: there is no queue {new.queue}; choose of {', '.join(QUEUES)}")
    if not inspect.iscoroutinefunction(new.body):
        raise TypeError(f"{new.name}: a job is an async function")
    if taken := _ENQUEUE & set(inspect.signature(new.body).parameters):
        raise TypeError(f"{new.name}: {', '.join(sorted(taken))} are arguments of enqueue itself")
    known = _jobs.get(new.name)
    if known is not None and _place(known) != _place(new):
        raise ValueError(f"two jobs are called {new.name}: {_place(known)} and {_place(new)}")
    _jobs[new.name] = new
    return new


def _place(job: Job) -> tuple[str, str]:
    return job.body.__module__, job.body.__qualname__
