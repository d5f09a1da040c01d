"""Reading stored settings and their history."""

from typing import Any

from sqlalchemy import Select, Text, cast, func, select

from botyard.core.config import owned
from botyard.core.config.errors import SettingRefused
from botyard.core.config.models import ConfigChange, ConfigSetting
from botyard.core.config.types import Entry, Owned
from botyard.kit.db import Session
from botyard.settings import Settings

_MAX_ID = 2**63


async def list_services(session: Session) -> dict[str, int]:
    """How many settings each service has, Botyard itself first, then by name."""
    query = select(ConfigSetting.service, func.count()).group_by(ConfigSetting.service)
    counts = dict((await session.execute(query)).all())
    counts.pop(owned.SERVICE, None)
    return {owned.SERVICE: len(owned.OWNED), **dict(sorted(counts.items()))}


async def list_entries(session: Session, service: str) -> list[Entry]:
    """Every setting of a service: Botyard's own as they are documented, others by name; [] for an unknown one."""
    found = await rows(session, service)
    if service == owned.SERVICE:
        return _of_botyard(session, found)
    return [
        Entry(key, row.value, row.secret, updated_at=row.updated_at, updated_by=row.updated_by)
        for key, row in sorted(found.items())
    ]


async def rows(session: Session, service: str) -> dict[str, ConfigSetting]:
    """What is stored of a service, by key, as it is now."""
    query = select(ConfigSetting).where(ConfigSetting.service == service)
    found = await session.scalars(query.execution_options(populate_existing=True))
    return {row.key: row for row in found}


async def list_changes(
    session: Session, *, service: str | None = None, limit: int = 50, before_id: int | None = None
) -> list[ConfigChange]:
    """The history, newest first; `before_id` is the last one seen."""
    query = select(ConfigChange).order_by(ConfigChange.id.desc()).limit(limit)
    if service is not None:
        query = query.where(ConfigChange.service == service)
    if before_id is not None:
        query = query.where(ConfigChange.id < before_id)
    return list(await session.scalars(query))


async def get_change(session: Session, change_id: int) -> ConfigChange | None:
    """One change of the history."""
    return await session.get(ConfigChange, change_id) if 0 < change_id < _MAX_ID else None


async def newest_change(session: Session, service: str, key: str) -> int | None:
    """The number of the last change that gave a setting another value."""
    return await session.scalar(_newest(service).where(ConfigChange.key == key))


async def newest_changes(session: Session, service: str) -> set[int]:
    """The numbers of those changes of each setting of a service: the ones that can be taken back."""
    found = await session.scalars(_newest(service).group_by(ConfigChange.key))
    return {number for number in found if number}


def _newest(service: str) -> Select[int | None]:
    # Former versions noted changes from 2 to 2, because SQLite had lost the difference from 2.0.
    changed = cast(ConfigChange.before, Text).is_distinct_from(cast(ConfigChange.after, Text))
    return select(func.max(ConfigChange.id)).where(ConfigChange.service == service, changed)


def _of_botyard(session: Session, found: dict[str, ConfigSetting]) -> list[Entry]:
    settings, start = session.part(Settings), owned.start_values(session)
    return [
        _entry(one, found.get(name), start[name], getattr(settings, name))
        for name, one in owned.OWNED.items()
    ]


def _entry(one: Owned, row: ConfigSetting | None, start: Any, running: Any) -> Entry:
    value = start
    if row is not None:
        try:
            value = owned.check(one.name, row.value)
        except SettingRefused:  # of another version: it is not in force, and `Live` has said so
            row = None
    return Entry(
        one.name,
        owned.plain(value),
        stored=row is not None,
        owned=one,
        start=owned.plain(start),
        waits=one.effective == "restart" and value != running,
        updated_at=row.updated_at if row else None,
        updated_by=row.updated_by if row else 0,
    )
