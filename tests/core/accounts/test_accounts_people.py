"""Profiles, what administrators do, and what deleting an account leaves behind."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import inspect, select

from botyard.core import audit, vault
from botyard.core.accounts import administration, api_keys, deletion, invitations, profiles, sessions
from botyard.core.accounts.authentication import Authenticator
from botyard.core.accounts.errors import KeyRejected, LastAdministrator, NoSuchUser, SessionOver
from botyard.core.accounts.events import AccountDeleted, SessionEnded
from botyard.core.accounts.models import Invitation, User
from botyard.core.accounts.types import Principal, Role
from botyard.core.realtime.models import EventRow
from botyard.kit.db import Base, Database, Session
from botyard.kit.errors import Invalid, NotFound
from tests.core.accounts.people import ADDRESS, MakeUser
from tests.core.accounts.test_second_factor import begin, code_of, confirm


@pytest.fixture
def actor(root: User) -> Principal:
    return Principal(user_id=root.id, role=Role.admin)


async def reread(db: Database, user: User) -> User:
    async with db.reader() as session:
        return await profiles.get(session, user.id)


# --- profiles ----------------------------------------------------------------------------------------


async def test_only_what_is_named_changes_and_empty_clears(house: Database, alice: User) -> None:
    async with house.session() as session:
        await profiles.update(session, alice.id, fullname=" Alice A. ", phone="+27 1", birthday="1990-01-01")
    async with house.session() as session:
        await profiles.update(session, alice.id, phone="", birthday=None, currency="eur")

    changed = await reread(house, alice)
    assert (changed.fullname, changed.phone, changed.birthday, changed.gender, changed.currency) == (
        "Alice A.",
        None,
        None,
        None,
        "EUR",
    )


async def test_no_other_column_can_be_changed_by_people(house: Database, alice: User) -> None:
    columns = {column.key for column in inspect(User).columns}

    async def values() -> dict[str, Any]:
        user = await reread(house, alice)
        return {column: getattr(user, column) for column in columns}

    before = await values()
    for column in columns - set(profiles.EDITABLE):
        async with house.session() as session:
            with pytest.raises(TypeError):
                await profiles.update(session, alice.id, **{column: "admin"})  # type: ignore[misc]

    assert await values() == before


async def test_impossible_values_are_refused(house: Database, alice: User) -> None:
    impossible: list[Any] = [
        {"fullname": "x" * 201},
        {"phone": "x" * 51},
        {"gender": "a\x00b"},
        {"currency": ""},
        {"currency": "Z$R"},
    ]
    for changes in impossible:
        async with house.session() as session:
            with pytest.raises(Invalid):
                await profiles.update(session, alice.id, **changes)


async def test_unknown_user(house: Database) -> None:
    async with house.reader() as session:
        for user_id in (0, -1, 999, 2**31, 2**70):
            with pytest.raises(NoSuchUser):
                await profiles.get(session, user_id)


async def test_search_finds_parts_of_names_and_addresses_literally(
    house: Database, make_user: MakeUser
) -> None:
    for name in ("alice", "Malin", "percent%sign", "under_score"):
        await make_user(name)

    async def found(query: str) -> list[str]:
        async with house.reader() as session:
            return [user.username for user in await profiles.search(session, query)]

    assert await found("ALI") == ["alice", "Malin"]
    assert await found("%s") == ["percent%sign"]
    assert await found("r_s") == ["under_score"]
    assert len(await found("example.org")) == 4
    for short in ("", "a", " a "):
        with pytest.raises(Invalid):
            await found(short)


async def test_list_is_in_order_of_birth_and_pages(house: Database, make_user: MakeUser) -> None:
    for number in range(5):
        await make_user(f"u{number}")

    async with house.reader() as session:
        assert [user.username for user in await profiles.list_users(session, limit=2, offset=2)] == [
            "u2",
            "u3",
        ]
        assert await profiles.count(session) == 5


async def test_find_by_either_identity(house: Database, alice: User) -> None:
    async with house.reader() as session:
        for identity in ("ALICE", "alice@EXAMPLE.org"):
            found = await profiles.find(session, identity)
            assert found is not None
            assert found.id == alice.id
        assert await profiles.find(session, "nobody\x00") is None


# --- administration ----------------------------------------------------------------------------------


async def test_last_administrator_stays_one(house: Database, root: User, actor: Principal) -> None:
    async with house.session() as session:
        for refused in (
            administration.disable(session, root.id, actor=actor),
            administration.change_role(session, root.id, Role.user, actor=actor),
            administration.change_role(session, root.id, Role.service, actor=actor),
            deletion.delete_account(session, root.id),
        ):
            with pytest.raises(LastAdministrator):
                await refused

    kept = await reread(house, root)
    assert (kept.role, kept.is_active) == (Role.admin, True)


async def test_disabled_administrator_does_not_count(
    house: Database, root: User, actor: Principal, make_user: MakeUser
) -> None:
    second = await make_user("second", role=Role.admin)
    async with house.session() as session:
        await administration.disable(session, second.id, actor=actor)

    async with house.session() as session:
        with pytest.raises(LastAdministrator):
            await administration.change_role(session, root.id, Role.user, actor=actor)
        await deletion.delete_account(session, second.id, actor=actor)


async def test_two_administrators_who_demote_each_other_at_once_leave_one(
    house: Database, root: User, actor: Principal, make_user: MakeUser
) -> None:
    second = await make_user("second", role=Role.admin)

    async def demote(user: User) -> None:
        async with house.session() as session:
            await administration.change_role(session, user.id, Role.user, actor=actor)

    outcomes = await asyncio.gather(demote(root), demote(second), return_exceptions=True)

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["LastAdministrator", "NoneType"]


async def test_what_administrators_do_is_audited_once(house: Database, alice: User, actor: Principal) -> None:
    async with house.session() as session:
        for _ in range(2):
            await administration.disable(session, alice.id, actor=actor, address=ADDRESS)
        for _ in range(2):
            await administration.enable(session, alice.id, actor=actor)
        for _ in range(2):
            await administration.change_role(session, alice.id, Role.service, actor=actor)
        for _ in range(2):
            await administration.change_tier(session, alice.id, "enterprise", actor=actor)

    async with house.reader() as session:
        entries = await audit.list_entries(session, target=f"user:{alice.id}")
    assert [(entry.action, entry.actor_user_id) for entry in reversed(entries)] == [
        (f"account.{act}", actor.user_id) for act in ("disabled", "enabled", "role_changed", "tier_changed")
    ]
    assert entries[1].details == '{"from":"user","to":"service"}'
    changed = await reread(house, alice)
    assert (changed.role, changed.tier) == (Role.service, "enterprise")


async def test_unknown_tier_is_refused(house: Database, alice: User, actor: Principal) -> None:
    async with house.session() as session:
        with pytest.raises(Invalid):
            await administration.change_tier(session, alice.id, "gold", actor=actor)


# --- deletion ----------------------------------------------------------------------------------------


@pytest.fixture
def hooks() -> Iterator[list[Any]]:
    before = list(deletion._on_delete), list(administration._on_disable)
    yield [deletion._on_delete, administration._on_disable]
    deletion._on_delete[:], administration._on_disable[:] = before


async def test_nothing_of_a_deleted_account_is_left(
    house: Database, alice: User, root: User, authenticator: Authenticator, actor: Principal
) -> None:
    secret = (await begin(house, alice)).secret
    await confirm(house, alice, code_of(secret))
    async with house.session() as session:
        cookie = await sessions.open_cookie(session, alice.id, address=ADDRESS)
        pair = await sessions.open_token(session, alice.id, address=ADDRESS)
        _, key = await api_keys.create(session, user_id=alice.id, name="ci")
        await invitations.create(session, actor=Principal(user_id=alice.id))
        await vault.put(session, account_id=alice.id, kind="bot", id="bot_1", name="token", value="hush")
    await authenticator.resolve_cookie(cookie)
    await authenticator.resolve_api_key(key)

    async with house.session() as session:
        await deletion.delete_account(session, alice.id, address=ADDRESS)

    for refused in (authenticator.resolve_cookie(cookie), authenticator.resolve_bearer(pair.access)):
        with pytest.raises(SessionOver):
            await refused
    with pytest.raises(KeyRejected):
        await authenticator.resolve_api_key(key)
    async with house.reader() as session:
        with pytest.raises(NotFound):
            await vault.reveal(session, kind="bot", id="bot_1", name="token")
        for table in Base.metadata.sorted_tables:
            for column in ("user_id", "account_id"):
                if column in table.c:
                    assert not (
                        await session.execute(select(table).where(table.c[column] == alice.id))
                    ).all(), table
        assert [row.created_by for row in await session.scalars(select(Invitation))] == [None]
        told = [
            row.name for row in await session.scalars(select(EventRow).where(EventRow.owner_id == alice.id))
        ]
    assert told.count(SessionEnded.name) == 2
    assert told[-1] == AccountDeleted.name


async def test_id_of_a_deleted_account_is_never_given_again(
    house: Database, root: User, make_user: MakeUser
) -> None:
    alice = await make_user("alice")
    async with house.session() as session:
        await deletion.delete_account(session, alice.id)

    again = await make_user("alice")

    assert again.id > alice.id


async def test_features_clean_up_in_the_same_transaction(
    house: Database, alice: User, hooks: list[Any]
) -> None:
    seen: list[str] = []

    async def clean(session: Session, user_id: int) -> None:
        seen.append((await profiles.get(session, user_id)).username)

    async def fail(session: Session, user_id: int) -> None:
        raise Invalid

    deletion.on_delete(clean)
    deletion.on_delete(clean)
    deletion.on_delete(fail)
    with pytest.raises(Invalid):
        async with house.session() as session:
            await deletion.delete_account(session, alice.id)

    assert seen == ["alice"]
    assert (await reread(house, alice)).username == "alice"


async def test_features_hear_of_a_disabled_account(
    house: Database, alice: User, actor: Principal, hooks: list[Any]
) -> None:
    seen: list[int] = []

    async def hear(session: Session, user_id: int) -> None:
        seen.append(user_id)

    administration.on_disable(hear)
    async with house.session() as session:
        await administration.disable(session, alice.id, actor=actor)

    assert seen == [alice.id]


async def test_deleting_is_audited_without_the_name(house: Database, alice: User) -> None:
    async with house.session() as session:
        await deletion.delete_account(session, alice.id)

    async with house.reader() as session:
        [entry] = await audit.list_entries(session, action="account.deleted")
    assert (entry.target, entry.details) == (f"user:{alice.id}", "{}")
