"""Schema changes of both stores, by Alembic; on PostgreSQL both live in one database.

Each store has its own chain of revisions and its own version table, because on SQLite they are two files.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import MetaData, create_engine, event, inspect, text
from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from botyard.kit.db import Base, Stores, StreamBase, sqlite_pragmas
from botyard.kit.errors import BotyardError

if TYPE_CHECKING:
    from alembic.config import Config

HERE = Path(__file__).parent
# Newest revision of each chain; a test compares them with the scripts, so that a start needs no Alembic.
HEADS = {"main": "0004", "stream": "0005"}
_LOCK = 0x6279_00FF  # advisory lock of PostgreSQL: one process migrates, the others wait


class DatabaseUnusable(BotyardError):
    """The database cannot be used."""

    code = "database_unusable"


@dataclass(frozen=True)
class Chain:
    """The revisions of one store."""

    name: str
    metadata: MetaData

    @property
    def version_table(self) -> str:
        """Where the store remembers its revision."""
        return f"schema_version_{self.name}"


CHAINS = (Chain("main", Base.metadata), Chain("stream", StreamBase.metadata))


def upgrade(stores: Stores) -> list[str]:
    """Bring both stores to the newest schema; answers the names of those that changed.

    Safe to call from several processes at once. Raises DatabaseUnusable where there is no database, or one that
    is newer than this program.
    """
    changed = []
    for chain, url in zip(CHAINS, (stores.main, stores.stream), strict=True):
        try:
            if _upgrade(chain, url):
                changed.append(chain.name)
        except DBAPIError as error:
            raise _unusable(url, error) from error
    return changed


def found(stores: Stores) -> dict[str, str | None]:
    """The revision that each store is at, None where there is none yet; makes nothing, not even a file.

    Raises DatabaseUnusable.
    """
    revisions: dict[str, str | None] = {}
    for chain, url in zip(CHAINS, (stores.main, stores.stream), strict=True):
        revisions[chain.name] = None
        if stores.embedded and not Path(str(url.database)).exists():
            continue
        try:
            with connect(url) as connection:
                revisions[chain.name] = current(connection, chain)
        except DBAPIError as error:
            raise _unusable(url, error) from error
    return revisions


def _unusable(url: URL, error: DBAPIError) -> DatabaseUnusable:
    return DatabaseUnusable(
        f"The database {url.render_as_string(hide_password=True)} cannot be used: "
        f"{' '.join(str(error.orig).split())}. Check that it is there, and that BOTYARD_DATABASE_URL "
        "and BOTYARD_DATA_DIR name the right one."
    )


def _upgrade(chain: Chain, url: URL) -> bool:
    with connect(url) as connection:
        if current(connection, chain) == HEADS[chain.name]:
            return False
        _lock(connection)
        found = current(connection, chain)
        if found == HEADS[chain.name]:
            return False
        from alembic.util import CommandError  # here, so that a start that changes nothing needs no Alembic

        try:
            _run(connection, chain)
        except CommandError as error:
            raise DatabaseUnusable(
                f"The database {url.render_as_string(hide_password=True)} is at schema {found}, which this version "
                "of Botyard does not know: a newer one has used it. Run that version, or restore a backup."
            ) from error
        return True


def current(connection: Connection, chain: Chain) -> str | None:
    """The revision that a store is at; None for an empty one."""
    if not inspect(connection).has_table(chain.version_table):
        return None
    found = connection.execute(text(f"SELECT version_num FROM {chain.version_table}")).scalar()  # noqa: S608
    return None if found is None else str(found)


@contextmanager
def connect(url: URL) -> Iterator[Connection]:
    """A connection for schema work, in one transaction that commits at the end."""
    sqlite = url.get_backend_name() == "sqlite"
    if sqlite:
        _make_file(Path(str(url.database)))
    engine = create_engine(url if sqlite else url.set(drivername="postgresql+psycopg"), poolclass=NullPool)
    if sqlite:

        @event.listens_for(engine, "connect")
        def _pragmas(connection: object, _record: object) -> None:
            sqlite_pragmas(connection)

    with engine.begin() as connection:
        yield connection
    engine.dispose()


def _make_file(path: Path) -> None:
    """Make the file for its owner only; what SQLite puts beside it has the same mode."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(OSError):  # what is in the way, the connection says with the name of the database
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def configuration(chain: Chain, connection: Connection) -> "Config":
    """Alembic's configuration for one chain; nothing is read from an ini file."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.set_main_option("version_locations", str(HERE / chain.name))
    config.set_main_option("path_separator", "os")
    config.attributes.update(connection=connection, chain=chain)
    return config


def _run(connection: Connection, chain: Chain) -> None:
    from alembic import command

    command.upgrade(configuration(chain, connection), "head")


def _lock(connection: Connection) -> None:
    """Let one process migrate, wholly or not at all; the others wait."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    else:  # left to itself, the driver would commit each change of a table by its own
        connection.exec_driver_sql("BEGIN IMMEDIATE")
