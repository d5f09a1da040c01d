"""The spool by itself: order, keys, halves, gaps, what a failed transaction leaves behind."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from botyard_agent.row import Row, log_row, message_row
from botyard_agent.spool import Batch, Lost, Spool
from botyard_agent.store import Store
from tests.agents.conftest import HandTiming


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Store]:
    disk = Store(tmp_path)
    yield disk
    disk.close()


def make_spool(disk: Store, timing: HandTiming, *, max_bytes: int = 1_000_000, batch_rows: int = 3) -> Spool:
    return Spool(disk, timing, max_bytes=max_bytes, batch_rows=batch_rows, batch_bytes=100_000)


@pytest.fixture
def spool(disk: Store, timing: HandTiming) -> Spool:
    return make_spool(disk, timing)


def logs(timing: HandTiming, *texts: str) -> list[Row]:
    return [log_row(text, at=timing.now()) for text in texts]


def texts(batch: Batch | None) -> list[str]:
    assert batch is not None
    return [row["message"] for row in json.loads(batch.body)]


def test_a_batch_is_due_when_full_or_when_its_first_row_has_waited(spool: Spool, timing: HandTiming) -> None:
    assert spool.due_in("log", 1.0) == float("inf")
    spool.add(logs(timing, "a"))
    assert spool.due_in("log", 1.0) == 1.0
    timing.advance(0.75)
    spool.add(logs(timing, "b"))
    assert spool.due_in("log", 1.0) == 0.25
    assert spool.batch("log", max_wait_s=1.0) is None
    spool.add(logs(timing, "c"))
    assert texts(spool.batch("log", max_wait_s=1.0)) == ["a", "b", "c"]


def test_a_batch_under_way_is_the_same_until_it_was_sent(spool: Spool, timing: HandTiming) -> None:
    spool.add(logs(timing, "a", "b"))
    first = spool.batch("log", due_only=False)
    spool.add(logs(timing, "c"))

    assert spool.batch("log") == first
    assert first is not None
    spool.sent(first)
    assert texts(spool.batch("log", due_only=False)) == ["c"]


def test_a_batch_under_way_keeps_its_key_over_a_restart(
    disk: Store, spool: Spool, timing: HandTiming, tmp_path: Path
) -> None:
    spool.add(logs(timing, "a", "b"))
    first = spool.batch("log", due_only=False)
    disk.close()

    again = Store(tmp_path)
    assert make_spool(again, timing).batch("log") == first
    again.close()


def test_a_refused_batch_becomes_halves_with_keys_of_their_own(spool: Spool, timing: HandTiming) -> None:
    spool.add(logs(timing, "a", "b", "c"))
    whole = spool.batch("log")
    assert whole is not None

    spool.refused(whole, "bad")

    first = spool.batch("log")
    assert first is not None
    assert texts(first) == ["a"]
    spool.sent(first)
    second = spool.batch("log")
    assert second is not None
    assert texts(second) == ["b", "c"]
    assert len({whole.key, first.key, second.key}) == 3


def test_a_refused_row_is_replaced_by_a_warning_and_a_refused_warning_by_nothing(
    spool: Spool, timing: HandTiming
) -> None:
    spool.add(logs(timing, "bad"))
    for _ in range(2):
        batch = spool.batch("log", due_only=False)
        assert batch is not None
        spool.refused(batch, "no")

    assert spool.batch("log", due_only=False) is None
    assert (spool.rows, spool.fill) == (0, 0.0)


def test_rows_of_a_batch_under_way_are_not_dropped(disk: Store, timing: HandTiming) -> None:
    spool = make_spool(disk, timing, max_bytes=2000)
    spool.add(logs(timing, "under way"))
    under_way = spool.batch("log", due_only=False)

    spool.add(logs(timing, *(f"row {number}" for number in range(100))))

    assert spool.batch("log") == under_way
    assert spool.fill <= 1.0


def test_a_gap_is_told_where_it_is_and_once(disk: Store, timing: HandTiming) -> None:
    spool = make_spool(disk, timing, max_bytes=1000, batch_rows=100)
    for number in range(20):
        timing.advance(1)
        spool.add(logs(timing, f"row {number}"))
    batch = spool.batch("log", due_only=False)
    assert batch is not None

    told, *kept = texts(batch)
    dropped = 20 - len(kept)
    assert told == f"Dropped here, for want of room while the server was away: {dropped} logs."
    assert kept == [f"row {number}" for number in range(dropped, 20)]
    spool.sent(batch)
    spool.add(logs(timing, "later"))
    assert texts(spool.batch("log", due_only=False)) == ["later"]


def test_a_gap_of_messages_alone_is_told_too(spool: Spool, timing: HandTiming) -> None:
    spool.add([], lost={"message": Lost(1, 5.0, 5.0)})

    assert spool.due_in("log", 1.0) == 0.0
    assert texts(spool.batch("log")) == [
        "Dropped here, for want of room while the server was away: 1 message."
    ]


def test_gaps_add_up_over_a_restart(disk: Store, spool: Spool, timing: HandTiming) -> None:
    spool.add([], lost={"log": Lost(2, 5.0, 6.0)})
    again = make_spool(disk, timing)
    again.add(logs(timing, "kept"), lost={"log": Lost(3, 7.0, 9.0)})

    told, kept = texts(again.batch("log", due_only=False))

    assert told.endswith(": 5 logs.")
    assert kept == "kept"


def test_kinds_do_not_mix(spool: Spool, timing: HandTiming) -> None:
    message = message_row(
        "hi", author_id="a", author_name="", thread_id="t", thread_type="USER", metadata=None, at=timing.now()
    )
    spool.add([*logs(timing, "a"), message])

    assert texts(spool.batch("log", due_only=False)) == ["a"]
    assert texts(spool.batch("message", due_only=False)) == ["hi"]


def test_a_position_is_stored_with_its_rows_or_not_at_all(
    disk: Store, spool: Spool, timing: HandTiming
) -> None:
    spool.add(logs(timing, "a"), position=("file", "10"))
    bad = Row("log", b"{}", at=None)  # type: ignore[arg-type]

    with pytest.raises(sqlite3.IntegrityError):
        spool.add([*logs(timing, "b"), bad], position=("file", "20"))

    assert disk.recall("file") == "10"
    assert spool.rows == 1
    assert texts(spool.batch("log", due_only=False)) == ["a"]
