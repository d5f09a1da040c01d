"""Keeps this process' `Settings` at what is stored: at its start, and within a second of every change."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import structlog
from sqlalchemy import Row, create_engine, func, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from botyard.core.config import owned
from botyard.core.config.errors import SettingRefused
from botyard.core.config.events import ConfigChanged
from botyard.core.config.models import ConfigChange, ConfigSetting
from botyard.core.config.owned import OWNED, StartValues
from botyard.core.realtime.hub import Hub
from botyard.core.realtime.listening import listen
from botyard.core.realtime.subscription import Delivery
from botyard.kit.db import Database, Stores
from botyard.settings import Settings

log = structlog.get_logger(__name__)

# How often the history is looked at for what no event told in time, such as a change that the command line
# made beside a server on SQLite. One look at an index.
_LOOK_S = 1.0
_CONNECT_S = 5
_STORED = select(ConfigSetting.key, ConfigSetting.value).where(ConfigSetting.service == owned.SERVICE)

Apply = Callable[[Any], None]


class Live:
    """Follows the stored settings. What reads an attribute of `Settings` when it needs it sees the new value;
    what took a copy when it was made gives `on_change` a function that tells it."""

    def __init__(self, db: Database, hub: Hub) -> None:
        self._db = db
        self._hub = hub
        self._settings = db.parts.get(Settings)
        self._start = db.parts.get(StartValues)
        self._told = dict(self._start)
        self._apply: dict[str, list[Apply]] = {}
        self._seen: int | None = None
        self._following = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def on_change(self, name: str, apply: Apply) -> None:
        """Call `apply` with the new value whenever the setting changes, the first time if `start` finds another
        value than the process began with."""
        assert OWNED[name].effective == "at once", name
        self._apply.setdefault(name, []).append(apply)

    async def start(self) -> None:
        """Take over what is stored, then follow."""
        await self.follow()
        names = frozenset((ConfigChanged.name,))
        watching = listen(
            self._hub, owner_id=0, names=names, begin=self.follow, hear=self._heard, look_s=_LOOK_S
        )
        self._task = asyncio.create_task(watching, name="settings")

    async def stop(self) -> None:
        """Follow no longer."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def follow(self) -> None:
        """Take over what is stored now, if anything changed; a store that is away is tried again later."""
        async with self._following:  # an older answer must not arrive behind a newer one
            try:
                await self._follow()
            except (SQLAlchemyError, OSError) as error:
                log.warning("settings_not_read", error=str(error))

    async def _follow(self) -> None:
        async with self._db.reader() as session:
            query = select(func.max(ConfigChange.id)).where(ConfigChange.service == owned.SERVICE)
            newest = await session.scalar(query) or 0
            if newest == self._seen:
                return
            stored = typed((await session.execute(_STORED)).all())
        self._seen = newest
        for name, one in OWNED.items():
            if one.effective == "at once":  # the others were taken over before the pieces were made
                self._take(name, stored.get(name, self._start[name]))

    def _take(self, name: str, value: Any) -> None:
        setattr(self._settings, name, value)
        if self._told[name] == value:
            return
        self._told[name] = value
        log.info("setting_changed", key=name, value=owned.plain(value))
        for apply in self._apply.get(name, ()):
            try:
                apply(value)
            except Exception:  # one piece that cannot follow must not keep the others from it
                log.exception("setting_not_applied", key=name)

    async def _heard(self, _news: Sequence[Delivery]) -> None:
        await self.follow()


def typed(stored: Iterable[Row[str, Any]]) -> dict[str, Any]:
    """The stored values that this version takes; others are told to the log and left out."""
    found: dict[str, Any] = {}
    for key, value in stored:
        try:
            found[key] = owned.check(key, value)
        except SettingRefused as error:
            log.warning("stored_setting_skipped", key=key, reason=error.reason)
    return found


def adopt(settings: Settings, stores: Stores) -> StartValues:
    """Put what is stored into the settings of a process that begins, and answer what they were before.

    The pieces of a process are made from its settings before its database is open, so this looks on a
    connection of its own, and waits for it. Where there is no store yet, or none that answers, nothing changes:
    the migration that follows says what is wrong with it.
    """
    start = StartValues.of(settings)
    for name, value in _look(stores).items():
        setattr(settings, name, value)
    return start


def _look(stores: Stores) -> dict[str, Any]:
    url, options = stores.main, {"connect_timeout": _CONNECT_S}
    if stores.embedded:
        # Only to read: looking must not make an empty file.
        url = url.set(database=f"file:{url.database}", query={"mode": "ro", "uri": "true"})
        options = {}
    else:
        url = url.set(drivername="postgresql+psycopg")
    engine = create_engine(url, poolclass=NullPool, connect_args=options)
    try:
        with engine.connect() as connection:
            return typed(connection.execute(_STORED).all())
    except DBAPIError:
        return {}
    finally:
        engine.dispose()
