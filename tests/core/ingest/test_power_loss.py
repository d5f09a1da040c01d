"""Power fails while the writer works: what it answered must be on the disk.

A recording VFS keeps every write and sync of SQLite. A crash image holds what was synced and, of what was
written since, any half, torn at sectors of 512 bytes. The store under it is the writer's own, with its
pragmas and statements; only the driver's connection is APSW's instead of Python's, since that has a VFS.
"""

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw
import pytest
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from botyard.core.ingest import Tx
from botyard.core.ingest.batch import run_batch
from botyard.core.ingest.models import IngestKey, Tally
from botyard.core.ingest.sqlite import SqliteStore

_SECTOR = 512
_CRASHES = 150
_BATCHES = 60


@dataclass
class Recording:
    """What reached the operating system, in order."""

    steps: list[tuple[str, str, Any, int]] = field(default_factory=list)
    settled: int = 0  # steps of long ago, which the file system has written by itself meanwhile

    def note(self, what: str, path: str, value: Any = None, offset: int = 0) -> None:
        self.steps.append((what, Path(path).name, value, offset))

    def image(self, upto: int, chance: random.Random) -> dict[str, bytes]:
        """The files as a power loss after `upto` steps may leave them."""
        unsynced = self._unsynced(upto)
        files: defaultdict[str, bytearray] = defaultdict(bytearray)
        for index, (what, name, value, offset) in enumerate(self.steps[:upto]):
            if index in unsynced and chance.random() < 0.5:
                continue
            if what == "truncate":
                del files[name][value:]
            elif what == "delete":
                files.pop(name, None)
            elif what == "write":
                whole = index not in unsynced or chance.random() < 0.7
                self._put(files[name], value if whole else _torn(value, chance), offset)
        return {name: bytes(content) for name, content in files.items()}

    def _unsynced(self, upto: int) -> set[int]:
        pending: defaultdict[str, set[int]] = defaultdict(set)
        for index, (what, name, value, _) in enumerate(self.steps[:upto]):
            # a removal with a value synced the folder as well
            if what == "sync" or (what == "delete" and value):
                pending[name].clear()
            elif index >= self.settled:
                pending[name].add(index)
        return set().union(*pending.values())

    @staticmethod
    def _put(content: bytearray, data: bytes, offset: int) -> None:
        content.extend(bytes(max(0, offset - len(content))))
        content[offset : offset + len(data)] = data


