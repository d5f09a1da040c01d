"""Takes an installation from its SQLite files into an empty PostgreSQL: whole, or not at all.

Rows keep their ids, and the numbers that follow go on where SQLite's ended, so that cursors of clients stay good.
JSON is carried over as it is written. Jobs that have not ended are put on the queues again; what says which
processes live is left behind, since none does.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    Connection,
    LargeBinary,
    Select,
    Table,
    Text,
    bindparam,
    cast,
    func,
    insert,
    inspect,
    select,
    text,
    type_coerce,
    update,
)
from sqlalchemy.engine import URL

from botyard import migrations
from botyard.core.jobs import transact
from botyard.core.jobs.models import JobRow, LeaseRow, WorkerRow
from botyard.core.jobs.types import JobState
from botyard.kit import clock
from botyard.kit.db import Stores
from botyard.kit.errors import BotyardError
from botyard.migrations import tables

Progress = Callable[[int, int], None]

REGISTERED = tables.ALL
LEFT_BEHIND = frozenset({WorkerRow.__tablename__, LeaseRow.__tablename__})
SUFFIX = ".moved"  # of the files that nobody must go on with
_ROWS = 1000  # that are sent at once
_BLOBS = 16  # where one may have megabytes


class NothingToMove(BotyardError):
    """There are no SQLite files of an installation there."""

    code = "nothing_to_move"


class TargetInUse(BotyardError):
    """The PostgreSQL database is not empty."""

    code = "target_in_use"


@dataclass(frozen=True, slots=True)
class _Part:
    """One table, and the connection to the file that it is in."""

    table: Table
    source: Connection

    def count(self, connection: Connection) -> int:
        return connection.scalar(select(func.count()).select_from(self.table)) or 0


def files(source: Stores, target: Stores) -> list[Path]:
    """The files of the two stores of `source`. Raises NothingToMove where one is missing, or either is no such place."""
    if target.embedded:
        raise NothingToMove("Name the PostgreSQL where the rows are to go with BOTYARD_DATABASE_URL.")
    found = [Path(str(url.database)) for url in (source.main, source.stream)]
    for file in found:
        if not file.is_file():
            raise NothingToMove(
                f"There is no file {file}. Name the main file of the installation: botyard.db in its data folder."
            )
    return found


def move(source: Stores, target: Stores, *, progress: Progress) -> int:
    """Copy every row, then put a suffix to the names of the files; answers how many rows.

    The caller holds the data folder, so that nobody writes to the files, and they are of the newest schema.
    `progress` gets the rows so far, and all. Raises NothingToMove, TargetInUse and DatabaseUnusable, and what the
    database refuses; PostgreSQL is then as empty as before and the files are untouched.
    """
    left = files(source, target)
    migrations.upgrade(target)
    transact.prepare(target)
    with _reading(source.main) as main, _reading(source.stream) as stream:
        parts = [
            _Part(table, connection)
            for chain, connection in zip(migrations.CHAINS, (main, stream), strict=True)
            for table in chain.metadata.sorted_tables
            if table.name not in LEFT_BEHIND
        ]
        with migrations.connect(target.main) as connection:
            _seize(connection, parts)
            moved = _copy(connection, parts, progress)
            _queue_again(connection, target)
    for file in left:
        _put_away(file)
    return moved


@contextmanager
def _reading(url: URL) -> Iterator[Connection]:
    with migrations.connect(url) as connection:
        connection.exec_driver_sql("BEGIN")  # all tables as they are at one moment
        yield connection


def _seize(connection: Connection, parts: list[_Part]) -> None:
    """Keep everybody from the tables until the end: a server that starts meanwhile waits."""
    names = ", ".join(connection.dialect.identifier_preparer.format_table(part.table) for part in parts)
    connection.execute(text(f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE"))
    for part in parts:
        if part.count(connection):
            raise TargetInUse(
                f"The PostgreSQL database has rows already, in {part.table.name}: rows can be moved into an empty one "
                "only. Name another one with BOTYARD_DATABASE_URL, or drop and create this one."
            )


def _copy(connection: Connection, parts: list[_Part], progress: Progress) -> int:
    counts = {part.table.name: part.count(part.source) for part in parts}
    total, done = sum(counts.values()), 0
    for part in parts:
        statement = _writing(part.table)
        for rows in _pages(part):
            connection.execute(statement, rows)
            done += len(rows)
            progress(done, total)
        _go_on_counting(connection, part)
    for part in parts:
        if (found := part.count(connection)) != counts[part.table.name]:
            raise RuntimeError(f"{part.table.name} has {found} rows, and not {counts[part.table.name]}")
    return total


def _pages(part: _Part) -> Iterator[list[dict[str, Any]]]:
    blobs = any(isinstance(column.type, LargeBinary) for column in part.table.columns)
    size = _BLOBS if blobs else _ROWS
    # A result is read to its end before the next statement: nothing of the table is held but these rows.
    found = part.source.execute(_asked(part.table).execution_options(yield_per=size))
    for rows in found.mappings().partitions():
        yield [{_given(key): value for key, value in row.items()} for row in rows]


def _asked(table: Table) -> Select[Any]:
    """Every column; JSON as it is written, which tells its null from none."""
    return select(
        *(
            type_coerce(column, Text).label(column.name) if isinstance(column.type, JSON) else column
            for column in table.columns
        )
    )


def _writing(table: Table) -> Any:
    return insert(table).values(
        {
            column.name: cast(bindparam(_given(column.name), type_=Text), column.type)
            if isinstance(column.type, JSON)
            else bindparam(_given(column.name), type_=column.type)
            for column in table.columns
        }
    )


def _given(name: str) -> str:
    return f"given_{name}"


def _go_on_counting(connection: Connection, part: _Part) -> None:
    """Let the next row have the number that SQLite would have given it: none is ever given again."""
    column = part.table.autoincrement_column
    if column is None:
        return
    last = connection.scalar(select(func.max(column))) or 0
    if inspect(part.source).has_table("sqlite_sequence"):
        query = text("SELECT seq FROM sqlite_sequence WHERE name = :name")
        last = max(last, part.source.scalar(query, {"name": part.table.name}) or 0)
    if last:
        query = text("SELECT setval(pg_get_serial_sequence(:table, :column), :last)")
        connection.execute(query, {"table": part.table.name, "column": column.name, "last": last})


def _queue_again(connection: Connection, target: Stores) -> None:
    """Put the jobs that have not ended on their queues; what ran in the middle stopped in good order."""
    running = JobRow.state == JobState.running
    connection.execute(update(JobRow).where(running).values(state=JobState.queued, token=None, worker=None))
    now = clock.now()
    with closing(transact.Client(target)) as client:
        for row in connection.execute(select(JobRow.__table__).where(JobRow.state == JobState.queued)).all():
            client.enqueue(
                connection,
                row.id,
                row.run,
                queue=row.queue,
                partition=row.partition,
                delay_s=(row.due_at - now).total_seconds(),
            )


def _put_away(file: Path) -> None:
    """Rename a file, that nobody starts with it again and does everything a second time."""
    with migrations.connect(URL.create("sqlite", database=str(file))) as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    file.rename(file.with_name(file.name + SUFFIX))
