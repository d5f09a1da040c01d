"""What only the file of SQLite can suffer."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from botyard.core.ingest import Writer
from botyard.core.ingest.sqlite import SqliteStore
from botyard.kit.db import Stores
from botyard.kit.errors import Unavailable
from tests.core.ingest.lines import append, ask, create


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    """Every test here is about SQLite."""
    stores = Stores.at("", tmp_path)
    create(stores)
    return stores


class Impatient(SqliteStore):
    """Waits for a lock for a moment only."""

    def open(self) -> None:
        super().open()
        self._open.execute("PRAGMA busy_timeout=20")


@pytest.fixture
async def impatient(stores: Stores) -> AsyncIterator[Writer]:
    """A writer with such a store."""
    writer = Writer(stores, max_rows=100, store=Impatient(Path(str(stores.stream.database))))
    await writer.start()
    yield writer
    await writer.stop()


async def test_file_locked_by_somebody_else_is_an_answer_and_heals(stores: Stores, impatient: Writer) -> None:
    path = str(stores.stream.database)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable) as refused:
            await impatient.run(append("lost"))
        assert refused.value.retry_after_s
        other.execute("ROLLBACK")
    await impatient.run(append("kept"))
    assert ask(stores, "SELECT text FROM lines") == [("kept",)]


async def test_damaged_file_is_an_answer_and_heals_when_it_is_put_back(
    stores: Stores, impatient: Writer, tmp_path: Path
) -> None:
    await impatient.run(append("before"))
    path = Path(str(stores.stream.database))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    whole = path.read_bytes()
    path.write_bytes(b"this is no database" * 500)
    with pytest.raises(Unavailable):
        await impatient.run(append("lost"))
    assert impatient.alive
    path.write_bytes(whole)
    await impatient.run(append("after"))
    assert ask(stores, "SELECT text FROM lines ORDER BY id") == [("before",), ("after",)]