def _torn(data: bytes, chance: random.Random) -> bytes:
    return data[: _SECTOR * chance.randrange(len(data) // _SECTOR + 1)]


class RecordingFile(apsw.VFSFile):
    def __init__(self, name: Any, flags: Any, recording: Recording) -> None:
        self.path = name.filename() if hasattr(name, "filename") else str(name)
        self.recording = recording
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        self.recording.note("write", self.path, bytes(data), offset)
        super().xWrite(data, offset)

    def xTruncate(self, size: int) -> None:
        self.recording.note("truncate", self.path, size)
        super().xTruncate(size)

    def xSync(self, flags: int) -> None:
        super().xSync(flags)
        self.recording.note("sync", self.path)


class RecordingVfs(apsw.VFS):
    def __init__(self, name: str, recording: Recording) -> None:
        self.recording = recording
        super().__init__(name, "")

    def xOpen(self, name: Any, flags: Any) -> RecordingFile:
        return RecordingFile(name, flags, self.recording)

    def xDelete(self, name: str, sync_folder: bool) -> None:
        super().xDelete(name, sync_folder)
        self.recording.note("delete", name, bool(sync_folder))


@dataclass
class Cursor:
    """What the store reads of a cursor of Python's driver."""

    rows: list[Any]
    rowcount: int
    lastrowid: int
    description: list[tuple[str]]

    def fetchall(self) -> list[Any]:
        return self.rows


class Connection:
    """An APSW connection that looks like one of Python's driver."""

    def __init__(self, path: Path, vfs: str, synchronous: str) -> None:
        self.apsw = apsw.Connection(str(path), vfs=vfs)
        self.synchronous = synchronous

    @property
    def in_transaction(self) -> bool:
        return self.apsw.in_transaction

    def cursor(self) -> "Connection":
        return self

    def close(self) -> None:
        """Left open: the power is gone before anybody closes."""

    def execute(self, sql: str, params: Any = ()) -> Cursor:
        if sql == "PRAGMA synchronous=FULL":
            sql = f"PRAGMA synchronous={self.synchronous}"
        cursor = self.apsw.cursor()
        rows = cursor.execute(sql, params).fetchall()
        return Cursor(rows, self.apsw.changes(), self.apsw.last_insert_rowid(), [])


@pytest.fixture
def recording() -> Recording:
    return Recording()


@pytest.fixture
def vfs(recording: Recording) -> Iterator[str]:
    registered = RecordingVfs("recording", recording)
    yield "recording"
    registered.unregister()


def _work(recording: Recording, folder: Path, vfs: str, synchronous: str, seed: int) -> list[tuple[int, int]]:
    """Let the writer's store commit batches; after which step how many rows were answered."""
    connections: list[Connection] = []

    def connect(path: Path) -> Connection:
        connections.append(Connection(path, vfs, synchronous))
        return connections[-1]

    store = SqliteStore(folder / "stream.db", connect)
    store.open()
    connections[0].execute("CREATE TABLE lines (id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT NOT NULL)")
    for table in (IngestKey.__table__, Tally.__table__):
        connections[0].execute(str(CreateTable(table).compile(dialect=sqlite.dialect())))  # type: ignore[arg-type]
        for index in table.indexes:  # type: ignore[attr-defined]
            connections[0].execute(str(CreateIndex(index).compile(dialect=sqlite.dialect())))
    connections[0].execute("PRAGMA wal_autocheckpoint=40")  # several checkpoints in a short run
    chance = random.Random(seed)
    recording.settled = len(recording.steps)
    answered, rows = [(recording.settled, 0)], 0
    for number in range(_BATCHES):
        batch = [
            f"{number}-{part}-" + "x" * chance.randrange(10, 3000) for part in range(chance.randrange(1, 8))
        ]
        run_batch(store, [_operation(text) for text in batch])
        rows += len(batch)
        answered.append((len(recording.steps), rows))
    return answered


def _operation(text: str) -> Any:
    def operation(tx: Tx) -> None:
        assert tx.once("power", text, text)
        tx.append("lines", [{"text": text}])
        tx.tally(1, "bot_a", lines=1)

    return operation


def _inspect(files: dict[str, bytes], folder: Path) -> tuple[bool, int, bool]:
    """Whether the file is sound, how many rows it holds, and whether all tables agree on that."""
    folder.mkdir()
    for name, content in files.items():
        if not name.endswith("-shm"):
            (folder / name).write_bytes(content)
    try:
        database = apsw.Connection(str(folder / "stream.db"))
        sound = database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        count = database.execute("SELECT count(*) FROM lines").fetchone()[0]
        keys = database.execute("SELECT count(*) FROM ingest_keys").fetchone()[0]
        tally = database.execute("SELECT coalesce(max(value), 0) FROM tallies").fetchone()[0]
        database.close()
    except apsw.Error:
        return False, 0, False
    return sound, count, count == keys == tally


def _crashes(recording: Recording, folder: Path, vfs: str, synchronous: str) -> tuple[int, int, int]:
    """Crash images that lost answered rows, that are broken, and whose tables disagree."""
    (folder / "live").mkdir()
    answered = _work(recording, folder / "live", vfs, synchronous, seed=5)
    chance = random.Random(11)
    lost = broken = torn = 0
    for number in range(_CRASHES):
        upto = chance.randrange(answered[0][0], answered[-1][0] + 1)
        promised = max(rows for step, rows in answered if step <= upto)
        sound, count, whole = _inspect(recording.image(upto, chance), folder / f"crash{number}")
        broken += not sound
        lost += sound and count < promised
        torn += sound and not whole
    return lost, broken, torn


def test_nothing_answered_is_lost_when_the_power_fails(
    recording: Recording, vfs: str, tmp_path: Path
) -> None:
    assert _crashes(recording, tmp_path, vfs, "FULL") == (0, 0, 0)
    assert sum(step[0] == "sync" and step[1] == "stream.db" for step in recording.steps) > 5, (
        "no checkpoint ran"
    )


def test_the_simulator_would_notice_a_weaker_pragma(recording: Recording, vfs: str, tmp_path: Path) -> None:
    lost, _, _ = _crashes(recording, tmp_path, vfs, "NORMAL")
    assert lost > _CRASHES / 10
