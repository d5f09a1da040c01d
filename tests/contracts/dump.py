"""Everything that is stored, for tests that ask what changed or what is left."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any

import psycopg
from psycopg import sql

from botyard.kit.db import Stores

Rows = list[tuple[Any, ...]]

# What moves by itself: when a credential was last used, who was heard, what the engine notes of its life.
RESTLESS = (
    "presence",
    "job_workers",
    "job_leases",
    "job_schedules",
    "user_sessions",
    "alembic_version",
    "signin_failures",
    "dbos",
    "sqlite_",
)


def dump(stores: Stores, *, without: Iterable[str] = RESTLESS) -> dict[str, Rows]:
    """The rows of every table of both stores, sorted, by the table's name."""
    left_out = tuple(without)
    read = _sqlite if stores.embedded else _postgres
    return {table: rows for table, rows in read(stores) if not table.startswith(left_out)}


def _sqlite(stores: Stores) -> Iterator[tuple[str, Rows]]:
    for url in (stores.main, stores.stream):
        with closing(sqlite3.connect(str(url.database))) as connection:
            names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            for (name,) in names:
                yield name, sorted(connection.execute(f'SELECT * FROM "{name}"').fetchall(), key=repr)


def _postgres(stores: Stores) -> Iterator[tuple[str, Rows]]:
    with psycopg.connect(stores.main.render_as_string(hide_password=False)) as connection:
        names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (name,) in names:
            query = sql.SQL("SELECT * FROM {}").format(sql.Identifier(name))
            yield name, sorted(connection.execute(query).fetchall(), key=repr)


def changes(before: dict[str, Rows], after: dict[str, Rows]) -> dict[str, Rows]:
    """By table, the rows that are there only before or only after."""
    return {
        table: [
            row
            for row in before.get(table, []) + after.get(table, [])
            if _one_sided(row, table, before, after)
        ]
        for table in before.keys() | after.keys()
        if before.get(table) != after.get(table)
    }


def _one_sided(row: Any, table: str, before: dict[str, Rows], after: dict[str, Rows]) -> bool:
    return (row in before.get(table, [])) is not (row in after.get(table, []))


def mentions(stores: Stores, words: Iterable[str], *, without: Iterable[str] = ()) -> dict[str, list[str]]:
    """By table, those of the words that some row of it holds."""
    found: dict[str, list[str]] = {}
    for table, rows in dump(stores, without=without).items():
        text = repr(rows)
        if here := [word for word in words if word in text]:
            found[table] = here
    return found
