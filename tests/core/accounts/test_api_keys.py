"""API keys: shown once, narrow, and dead the moment they are withdrawn."""

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from botyard.core.accounts import administration, api_keys
from botyard.core.accounts.authentication import Authenticator
from botyard.core.accounts.errors import KeyRejected
from botyard.core.accounts.events import KeyRevoked
from botyard.core.accounts.models import ApiKey, User
from botyard.core.accounts.types import ALL_SCOPES, Kind, Principal, Role
from botyard.core.realtime.models import EventRow
from botyard.kit import clock as clocks
from botyard.kit import crypto
from botyard.kit.clock import FrozenClock
from botyard.kit.db import Database
from botyard.kit.errors import Forbidden, Invalid, NotFound


async def create(db: Database, user: User, **more: Any) -> tuple[ApiKey, str]:
    async with db.session() as session:
        return await api_keys.create(session, user_id=user.id, **{"name": "ci"} | more)


async def test_key_acts_for_its_account_within_its_scopes(
    house: Database, alice: User, authenticator: Authenticator
) -> None:
    key, text = await create(house, alice, scopes=["logs:read", "bots:read"])

    principal = await authenticator.resolve_api_key(text)

    assert principal == Principal(
        kind=Kind.api_key,
        user_id=alice.id,
        role=Role.user,
        api_key_id=key.id,
        scopes=frozenset({"logs:read", "bots:read"}),
    )


async def test_key_of_an_administrator_is_no_administrator(
    house: Database, root: User, authenticator: Authenticator
) -> None:
    _, text = await create(house, root)

    principal = await authenticator.resolve_api_key(text)

    assert (principal.role, principal.is_admin, principal.scopes) == (Role.user, False, ALL_SCOPES)


async def test_only_a_digest_is_stored(house: Database, alice: User) -> None:
    key, text = await create(house, alice)

    async with house.reader() as session:
        stored = repr(vars(await session.get_one(ApiKey, key.id)))
    parts = crypto.parse_token(text, "key")
    assert parts is not None
    assert text.startswith(f"by_key_{key.id.removeprefix('key_')}_")
    assert parts.secret not in stored


async def test_another_secret_with_a_right_checksum_is_refused(
    house: Database, alice: User, authenticator: Authenticator
) -> None:
    key, _ = await create(house, alice)

    with pytest.raises(KeyRejected):
        await authenticator.resolve_api_key(crypto.make_token("key", key.id.removeprefix("key_")))


async def test_what_is_no_key_is_refused(house: Database, authenticator: Authenticator) -> None:
    for text in ("", "x", "by_key_", "by_key_a_b", "\ud800", "ü", "x" * 100_000):
        with pytest.raises(KeyRejected):
            await authenticator.resolve_api_key(text)


async def test_token_of_another_kind_is_no_key(house: Database, authenticator: Authenticator) -> None:
    with pytest.raises(KeyRejected):
        await authenticator.resolve_api_key(crypto.make_token("bot"))


async def test_withdrawn_key_is_dead_at_once(
    house: Database, alice: User, authenticator: Authenticator
) -> None:
    key, text = await create(house, alice)
    await authenticator.resolve_api_key(text)

    async with house.session() as session:
        await api_keys.revoke(session, key.id, user_id=alice.id)

    with pytest.raises(KeyRejected):
        await authenticator.resolve_api_key(text)
    async with house.reader() as session:
        assert await api_keys.list_keys(session, alice.id) == []


async def test_key_expires_to_the_second_although_it_is_in_use(
    house: Database, alice: User, clock: FrozenClock, authenticator: Authenticator
) -> None:
    _, text = await create(house, alice, expires_at=clocks.now() + timedelta(seconds=10))
    clock.advance(9.9)
    await authenticator.resolve_api_key(text)

    clock.advance(0.1)

    with pytest.raises(KeyRejected):
        await authenticator.resolve_api_key(text)


async def test_keys_rest_while_their_account_is_disabled(
    house: Database, alice: User, root: User, authenticator: Authenticator
) -> None:
    _, text = await create(house, alice)
    await authenticator.resolve_api_key(text)
    actor = Principal(user_id=root.id)

    async with house.session() as session:
        await administration.disable(session, alice.id, actor=actor)
    with pytest.raises(KeyRejected):
        await authenticator.resolve_api_key(text)

    async with house.session() as session:
        await administration.enable(session, alice.id, actor=actor)
    await authenticator.resolve_api_key(text)


async def test_sockets_of_keys_hear_when_their_keys_stop(house: Database, alice: User, root: User) -> None:
    first, _ = await create(house, alice)
    second, _ = await create(house, alice)
    actor = Principal(user_id=root.id)
    async with house.session() as session:
        await api_keys.revoke(session, first.id, user_id=alice.id)
    async with house.session() as session:
        await administration.disable(session, alice.id, actor=actor)

    async with house.reader() as session:
        told = await session.scalars(
            select(EventRow).where(EventRow.name == KeyRevoked.name).order_by(EventRow.id)
        )
        assert [json.loads(row.payload)["api_key_id"] for row in told] == [first.id, second.id]


async def test_service_keys_are_for_administrators_to_make(house: Database, alice: User, root: User) -> None:
    with pytest.raises(Forbidden):
        await create(house, alice, role=Role.service)
    with pytest.raises(Forbidden):
        await create(house, root, role=Role.admin)


async def test_service_key_ends_with_its_makers_role(
    house: Database, alice: User, root: User, authenticator: Authenticator
) -> None:
    _, text = await create(house, root, role=Role.service)
    assert (await authenticator.resolve_api_key(text)).role is Role.service
    actor = Principal(user_id=root.id)
    async with house.session() as session:
        await administration.change_role(session, alice.id, Role.admin, actor=actor)
        await administration.change_role(session, root.id, Role.user, actor=actor)

    with pytest.raises(KeyRejected):
        await authenticator.resolve_api_key(text)


async def test_impossible_keys_are_not_made(house: Database, alice: User) -> None:
    impossible: list[dict[str, Any]] = [
        {"name": ""},
        {"name": " "},
        {"name": "x" * 101},
        {"name": "a\x00b"},
        {"scopes": []},
        {"scopes": ["bots:read", "everything"]},
        {"expires_at": clocks.now()},
    ]
    for wrong in impossible:
        with pytest.raises(Invalid):
            await create(house, alice, **wrong)

    async with house.reader() as session:
        assert not list(await session.scalars(select(ApiKey)))


async def test_nobody_withdraws_or_lists_anothers_key(house: Database, alice: User, root: User) -> None:
    key, _ = await create(house, alice)

    async with house.session() as session:
        with pytest.raises(NotFound):
            await api_keys.revoke(session, key.id, user_id=root.id)
    async with house.reader() as session:
        assert await api_keys.list_keys(session, root.id) == []
        assert [mine.id for mine in await api_keys.list_keys(session, alice.id)] == [key.id]


async def test_there_is_an_end_to_how_many_one_has(house: Database, alice: User) -> None:
    async with house.session() as session:
        for number in range(api_keys.MAX_KEYS):
            await api_keys.create(session, user_id=alice.id, name=f"key {number}")

    with pytest.raises(Invalid):
        await create(house, alice)


async def test_last_use_is_kept(
    house: Database, alice: User, clock: FrozenClock, authenticator: Authenticator
) -> None:
    key, text = await create(house, alice)
    await authenticator.resolve_api_key(text)
    await authenticator.flush()

    async with house.reader() as session:
        assert (await session.get_one(ApiKey, key.id)).last_used_at == clocks.now()
