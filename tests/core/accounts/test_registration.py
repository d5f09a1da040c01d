"""How accounts come to be, and which are refused."""

import asyncio
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import func, select

from botyard.core import audit
from botyard.core.accounts import invitations, names, passwords, profiles, registration, signin
from botyard.core.accounts.errors import InvitationRejected, NameTaken, PasswordTooWeak, RegistrationClosed
from botyard.core.accounts.events import UserRegistered
from botyard.core.accounts.models import Invitation, User
from botyard.core.accounts.passwords import PasswordHash
from botyard.core.accounts.types import Principal, Role
from botyard.core.realtime.models import EventRow
from botyard.kit.clock import FrozenClock
from botyard.kit.db import Database
from botyard.kit.errors import Invalid, NotFound
from botyard.settings import Settings
from tests.core.accounts.people import ADDRESS, PASSWORD

HASH = PasswordHash("stored as it comes")
ACTOR = Principal(user_id=0)


async def register(db: Database, **more: Any) -> User:
    fields = {"username": "bob", "email": "bob@example.org", "password_hash": HASH}
    async with db.session() as session:
        return await registration.register(session, **fields | more)


async def count(db: Database) -> int:
    async with db.reader() as session:
        return await profiles.count(session)


@pytest.fixture
def by_invitation(house: Database, settings: Settings) -> None:
    house.parts.add(settings.model_copy(update={"registration": "invite"}))


async def invite(db: Database, **more: Any) -> tuple[Invitation, str]:
    async with db.session() as session:
        return await invitations.create(session, actor=ACTOR, **more)


async def test_registered_account_is_a_plain_user_and_signs_in(house: Database) -> None:
    bob = await register(house, password_hash=await passwords.hash(PASSWORD), fullname="  Bob B. ")

    assert (bob.role, bob.is_active, bob.fullname, bob.tier, bob.currency) == (
        Role.user,
        True,
        "Bob B.",
        "standard",
        "ZAR",
    )
    assert (await signin.sign_in(house, identity="bob", password=PASSWORD, address=ADDRESS)).id == bob.id


async def test_registration_is_told_and_audited(house: Database) -> None:
    bob = await register(house, address=ADDRESS)

    async with house.reader() as session:
        [event] = await session.scalars(select(EventRow).where(EventRow.name == UserRegistered.name))
        [entry] = await audit.list_entries(session, action="account.registered")
    assert event.owner_id == entry.actor_user_id == bob.id
    assert (entry.address, entry.details) == (ADDRESS, '{"role":"user"}')


async def test_name_or_address_of_somebody_else_is_refused(house: Database) -> None:
    await register(house)

    for taken in ("bob", "BOB", " bob ", "ｂob"):
        with pytest.raises(NameTaken):
            await register(house, username=taken, email="other@example.org")
    for taken in ("bob@example.org", "BOB@Example.org"):
        with pytest.raises(NameTaken):
            await register(house, username="other", email=taken)

    assert await count(house) == 1


async def test_two_who_want_the_same_name_at_once(house: Database) -> None:
    async def attempt(number: int) -> str:
        try:
            await register(house, email=f"bob{number}@example.org")
        except NameTaken:
            return "taken"
        return "made"

    outcomes = await asyncio.gather(*(attempt(number) for number in range(5)))

    assert sorted(outcomes) == ["made"] + ["taken"] * 4


@pytest.mark.parametrize(
    "username", ["", " ", "x" * 65, "a\x00b", "a\nb", "a\u202eb", "carol@example.org", "\ud800", "＠b"]
)
def test_impossible_user_names_are_refused(username: str) -> None:
    with pytest.raises(Invalid):
        names.username(username, email="bob@example.org")


async def test_refused_registration_stores_nothing(house: Database) -> None:
    for wrong in ({"username": ""}, {"email": "bob"}, {"fullname": "x" * 201}, {"fullname": "a\x00b"}):
        with pytest.raises(Invalid):
            await register(house, **wrong)

    assert await count(house) == 0


@pytest.mark.parametrize(
    "email",
    [
        "",
        "bob",
        "bob@",
        "@example.org",
        "bob@exa mple.org",
        "bob@example.org\r\nBcc: eve@example.org",
        "bob@example.org,eve@example.org",
        "Bob <bob@example.org>",
        "bob\x00@example.org",
        "\ud800@example.org",
        "x" * 65 + "@example.org",
        "bob@" + "x" * 250,
    ],
)
def test_impossible_addresses_are_refused(email: str) -> None:
    with pytest.raises(Invalid):
        names.email(email)


@pytest.mark.parametrize(
    "email", ["admin@localhost", "a.b+c@sub.example.org", "jürgen@exämple.org", "o'neill@x.io"]
)
def test_usual_addresses_are_taken(email: str) -> None:
    assert names.email(f" {email} ") == email


async def test_account_by_address_only_has_it_as_user_name(house: Database) -> None:
    long = "x" * 64 + "@" + "y" * 100 + ".org"  # longer than other names may be

    assert (await register(house, username=long, email=long)).username == long


@pytest.mark.parametrize("password", ["", "1234567", "x" * 1025])
async def test_password_length_is_checked_before_any_work(password: str) -> None:
    before = passwords.computed()

    with pytest.raises(PasswordTooWeak):
        await passwords.hash(password)

    assert passwords.computed() == before


