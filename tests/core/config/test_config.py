"""Settings of services: merged, checked, told of, and taken back."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select

from botyard.core.audit.models import AuditEntry
from botyard.core.config import owned, queries, values
from botyard.core.config.errors import (
    ChangedSince,
    NoSuchChange,
    NoSuchService,
    NothingToUndo,
    SettingRefused,
)
from botyard.core.config.models import ConfigChange
from botyard.core.realtime.models import EventRow
from botyard.kit.clock import FrozenClock
from botyard.kit.db import Database
from botyard.kit.errors import Invalid
from botyard.settings import Settings
from tests.core.config.conftest import History, Read, Undo, Update

NUMBERS = [1, 1.0, True, 5.0, 2, 0.0, -0.0, 1e16, 0.1 + 0.2, 2**63 - 1, -(2**63)]


def as_json(value: Any) -> str:
    """What a client reads: there 1, 1.0 and true are three values."""
    return json.dumps(value, sort_keys=True)


async def rows(db: Database, table: Any) -> list[Any]:
    async with db.reader() as session:
        return list(await session.scalars(select(table).order_by(table.id)))


async def test_a_service_without_settings_is_unknown(read: Read, update: Update) -> None:
    with pytest.raises(NoSuchService, match="Nothing is known under that name"):
        await read("authentication")
    await update("authentication", ttl=5)
    await update("authentication", ttl=None)
    with pytest.raises(NoSuchService):
        await read("authentication")


@pytest.mark.parametrize("name", ["", "x" * 101, "a\nb", "a\x00b", " a", "botyard ", "\ud800"])
async def test_what_is_no_name_of_a_service_is_unknown_and_refused(
    read: Read, update: Update, name: str
) -> None:
    with pytest.raises(NoSuchService):
        await read(name)
    with pytest.raises(Invalid, match=r"name of a service .* and no space at either end"):
        await update(name, key=1)


@pytest.mark.parametrize("name", ["Botyard", "BOTYARD"])
async def test_no_service_is_taken_for_botyard(read: Read, update: Update, name: str) -> None:
    with pytest.raises(Invalid, match="belong to botyard, in small letters"):
        await update(name, registration="closed")
    with pytest.raises(NoSuchService):
        await read(name)


async def test_values_are_merged_key_by_key(read: Read, update: Update) -> None:
    assert await update("mailer", sender="a@example.org", retries=3) == {
        "retries": 3,
        "sender": "a@example.org",
    }
    after = await update("mailer", retries=4, tags=["a", {"b": None}])
    assert after == {"retries": 4, "sender": "a@example.org", "tags": ["a", {"b": None}]}
    assert await read("mailer") == after


async def test_null_removes_a_key(read: Read, update: Update) -> None:
    await update("mailer", sender="a@example.org", retries=3)
    assert await update("mailer", retries=None, unknown=None) == {"sender": "a@example.org"}
    assert await read("mailer") == {"sender": "a@example.org"}


async def test_services_do_not_see_each_other(read: Read, update: Update) -> None:
    await update("one", key=1)
    await update("two", key=2)
    assert await read("one") == {"key": 1}


BAD = [
    {"k" * 201: 1},
    {"": 1},
    {"a\x00": 1},
    {"key": "\x00"},
    {"key": {"inner": "\x00"}},
    {"key": "\ud800"},
    {"key": float("nan")},
    {"key": 2**63},
    {"key": {"inner": [-(2**63) - 1]}},
    {"key": "x" * values.MAX_VALUE},
    {"key": {"$secret": 5}},
    {"key": {"$secret": ""}},
    {"key": {"$secret": "text", "more": 1}},
    {"key": {"inner": {"$secret": "text"}}},
    {"key": {"$secret": {"version": 1}}},
    {str(number): number for number in range(201)},
]


@pytest.mark.parametrize("bad", BAD, ids=range(len(BAD)))
async def test_one_bad_value_changes_nothing_at_all(
    read: Read, update: Update, history: History, house: Database, bad: dict[str, Any]
) -> None:
    await update("mailer", sender="a@example.org")
    with pytest.raises(Invalid):
        await update("mailer", {"sender": "b@example.org", **bad})
    assert await read("mailer") == {"sender": "a@example.org"}
    assert len(await history()) == 1
    assert len(await rows(house, EventRow)) == 1


async def test_a_refusal_names_the_key_and_why(update: Update) -> None:
    with pytest.raises(SettingRefused) as refused:
        await update("botyard", registration="open", signin_attempts="many")
    assert refused.value.key == "signin_attempts"
    assert str(refused.value) == (
        "The setting signin_attempts is a whole number from 1 to 1000. Nothing was changed."
    )


async def test_a_refusal_names_the_empty_choice(update: Update) -> None:
    with pytest.raises(SettingRefused, match="is one of empty, use-multilingual, minilm"):
        await update("botyard", training_encoder="other")


async def test_a_service_has_a_thousand_keys_at_most(update: Update) -> None:
    for start in range(0, 1000, 200):
        await update("big", {f"k{number}": number for number in range(start, start + 200)})
    with pytest.raises(Invalid, match="at most 1000"):
        await update("big", one_more=1)
    assert len(await update("big", k0=None, one_more=1)) == 1000


async def test_what_is_the_same_already_is_no_change(
    update: Update, history: History, house: Database
) -> None:
    await update("mailer", retries=1, strict=True)
    await update("mailer", retries=1, strict=True)
    await update("mailer")
    assert len(await history()) == 2
    assert len(await rows(house, EventRow)) == len(await rows(house, AuditEntry)) == 1


async def test_numbers_stay_what_they_are_and_are_other_values_than_their_neighbours(
    read: Read, update: Update, history: History
) -> None:
    for _ in range(2):
        for value in NUMBERS:  # for Python some of these are equal
            assert as_json(await update("mailer", rate=value)) == as_json({"rate": value})
            assert as_json(await update("mailer", rate=value)) == as_json({"rate": value})
            assert as_json(await read("mailer")) == as_json({"rate": value})
    told = [(change.before, change.after) for change in reversed(await history())]
    after = NUMBERS * 2
    assert as_json(told) == as_json(list(zip([None, *after], after, strict=False)))


async def test_a_number_is_taken_back_to_the_one_that_it_was(
    read: Read, update: Update, undo: Undo, history: History
) -> None:
    await update("mailer", rate=2)
    await update("mailer", rate=2.0)
    await update("mailer", rate=2.0)
    newest = (await history())[0]

    await undo(newest.id)

    assert as_json(await read("mailer")) == as_json({"rate": 2})


async def test_the_history_says_who_changed_what_when(
    update: Update, history: History, clock: FrozenClock
) -> None:
    await update("mailer", sender="a@example.org")
    clock.advance(60)
    await update("mailer", sender="b@example.org")
    await update("botyard", registration="closed", job_concurrency=2)
    concurrency, registration, newer, older = await history()
    assert (older.before, older.after, newer.before, newer.after) == (
        None,
        "a@example.org",
        "a@example.org",
        "b@example.org",
    )
    assert newer.at == datetime(2026, 6, 1, 12, 1, tzinfo=UTC)
    assert (newer.by_user, newer.by_ref, newer.address) == (7, "session:ses_1", "192.0.2.7")
    assert [one.effective for one in (older, registration, concurrency)] == ["at once", "at once", "restart"]


async def test_the_history_is_read_in_pages_and_by_service(update: Update, history: History) -> None:
    for number in range(5):
        await update("one", key=number)
        await update("two", key=number)
    first = await history(service="one", limit=3)
    rest = await history(service="one", limit=3, before_id=first[-1].id)
    assert [change.after for change in first + rest] == [4, 3, 2, 1, 0]


async def test_a_change_is_told_without_values(update: Update, house: Database) -> None:
    await update("mailer", sender="a@example.org", retries=3)
    (event,), (entry,) = await rows(house, EventRow), await rows(house, AuditEntry)
    assert (event.owner_id, event.name) == (0, "config.changed")
    assert (entry.action, entry.target, entry.address) == ("config.updated", "config:mailer", "192.0.2.7")
    for told in (event.payload, entry.details):
        assert "sender" in told
        assert "example.org" not in told


async def test_a_change_can_be_taken_back(read: Read, update: Update, undo: Undo, history: History) -> None:
    await update("mailer", sender="a@example.org")
    await update("mailer", sender="b@example.org", retries=3)
    retries, sender, _ = await history()
    assert (await undo(sender.id)).after == "a@example.org"
    await undo(retries.id)
    assert await read("mailer") == {"sender": "a@example.org"}
    newest = (await history())[0]
    assert (newest.key, newest.before, newest.after) == ("retries", 3, None)


async def test_taking_back_a_removal_and_an_undo(read: Read, update: Update, undo: Undo) -> None:
    await update("mailer", sender="a@example.org")
    await update("mailer", sender=None)
    back = await undo(2)
    assert await read("mailer") == {"sender": "a@example.org"}
    await undo(back.id)
    with pytest.raises(NoSuchService):
        await read("mailer")


async def test_only_the_newest_change_of_a_setting_can_be_taken_back(
    read: Read, update: Update, undo: Undo
) -> None:
    for number in (1, 2, 3):
        await update("mailer", retries=number)
    with pytest.raises(ChangedSince, match="by change 3"):
        await undo(1)
    assert await read("mailer") == {"retries": 3}


async def test_a_change_that_changed_nothing_cannot_be_taken_back_and_is_in_nobodys_way(
    read: Read, update: Update, undo: Undo, house: Database
) -> None:
    await update("mailer", rate=1)
    await update("mailer", rate=2)
    async with house.session() as session:  # as it was noted on SQLite when 2.0 became 2
        session.add(changed := _again(await session.get_one(ConfigChange, 2)))
        await session.flush()
        assert await queries.newest_changes(session, "mailer") == {2}

    with pytest.raises(NothingToUndo, match="nothing to undo"):
        await undo(changed.id)
    await undo(2)

    assert await read("mailer") == {"rate": 1}


def _again(change: ConfigChange) -> ConfigChange:
    fields = {one.key: getattr(change, one.key) for one in ConfigChange.__mapper__.column_attrs}
    return ConfigChange(**fields | {"id": None, "before": change.after})


@pytest.mark.parametrize("number", [0, -1, 5, 2**70])
async def test_an_unknown_change_cannot_be_taken_back(undo: Undo, update: Update, number: int) -> None:
    await update("mailer", retries=1)
    with pytest.raises(NoSuchChange):
        await undo(number)


async def test_two_who_change_at_once_do_not_lose_each_others_keys(
    read: Read, update: Update, history: History
) -> None:
    await asyncio.gather(*[update("mailer", {f"k{number}": number, "shared": number}) for number in range(8)])
    after = await read("mailer")
    assert {f"k{number}" for number in range(8)} <= after.keys()
    shared = [change for change in await history() if change.key == "shared"]
    for older, newer in zip(shared[1:], shared, strict=False):
        assert newer.before == older.after


async def test_botyards_own_settings_are_known_and_show_what_holds(
    read: Read, update: Update, settings: Settings
) -> None:
    settings.signin_attempts = 4  # as the environment would
    assert list(await read("botyard")) == list(owned.OWNED)
    assert (await read("botyard"))["signin_attempts"] == 4
    assert (await update("botyard", signin_attempts=5))["signin_attempts"] == 5
    assert (await update("botyard", signin_attempts=None))["signin_attempts"] == 4


GOOD = [
    ("registration", "closed", "closed"),
    ("allow_private_networks", True, True),
    ("log_retention_days", 36_500, 36_500),
    ("x_monthly_cap_usd", "12.50", "12.5"),
    ("x_monthly_cap_usd", 100, "100"),
    ("x_monthly_cap_usd", 0.1, "0.1"),
]


@pytest.mark.parametrize(("key", "given", "kept"), GOOD)
async def test_botyards_own_settings_take_their_type(
    update: Update, read: Read, key: str, given: Any, kept: Any
) -> None:
    await update("botyard", {key: given})
    assert (await read("botyard"))[key] == kept


WRONG = [
    ("registration", "sometimes"),
    ("registration", 1),
    ("allow_private_networks", "true"),
    ("allow_private_networks", 1),
    ("signin_attempts", "5"),
    ("signin_attempts", 5.5),
    ("signin_attempts", True),
    ("signin_attempts", 0),
    ("signin_attempts", 10**30),
    ("x_monthly_cap_usd", -1),
    ("x_monthly_cap_usd", "NaN"),
    ("x_monthly_cap_usd", "1.005"),
    ("log_level", {"$secret": "debug"}),
    ("port", 8001),
    ("secret_key", "x" * 40),
    ("nonsense", 1),
    ("nonsense", None),
]


@pytest.mark.parametrize(("key", "value"), WRONG)
async def test_a_wrong_type_changes_nothing(
    update: Update, read: Read, history: History, key: str, value: Any
) -> None:
    before = await read("botyard")
    with pytest.raises(SettingRefused):
        await update("botyard", {"registration": "closed", key: value})
    assert await read("botyard") == before
    assert await history() == []


async def test_services_are_listed_with_botyard_first(house: Database, update: Update) -> None:
    await update("zeta", a=1)
    await update("alpha", a=1, b=2)
    await update("botyard", registration="closed")
    async with house.reader() as session:
        assert list((await queries.list_services(session)).items()) == [
            ("botyard", len(owned.OWNED)),
            ("alpha", 2),
            ("zeta", 1),
        ]


async def test_entries_say_where_a_value_comes_from(
    house: Database, update: Update, clock: FrozenClock
) -> None:
    await update("botyard", registration="closed", job_concurrency=3)
    async with house.reader() as session:
        entries = {entry.key: entry for entry in await queries.list_entries(session, "botyard")}
    changed, untouched, later = (entries[key] for key in ("registration", "log_level", "job_concurrency"))
    assert (changed.value, changed.start, changed.stored, changed.waits) == ("closed", "open", True, False)
    assert (changed.updated_by, changed.updated_at) == (7, clock.now())
    assert (untouched.value, untouched.stored) == ("info", False)
    assert (later.value, later.start, later.waits) == (3, 8, True)
