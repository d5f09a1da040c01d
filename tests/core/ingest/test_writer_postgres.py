"""What can go wrong between the writer and PostgreSQL, and several writers on one database."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from typing import Any

import psycopg
import pytest

from botyard.core.ingest import Tx, Writer
from botyard.kit.db import Stores
from botyard.kit.errors import Invalid, StorageFull, Unavailable
from tests.core.ingest.lines import Gate, append, ask, line, queued
from tests.proxy import Proxy, in_front_of

Lines = Callable[[], list[tuple[Any, ...]]]
MakeWriter = Callable[..., Awaitable[Writer]]

_WRITERS = "application_name = 'botyard writer' AND datname = current_database()"


@pytest.fixture
def stores(postgres_stores: Stores) -> Stores:
    """Every test here is about PostgreSQL."""
    return postgres_stores


@pytest.fixture
async def proxy(stores: Stores) -> AsyncIterator[Proxy]:
    """A proxy in front of the database."""
    proxy = in_front_of(stores.stream)
    await proxy.start()
    yield proxy
    await proxy.stop()


def kill_writers(stores: Stores) -> None:
    ask(stores, f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {_WRITERS}")


def texts(lines: Lines) -> list[str]:
    return [row[2] for row in lines()]


async def test_lost_idle_connection_goes_unnoticed(writer: Writer, stores: Stores, lines: Lines) -> None:
    await writer.run(append("before"))
    kill_writers(stores)
    await writer.run(append("after"))
    assert texts(lines) == ["before", "after"]


async def test_connection_lost_in_the_middle_runs_the_batch_again(
    writer: Writer, gate: Gate, stores: Stores, lines: Lines
) -> None:
    attempts: list[str] = []

    def operation(tx: Tx) -> None:
        attempts.append("run")
        tx.execute("INSERT INTO lines (bot_id, text) VALUES ('bot_a', 'once')")
        if len(attempts) == 1:
            kill_writers(stores)
        tx.append("lines", [line("last")])

    outcomes = await queued(writer, gate, append("first"), operation)
    assert outcomes == [None, None]
    assert len(attempts) == 2
    assert sorted(texts(lines)) == ["first", "last", "once"]


async def test_commit_without_an_answer_is_reported_and_never_repeated(
    writer: Writer, stores: Stores, lines: Lines
) -> None:
    ask(
        stores,
        "CREATE FUNCTION fall_over() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()), pg_sleep(5); RETURN NULL; END $$",
    )
    ask(
        stores,
        "CREATE CONSTRAINT TRIGGER fall_over AFTER INSERT ON lines DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION fall_over()",
    )
    attempts: list[str] = []

    def operation(tx: Tx) -> None:
        attempts.append("run")
        tx.append("lines", [line("perhaps")])

    with pytest.raises(Unavailable) as unknown:
        await writer.run(operation)
    assert unknown.value.retry_after_s
    assert attempts == ["run"]


async def test_database_away_fails_at_once_and_heals(
    make_writer: MakeWriter, proxy: Proxy, stores: Stores, lines: Lines
) -> None:
    through = proxy.url(stores.stream)
    writer = await make_writer(stores=Stores(through, through))
    await writer.run(append("before"))
    await proxy.stop()
    for _ in range(3):
        with pytest.raises(Unavailable):
            async with asyncio.timeout(5):
                await writer.run(append("lost"))
    assert writer.alive
    await proxy.start()
    while True:
        try:
            await writer.run(append("after"))
            break
        except Unavailable:
            await asyncio.sleep(0.02)  # real time: the pause before the next try
    assert texts(lines) == ["before", "after"]


async def test_full_disk_is_a_clear_answer_and_heals(writer: Writer, stores: Stores, lines: Lines) -> None:
    ask(
        stores,
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$",
    )
    ask(stores, "CREATE TRIGGER full_disk BEFORE INSERT ON lines EXECUTE FUNCTION full_disk()")
    outcomes = await asyncio.gather(*[writer.run(append("lost")) for _ in range(5)], return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {StorageFull}
    ask(stores, "DROP TRIGGER full_disk ON lines")
    await writer.run(append("kept"))
    assert texts(lines) == ["kept"]


async def test_text_with_nul_is_the_senders_mistake(writer: Writer, gate: Gate, lines: Lines) -> None:
    outcomes = await queued(writer, gate, append("a"), append("b\x00"), append("c"))
    assert [type(outcome) for outcome in outcomes] == [type(None), Invalid, type(None)]
    assert texts(lines) == ["a", "c"]


async def test_writers_that_lock_in_opposite_order_both_succeed(
    make_writer: MakeWriter, stores: Stores, lines: Lines
) -> None:
    ask(stores, "INSERT INTO lines (bot_id, text) VALUES ('x', '0'), ('y', '0')")
    both = threading.Barrier(2)
    attempts: list[str] = []

    def touch(first: str, second: str) -> Callable[[Tx], None]:
        def operation(tx: Tx) -> None:
            update = "UPDATE lines SET size = coalesce(size, 0) + 1 WHERE bot_id = :bot_id"
            tx.execute(update, {"bot_id": first})
            attempts.append(first)
            if len(attempts) <= 2:
                both.wait(60)
            tx.execute(update, {"bot_id": second})

        return operation

    one, two = await make_writer(), await make_writer()
    await asyncio.gather(one.run(touch("x", "y")), two.run(touch("y", "x")))
    assert len(attempts) >= 3  # whoever PostgreSQL chose as the victim wrote again
    assert ask(stores, "SELECT size FROM lines") == [(2,), (2,)]


async def test_lock_is_held_against_other_processes(make_writer: MakeWriter, lines: Lines) -> None:
    def claim(tx: Tx) -> bool:
        tx.lock("bot_a")
        if tx.query("SELECT id FROM lines WHERE text = 'claimed'"):
            return False
        tx.execute("INSERT INTO lines (bot_id, text) VALUES ('bot_a', 'claimed')")
        return True

    writers = [await make_writer() for _ in range(4)]
    won = await asyncio.gather(*[writer.run(claim) for writer in writers])
    assert sorted(won) == [False, False, False, True]


async def test_no_id_appears_below_one_that_was_seen(
    make_writer: MakeWriter, stores: Stores, lines: Lines
) -> None:
    """A reader that goes on from the highest id it saw must never miss a row."""
    writers = [await make_writer() for _ in range(3)]
    seen: list[int] = []
    done = threading.Event()

    def read() -> None:
        last = 0
        with closing(
            psycopg.connect(stores.stream.render_as_string(hide_password=False), autocommit=True)
        ) as connection:
            while True:
                finished = done.is_set()
                rows = connection.execute(
                    "SELECT id FROM lines WHERE id > %s ORDER BY id", (last,)
                ).fetchall()
                seen.extend(row[0] for row in rows)
                last = seen[-1] if seen else 0
                if finished and not rows:
                    return

    reading = asyncio.create_task(asyncio.to_thread(read))

    async def produce(writer: Writer, name: int) -> None:
        for number in range(60):
            await writer.run(append(f"{name}-{number}-a", f"{name}-{number}-b"), rows=2)

    await asyncio.gather(*[produce(writer, name) for name in range(4) for writer in writers])
    done.set()
    await reading
    assert seen == [row[0] for row in lines()]
    assert len(seen) == 3 * 4 * 60 * 2


async def test_answer_means_stored_even_where_the_server_would_rather_not_wait(
    writer: Writer, stores: Stores, lines: Lines
) -> None:
    found = await writer.run(lambda tx: tx.query("SELECT current_setting('synchronous_commit') AS value"))
    assert found == [{"value": "on"}]


async def test_lock_that_does_not_come_leaves_no_neighbour_with_a_false_answer(
    writer: Writer, gate: Gate, stores: Stores, lines: Lines
) -> None:
    def wait(tx: Tx) -> None:
        tx.query("SELECT set_config('lock_timeout', '10ms', true)")
        tx.lock("held")

    with psycopg.connect(stores.stream.render_as_string(hide_password=False)) as other:
        other.execute("SELECT pg_advisory_lock(hashtextextended('held', 0))")
        outcomes = await queued(writer, gate, _store_at_once("neighbour"), wait)

    assert [type(outcome) for outcome in outcomes] == [Unavailable, Unavailable]
    assert texts(lines) == []


async def test_operation_that_passes_over_a_failed_statement_is_told_that_nothing_was_stored(
    writer: Writer, lines: Lines
) -> None:
    def careless(tx: Tx) -> str:
        _store_at_once("lost")(tx)
        with contextlib.suppress(psycopg.Error):
            tx.query("SELECT 1 / 0")
        return "stored"

    with pytest.raises(psycopg.errors.InFailedSqlTransaction):
        await writer.run(careless)

    await writer.run(append("later"))
    assert texts(lines) == ["later"]


def _store_at_once(text: str) -> Callable[[Tx], Any]:
    insert = "INSERT INTO lines (bot_id, text) VALUES ('bot_a', :text)"
    return lambda tx: tx.execute(insert, {"text": text})
