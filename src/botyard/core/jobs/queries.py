"""Reading jobs for people."""

from sqlalchemy import select

from botyard.core.jobs import service
from botyard.core.jobs.models import JobRow
from botyard.core.jobs.types import JobInfo, JobState
from botyard.kit.db import Session

_FIELDS = tuple(JobInfo.__dataclass_fields__)
# As columns: a row that was only read here must not stand, as old as it is, for one that is locked later.
_COLUMNS = tuple(getattr(JobRow, name) for name in _FIELDS)


def info(row: JobRow) -> JobInfo:
    """The row as people see it."""
    return JobInfo(**{name: getattr(row, name) for name in _FIELDS})


async def get(session: Session, job_id: str, *, owner_id: int | None = None) -> JobInfo:
    """One job. Raises NoSuchJob, also where `owner_id` is given and is another."""
    return info(await service.get(session, job_id, owner_id=owner_id))


async def find(session: Session, *, key: str) -> JobInfo | None:
    """The job that was asked for under this key, if there is one and it was not cleared away."""
    row = (await session.execute(select(*_COLUMNS).where(JobRow.key == key))).one_or_none()
    return None if row is None else JobInfo(*row)


async def list_jobs(
    session: Session,
    *,
    state: JobState | None = None,
    name: str | None = None,
    owner_id: int | None = None,
    partition: str | None = None,
    limit: int = 100,
) -> list[JobInfo]:
    """Jobs, the newest first; filters that are None let everything through."""
    query = select(*_COLUMNS).order_by(JobRow.created_at.desc(), JobRow.id.desc()).limit(limit)
    if state is not None:
        query = query.where(JobRow.state == state)
    if name is not None:
        query = query.where(JobRow.name == name)
    if owner_id is not None:
        query = query.where(JobRow.owner_id == owner_id)
    if partition is not None:
        query = query.where(JobRow.partition == partition)
    return [JobInfo(*row) for row in await session.execute(query)]
