"""Changing and resetting the password."""

import asyncio
from email import message_from_bytes
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import func, select

from botyard.core import audit
from botyard.core.accounts import administration, password_change, password_reset, passwords, sessions, signin
from botyard.core.accounts.authentication import Authenticator
from botyard.core.accounts.errors import OldPasswordRejected, PasswordTooWeak, ResetRejected, SessionOver
from botyard.core.accounts.models import OneTimeToken, User
from botyard.core.accounts.types import Principal
from botyard.core.jobs.models import JobRow
from botyard.core.mail.models import Outgoing
from botyard.core.vault.models import VaultRecord
from botyard.kit import clock as clocks
from botyard.kit.clock import FrozenClock
from botyard.kit.db import Database
from botyard.kit.errors import CredentialsRejected, Invalid, TooMany
from botyard.settings import Settings
from tests.core.accounts.people import ADDRESS, PASSWORD

NEW = "a new horse battery"


async def signs_in(db: Database, password: str) -> bool:
    try:
        await signin.sign_in(db, identity="alice", password=password, address=ADDRESS)
    except CredentialsRejected:
        return False
    return True


async def open_cookie(db: Database, user: User) -> str:
    async with db.session() as session:
        return await sessions.open_cookie(session, user.id, address=ADDRESS)


async def request(db: Database, email: str) -> None:
    async with db.session() as session:
        await password_reset.request(session, email)


async def make_token(db: Database, user: User) -> str:
    async with db.session() as session:
        return await password_reset.make_token(session, user)


def mails(folder: Path) -> list[Any]:
    return [message_from_bytes(file.read_bytes()) for file in sorted(folder.glob("*.eml"))]


# --- change ------------------------------------------------------------------------------------------


async def test_change_ends_every_other_session(
    house: Database, alice: User, authenticator: Authenticator
) -> None:
    mine, other = await open_cookie(house, alice), await open_cookie(house, alice)
    actor = await authenticator.resolve_cookie(mine)

    await password_change.change(house, actor=actor, old_password=PASSWORD, new_password=NEW, address=ADDRESS)

    assert not await signs_in(house, PASSWORD)
    assert await signs_in(house, NEW)
    await authenticator.resolve_cookie(mine)
    with pytest.raises(SessionOver):
        await authenticator.resolve_cookie(other)
    async with house.reader() as session:
        [entry] = await audit.list_entries(session, action="account.password_changed")
    assert (entry.actor_ref, entry.address) == (f"session:{actor.session_id}", ADDRESS)


async def test_wrong_old_password_changes_nothing_and_counts(house: Database, alice: User) -> None:
    actor = Principal(user_id=alice.id)
    for _ in range(Settings(_env_file=None).signin_attempts):
        with pytest.raises(OldPasswordRejected):
            await password_change.change(
                house, actor=actor, old_password="wrong password", new_password=NEW, address=ADDRESS
            )

    with pytest.raises(TooMany):
        await password_change.change(
            house, actor=actor, old_password=PASSWORD, new_password=NEW, address=ADDRESS
        )


async def test_new_password_must_be_long_enough(house: Database, alice: User) -> None:
    with pytest.raises(PasswordTooWeak):
        await password_change.change(
            house, actor=Principal(user_id=alice.id), old_password=PASSWORD, new_password="short"
        )

    assert await signs_in(house, PASSWORD)


async def test_two_changes_at_once_do_not_both_hold(house: Database, alice: User) -> None:
    changes = [
        password_change.change(
            house,
            actor=Principal(user_id=alice.id),
            old_password=PASSWORD,
            new_password=f"{NEW} {number}",
            address=f"192.0.{number}.1",
        )
        for number in range(2)
    ]
    outcomes = await asyncio.gather(*changes, return_exceptions=True)

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NoneType", "OldPasswordRejected"]


# --- reset -------------------------------------------------------------------------------------------


async def test_reset_by_mail(
    house: Database, alice: User, queue: Any, outbox: Path, clock: FrozenClock
) -> None:
    cookie = await open_cookie(house, alice)
    await request(house, " Alice@Example.org ")
    await queue.run(house)

    [mail] = mails(outbox)
    assert mail["To"] == "alice@example.org"
    link = next(line for line in mail.get_payload(decode=True).decode().splitlines() if "://" in line)
    [token] = parse_qs(urlsplit(link).query)["token"]
    await password_reset.complete(house, token, NEW, address=ADDRESS)

    assert not await signs_in(house, PASSWORD)
    assert await signs_in(house, NEW)
    with pytest.raises(SessionOver):
        await house.parts.get(Authenticator).resolve_cookie(cookie)
    async with house.reader() as session:
        assert len(await audit.list_entries(session, action="account.password_reset")) == 1


async def test_request_leaves_the_same_trace_for_an_unknown_address(
    house: Database, alice: User, queue: Any, outbox: Path
) -> None:
    async def trace(email: str) -> list[Any]:
        await request(house, email)
        counted = [passwords.computed()]
        async with house.reader() as session:
            for table in (JobRow, OneTimeToken, Outgoing, VaultRecord):
                counted.append(await session.scalar(select(func.count()).select_from(table)))
        return counted

    before = [passwords.computed(), 0, 0, 0, 1]  # the vault holds the key of the audit log
    known, unknown = await trace("alice@example.org"), await trace("nobody@example.org")

    assert known == [before[0], 1, 0, 0, 1]
    assert unknown == [before[0], 2, 0, 0, 1]
    await queue.run(house)
    assert [mail["To"] for mail in mails(outbox)] == ["alice@example.org"]


