"""A request sent twice under one key is done once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import func, select

from botyard.core import idempotency
from botyard.core.idempotency.models import IdempotentRequest
from botyard.kit.clock import FrozenClock
from botyard.kit.db import Database, Session
from botyard.kit.keys import SigningKey

NAMES = {"principal_key": "user:1", "route": "POST /api/commands", "key": "abc"}
HASH = idempotency.hash_request("POST", "/api/commands", b'{"a":1}')
ANSWER = b'{"token":"by_key_1_hush"}'


@pytest.fixture
async def db(db: Database) -> Database:
    """The database with the signing key that seals answers."""
    db.parts.add(SigningKey(b"s" * 32, "kid"))
    return db


async def ask(db: Database, *, request_hash: str = HASH, **names: str) -> idempotency.Replay | None:
    async with db.session() as session:
        return await idempotency.begin(session, request_hash=request_hash, **{**NAMES, **names})


async def do(
    db: Database, *, status: int = 200, body: bytes = ANSWER, **names: str
) -> idempotency.Replay | None:
    """A quick effect: everything in one transaction."""
    async with db.session() as session:
        replay = await idempotency.begin(session, request_hash=HASH, **{**NAMES, **names})
        if replay is None:
            await idempotency.finish(session, **{**NAMES, **names}, status=status, body=body)
        return replay


async def count(db: Database) -> int:
    async with db.reader() as session:
        return await session.scalar(select(func.count()).select_from(IdempotentRequest)) or 0


async def test_the_second_request_gets_the_first_ones_answer(db: Database) -> None:
    assert await do(db) is None
    assert await do(db) == idempotency.Replay(200, ANSWER)
    assert await do(db) == idempotency.Replay(200, ANSWER)


async def test_refusals_are_answers_too(db: Database) -> None:
    await do(db, status=404, body=b"{}")
    assert await do(db) == idempotency.Replay(404, b"{}")


@pytest.mark.parametrize("status", [429, 500, 503, 507])
async def test_an_answer_that_invites_another_try_is_not_kept(db: Database, status: int) -> None:
    assert await do(db, status=status) is None
    assert await do(db) is None


async def test_another_payload_under_the_same_key_is_refused(db: Database) -> None:
    await do(db)
    with pytest.raises(idempotency.KeyReused) as caught:
        await ask(db, request_hash=idempotency.hash_request("POST", "/api/commands", b'{"a":2}'))
    assert caught.value.status == 422


@pytest.mark.parametrize("other", [{"principal_key": "user:2"}, {"route": "POST /api/logs"}, {"key": "abd"}])
async def test_keys_are_counted_per_caller_and_route(db: Database, other: dict[str, str]) -> None:
    await do(db)
    assert await do(db, **other) is None


def test_a_request_is_its_method_path_and_body() -> None:
    parts = [
        ("POST", "/a", b"x"),
        ("PUT", "/a", b"x"),
        ("POST", "/ax", b""),
        ("POST", "/a", b"y"),
        ("POST", "/a?b", b"x"),
    ]
    assert len({idempotency.hash_request(*part) for part in parts}) == len(parts)


@pytest.mark.parametrize("key", ["", "a b", "é", "a\n", "x" * 256, "\x7f"])
async def test_a_key_that_no_header_can_carry_is_refused(db: Database, key: str) -> None:
    with pytest.raises(idempotency.KeyUnusable):
        await ask(db, key=key)


@pytest.mark.parametrize("key", ["x" * 255, '"8e03978e-40d5-43dd-bc93-6894a57f9324"', "!~"])
async def test_any_visible_text_is_a_key(db: Database, key: str) -> None:
    assert await ask(db, key=key) is None


async def test_a_failed_effect_frees_the_key(db: Database) -> None:
    async def fail() -> None:
        async with db.session() as session:
            await idempotency.begin(session, request_hash=HASH, **NAMES)
            raise RuntimeError("the effect failed")

    with pytest.raises(RuntimeError):
        await fail()
    assert await do(db) is None


# --- a slow effect: begin and finish in transactions of their own -----------------------------------


async def test_a_request_at_work_answers_conflict_with_a_time_to_return(
    db: Database, clock: FrozenClock
) -> None:
    assert await ask(db) is None
    with pytest.raises(idempotency.InFlight) as caught:
        await ask(db)
    assert (caught.value.status, caught.value.retry_after_s) == (409, 1.0)
    async with db.session() as session:
        await idempotency.finish(session, **NAMES, status=201, body=ANSWER)
    assert await ask(db) == idempotency.Replay(201, ANSWER)


async def test_another_payload_is_refused_while_the_first_is_at_work(
    db: Database, clock: FrozenClock
) -> None:
    await ask(db)
    with pytest.raises(idempotency.KeyReused):
        await ask(db, request_hash="other")


async def test_the_hold_of_a_dead_process_ends(db: Database, clock: FrozenClock) -> None:
    await ask(db)
    clock.advance(59)
    with pytest.raises(idempotency.InFlight):
        await ask(db)
    clock.advance(2)
    assert await ask(db) is None
    with pytest.raises(idempotency.InFlight):
        await ask(db)


async def test_giving_up_frees_the_key_at_once(db: Database, clock: FrozenClock) -> None:
    await ask(db)
    async with db.session() as session:
        await idempotency.abandon(session, **NAMES)
    assert await do(db) is None
    async with db.session() as session:
        await idempotency.abandon(session, **NAMES)
    assert await ask(db) == idempotency.Replay(200, ANSWER), "an answer is not abandoned"


# --- together ---------------------------------------------------------------------------------------


async def test_of_many_at_once_one_does_it(db: Database) -> None:
    done = 0

    async def request() -> idempotency.Replay | None:
        nonlocal done
        async with db.session() as session:
            replay = await idempotency.begin(session, request_hash=HASH, **NAMES)
            if replay is None:
                done += 1
                await asyncio.sleep(0)
                await idempotency.finish(session, **NAMES, status=200, body=ANSWER)
            return replay

    results = await asyncio.gather(*(request() for _ in range(10)), return_exceptions=True)
    assert done == 1
    assert results.count(None) == 1
    others = [result for result in results if result is not None]
    assert all(
        result == idempotency.Replay(200, ANSWER) or isinstance(result, idempotency.InFlight)
        for result in others
    )
    assert await do(db) == idempotency.Replay(200, ANSWER)


@asynccontextmanager
async def uncommitted(db: Database) -> AsyncIterator[Session]:
    """A transaction of another process that has begun the request and not committed yet."""
    async with db.session() as session:
        assert await idempotency.begin(session, request_hash=HASH, **NAMES) is None
        yield session


async def test_a_transaction_that_holds_the_key_is_not_overtaken(db: Database) -> None:
    """PostgreSQL says so at once; SQLite has one writer, so the second waits and then sees the answer."""
    async with uncommitted(db) as session:
        second = asyncio.create_task(ask(db))
        if not db.embedded:
            with pytest.raises(idempotency.InFlight):
                await second
        await idempotency.finish(session, **NAMES, status=200, body=ANSWER)
    answer = await second if db.embedded else await ask(db)
    assert answer == idempotency.Replay(200, ANSWER)


# --- what is kept -----------------------------------------------------------------------------------


async def test_a_stored_answer_cannot_be_read_from_the_table(db: Database) -> None:
    await do(db)
    async with db.reader() as session:
        row = (await session.scalars(select(IdempotentRequest))).one()
    assert row.body is not None
    assert b"hush" not in row.body
    assert row.request_digest != HASH


async def test_an_answer_of_another_signing_key_is_told_as_lost_or_reused(db: Database) -> None:
    await do(db)
    db.parts.add(SigningKey(b"t" * 32, "other"))
    with pytest.raises((idempotency.ReplyLost, idempotency.KeyReused)):
        await ask(db)


async def test_a_changed_answer_is_not_replayed(db: Database) -> None:
    await do(db)
    async with db.session() as session:
        row = (await session.scalars(select(IdempotentRequest))).one()
        row.status = 201
    with pytest.raises(idempotency.ReplyLost):
        await ask(db)


async def test_keys_are_forgotten_after_a_day(db: Database, clock: FrozenClock) -> None:
    await do(db)
    clock.advance(12 * 3600)
    await do(db, key="later")
    clock.advance(12 * 3600)
    assert await idempotency.forget_old_keys.run_inline(db) == 1
    assert await count(db) == 1
    assert await do(db, key="later") is not None


async def test_a_key_older_than_a_day_is_free_even_before_the_cleanup(
    db: Database, clock: FrozenClock
) -> None:
    await do(db)
    clock.advance(24 * 3600)
    assert await do(db, body=b"new") is None
    assert await do(db) == idempotency.Replay(200, b"new")
