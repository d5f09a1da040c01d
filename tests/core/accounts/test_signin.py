"""Signing in: who gets in, what everybody else is told, and how fast one may try."""

import asyncio

import pytest
from argon2 import PasswordHasher, extract_parameters
from sqlalchemy import func, select, update

from botyard.core.accounts import administration, passwords, profiles, sessions, signin, throttle
from botyard.core.accounts.errors import AccountDisabled
from botyard.core.accounts.models import SigninFailures, User
from botyard.core.accounts.types import Principal
from botyard.core.audit import service as audit
from botyard.kit.clock import FrozenClock
from botyard.kit.db import Database
from botyard.kit.errors import CredentialsRejected, TooMany
from botyard.settings import Settings
from tests.core.accounts.people import ADDRESS, PASSWORD, MakeUser

ATTEMPTS = Settings(_env_file=None).signin_attempts


async def try_in(
    db: Database, identity: str, password: str = "wrong password", address: str = ADDRESS
) -> str:
    """What became of a sign-in: ok or the error's code."""
    try:
        await signin.sign_in(db, identity=identity, password=password, address=address)
    except CredentialsRejected as error:
        return error.code
    except TooMany as error:
        return f"wait {error.retry_after_s}".removesuffix(".0")
    return "ok"


async def test_name_and_address_sign_in_whatever_their_case(house: Database, alice: User) -> None:
    for identity in ("alice", "ALICE", " alice ", "alice@example.org", "Alice@Example.ORG", "Ａlice"):
        user = await signin.sign_in(house, identity=identity, password=PASSWORD, address=ADDRESS)
        assert (user.id, user.last_login_at is not None) == (alice.id, True)


async def test_account_made_by_address_signs_in_by_it(house: Database, make_user: MakeUser) -> None:
    await make_user("eve@example.org", email="eve@example.org")

    assert await try_in(house, "eve@example.org", PASSWORD) == "ok"


async def test_everybody_else_hears_the_same(house: Database, alice: User) -> None:
    wrong = [
        ("alice", "wrong password"),
        ("nobody", PASSWORD),
        ("", ""),
        ("alice\x00", PASSWORD),
        ("x" * 100_000, "y" * 100_000),
        ("\ud800", "\udfff"),
        ("alice", PASSWORD + "x" * 2000),
        ("alice' OR 1=1 --", PASSWORD),
    ]
    for identity, password in wrong:
        with pytest.raises(CredentialsRejected) as refused:
            await signin.sign_in(house, identity=identity, password=password, address=ADDRESS)
        assert (refused.value.code, str(refused.value)) == (
            "credentials_rejected",
            "Name or password is wrong.",
        )


async def test_unknown_and_known_names_cost_the_same_hashes_and_the_same_rows(
    house: Database, alice: User
) -> None:
    """Wall time on a shared machine says little: what takes time is counted instead."""

    async def cost(identity: str) -> tuple[int, int]:
        hashes = passwords.computed()
        await try_in(house, identity)
        async with house.reader() as session:
            rows = await session.scalar(select(func.count()).select_from(SigninFailures))
        return passwords.computed() - hashes, rows or 0

    known, unknown = await cost("alice"), await cost("nobody")

    assert known == (1, 2)
    assert unknown == (1, 4)


@pytest.mark.usefixtures("real_cost")
async def test_the_hash_of_nobody_takes_as_much_work_as_a_real_one() -> None:
    real = await passwords.hash(PASSWORD)

    assert extract_parameters(passwords.NOBODY) == extract_parameters(real)


async def test_wrong_sign_ins_wait_longer_and_longer(
    house: Database, alice: User, clock: FrozenClock
) -> None:
    for _ in range(ATTEMPTS):
        assert await try_in(house, "alice") == "credentials_rejected"

    waits = []
    for _ in range(13):
        waits.append(float((await try_in(house, "alice")).removeprefix("wait ")))
        assert await try_in(house, "alice", PASSWORD) == f"wait {waits[-1]:g}"  # the right one waits too
        clock.advance(waits[-1])
        assert await try_in(house, "alice") == "credentials_rejected"

    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]


async def test_waiting_is_never_for_good(house: Database, alice: User, clock: FrozenClock) -> None:
    for _ in range(ATTEMPTS + 20):
        await try_in(house, "alice")
        clock.advance(throttle.MAX_WAIT_S)

    assert await try_in(house, "alice", PASSWORD) == "ok"
    assert await try_in(house, "alice") == "credentials_rejected"  # and the count starts anew
    assert await try_in(house, "alice", PASSWORD) == "ok"


async def test_unknown_names_wait_like_known_ones(house: Database, alice: User) -> None:
    for _ in range(ATTEMPTS):
        await try_in(house, "nobody")

    assert await try_in(house, "nobody") == "wait 1"


async def test_name_and_address_of_one_account_share_their_count(house: Database, alice: User) -> None:
    for number in range(ATTEMPTS):
        await try_in(house, "alice" if number % 2 else "alice@example.org")

    assert await try_in(house, "alice@example.org") == "wait 1"


async def test_other_accounts_behind_the_same_address_sign_in(
    house: Database, alice: User, root: User
) -> None:
    for _ in range(ATTEMPTS + 1):
        await try_in(house, "alice")

    assert await try_in(house, "root", PASSWORD) == "ok"


