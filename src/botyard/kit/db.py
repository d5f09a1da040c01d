"""Two stores behind one face: `main` (business tables, jobs) and `stream` (logs, messages, commands).

On SQLite they are two files, because a busy job engine on the same file takes ingest's p99 from 9 to
237 ms; on PostgreSQL they are one database. SQLite has one writing connection and several readers that
cannot write; PostgreSQL has one pool.
"""

import asyncio
import json
import logging
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar, cast

from sqlalchemy import JSON, BigInteger, DateTime, MetaData, event
from sqlalchemy.engine import URL, Dialect, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

from botyard.kit import clock
from botyard.kit.errors import Unavailable

log = logging.getLogger(__name__)

# PostgreSQL ends the session of a process that was frozen inside a transaction, and with it its locks,
# before the jobs of that process go to others (30 s): they could not take them otherwise.
IDLE_TRANSACTION_MS = 25_000
_GRACE_S = 2.0  # that what is under way has to end when the stores are closed
BUSY_TIMEOUT_MS = 30_000  # the job engine is a second writer on the main file; waits of 868 ms were measured

_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC moments on both stores; SQLite itself forgets the offset."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs its offset: use clock.now()")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


class EpochUs(TypeDecorator[datetime]):
    """A moment kept as microseconds since 1970, so that raw SQL is the same on both stores."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else clock.to_us(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else clock.from_us(value)


class Json(JSON):
    """JSON that is written again whenever it is other JSON: for Python 1, 1.0 and True are equal."""

    def compare_values(self, x: Any, y: Any) -> bool:
        return x is y or (bool(x == y) and json.dumps(x, sort_keys=True) == json.dumps(y, sort_keys=True))


class AnyJson(Json):
    """JSON that may be a bare number; a list or an object needs only `Json`.

    SQLite turns text that looks like a number into one, in a column of any type but TEXT: 5.0 would come back
    as 5, and 2**63 without its last digits.
    """


@compiles(AnyJson, "sqlite")
def _as_text(_type: AnyJson, _compiler: object, **_options: Any) -> str:
    return "TEXT"


class Base(DeclarativeBase):
    """Tables of the main store."""

    metadata = MetaData(naming_convention=_NAMES)
    type_annotation_map = {datetime: UtcDateTime, dict[str, Any]: Json, list[Any]: Json, list[str]: Json}


class StreamBase(DeclarativeBase):
    """Tables of the stream store; only the group-commit writer writes them."""

    metadata = MetaData(naming_convention=_NAMES)
    type_annotation_map = {datetime: EpochUs}


Hook = Callable[["Session"], Awaitable[None]]
Part = TypeVar("Part")


class Parts:
    """The running pieces of this process by their class: key ring, writer, hub, job engine, settings."""

    def __init__(self) -> None:
        self._parts: dict[type[Any], Any] = {}

    def add(self, part: object, *, kind: type[Any] | None = None) -> None:
        """Make `part` reachable under its own class, or under the interface `kind`."""
        self._parts[kind or type(part)] = part

    def get(self, kind: type[Part]) -> Part:
        """The running piece of that class; a KeyError names what `app.py` did not start."""
        try:
            return cast("Part", self._parts[kind])
        except KeyError:
            raise KeyError(f"{kind.__name__} is not running in this process") from None

    def find(self, kind: type[Part]) -> Part | None:
        """The running piece of that class, where a process may well be without it."""
        return self._parts.get(kind)


class Session(AsyncSession):
    """A unit of work that carries what must happen just before and just after its commit, or instead of it."""

    def __init__(self, *args: Any, parts: Parts, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._parts = parts
        self._before: list[Hook] = []
        self._last: list[Hook] = []
        self._after: list[Hook] = []
        self._failed: list[Hook] = []

    def part(self, kind: type[Part]) -> Part:
        """The running piece of that class, so that services need not carry it through every call."""
        return self._parts.get(kind)

    def find_part(self, kind: type[Part]) -> Part | None:
        """The running piece of that class, where a process may well be without it."""
        return self._parts.find(kind)

    def before_commit(self, hook: Hook, *, last: bool = False) -> None:
        """Run `hook` once inside the transaction, after all other work and before the commit.

        `last` puts it behind every other hook: for locks that must be held as briefly as can be.
        """
        (self._last if last else self._before).append(hook)

    def after_commit(self, hook: Hook) -> None:
        """Run `hook` once when, and only when, the transaction has committed.

        It only makes quicker what is made good without it, by a job or by looking: a process may end, or the
        caller be cancelled, before it runs. One that fails is logged; what is committed was done all the same.
        """
        self._after.append(hook)

    def on_failure(self, hook: Hook) -> None:
        """Run `hook` once when this session ends with an error, on a session of its own that is committed.

        For what must be written down although the transaction is rolled back.
        """
        self._failed.append(hook)

    async def finish(self) -> None:
        """Run the hooks and commit. Called by the edge (`Database.session`), never by a service."""
        await self.flush()
        while hooks := self._before or self._last:
            await hooks.pop(0)(self)
        await self.commit()
        self._failed.clear()
        while self._after:
            try:
                await self._after.pop(0)(self)
            except Exception:  # the others are about other things
                log.exception("What follows a commit failed.")


@dataclass(frozen=True)
class Stores:
    """Where both stores are. On PostgreSQL `main` and `stream` are the same address."""

    main: URL
    stream: URL

    @classmethod
    def at(cls, database_url: str, data_dir: Path) -> "Stores":
        """From the settings: an empty address means two SQLite files in the data folder.

        A given SQLite address names the main file; the stream file lies beside it.
        """
        if not database_url:
            database_url = f"sqlite:///{data_dir.resolve() / 'botyard.db'}"
        try:
            url = make_url(database_url)
        except ArgumentError:
            raise ValueError(
                "BOTYARD_DATABASE_URL is no database address; it looks like postgresql://user:password@host/name"
            ) from None
        backend = url.get_backend_name()
        if backend == "sqlite":
            path = Path(url.database or str(data_dir / "botyard.db")).resolve()
            stream = path.with_name(f"{path.stem}-stream{path.suffix or '.db'}")
            return cls(URL.create("sqlite", database=str(path)), URL.create("sqlite", database=str(stream)))
        if backend == "postgresql":
            return cls(url.set(drivername="postgresql"), url.set(drivername="postgresql"))
        raise ValueError(
            f"BOTYARD_DATABASE_URL names {backend}; Botyard keeps its data in sqlite or postgresql"
        )

    @property
    def embedded(self) -> bool:
        """Whether this is SQLite: one machine, one process that writes."""
        return self.main.get_backend_name() == "sqlite"


def sqlite_pragmas(connection: Any, *, readonly: bool = False) -> None:
    """What every SQLite connection of ours has set; WAL itself persists in the file."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA temp_store=MEMORY")
    if readonly:
        cursor.execute("PRAGMA query_only=ON")
    cursor.close()


