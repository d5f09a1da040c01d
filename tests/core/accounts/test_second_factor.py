"""The second factor: each code once, each recovery code once, and no way around it."""

import asyncio
import base64
from urllib.parse import parse_qs, unquote, urlsplit

import pyotp
import pytest
from sqlalchemy import select

from botyard.core import audit
from botyard.core.accounts import codes, second_factor, signin
from botyard.core.accounts.errors import CodeRejected, NoEnrolment, SecondFactorOn
from botyard.core.accounts.models import RecoveryCode, SecondFactor, User
from botyard.core.vault.models import VaultRecord
from botyard.kit import clock as clocks
from botyard.kit.clock import FrozenClock
from botyard.kit.db import Database
from botyard.kit.errors import CredentialsRejected, SecondFactorRequired, TooMany
from botyard.settings import Settings
from tests.core.accounts.people import ADDRESS, PASSWORD

STEP_S = 30


def code_of(secret: str, *, steps: int = 0) -> str:
    return pyotp.TOTP(secret).at(clocks.now(), counter_offset=steps)


async def begin(db: Database, user: User) -> second_factor.Enrolment:
    async with db.session() as session:
        return await second_factor.begin(session, user)


async def confirm(db: Database, user: User, code: str) -> list[str]:
    async with db.session() as session:
        return await second_factor.confirm(session, user, code)


async def check(db: Database, user: User, code: str) -> bool:
    async with db.session() as session:
        return await second_factor.check(session, user.id, code)


async def turn_on(db: Database, user: User, clock: FrozenClock) -> tuple[str, list[str]]:
    """Secret and recovery codes of a factor whose confirming code is two steps back."""
    secret = (await begin(db, user)).secret
    recovery = await confirm(db, user, code_of(secret))
    clock.advance(2 * STEP_S)
    return secret, recovery


async def test_enrolment_shows_the_same_secret_as_text_link_and_picture(house: Database, alice: User) -> None:
    enrolment = await begin(house, alice)

    link = urlsplit(enrolment.otpauth_url)
    assert (link.scheme, link.netloc, unquote(link.path)) == ("otpauth", "totp", "/Botyard:alice")
    assert parse_qs(link.query) == {"secret": [enrolment.secret], "issuer": ["Botyard"]}
    assert len(base64.b32decode(enrolment.secret)) == 20
    assert enrolment.qr_svg_data_uri.startswith("data:image/svg+xml")
    png = base64.b64decode(enrolment.qr_png_data_uri.removeprefix("data:image/png;base64,"))
    assert png.startswith(b"\x89PNG\r\n")


async def test_secret_and_recovery_codes_are_not_stored_in_clear(
    house: Database, alice: User, clock: FrozenClock
) -> None:
    secret, recovery = await turn_on(house, alice, clock)

    async with house.reader() as session:
        tables = (SecondFactor, RecoveryCode, VaultRecord)
        rows = repr([vars(row) for table in tables for row in await session.scalars(select(table))])
    assert not any(hidden in rows for hidden in (secret, base64.b32decode(secret).hex(), *recovery))


async def test_factor_is_off_until_confirmed(house: Database, alice: User) -> None:
    enrolment = await begin(house, alice)

    await signin.sign_in(house, identity="alice", password=PASSWORD, address=ADDRESS)
    assert not await check(house, alice, code_of(enrolment.secret))


async def test_beginning_again_replaces_the_secret(house: Database, alice: User) -> None:
    first, second = await begin(house, alice), await begin(house, alice)

    with pytest.raises(CodeRejected):
        await confirm(house, alice, code_of(first.secret))
    assert len(await confirm(house, alice, code_of(second.secret))) == 10


async def test_beginning_twice_at_once_leaves_one_secret(house: Database, alice: User) -> None:
    both = await asyncio.gather(begin(house, alice), begin(house, alice))

    accepted = 0
    for enrolment in both:
        try:
            accepted += len(await confirm(house, alice, code_of(enrolment.secret))) == 10
        except (CodeRejected, SecondFactorOn):  # by which of the two stayed, and so by its turn here
            continue
    assert accepted == 1


async def test_wrong_code_does_not_turn_it_on(house: Database, alice: User) -> None:
    enrolment = await begin(house, alice)

    for wrong in ("", "000000x", "12345", code_of(enrolment.secret, steps=9), "١٢٣٤٥٦"):
        with pytest.raises(CodeRejected):
            await confirm(house, alice, wrong)


async def test_confirming_without_beginning_or_twice_is_refused(
    house: Database, alice: User, clock: FrozenClock
) -> None:
    with pytest.raises(NoEnrolment):
        await confirm(house, alice, "123456")
    secret, _ = await turn_on(house, alice, clock)
    with pytest.raises(SecondFactorOn):
        await confirm(house, alice, code_of(secret))
    with pytest.raises(SecondFactorOn):
        await begin(house, alice)


async def test_password_alone_does_not_sign_in(house: Database, alice: User, clock: FrozenClock) -> None:
    secret, _ = await turn_on(house, alice, clock)

    for nothing in (None, ""):
        with pytest.raises(SecondFactorRequired):
            await signin.sign_in(
                house, identity="alice", password=PASSWORD, totp_code=nothing, address=ADDRESS
            )
    with pytest.raises(CredentialsRejected) as wrong_password:
        await signin.sign_in(
            house, identity="alice", password="wrong password", totp_code=code_of(secret), address=ADDRESS
        )
    assert str(wrong_password.value) == "Name or password is wrong."
    user = await signin.sign_in(
        house, identity="alice", password=PASSWORD, totp_code=code_of(secret), address=ADDRESS
    )
    assert user.id == alice.id


