"""Durable jobs: `@job` makes one, `enqueue` asks for it within a transaction, `JobEngine` runs it."""

from botyard.core.jobs import effects
from botyard.core.jobs.context import JobContext
from botyard.core.jobs.engine import JobEngine
from botyard.core.jobs.errors import NotSent, Refused, Unrecoverable
from botyard.core.jobs.events import JobChanged
from botyard.core.jobs.jobs import retention as retention
from botyard.core.jobs.registry import Job, job, recurring
from botyard.core.jobs.types import (
    SYSTEM,
    EffectInfo,
    EffectState,
    JobInfo,
    JobState,
    Outcome,
    Receipt,
    Timing,
    Verdict,
    WorkerInfo,
)

__all__ = [
    "SYSTEM",
    "EffectInfo",
    "EffectState",
    "Job",
    "JobChanged",
    "JobContext",
    "JobEngine",
    "JobInfo",
    "JobState",
    "NotSent",
    "Outcome",
    "Receipt",
    "Refused",
    "Timing",
    "Unrecoverable",
    "Verdict",
    "WorkerInfo",
    "effects",
    "job",
    "recurring",
]
