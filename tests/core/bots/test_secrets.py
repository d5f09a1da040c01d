"""Secret data of a bot: sealed, replaced, restored, limited, and every look written down."""

import json
from typing import Any

import pytest

from botyard.core import audit
from botyard.core.accounts.models import User
from botyard.core.accounts.types import Kind, Principal
from botyard.core.audit.models import AuditEntry
from botyard.core.bots import secrets
from botyard.core.bots import service as bots
from botyard.core.bots.models import Bot, BotKind
from botyard.kit.clock import FrozenClock
from botyard.kit.db import Database
from botyard.kit.errors import Invalid, NotFound, TooMany
from botyard.kit.limits import Limiter
from botyard.settings import Settings
from tests.core.accounts.people import ADDRESS
from tests.core.bots.conftest import MakeBot

DATA: dict[str, Any] = {"key": "s3cret", "nested": {"list": [1, 2.5, None, True, "ключ \x00"]}}


def who(user: User) -> Principal:
    return Principal(kind=Kind.api_key, user_id=user.id, api_key_id="key_1")


async def store(db: Database, bot: Bot, data: Any) -> int:
    async with db.session() as session:
        return await secrets.store(session, bot, data, actor=Principal(user_id=bot.owner_id))


async def retrieve(
    db: Database, bot: Bot, *, actor: Principal | None = None, version: int | None = None
) -> Any:
    async with db.session() as session:
        return await secrets.retrieve(
            session,
            bot,
            actor=actor or Principal(user_id=bot.owner_id),
            address=ADDRESS,
            version=version,
        )


async def drop(db: Database, bot: Bot) -> None:
    async with db.session() as session:
        await secrets.drop(session, bot, actor=Principal(user_id=bot.owner_id))


async def entries(db: Database, action: str) -> list[AuditEntry]:
    async with db.reader() as session:
        return await audit.list_entries(session, action=action)


async def test_data_come_back_as_they_were_stored(house: Database, bot: Bot) -> None:
    assert await store(house, bot, DATA) == 1
    assert await retrieve(house, bot) == DATA


async def test_storing_replaces_everything_and_keeps_the_former_version(house: Database, bot: Bot) -> None:
    await store(house, bot, DATA)
    assert await store(house, bot, {"other": 1}) == 2

    assert await retrieve(house, bot) == {"other": 1}
    assert await retrieve(house, bot, version=1) == DATA
    async with house.reader() as session:
        assert [found.version for found in await secrets.versions(session, bot)] == [2, 1]


async def test_a_bot_without_data_answers_as_the_document_says(house: Database, bot: Bot) -> None:
    for version in (None, 7):
        with pytest.raises(NotFound, match=r"^Bot data not found$"):
            await retrieve(house, bot, version=version)
    with pytest.raises(NotFound, match=r"^Bot data not found$"):
        await drop(house, bot)


async def test_every_look_is_written_down_with_its_keys_and_without_a_value(
    house: Database, alice: User, bot: Bot
) -> None:
    await store(house, bot, DATA)
    await retrieve(house, bot, actor=who(alice))
    await retrieve(house, bot, actor=who(alice), version=1)

    stored, *_ = await entries(house, "botdata.stored")
    second, first = await entries(house, "botdata.read")
    assert json.loads(stored.details) == {"keys": ["key", "nested"], "version": 1}
    assert json.loads(first.details) == {"keys": ["key", "nested"]}
    assert json.loads(second.details) == {"keys": ["key", "nested"], "version": 1}
    assert (first.actor_user_id, first.actor_ref, first.target, first.address) == (
        alice.id,
        "key:key_1",
        f"bot:{bot.id}",
        ADDRESS,
    )