async def test_unusual_passwords_are_kept_exactly() -> None:
    for password in (
        "ключ от дома",
        " eight  ",
        "\x00\x00\x00\x00\x00\x00\x00\x00",
        "\ud800" * 8,
        "x" * 1024,
    ):
        stored = await passwords.hash(password)
        assert (await passwords.verify(stored, password))[0]
        assert not (await passwords.verify(stored, password + " "))[0]


async def test_closed_server_registers_nobody(house: Database, settings: Settings) -> None:
    house.parts.add(settings.model_copy(update={"registration": "closed"}))
    _, code = await invite(house)

    with pytest.raises(RegistrationClosed):
        await register(house, invite_code=code)


async def test_open_server_takes_no_notice_of_codes(house: Database) -> None:
    await register(house, invite_code="whatever")

    assert await count(house) == 1


@pytest.mark.usefixtures("by_invitation")
class TestByInvitation:
    """Where a code is needed."""

    async def test_no_or_wrong_code_is_refused(self, house: Database) -> None:
        await invite(house)

        for wrong in (None, "", "abcd-efgh-jkmn-pqrs", "\x00", "\ud800"):
            with pytest.raises(InvitationRejected):
                await register(house, invite_code=wrong)

    async def test_code_is_good_once_and_remembers_for_whom(self, house: Database) -> None:
        invitation, code = await invite(house)
        bob = await register(house, invite_code=code.upper())

        with pytest.raises(InvitationRejected):
            await register(house, username="eve", email="eve@example.org", invite_code=code)
        async with house.reader() as session:
            used = await session.get_one(Invitation, invitation.id)
        assert (used.used_by, used.used_at is not None) == (bob.id, True)

    async def test_code_for_an_address_is_good_for_that_address(
        self, house: Database, queue: Any, outbox: Any
    ) -> None:
        _, code = await invite(house, email="bob@example.org")
        with pytest.raises(InvitationRejected):
            await register(house, email="eve@example.org", invite_code=code)

        await register(house, email="Bob@Example.org", invite_code=code)

    async def test_refused_registration_leaves_the_code_good(self, house: Database) -> None:
        _, code = await invite(house)
        with pytest.raises(Invalid):
            await register(house, username="", invite_code=code)

        await register(house, invite_code=code)

    async def test_one_code_used_by_many_at_once_makes_one_account(self, house: Database) -> None:
        _, code = await invite(house)

        async def attempt(number: int) -> None:
            await register(house, username=f"u{number}", email=f"u{number}@example.org", invite_code=code)

        outcomes = await asyncio.gather(*(attempt(n) for n in range(5)), return_exceptions=True)

        assert sum(outcome is None for outcome in outcomes) == await count(house) == 1

    async def test_withdrawn_and_old_codes_are_refused(self, house: Database, clock: FrozenClock) -> None:
        withdrawn, first = await invite(house)
        async with house.session() as session:
            await invitations.revoke(session, withdrawn.id, actor=ACTOR)
        _, second = await invite(house)
        clock.advance(invitations.LIFETIME.total_seconds())

        for code in (first, second):
            with pytest.raises(InvitationRejected):
                await register(house, invite_code=code)

    async def test_code_is_not_stored_in_clear(self, house: Database) -> None:
        invitation, code = await invite(house, note=" for Bob ")

        async with house.reader() as session:
            [row] = await invitations.list_invitations(session)
        assert (row.id, row.note) == (invitation.id, "for Bob")
        assert code not in repr(vars(row))
        assert code.replace("-", "") not in repr(vars(row))

    async def test_withdrawing_what_is_not_there(self, house: Database) -> None:
        async with house.session() as session:
            with pytest.raises(NotFound):
                await invitations.revoke(session, "inv_none", actor=ACTOR)


async def test_first_administrator_gets_a_password_shown_once(house: Database, settings: Settings) -> None:
    password = await registration.ensure_first_admin(house, settings)

    assert password is not None
    assert len(password) >= 20
    admin = await signin.sign_in(house, identity="admin", password=password, address=ADDRESS)
    assert (admin.role, admin.email) == (Role.admin, "admin@localhost")
    assert await registration.ensure_first_admin(house, settings) is None
    assert await count(house) == 1


async def test_first_administrator_with_a_given_password(house: Database, settings: Settings) -> None:
    given = settings.model_copy(update={"admin_password": SecretStr(PASSWORD), "admin_username": "chief"})

    assert await registration.ensure_first_admin(house, given) is None

    await signin.sign_in(house, identity="chief", password=PASSWORD, address=ADDRESS)


async def test_two_servers_starting_at_once_make_one_administrator(
    house: Database, settings: Settings
) -> None:
    shown = await asyncio.gather(*(registration.ensure_first_admin(house, settings) for _ in range(3)))

    assert sum(password is not None for password in shown) == 1
    assert await count(house) == 1


async def test_server_with_accounts_gets_no_administrator_by_itself(
    house: Database, settings: Settings, alice: User
) -> None:
    assert await registration.ensure_first_admin(house, settings) is None
    async with house.reader() as session:
        assert await session.scalar(select(func.count()).where(User.role == Role.admin)) == 0


async def test_short_given_password_stops_the_first_start(house: Database, settings: Settings) -> None:
    with pytest.raises(PasswordTooWeak):
        await registration.ensure_first_admin(
            house, settings.model_copy(update={"admin_password": SecretStr("short")})
        )