async def test_what_is_no_address_is_refused(house: Database, queue: Any) -> None:
    for wrong in ("", "alice", "a@b\r\nBcc: eve@example.org"):
        with pytest.raises(Invalid):
            await request(house, wrong)

    assert queue.rows == []


async def test_asking_often_sends_one_mail_a_minute(
    house: Database, alice: User, queue: Any, outbox: Path, clock: FrozenClock
) -> None:
    for _ in range(5):
        await request(house, "alice@example.org")
        clock.advance(5)
    await queue.run(house)
    assert len(mails(outbox)) == 1

    clock.advance(60)
    await request(house, "alice@example.org")
    await queue.run(house)
    assert len(mails(outbox)) == 2


async def test_link_is_in_no_table_and_gone_from_the_vault_once_delivered(
    house: Database, alice: User, queue: Any, outbox: Path
) -> None:
    await request(house, "alice@example.org")
    await queue.run(house)

    token = mails(outbox)[0].get_payload(decode=True).decode().partition("token=")[2].split()[0]
    async with house.reader() as session:
        rows = [
            vars(row)
            for table in (JobRow, OneTimeToken, Outgoing)
            for row in await session.scalars(select(table))
        ]
        assert not list(await session.scalars(select(VaultRecord).where(VaultRecord.kind == "mail")))
    assert len(rows) == 4  # two jobs, one token, one mail
    assert token not in repr(rows)


async def test_disabled_account_gets_no_link(
    house: Database, alice: User, root: User, queue: Any, outbox: Path
) -> None:
    async with house.session() as session:
        await administration.disable(session, alice.id, actor=Principal(user_id=root.id))
    await request(house, "alice@example.org")
    await queue.run(house)

    assert mails(outbox) == []


async def test_token_is_good_once(house: Database, alice: User) -> None:
    token = await make_token(house, alice)
    await password_reset.complete(house, token, NEW)

    with pytest.raises(ResetRejected):
        await password_reset.complete(house, token, PASSWORD)
    assert await signs_in(house, NEW)
    async with house.reader() as session:
        assert (await session.scalars(select(OneTimeToken.used_at))).all() == [clocks.now()]


async def test_token_used_from_many_sides_at_once_sets_one_password(house: Database, alice: User) -> None:
    token = await make_token(house, alice)

    outcomes = await asyncio.gather(
        *(password_reset.complete(house, token, f"{NEW} {number}") for number in range(4)),
        return_exceptions=True,
    )

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NoneType"] + ["ResetRejected"] * 3
    winner = outcomes.index(None)
    assert await signs_in(house, f"{NEW} {winner}")


async def test_token_ends_after_an_hour(house: Database, alice: User, clock: FrozenClock) -> None:
    token = await make_token(house, alice)
    clock.advance(3600)

    with pytest.raises(ResetRejected):
        await password_reset.complete(house, token, NEW)


async def test_changing_the_password_voids_a_link_on_its_way(house: Database, alice: User) -> None:
    token = await make_token(house, alice)
    await password_change.change(
        house, actor=Principal(user_id=alice.id), old_password=PASSWORD, new_password=NEW
    )

    with pytest.raises(ResetRejected):
        await password_reset.complete(house, token, PASSWORD)


async def test_newer_link_voids_the_older(house: Database, alice: User) -> None:
    older, newer = await make_token(house, alice), await make_token(house, alice)

    with pytest.raises(ResetRejected):
        await password_reset.complete(house, older, NEW)
    await password_reset.complete(house, newer, NEW)


async def test_made_up_token_is_refused_before_any_costly_work(house: Database, alice: User) -> None:
    before = passwords.computed()

    for token in ("", "x", "\x00", "\ud800", "ü", "A" * 43, "x" * 100_000):
        with pytest.raises(ResetRejected):
            await password_reset.complete(house, token, NEW)

    assert passwords.computed() == before


async def test_short_password_does_not_use_the_token_up(house: Database, alice: User) -> None:
    token = await make_token(house, alice)
    with pytest.raises(PasswordTooWeak):
        await password_reset.complete(house, token, "short")

    await password_reset.complete(house, token, NEW)


async def test_reset_does_not_go_around_the_second_factor(house: Database, alice: User) -> None:
    from botyard.core.accounts import second_factor
    from tests.core.accounts.test_second_factor import begin, code_of, confirm

    secret = (await begin(house, alice)).secret
    await confirm(house, alice, code_of(secret))
    await password_reset.complete(house, await make_token(house, alice), NEW)

    assert not await signs_in_without_code(house)
    async with house.reader() as session:
        assert await second_factor.is_on(session, alice.id)


async def signs_in_without_code(db: Database) -> bool:
    from botyard.kit.errors import SecondFactorRequired

    try:
        return await signs_in(db, NEW)
    except SecondFactorRequired:
        return False
