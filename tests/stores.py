"""Fresh, migrated stores for each test, copied from a template that is made once per test process."""

import itertools
import os
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from botyard import migrations
from botyard.core.jobs import transact
from botyard.kit.db import Stores

NAMES = ("sqlite", "postgres")


def migrate(stores: Stores) -> None:
    """Bring empty stores to the newest schema, and the job engine's own tables, which it makes at its start."""
    migrations.upgrade(stores)
    transact.prepare(stores)


class SqliteTemplates:
    """Two files that are copied."""

    def __init__(self, folder: Path) -> None:
        self.template = Stores.at("", folder)
        migrate(self.template)

    @contextmanager
    def fresh(self, folder: Path) -> Iterator[Stores]:
        """Migrated stores in `folder`."""
        stores = Stores.at("", folder)
        folder.mkdir(parents=True, exist_ok=True)
        for source, target in ((self.template.main, stores.main), (self.template.stream, stores.stream)):
            for suffix in ("", "-wal"):
                path = Path(f"{source.database}{suffix}")
                if path.exists():
                    shutil.copyfile(path, f"{target.database}{suffix}")
        yield stores

    def close(self) -> None:
        """The folder belongs to pytest, which removes it."""


class PostgresTemplates:
    """A template database that PostgreSQL itself copies."""

    def __init__(self, url: str, worker: str) -> None:
        self.url = url
        self.prefix = f"botyard_{os.getpid()}_{worker}"
        self.numbers = itertools.count(1)
        self.admin = psycopg.connect(url, autocommit=True)
        self._run("CREATE DATABASE {}", self.prefix)
        try:
            migrate(self._at(self.prefix))
        except BaseException:
            self.close()
            raise

    @contextmanager
    def fresh(self, folder: Path) -> Iterator[Stores]:
        """Migrated stores in a database of their own, dropped afterwards."""
        name = f"{self.prefix}_{next(self.numbers)}"
        # Copying files is much quicker than logging every page, where the server offers the choice.
        how = " STRATEGY FILE_COPY" if self.admin.info.server_version >= 150_000 else ""
        self._run("CREATE DATABASE {} TEMPLATE {}" + how, name, self.prefix)
        try:
            yield self._at(name)
        finally:
            self._run("DROP DATABASE {} WITH (FORCE)", name)

    def close(self) -> None:
        """Drop the template."""
        with closing(self.admin):
            self._run("DROP DATABASE {} WITH (FORCE)", self.prefix)

    def _at(self, name: str) -> Stores:
        return Stores.at(urlunsplit(urlsplit(self.url)._replace(path=f"/{name}")), Path())

    def _run(self, statement: str, *names: str) -> None:
        self.admin.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


Templates = SqliteTemplates | PostgresTemplates
