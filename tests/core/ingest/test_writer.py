"""The promises of the group-commit writer, on both stores."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from botyard.core.ingest import Committed, Tx, Writer
from botyard.core.realtime import Event
from botyard.kit.db import Stores
from botyard.kit.errors import Conflict, Invalid, NotFound, Overloaded, Unavailable
from tests.core.ingest.lines import Gate, append, ask, line, queued

Lines = Callable[[], list[tuple[Any, ...]]]
MakeWriter = Callable[..., Awaitable[Writer]]


@dataclass(frozen=True, slots=True, kw_only=True)
class LineSeen(Event):
    """An event of these tests."""

    name: ClassVar[str] = "test.line_seen"
    text: str


def texts(lines: Lines) -> list[str]:
    return [row[2] for row in lines()]


async def test_answer_comes_after_the_commit(writer: Writer, lines: Lines) -> None:
    def operation(tx: Tx) -> str:
        tx.append("lines", [line("first"), line("second")])
        return "stored"

    assert await writer.run(operation) == "stored"
    assert texts(lines) == ["first", "second"]


async def test_what_queued_during_a_commit_shares_the_next(writer: Writer, gate: Gate) -> None:
    transactions = await queued(writer, gate, *[lambda tx: tx] * 40)
    assert len(set(map(id, transactions))) == 1


async def test_ids_follow_the_order_of_the_operations(
    writer: Writer, gate: Gate, lines: Lines, commits: list[Committed]
) -> None:
    wanted = [[f"{number}-{part}" for part in range(number % 4)] for number in range(300)]
    await queued(writer, gate, *[append(*group) for group in wanted])
    expected = [text for group in wanted for text in group]
    rows = lines()
    assert [row[2] for row in rows] == expected
    told = [
        (row_id, row["text"])
        for commit in commits
        for part in commit.appended
        for row_id, row in zip(part.ids, part.rows, strict=True)
    ]
    assert told == [(row[0], row[2]) for row in rows]


async def test_refused_row_fails_alone(writer: Writer, gate: Gate, lines: Lines) -> None:
    outcomes = await queued(writer, gate, append("a"), append("b", "forbidden"), append("c"), append("d"))
    assert [isinstance(outcome, Exception) for outcome in outcomes] == [False, True, False, False]
    assert texts(lines) == ["a", "c", "d"]


async def test_operation_that_wrote_and_raised_leaves_nothing(
    writer: Writer, gate: Gate, lines: Lines, commits: list[Committed]
) -> None:
    def spoiled(tx: Tx) -> None:
        tx.execute("INSERT INTO lines (bot_id, text) VALUES (:bot_id, 'spoiled')", {"bot_id": "bot_b"})
        tx.append("lines", [line("spoiled")])
        tx.tally(7, "bot_b", logs=1)
        raise Conflict("no")

    outcomes = await queued(writer, gate, append("a"), spoiled, append("b"))
    assert isinstance(outcomes[1], Conflict)
    assert texts(lines) == ["a", "b"]
    assert [row["text"] for commit in commits for part in commit.appended for row in part.rows] == ["a", "b"]


async def test_operation_that_only_read_and_refused_does_not_repeat_its_neighbours(
    writer: Writer, gate: Gate, lines: Lines
) -> None:
    runs: list[str] = []

    def neighbour(tx: Tx) -> None:
        runs.append("ran")
        tx.append("lines", [line("kept")])

    def refusing(tx: Tx) -> None:
        tx.append("lines", [line("dropped")])
        tx.tally(7, "bot_a", logs=1)
        if not tx.query("SELECT id FROM lines WHERE text = 'absent'"):
            raise NotFound

    outcomes = await queued(writer, gate, neighbour, refusing, neighbour)
    assert isinstance(outcomes[1], NotFound)
    assert runs == ["ran", "ran"]
    assert texts(lines) == ["kept", "kept"]


async def test_failing_statement_of_one_spares_the_others(writer: Writer, gate: Gate, lines: Lines) -> None:
    def broken(tx: Tx) -> None:
        tx.query("SELECT nothing FROM nowhere")

    outcomes = await queued(writer, gate, append("a"), broken, append("b"))
    assert isinstance(outcomes[1], Exception)
    assert texts(lines) == ["a", "b"]
    await writer.run(append("c"))
    assert texts(lines) == ["a", "b", "c"]


@pytest.mark.parametrize("raised", [StopIteration, SystemExit, KeyboardInterrupt, MemoryError])
async def test_no_error_of_an_operation_stops_the_writer(
    writer: Writer, gate: Gate, lines: Lines, raised: type[BaseException]
) -> None:
    def broken(tx: Tx) -> None:
        tx.execute("INSERT INTO lines (bot_id, text) VALUES ('bot_a', 'broken')")
        raise raised

    outcomes = await queued(writer, gate, broken, append("neighbour"))
    assert isinstance(outcomes[0], Exception)
    await writer.run(append("next"))
    assert texts(lines)[-1] == "next"
    assert "broken" not in texts(lines)
    assert writer.queued_rows == 0


async def test_too_much_waiting_is_refused_and_passes(
    make_writer: MakeWriter, gate: Gate, lines: Lines
) -> None:
    writer = await make_writer(max_rows=10)
    busy = asyncio.create_task(writer.run(gate))
    await asyncio.to_thread(gate.reached)
    waiting = asyncio.create_task(writer.run(append("waits"), rows=8))
    await asyncio.sleep(0)
    with pytest.raises(Overloaded) as refused:
        await writer.run(append("refused"), rows=2)
    assert 1 <= (refused.value.retry_after_s or 0) <= 30
    gate.open()
    await asyncio.gather(busy, waiting)
    assert writer.queued_rows == 0
    await writer.run(append("accepted"), rows=2)
    assert texts(lines) == ["waits", "accepted"]


async def test_operation_larger_than_the_queue_passes_alone(make_writer: MakeWriter, lines: Lines) -> None:
    writer = await make_writer(max_rows=10)
    await writer.run(append(*map(str, range(900))), rows=900)
    assert texts(lines) == [str(number) for number in range(900)]


async def test_same_key_is_stored_once(
    writer: Writer, gate: Gate, make_writer: MakeWriter, lines: Lines
) -> None:
    def batch(tx: Tx) -> bool:
        if fresh := tx.once("logs:bot_a", "batch-1", "of this"):
            tx.append("lines", [line("once")])
        return fresh

    assert await queued(writer, gate, batch, batch) == [True, False]
    await writer.stop()
    later = await make_writer()
    assert await later.run(batch) is False
    assert await later.run(lambda tx: tx.once("logs:bot_b", "batch-1", "of this")) is True
    assert texts(lines) == ["once"]


async def test_key_of_a_failed_operation_is_free_again(writer: Writer, lines: Lines) -> None:
    def batch(tx: Tx, text: str) -> bool:
        fresh = tx.once("logs:bot_a", "batch-1", "of this")
        tx.append("lines", [line(text)])
        return fresh

    with pytest.raises(Exception, match=r"CHECK|check"):
        await writer.run(lambda tx: batch(tx, "forbidden"))
    assert await writer.run(lambda tx: batch(tx, "good")) is True


async def test_tallies_add_up(writer: Writer, gate: Gate, stores: Stores) -> None:
    def count(tx: Tx) -> None:
        tx.tally(7, "bot_a", logs=2, **{"type:ping": 1})
        tx.tally(8, "bot_b", logs=1)

    await queued(writer, gate, *[count] * 5)
    await writer.run(lambda tx: tx.tally(7, "bot_a", logs=-3))
    rows = ask(stores, "SELECT bot_id, name, owner_id, value FROM tallies ORDER BY bot_id, name")
    assert rows == [("bot_a", "logs", 7, 7), ("bot_a", "type:ping", 7, 5), ("bot_b", "logs", 8, 5)]


async def test_events_are_stored_and_told(writer: Writer, stores: Stores, commits: list[Committed]) -> None:
    event = LineSeen(owner_id=7, text="Grüße")
    await writer.run(lambda tx: tx.emit(event))
    rows = ask(stores, "SELECT id, owner_id, name, payload FROM stream_events")
    assert rows == [(1, 7, "test.line_seen", '{"owner_id":7,"text":"Grüße"}')]
    await asyncio.sleep(0)
    (part,) = commits[0].appended
    assert (part.table, list(part.ids), part.rows[0]["event"]) == ("stream_events", [1], event)


async def test_rows_of_different_columns_are_refused(writer: Writer, lines: Lines) -> None:
    with pytest.raises(ValueError, match="differ"):
        await writer.run(lambda tx: tx.append("lines", [line("a"), {"bot_id": "bot_a", "text": "b"}]))
    with pytest.raises(KeyError):
        await writer.run(lambda tx: tx.append("lines", [line("a"), {"bot_id": "x", "text": "b", "else": 1}]))
    assert lines() == []


async def test_operations_may_differ_in_their_columns(writer: Writer, gate: Gate, lines: Lines) -> None:
    def short(tx: Tx) -> None:
        tx.append("lines", [{"bot_id": "bot_a", "text": "short"}])

    await queued(writer, gate, append("a"), short, append("b"))
    assert sorted(texts(lines)) == ["a", "b", "short"]


async def test_nothing_is_stored_for_a_caller_that_went_away_before_its_batch(
    writer: Writer, gate: Gate, lines: Lines
) -> None:
    busy = asyncio.create_task(writer.run(gate))
    await asyncio.to_thread(gate.reached)
    gone = asyncio.create_task(writer.run(append("gone")))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    gate.open()
    await busy
    await writer.run(append("next"))
    assert texts(lines) == ["next"]
    assert writer.queued_rows == 0


async def test_stop_answers_what_was_accepted(writer: Writer, gate: Gate, lines: Lines) -> None:
    busy = asyncio.create_task(writer.run(gate))
    await asyncio.to_thread(gate.reached)
    accepted = [asyncio.create_task(writer.run(append(str(number)))) for number in range(20)]
    await asyncio.sleep(0)
    stopping = asyncio.create_task(writer.stop())
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await writer.run(append("late"))
    gate.open()
    await asyncio.gather(busy, stopping, *accepted)
    assert texts(lines) == [str(number) for number in range(20)]
    assert not writer.alive
    await writer.stop()


@pytest.mark.parametrize("value", ["lone \ud800 surrogate", 2**63, -(2**63) - 1])
async def test_value_that_no_store_holds_is_the_senders_mistake(
    writer: Writer, gate: Gate, lines: Lines, value: Any
) -> None:
    row = {"bot_id": "bot_a", "text": value if isinstance(value, str) else "number", "size": 1}
    if not isinstance(value, str):
        row["size"] = value
    outcomes = await queued(writer, gate, append("a"), lambda tx: tx.append("lines", [row]), append("b"))
    assert isinstance(outcomes[1], Invalid)
    assert texts(lines) == ["a", "b"]


async def test_statements_mean_the_same_on_both_stores(writer: Writer, lines: Lines) -> None:
    await writer.run(append("50% off", "b:c", "d"))

    def operation(tx: Tx) -> tuple[Any, ...]:
        found = tx.query(
            "SELECT text, ':not_a_name' AS quoted FROM lines -- :nor this 'one\n WHERE text LIKE '%\\% off' ESCAPE '\\'"
            " AND bot_id = :bot_id",
            {"bot_id": "bot_a"},
        )
        changed = tx.execute(
            "UPDATE lines SET text = :text WHERE text IN (:old, 'd')", {"text": "e", "old": "b:c"}
        )
        gone = tx.query("DELETE FROM lines WHERE text = :text RETURNING bot_id, text", {"text": "50% off"})
        return found, changed, gone, tx.query("SELECT id FROM lines WHERE text = 'b:c'")

    assert await writer.run(operation) == (
        [{"text": "50% off", "quoted": ":not_a_name"}],
        2,
        [{"bot_id": "bot_a", "text": "50% off"}],
        [],
    )


async def test_values_come_back_as_they_went(writer: Writer, stores: Stores) -> None:
    row = {"bot_id": "ü'\"\\ \n\t {} %s :x", "text": "𝄞 \x7f  ", "size": 2**63 - 1}
    await writer.run(lambda tx: tx.append("lines", [row, {**row, "size": None}]))
    assert ask(stores, "SELECT bot_id, text, size FROM lines ORDER BY id") == [
        (row["bot_id"], row["text"], row["size"]),
        (row["bot_id"], row["text"], None),
    ]


async def test_ids_are_never_given_twice_even_after_all_rows_went(
    writer: Writer, make_writer: MakeWriter, lines: Lines
) -> None:
    await writer.run(append("a", "b"))
    await writer.run(lambda tx: tx.execute("DELETE FROM lines"))
    await writer.stop()
    later = await make_writer()
    await later.run(append("c"))
    assert [row[0] for row in lines()] == [3]