async def test_the_owner_signs_in_while_a_stranger_waits(house: Database, alice: User) -> None:
    for _ in range(ATTEMPTS + 1):
        await try_in(house, "alice", address="198.51.100.7")

    assert await try_in(house, "alice", PASSWORD) == "ok"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.10", "192.0.2.200", True),
        ("192.0.2.10", "192.0.3.10", False),
        ("::ffff:192.0.2.10", "192.0.2.11", True),
        ("2001:db8::1", "2001:db8::ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2", True),
        ("", "not an address", True),
    ],
)
def test_neighbours_count_as_one(one: str, other: str, same: bool) -> None:
    assert (throttle.network(one) == throttle.network(other)) is same


async def test_many_networks_together_must_wait_but_not_where_the_account_is_at_home(
    house: Database, alice: User, settings: Settings
) -> None:
    house.parts.add(settings.model_copy(update={"signin_attempts": 2}))
    async with house.session() as session:
        await sessions.open_cookie(session, alice.id, address=ADDRESS)
    for number in range(2 * 10):
        await try_in(house, "alice", address=f"203.0.{number}.1")

    assert await try_in(house, "alice", PASSWORD, address="198.51.100.7") == "wait 1"
    assert await try_in(house, "alice", PASSWORD, address="192.0.2.77") == "ok"


async def test_attempts_at_the_same_moment_do_not_slip_through(house: Database, alice: User) -> None:
    outcomes = await asyncio.gather(*(try_in(house, "alice") for _ in range(ATTEMPTS + 20)))

    assert outcomes.count("credentials_rejected") == ATTEMPTS


async def test_many_right_sign_ins_at_the_same_moment_all_get_in(house: Database, alice: User) -> None:
    outcomes = await asyncio.gather(*(try_in(house, "alice", PASSWORD) for _ in range(ATTEMPTS + 5)))

    assert set(outcomes) == {"ok"}


async def test_a_clock_set_back_lets_nobody_wait_longer(
    house: Database, alice: User, clock: FrozenClock
) -> None:
    for _ in range(ATTEMPTS):
        await try_in(house, "alice")
    clock.advance(-3600)

    assert await try_in(house, "alice") == "wait 1"


async def test_counts_are_kept_in_the_store(house: Database, alice: User) -> None:
    for _ in range(ATTEMPTS):
        await try_in(house, "alice")

    async with house.reader() as session:
        rows = (await session.scalars(select(SigninFailures))).all()
    assert [row.failures for row in rows] == [ATTEMPTS, ATTEMPTS]
    assert "alice" not in repr([row.key for row in rows])


async def test_only_the_first_wait_is_audited(house: Database, alice: User) -> None:
    for name in ("alice", "nobody"):
        for _ in range(ATTEMPTS + 5):
            await try_in(house, name)

    async with house.reader() as session:
        entries = await audit.list_entries(session, action="account.sign_in_throttled")
    assert [entry.target for entry in entries] == ["", f"user:{alice.id}"]


async def test_disabled_account_is_named_only_to_who_knows_the_password(
    house: Database, alice: User, root: User
) -> None:
    async with house.session() as session:
        await administration.disable(session, alice.id, actor=Principal(user_id=root.id))

    with pytest.raises(CredentialsRejected) as stranger:
        await signin.sign_in(house, identity="alice", password="wrong password", address=ADDRESS)
    with pytest.raises(AccountDisabled):
        await signin.sign_in(house, identity="alice", password=PASSWORD, address=ADDRESS)

    assert stranger.value.code == "credentials_rejected"


async def test_password_that_was_changed_while_it_was_checked_does_not_sign_in(
    house: Database, alice: User
) -> None:
    renewed = await passwords.hash("a new horse battery")
    async with house.reader() as session:
        place = throttle.place(session, user_id=alice.id, identity="", address=ADDRESS)
    async with throttle.one_at_a_time(place) as gate:
        attempt = asyncio.ensure_future(try_in(house, "alice", PASSWORD))
        while not gate._waiters:  # until it has read the old hash and waits for its turn
            await asyncio.sleep(0)
        async with house.session() as session:
            await session.execute(update(User).where(User.id == alice.id).values(password_hash=renewed))

    assert await attempt == "credentials_rejected"


@pytest.mark.usefixtures("real_cost")
async def test_signing_in_brings_an_old_hash_up_to_date(house: Database, alice: User) -> None:
    old = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    async with house.session() as session:
        await session.execute(update(User).where(User.id == alice.id).values(password_hash=old))

    assert await try_in(house, "alice", PASSWORD) == "ok"

    async with house.reader() as session:
        renewed = (await profiles.get(session, alice.id)).password_hash
    assert "m=19456,t=2,p=1" in renewed
    assert await try_in(house, "alice", PASSWORD) == "ok"


async def test_a_hash_that_is_none_lets_nobody_in(house: Database, alice: User) -> None:
    async with house.session() as session:
        await session.execute(update(User).where(User.id == alice.id).values(password_hash="!"))

    assert await try_in(house, "alice", "!") == "credentials_rejected"


async def test_sign_in_is_audited_with_its_address(house: Database, alice: User) -> None:
    await signin.sign_in(
        house, identity="alice", password=PASSWORD, address=ADDRESS, user_agent="Browser\r\nX: 1"
    )

    async with house.reader() as session:
        [entry] = await audit.list_entries(session, action="account.signed_in")
    assert (entry.actor_user_id, entry.address) == (alice.id, ADDRESS)
    assert PASSWORD not in entry.details
