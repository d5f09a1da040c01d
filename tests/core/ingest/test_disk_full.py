"""The disk runs full under the writer, and has room again."""

import asyncio
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from botyard.core.ingest import Tx, Writer
from botyard.kit.db import Stores
from botyard.kit.errors import StorageFull
from tests.core.ingest.lines import ask, create


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"a small disk needs the right to mount: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def _rows(number: int) -> Callable[[Tx], None]:
    return lambda tx: tx.append("lines", [{"bot_id": str(number), "text": "x" * 20_000, "size": 1}])


async def _fill(writer: Writer) -> tuple[list[int], int]:
    """Store until it fails: what was answered, and which one was not."""
    stored: list[int] = []
    while True:
        number = len(stored)
        try:
            await writer.run(_rows(number))
        except StorageFull:
            return stored, number
        stored.append(number)


def _stored(stores: Stores) -> list[int]:
    return [int(row[0]) for row in ask(stores, "SELECT bot_id FROM lines ORDER BY id")]


async def test_full_disk_is_a_clear_answer_and_heals(small_disk: Path) -> None:
    filler = small_disk / "filler"
    filler.write_bytes(bytes(400_000))
    stores = Stores.at("", small_disk)
    create(stores)
    writer = Writer(stores, max_rows=1000)
    await writer.start()
    try:
        stored, refused = await _fill(writer)
        assert len(stored) > 3
        outcomes = await asyncio.gather(
            *[writer.run(_rows(refused)) for _ in range(20)], return_exceptions=True
        )
        assert {type(outcome) for outcome in outcomes} == {StorageFull}
        assert all(outcome.retry_after_s for outcome in outcomes if isinstance(outcome, StorageFull))
        assert writer.alive

        filler.unlink()
        await writer.run(_rows(refused))
        assert _stored(stores) == [*stored, refused]
        assert ask(stores, "PRAGMA integrity_check") == [("ok",)]
    finally:
        await writer.stop()


async def test_full_disk_does_not_lose_what_was_answered_before(small_disk: Path) -> None:
    stores = Stores.at("", small_disk)
    create(stores)
    writer = Writer(stores, max_rows=1000)
    await writer.start()
    stored, _ = await _fill(writer)
    await writer.stop()

    again = Writer(stores, max_rows=1000)
    found: Any = None
    await again.start()
    found = await again.run(lambda tx: tx.query("SELECT count(*) AS n FROM lines"))
    await again.stop()
    assert found == [{"n": len(stored)}]
    assert _stored(stores) == stored
