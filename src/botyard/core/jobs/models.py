"""Tables of jobs: what people see, finished steps, live workers, leases, schedules, the effects ledger.

DBOS keeps tables of its own beside these (schema `dbos`; on SQLite in the same file). They are machinery;
everything a person may ask is answered from here.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Enum, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from botyard.core.jobs.types import SYSTEM, EffectState, JobState
from botyard.kit.db import AnyJson, Base, EpochUs


class JobRow(Base):
    """One job from its request to its end, whatever number of tries that takes."""

    __tablename__ = "jobs"
    __table_args__ = (
        Index(None, "owner_id", "created_at"),
        Index(None, "state", "finished_at"),
        Index(None, "name", "state"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    queue: Mapped[str] = mapped_column(String(40))
    partition: Mapped[str | None] = mapped_column(String(200))
    key: Mapped[str | None] = mapped_column(String(300), unique=True)
    owner_id: Mapped[int] = mapped_column(BigInteger, default=SYSTEM)
    args: Mapped[dict[str, Any]]
    result: Mapped[Any] = mapped_column(AnyJson, nullable=True)
    state: Mapped[JobState] = mapped_column(Enum(JobState, native_enum=False, length=16))
    run: Mapped[int] = mapped_column(default=1)  # the DBOS workflow `{id}.{run}` carries it
    token: Mapped[str | None] = mapped_column(String(40))  # the execution that owns the row
    worker: Mapped[str | None] = mapped_column(String(40))
    attempt: Mapped[int] = mapped_column(default=0)
    failures: Mapped[int] = mapped_column(default=0)
    crashes: Mapped[int] = mapped_column(default=0)
    done: Mapped[int | None] = mapped_column(BigInteger)
    total: Mapped[int | None] = mapped_column(BigInteger)
    note: Mapped[str] = mapped_column(Text, default="")
    error: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class StepRow(Base):
    """The result of a finished step; as long as it is here the step does not run again."""

    __tablename__ = "job_steps"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    result: Mapped[Any] = mapped_column(AnyJson)
    finished_at: Mapped[datetime]


class WorkerRow(Base):
    """A worker process that is alive, by the database's clock. Deleting the row declares it dead."""

    __tablename__ = "job_workers"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    host: Mapped[str] = mapped_column(String(255))
    pid: Mapped[int]
    started_at: Mapped[datetime] = mapped_column("started_at_us", EpochUs)
    last_seen: Mapped[datetime] = mapped_column("last_seen_us", EpochUs)
    draining: Mapped[bool] = mapped_column(default=False)


class LeaseRow(Base):
    """Who is elected for a duty that only one process has, and until when."""

    __tablename__ = "job_leases"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    holder: Mapped[str] = mapped_column(String(40))
    until: Mapped[datetime] = mapped_column("until_us", EpochUs)


class ScheduleRow(Base):
    """Up to when the occurrences of a recurring job are accounted for."""

    __tablename__ = "job_schedules"

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    last_at: Mapped[datetime]


class EffectRow(Base):
    """One outside effect by its business key; written before it is begun, and again when its end is known."""

    __tablename__ = "job_effects"
    __table_args__ = (Index(None, "account_id", "created_at"), Index(None, "state", "finished_at"))

    key: Mapped[str] = mapped_column(String(300), primary_key=True)
    kind: Mapped[str] = mapped_column(String(60))
    account_id: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[EffectState] = mapped_column(Enum(EffectState, native_enum=False, length=16))
    attempt: Mapped[int] = mapped_column(default=0)
    request_hash: Mapped[str] = mapped_column(String(128))
    job_id: Mapped[str] = mapped_column(String(40))
    token: Mapped[str | None] = mapped_column(String(40))  # the execution that is sending
    external_id: Mapped[str] = mapped_column(String(300), default="")
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)
    error: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