class SqliteConnection(sqlite3.Connection):
    """A connection whose transaction ends with it.

    SQLite keeps one that is closed while a cursor of it is left, with its transaction and the lock of the only
    writer, until that cursor is collected: what was cut off in the middle of writing held up everybody.
    """

    def close(self) -> None:
        with suppress(sqlite3.Error):  # closed already, or nothing to take back
            self.rollback()
        super().close()


def _sqlite_engine(url: URL, *, readonly: bool, pool_size: int) -> AsyncEngine:
    engine = create_async_engine(
        url.set(drivername="sqlite+aiosqlite"),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=30,
        connect_args={
            "timeout": BUSY_TIMEOUT_MS / 1000,
            "isolation_level": None,
            "factory": SqliteConnection,
        },
    )
    begin = "BEGIN" if readonly else "BEGIN IMMEDIATE"

    @event.listens_for(engine.sync_engine, "connect")
    def _connect(connection: Any, _record: object) -> None:
        sqlite_pragmas(connection, readonly=readonly)

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql(begin)

    return engine


class Database:
    """Engines of both stores and the sessions on them."""

    def __init__(self, stores: Stores, *, pool_size: int = 10) -> None:
        self.stores = stores
        self.parts = Parts()
        self._closed = False
        self._sessions: set[Session] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        if stores.embedded:
            Path(str(stores.main.database)).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # A pool of one connection is the in-process lock of SQLite's single writer.
            self.writer = _sqlite_engine(stores.main, readonly=False, pool_size=1)
            self.readers = _sqlite_engine(stores.main, readonly=True, pool_size=4)
            self.stream_readers = _sqlite_engine(stores.stream, readonly=True, pool_size=4)
        else:
            url = stores.main.set(drivername="postgresql+asyncpg")
            limits = {"idle_in_transaction_session_timeout": str(IDLE_TRANSACTION_MS)}
            self.writer = create_async_engine(
                url,
                pool_size=pool_size,
                max_overflow=5,
                pool_pre_ping=True,
                connect_args={"server_settings": limits},
            )
            self.readers = self.writer.execution_options(postgresql_readonly=True)
            self.stream_readers = self.readers

    @property
    def embedded(self) -> bool:
        """Whether this is SQLite: one machine, one process that writes."""
        return self.stores.embedded

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """A writing unit of work on the main store: commits at the end, rolls back on any error."""
        async with self._opened(self.writer) as session:
            yield session
            await session.finish()

    @asynccontextmanager
    async def reader(self) -> AsyncIterator[Session]:
        """A reading session on the main store; writing through it fails."""
        async with self._opened(self.readers) as session:
            yield session

    @asynccontextmanager
    async def _opened(self, engine: AsyncEngine) -> AsyncIterator[Session]:
        if self._closed:  # a task that outlived it would open connections that nobody closes
            raise Unavailable("The server is stopping; send it again in a moment.", retry_after_s=1)
        session = Session(engine, parts=self.parts, expire_on_commit=False)
        self._sessions.add(session)
        self._idle.clear()
        try:
            async with self._watched(session), session:
                yield session
        finally:
            self._sessions.discard(session)
            if not self._sessions:
                self._idle.set()

    @asynccontextmanager
    async def _watched(self, session: Session) -> AsyncIterator[None]:
        """Run the session's failure hooks once it is closed: SQLite has one writer, which it would hold."""
        try:
            yield
        except Exception:
            if session._failed:
                async with self.session() as fresh:
                    for hook in session._failed:
                        await hook(fresh)
            raise

    @asynccontextmanager
    async def stream(self) -> AsyncIterator[Session]:
        """A reading session on the stream store; writing goes through `core.ingest`."""
        async with self._opened(self.stream_readers) as session:
            yield session

    async def close(self) -> None:
        """Close every connection, once the sessions under way have ended; those asked for from now on are refused.

        It does not wait long: one that goes on for more than two seconds keeps its connection until the process ends.
        """
        self._closed = True
        with suppress(TimeoutError):
            async with asyncio.timeout(_GRACE_S):
                await self._idle.wait()
        for engine in {
            id(e.sync_engine): e for e in (self.writer, self.readers, self.stream_readers)
        }.values():
            await engine.dispose()
