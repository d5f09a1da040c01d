"""What jobs tell while they run."""

from dataclasses import dataclass
from typing import ClassVar

from botyard.core.realtime.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class JobChanged(Event):
    """A job was queued, began, moved on, failed or ended; `state` is a JobState."""

    name: ClassVar[str] = "jobs.job_changed"
    job_id: str
    job_name: str
    state: str
    done: int | None = None
    total: int | None = None
    note: str = ""