async def test_code_is_good_once(house: Database, alice: User, clock: FrozenClock) -> None:
    secret, _ = await turn_on(house, alice, clock)
    code = code_of(secret)
    assert await check(house, alice, code)

    assert not await check(house, alice, code)
    clock.advance(STEP_S)  # still within the window
    assert not await check(house, alice, code)
    assert await check(house, alice, code_of(secret))


async def test_code_that_confirmed_does_not_sign_in(house: Database, alice: User) -> None:
    secret = (await begin(house, alice)).secret
    code = code_of(secret)
    await confirm(house, alice, code)

    assert not await check(house, alice, code)


async def test_older_code_is_void_once_a_newer_was_used(
    house: Database, alice: User, clock: FrozenClock
) -> None:
    secret, _ = await turn_on(house, alice, clock)

    assert await check(house, alice, code_of(secret, steps=1))
    assert not await check(house, alice, code_of(secret))
    assert not await check(house, alice, code_of(secret, steps=-1))


@pytest.mark.parametrize(("steps", "good"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
async def test_window_is_one_step_to_either_side(
    house: Database, alice: User, clock: FrozenClock, steps: int, good: bool
) -> None:
    secret, _ = await turn_on(house, alice, clock)
    clock.advance(10 * STEP_S)

    assert await check(house, alice, code_of(secret, steps=steps)) is good


async def test_same_code_from_two_sides_at_once_lets_one_in(
    house: Database, alice: User, clock: FrozenClock
) -> None:
    secret, _ = await turn_on(house, alice, clock)

    accepted = await asyncio.gather(*(check(house, alice, code_of(secret)) for _ in range(6)))

    assert sorted(accepted) == [False] * 5 + [True]


async def test_recovery_code_is_good_once_however_it_is_typed(
    house: Database, alice: User, clock: FrozenClock
) -> None:
    _, recovery = await turn_on(house, alice, clock)
    typed = f" {recovery[3].upper().replace('-', ' ')}"

    assert await check(house, alice, typed)
    assert not await check(house, alice, recovery[3])
    async with house.reader() as session:
        assert await second_factor.status(session, alice.id) == second_factor.Status(True, 9)
        [entry] = await audit.list_entries(session, action="account.recovery_code_used")
    assert entry.actor_user_id == alice.id


async def test_recovery_codes_differ_and_carry_eighty_bits(
    house: Database, alice: User, clock: FrozenClock
) -> None:
    _, recovery = await turn_on(house, alice, clock)

    assert len(set(recovery)) == 10
    assert {len(code.replace("-", "")) for code in recovery} == {16}  # five bits each


def test_misread_letters_of_a_code_make_no_difference() -> None:
    assert codes.digest("ABIL-0o00-1234-5678") == codes.digest("ab11 oooo 1234 5678")
    assert codes.digest("abcd") != codes.digest("abce")


async def test_renewing_voids_the_old_recovery_codes(
    house: Database, alice: User, clock: FrozenClock
) -> None:
    _, old = await turn_on(house, alice, clock)
    async with house.session() as session:
        new = await second_factor.renew_recovery_codes(session, alice.id)

    assert not await check(house, alice, old[0])
    assert await check(house, alice, new[0])


async def test_anothers_code_or_recovery_code_is_refused(
    house: Database, alice: User, root: User, clock: FrozenClock
) -> None:
    secret, recovery = await turn_on(house, alice, clock)
    await turn_on(house, root, clock)

    assert not await check(house, root, code_of(secret))
    assert not await check(house, root, recovery[0])


async def test_turning_off_voids_everything(house: Database, alice: User, clock: FrozenClock) -> None:
    secret, recovery = await turn_on(house, alice, clock)
    async with house.session() as session:
        await second_factor.disable(session, alice.id)

    await signin.sign_in(house, identity="alice", password=PASSWORD, address=ADDRESS)
    assert not await check(house, alice, code_of(secret))
    assert not await check(house, alice, recovery[0])
    async with house.reader() as session:
        assert not list(await session.scalars(select(VaultRecord).where(VaultRecord.account_id == alice.id)))
        assert await second_factor.status(session, alice.id) == second_factor.Status(False, 0)


async def test_guessing_codes_is_throttled_like_guessing_passwords(
    house: Database, alice: User, clock: FrozenClock
) -> None:
    await turn_on(house, alice, clock)
    for guess in range(Settings(_env_file=None).signin_attempts):
        with pytest.raises(CredentialsRejected):
            await signin.sign_in(
                house, identity="alice", password=PASSWORD, totp_code=f"{guess:06}", address=ADDRESS
            )

    with pytest.raises(TooMany):
        await signin.sign_in(house, identity="alice", password=PASSWORD, totp_code="123456", address=ADDRESS)


async def test_confirming_oneself_asks_for_the_code_where_one_is_given(
    house: Database, alice: User, clock: FrozenClock
) -> None:
    secret, _ = await turn_on(house, alice, clock)

    with pytest.raises(CredentialsRejected):
        await signin.confirm(house, alice.id, password=PASSWORD, totp_code="000000", address=ADDRESS)
    with pytest.raises(SecondFactorRequired):
        await signin.confirm(house, alice.id, password=PASSWORD, totp_code="", address=ADDRESS)
    await signin.confirm(house, alice.id, password=PASSWORD, totp_code=code_of(secret), address=ADDRESS)
    await signin.confirm(house, alice.id, password=PASSWORD, address=ADDRESS)
