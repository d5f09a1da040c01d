"""Value objects of jobs: states, queues, timing, what a caller gets to see."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from botyard.kit import clock

SYSTEM = 0  # owner of jobs that belong to no account


class JobState(StrEnum):
    """Where a job is. A failed try that will be repeated is `queued` again, with its error shown."""

    queued = "queued"
    running = "running"
    done = "done"
    failed = "failed"
    cancelled = "cancelled"

    @property
    def finished(self) -> bool:
        """Whether nothing more happens by itself."""
        return self not in (JobState.queued, JobState.running)


class EffectState(StrEnum):
    """Where an outside effect is. `unknown`: it was begun and nobody can say yet whether it happened."""

    prepared = "prepared"
    sending = "sending"
    done = "done"
    failed = "failed"
    unknown = "unknown"


@dataclass(frozen=True, slots=True)
class QueueRules:
    """How a queue hands out its jobs. Limits that are None follow the engine's `concurrency`."""

    poll_s: float
    per_worker: int | None = None
    everywhere: int | None = None
    # One job at a time per partition, which every enqueue then names. Where a worker has less room than there are
    # partitions it picks among these at random, so that none is held up by the backlog of another.
    partitioned: bool = False


# Each queue in use is a polling thread (0.4 % of a core per poll a second), so there is none per bot.
QUEUES: Mapping[str, QueueRules] = MappingProxyType(
    {
        "publish": QueueRules(poll_s=0.5, partitioned=True),  # partition: account on the platform
        "trade": QueueRules(poll_s=0.25, partitioned=True),  # partition: account on the exchange
        "generate": QueueRules(poll_s=1.0, per_worker=2, everywhere=2),  # one graphics card, shared
        "train": QueueRules(poll_s=0.25, per_worker=1, partitioned=True),  # partition: account of the yard
        "maintenance": QueueRules(poll_s=1.0),
        "mail": QueueRules(poll_s=1.0, per_worker=2),  # mail servers refuse many connections at once
    }
)


@dataclass(frozen=True, slots=True)
class Timing:
    """How fast a dead worker is noticed and a failed try repeated; tests make it short."""

    heartbeat_s: float = 5.0
    fence_s: float = 20.0  # without a heartbeat for so long a worker begins nothing any more
    silent_s: float = 30.0  # without a heartbeat for so long its jobs go to others
    stray_s: float = 10.0  # for so long a run given to this worker may lie before it goes back to its queue
    backoff_s: float = 2.0  # before the first repetition; doubles each time
    backoff_max_s: float = 300.0
    poll_s: float | None = None  # instead of the queue's own

    def __post_init__(self) -> None:
        if not self.heartbeat_s < self.fence_s < self.silent_s:
            raise ValueError("a worker must fence itself before others take its jobs, and beat more often")

    @property
    def lease_s(self) -> float:
        """How long the elected reaper stays elected without renewing."""
        return 3 * self.heartbeat_s

    def pause_s(self, failures: int) -> float:
        """How long to wait after that many failed tries; jitter keeps neighbours from waking together."""
        return clock.uniform(0.9, 1.1) * min(
            self.backoff_s * 2.0 ** min(failures - 1, 30), self.backoff_max_s
        )

    @property
    def takeover_s(self) -> float:
        """Longest time from the death of a worker to the start of its job elsewhere, on an idle machine.

        Silence is noticed by the next heartbeat of the elected reaper, whose own lease has ended by
        then if it was the dead one; then one poll of the queue with its jitter, and one to be safe.
        """
        poll_s = self.poll_s or max(rules.poll_s for rules in QUEUES.values())
        return max(self.silent_s, self.lease_s) + self.heartbeat_s + 2 * poll_s


@dataclass(frozen=True, slots=True)
class JobInfo:
    """A job as people see it; `error` is one sentence without a stack trace."""

    id: str
    name: str
    queue: str
    state: JobState
    owner_id: int
    key: str | None
    args: dict[str, Any]
    attempt: int  # starts so far, also those after a crash
    failures: int  # tries that ended in an error
    done: int | None
    total: int | None
    note: str
    error: str
    result: Any
    worker: str | None
    created_at: datetime
    due_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """A live worker process; moments are the database's."""

    id: str
    host: str
    pid: int
    started_at: datetime
    last_seen: datetime
    draining: bool


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the outside answered to an effect: its id there, and whatever else is worth keeping (JSON)."""

    external_id: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)


class Verdict(StrEnum):
    """What a reconciliation may answer instead of a receipt."""

    absent = "absent"  # proven: it did not happen, so it may be sent
    unsure = "unsure"  # the other side cannot tell; a person must look


@dataclass(frozen=True, slots=True)
class Outcome:
    """An effect that happened. `reconciled`: found to have happened, by asking, after an interruption."""

    key: str
    external_id: str
    detail: Mapping[str, Any]
    reconciled: bool


@dataclass(frozen=True, slots=True)
class EffectInfo:
    """An effect as people see it."""

    key: str
    kind: str
    account_id: int
    state: EffectState
    attempt: int
    job_id: str
    external_id: str
    detail: Mapping[str, Any]
    error: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
