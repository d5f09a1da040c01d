"""The audit log: part of the act, free of secrets, and unable to lie about its past."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update

from botyard.core import audit, vault
from botyard.core.accounts.types import Kind, Principal
from botyard.core.audit import anchors
from botyard.core.audit.chain import AuditKey
from botyard.core.audit.jobs import anchor_head
from botyard.core.audit.models import AuditEntry, AuditHead
from botyard.core.audit.redaction import clean, without_secrets
from botyard.kit import crypto
from botyard.kit.clock import FrozenClock
from botyard.kit.db import Database

ACTOR = Principal(kind=Kind.cookie, user_id=7, session_id="ses_1")


async def write(db: Database, *actions: str, **more: Any) -> None:
    async with db.session() as session:
        for action in actions:
            await audit.record(session, **{"actor": ACTOR, "action": action} | more)


async def verify(db: Database, *known: anchors.Anchor) -> audit.Report:
    async with db.reader() as session:
        return await audit.verify(session, anchors=known)


async def tamper(db: Database, *statements: Any) -> None:
    """What somebody with the database, but without the key, can do."""
    async with db.session() as session:
        for statement in statements:
            await session.execute(statement.execution_options(synchronize_session=False))


@pytest.fixture
async def log(house: Database) -> Database:
    """A log of nine entries in three transactions."""
    for start in (1, 4, 7):
        await write(house, *(f"act.{number}" for number in range(start, start + 3)))
    return house


async def test_entries_say_who_did_what_to_what_from_where(house: Database, clock: FrozenClock) -> None:
    await write(house, "bot.token_revealed", target="bot:bot_1", details={"n": 1}, address="192.0.2.1")

    async with house.reader() as session:
        [entry] = await audit.list_entries(session)
    assert (entry.id, entry.at, entry.actor_kind, entry.actor_user_id, entry.actor_ref) == (
        1,
        clock.now(),
        "cookie",
        7,
        "session:ses_1",
    )
    assert (entry.action, entry.target, entry.details, entry.address) == (
        "bot.token_revealed",
        "bot:bot_1",
        '{"n":1}',
        "192.0.2.1",
    )


async def test_every_kind_of_actor_is_told_apart(house: Database) -> None:
    actors = {
        ("server", 0, ""): None,
        ("anonymous", 0, ""): Principal(),
        ("bot", 3, "bot:bot_1"): Principal(kind=Kind.bot, user_id=3, bot_id="bot_1"),
        ("api_key", 3, "key:key_1"): Principal(kind=Kind.api_key, user_id=3, api_key_id="key_1"),
        ("token", 3, "session:ses_2"): Principal(kind=Kind.token, user_id=3, session_id="ses_2"),
    }
    for actor in actors.values():
        await write(house, "x.y", actor=actor)

    async with house.reader() as session:
        entries = await audit.list_entries(session)
    assert [(e.actor_kind, e.actor_user_id, e.actor_ref) for e in reversed(entries)] == list(actors)


async def test_untouched_log_verifies(log: Database) -> None:
    assert await verify(log) == audit.Report(entries=9)


async def test_empty_log_verifies(house: Database) -> None:
    assert (await verify(house)).ok


async def test_entry_is_stored_with_its_act_or_not_at_all(log: Database) -> None:
    async def fail() -> None:
        async with log.session() as session:
            await audit.record(session, actor=ACTOR, action="act.undone")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()

    assert await verify(log) == audit.Report(entries=9)


async def test_writers_at_the_same_time_make_one_chain(house: Database) -> None:
    await asyncio.gather(*(write(house, f"act.{number}", "act.more") for number in range(12)))

    assert await verify(house) == audit.Report(entries=24)


async def test_changed_entry_is_named_whatever_was_changed(log: Database) -> None:
    changes: dict[str, Any] = {
        "action": "act.other",
        "actor_user_id": 8,
        "actor_kind": "server",
        "actor_ref": "",
        "target": "bot:x",
        "details": '{"a":1}',
        "address": "192.0.2.9",
        "hash": "0" * 64,
    }
    for column, value in changes.items():
        async with log.reader() as session:
            before = getattr(await session.get_one(AuditEntry, 5), column)
        await tamper(log, update(AuditEntry).where(AuditEntry.id == 5).values({column: value}))
        report = await verify(log)
        assert (report.ok, report.first_bad) == (False, 5), column
        await tamper(log, update(AuditEntry).where(AuditEntry.id == 5).values({column: before}))

    assert (await verify(log)).ok


async def test_changed_moment_is_named(log: Database, clock: FrozenClock) -> None:
    clock.advance(0.000001)
    await tamper(log, update(AuditEntry).where(AuditEntry.id == 5).values(at=clock.now()))

    assert (await verify(log)).first_bad == 5


@pytest.mark.parametrize("number", [1, 5])
async def test_deleted_entry_is_named(log: Database, number: int) -> None:
    await tamper(log, delete(AuditEntry).where(AuditEntry.id == number))

    assert (await verify(log)).first_bad == number


async def test_swapped_entries_are_named(log: Database) -> None:
    rows = AuditEntry.id
    await tamper(
        log,
        update(AuditEntry).where(rows == 4).values(id=100),
        update(AuditEntry).where(rows == 5).values(id=4),
        update(AuditEntry).where(rows == 100).values(id=5),
    )

    assert (await verify(log)).first_bad == 4


async def test_inserted_entry_is_named(log: Database) -> None:
    async with log.reader() as session:
        copy = {c.name: getattr(await session.get_one(AuditEntry, 9), c.name) for c in AuditEntry.__table__.c}
    await tamper(log, insert(AuditEntry).values(**copy | {"id": 10}))

    assert (await verify(log)).first_bad == 10


async def test_cut_off_end_is_noticed(log: Database) -> None:
    await tamper(log, delete(AuditEntry).where(AuditEntry.id > 7))

    report = await verify(log)
    assert (report.first_bad, "cut off" in report.reason) == (8, True)


async def test_cut_off_end_with_a_forged_head_is_noticed(log: Database) -> None:
    async with log.reader() as session:
        seventh = await session.get_one(AuditEntry, 7)
    await tamper(
        log,
        delete(AuditEntry).where(AuditEntry.id > 7),
        update(AuditHead).values(entries=7, hash=seventh.hash),
    )

    assert "head" in (await verify(log)).reason


@pytest.mark.parametrize("rest", [0, 9])
async def test_missing_head_is_noticed(log: Database, rest: int) -> None:
    await tamper(log, delete(AuditHead), delete(AuditEntry).where(AuditEntry.id > rest))

    assert (await verify(log)).ok is (rest == 0)  # without any trace in the database only an anchor tells


async def test_database_set_back_as_a_whole_is_noticed_by_an_anchor(log: Database, tmp_path: Path) -> None:
    file = tmp_path / anchors.FILE
    async with log.reader() as session:
        before = {c.name: getattr(await session.get_one(AuditHead, 1), c.name) for c in AuditHead.__table__.c}
    await write(log, "act.10")
    async with log.reader() as session:
        await audit.anchor(session, file)
    await tamper(log, delete(AuditEntry).where(AuditEntry.id == 10), update(AuditHead).values(**before))

    assert (await verify(log)).ok
    report = await verify(log, *anchors.read(file))
    assert (report.first_bad, "cut off" in report.reason) == (10, True)


async def test_log_written_anew_from_the_start_is_noticed_by_an_anchor(log: Database, tmp_path: Path) -> None:
    file = tmp_path / anchors.FILE
    async with log.reader() as session:
        await audit.anchor(session, file)
    await tamper(log, delete(AuditEntry), delete(AuditHead))
    await write(log, *(f"nicer.{number}" for number in range(12)))  # by somebody who runs the server

    assert (await verify(log)).ok
    assert (await verify(log, *anchors.read(file))).first_bad == 9


async def test_anchors_are_kept_once_per_state_and_forged_ones_are_told(
    log: Database, tmp_path: Path
) -> None:
    file = tmp_path / anchors.FILE
    async with log.reader() as session:
        first = await audit.anchor(session, file)
        assert await audit.anchor(session, file) == first
    await write(log, "act.10")
    async with log.reader() as session:
        await audit.anchor(session, file)
    with file.open("a") as half:
        half.write('{"entries": 12, "ha')

    known = anchors.read(file)
    assert [anchor.entries for anchor in known] == [9, 10]
    assert file.stat().st_mode & 0o077 == 0
    assert (await verify(log, *known)).ok
    forged = anchors.Anchor(9, "0" * 64, known[0].at, known[0].seal)
    assert "not made by this server" in (await verify(log, forged)).reason
    file.write_text('{"entries": "many"}\n' + file.read_text())
    assert "line 1 was not made" in (await verify(log, *anchors.read(file))).reason


async def test_empty_log_needs_no_anchor(house: Database, tmp_path: Path) -> None:
    async with house.reader() as session:
        assert await audit.anchor(session, tmp_path / anchors.FILE) is None
    assert anchors.read(tmp_path / anchors.FILE) == []


async def test_hourly_job_keeps_the_head_in_the_data_folder(log: Database, tmp_path: Path) -> None:
    await anchor_head.run_inline(log)

    assert [anchor.entries for anchor in anchors.read(tmp_path / "data" / anchors.FILE)] == [9]


async def test_another_key_verifies_nothing(log: Database) -> None:
    log.parts.add(AuditKey(crypto.new_key()))

    assert (await verify(log)).first_bad == 1


async def test_key_is_made_once_and_survives_a_restart(log: Database) -> None:
    await asyncio.gather(*(audit.open_key(log) for _ in range(3)))

    assert (await verify(log)).ok
    async with log.reader() as session:
        assert await vault.list_names(session, kind="audit", id="chain") == ["key"]


# --- secrets -----------------------------------------------------------------------------------------

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    "details",
    [
        {"password": "hush-hush"},
        {"old_password": "hush-hush"},
        {"nested": {"list": [{"apiKey": "hush-hush"}]}},
        {"tokens": ["hush-hush"]},
        {"totp_code": "hush-hush"},
        {"code": "hush-hush"},
        {"Authorization": "hush-hush"},
        {"client_secret": "hush-hush"},
        {"credentials": {"user": "hush-hush"}},
        {"note": "Authorization: Bearer hush-hush-hush"},
        {"note": "-----BEGIN PRIVATE KEY-----\nhush-hush\n-----END PRIVATE KEY-----"},
    ],
)
def test_secrets_by_name_or_look_are_replaced(details: dict[str, Any]) -> None:
    written = str(without_secrets(details, AuditKey(b"1" * 32)))

    assert "hush" not in written
    assert "hmac:" in written


@pytest.mark.parametrize(
    "secret",
    [
        *("AKIAIOSFODNN7EXAMPLE", "postgres://shop:hush-hush@db:5432/shop", "ghp_" + "a1B2" * 9),
        *("password=hush-hush", "4111 1111 1111 1111"),
    ],
)
def test_a_secret_used_as_the_name_of_another_is_hidden(secret: str) -> None:
    told = without_secrets({"key": secret, "names": [f"a {secret}"], secret: 1}, AuditKey(b"1" * 32))

    assert secret not in str(told)
    assert "hush" not in str(told)


async def test_our_own_tokens_are_replaced_wherever_they_stand(house: Database) -> None:
    token = crypto.make_token("bot")
    await write(house, "x.y", details={"note": f"sent {token} and {JWT}", token: 1})

    async with house.reader() as session:
        [entry] = await audit.list_entries(session)
    assert token not in entry.details
    assert JWT not in entry.details


def test_same_secret_is_seen_to_be_the_same_and_differs_by_installation() -> None:
    one, other = AuditKey(b"1" * 32), AuditKey(b"2" * 32)

    first = without_secrets({"password": "a", "secret": "a", "token": "b"}, one)

    assert first["password"] == first["secret"] != first["token"]
    assert without_secrets({"password": "a"}, other)["password"] != first["password"]


async def test_ordinary_details_stay_readable(house: Database) -> None:
    details = {
        "name": "Ключ – \u00e9",
        "n": 3,
        "on": True,
        "none": None,
        "list": [1, "two"],
        "set": {"b", "a"},
    }
    await write(house, "x.y", details=details)

    async with house.reader() as session:
        [entry] = await audit.list_entries(session)
    assert json.loads(entry.details) == details | {"set": ["a", "b"]}


async def test_nothing_in_the_details_can_stop_an_entry(house: Database) -> None:
    deep: dict[str, Any] = {}
    for _ in range(1000):
        deep = {"d": deep}
    odd: list[dict[Any, Any]] = [
        {"nul": "a\x00b"},
        {"half": "\ud800"},
        {"nan": float("nan"), "inf": float("inf")},
        {"big": 10**5000},
        {"bytes": b"\xff"},
        {"long": "x" * 100_000},
        {1: 2},
        {"deep": deep},
    ]
    for details in odd:
        await write(house, "x\x00y" + "z" * 500, details=details, target="\ud800" * 500)

    assert await verify(house) == audit.Report(entries=len(odd))
    async with house.reader() as session:
        for entry in await audit.list_entries(session):
            json.loads(entry.details)
            assert len(entry.details) < 25_000


def test_cleaning_cuts_and_replaces() -> None:
    assert clean("a\x00b\ud800c", 4) == "a\ufffdb?"


# --- reading -----------------------------------------------------------------------------------------


async def test_list_is_newest_first_and_can_be_narrowed_and_paged(log: Database, clock: FrozenClock) -> None:
    clock.advance(60)
    since = clock.now()
    await write(log, "bot.made", "bots.other", actor=Principal(user_id=8), target="bot:bot_1")

    async def ids(**where: Any) -> list[int]:
        async with log.reader() as session:
            return [entry.id for entry in await audit.list_entries(session, **where)]

    assert await ids(limit=3) == [11, 10, 9]
    assert await ids(before_id=3) == [2, 1]
    assert await ids(user_id=8) == [11, 10]
    assert await ids(target="bot:bot_1", action="bot.made") == [10]
    assert await ids(action="bot.") == [10]
    assert await ids(since=since) == [11, 10]


async def test_verifying_reads_in_batches(house: Database) -> None:
    await write(house, *(["x.y"] * 2500))

    assert await verify(house) == audit.Report(entries=2500)
    async with house.session() as session:
        assert await session.scalar(select(AuditHead.entries)) == 2500