async def test_restoring_and_dropping_are_written_down(house: Database, bot: Bot) -> None:
    owner = Principal(user_id=bot.owner_id)
    await store(house, bot, {"a": 1})
    await store(house, bot, {"a": 2})
    async with house.session() as session:
        assert await secrets.restore(session, bot, 1, actor=owner) == 3
    assert await retrieve(house, bot) == {"a": 1}
    await drop(house, bot)

    (restored,) = await entries(house, "botdata.restored")
    assert json.loads(restored.details) == {"restored": 1, "version": 3}
    assert len(await entries(house, "botdata.dropped")) == 1
    async with house.reader() as session:
        assert await secrets.versions(session, bot) == []


@pytest.mark.parametrize(
    "data",
    [
        {"x": float("nan")},
        {"x": float("inf")},
        {"x": "\ud800"},
        {"x": {1, 2}},
        {"x": b"bytes"},
        {"x": "y" * secrets.MAX_BYTES},
    ],
    ids=["nan", "infinity", "half a pair", "set", "bytes", "too large"],
)
async def test_what_cannot_be_kept_is_refused_without_quoting_it(
    house: Database, bot: Bot, data: Any
) -> None:
    with pytest.raises(Invalid, match="Secret data") as refused:
        await store(house, bot, data)

    assert refused.value.__cause__ is None
    assert await entries(house, "botdata.stored") == []


async def test_as_much_as_is_allowed_is_kept(house: Database, bot: Bot) -> None:
    data = {"x": "y" * (secrets.MAX_BYTES - len('{"x":""}'))}
    await store(house, bot, data)
    assert await retrieve(house, bot) == data


async def test_credentials_are_beside_the_data_and_for_the_connector_only(house: Database, bot: Bot) -> None:
    async with house.session() as session:
        await secrets.store_credentials(
            session, bot, {"api_key": "planted"}, actor=Principal(user_id=bot.owner_id)
        )

    async with house.reader() as session:
        assert await secrets.reveal_credentials(session, bot) == {"api_key": "planted"}
    with pytest.raises(NotFound):
        await retrieve(house, bot)
    (stored,) = await entries(house, "bot.credentials_stored")
    assert json.loads(stored.details) == {"keys": ["api_key"], "version": 1}


async def test_nothing_is_stored_for_a_bot_that_is_gone(house: Database, alice: User, bot: Bot) -> None:
    async with house.session() as session:
        found = await bots.get(session, bot.id, kind=BotKind.x, owner_id=alice.id)
        await bots.delete(session, found, actor=Principal(user_id=alice.id))

    with pytest.raises(NotFound, match="no such bot"):
        await store(house, bot, DATA)


async def test_deleting_a_bot_removes_its_secrets_with_all_versions(
    house: Database, alice: User, bot: Bot
) -> None:
    await store(house, bot, DATA)
    await store(house, bot, {})
    async with house.session() as session:
        found = await bots.get(session, bot.id, kind=BotKind.x, owner_id=alice.id)
        await bots.delete(session, found, actor=Principal(user_id=alice.id))

    async with house.reader() as session:
        assert await secrets.versions(session, bot) == []


async def test_an_account_opens_secrets_so_many_times_a_minute(
    house: Database, clock: FrozenClock, make_bot: MakeBot
) -> None:
    house.parts.add(Settings(vault_reads_per_minute=3))
    house.parts.add(Limiter())
    one, other = await make_bot("one"), await make_bot("other")
    await store(house, one, DATA)
    await store(house, other, DATA)
    for bot in (one, other, one):
        await retrieve(house, bot)

    with pytest.raises(TooMany, match="3 times a minute") as refused:
        await retrieve(house, other)
    assert refused.value.retry_after_s == pytest.approx(20)
    assert await retrieve(house, other, actor=Principal(user_id=999)) == DATA
    clock.advance(20)
    assert await retrieve(house, other) == DATA
    assert len(await entries(house, "botdata.read")) == 5


async def test_the_limit_can_be_turned_off(house: Database, bot: Bot) -> None:
    house.parts.add(Settings(vault_reads_per_minute=1, rate_limits="off"))
    house.parts.add(Limiter())
    await store(house, bot, DATA)

    assert [await retrieve(house, bot) for _ in range(3)] == [DATA] * 3
