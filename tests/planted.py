"""Secrets that tests plant, and where they must never be found again: files, logs, tables."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import psycopg
from psycopg import sql

from botyard.kit.db import Stores

MARK = "planted4711"  # part of every planted secret; letters and digits, so that no encoding changes it


def secret(what: str) -> str:
    """A secret with the mark in it."""
    return f"{what}-{MARK}-x9Qz"


def found(stores: Stores, *folders: Path, marks: Iterable[str] = (MARK,)) -> list[str]:
    """Every place that holds one of the marks in clear: files below the folders, tables of a PostgreSQL database."""
    words = [mark.encode() for mark in marks]
    places = [str(path) for folder in folders for path in _files(folder) if _holds(path.read_bytes(), words)]
    if not stores.embedded:
        places += [table for table, content in _tables(stores) if _holds(content, words)]
    return places


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def _holds(content: bytes, words: Iterable[bytes]) -> bool:
    return any(word in content for word in words)


def _tables(stores: Stores) -> Iterator[tuple[str, bytes]]:
    """Every table of the database, ours and the job engine's, as a dump would write it."""
    with psycopg.connect(stores.main.render_as_string(hide_password=False)) as connection:
        names = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        for schema, table in names:
            copy = sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(schema, table))
            with connection.cursor().copy(copy) as rows:
                yield f"{schema}.{table}", b"".join(bytes(row) for row in rows)
