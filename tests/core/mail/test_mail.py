"""Outgoing mail: leaves with its transaction, carries nobody's headers, leaves no secret behind."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.message import Message
from email.policy import default
from pathlib import Path
from typing import Any

import aiosmtplib
import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope
from sqlalchemy import select

from botyard.core import vault
from botyard.core.accounts import deletion
from botyard.core.accounts.models import User
from botyard.core.mail import jobs, mailer, service
from botyard.core.mail.mailer import FolderMailer, Mailer, SmtpMailer
from botyard.core.mail.message import compose
from botyard.core.mail.models import Outgoing
from botyard.core.vault.models import VaultRecord
from botyard.kit.clock import FrozenClock
from botyard.kit.db import Database
from botyard.kit.errors import Invalid
from botyard.settings import Settings

TEXT = "Follow https://example.org/?token=hush – éàü\n.\nFrom here it goes on.\n"


async def send(db: Database, **more: Any) -> str:
    fields: dict[str, Any] = {"to": "alice@example.org", "subject": "Grüße", "text": TEXT}
    async with db.session() as session:
        return await service.send(session, **fields | more)


async def stored(db: Database, mail_id: str) -> Outgoing:
    async with db.reader() as session:
        return await session.get_one(Outgoing, mail_id)


async def texts_left(db: Database) -> int:
    async with db.reader() as session:
        return len(list(await session.scalars(select(VaultRecord).where(VaultRecord.kind == jobs.KIND))))


def parsed(folder: Path) -> list[Message]:
    return [message_from_bytes(file.read_bytes(), policy=default) for file in sorted(folder.glob("*.eml"))]


async def test_mail_arrives_as_a_file_only_its_owner_reads(
    house: Database, queue: Any, outbox: Path, clock: FrozenClock
) -> None:
    mail_id = await send(house)
    assert await queue.run(house) == ["sent"]

    [mail] = parsed(outbox)
    assert (mail["To"], mail["Subject"], mail["From"]) == ("alice@example.org", "Grüße", "botyard@localhost")
    assert mail.get_content().replace("\r\n", "\n") == TEXT  # type: ignore[attr-defined]
    [file] = outbox.iterdir()
    assert (file.name, file.stat().st_mode & 0o777) == (f"{mail_id}.eml", 0o600)
    row = await stored(house, mail_id)
    assert (row.state, row.sent_at) == ("sent", clock.now())


async def test_text_is_sealed_until_delivered_and_gone_after(
    house: Database, queue: Any, outbox: Path
) -> None:
    mail_id = await send(house)

    assert "hush" not in repr(vars(await stored(house, mail_id)))
    assert "hush" not in repr(queue.rows[0].args)
    assert await texts_left(house) == 1
    await queue.run(house)
    assert await texts_left(house) == 0


async def test_mail_of_a_transaction_that_fails_is_never_sent(
    house: Database, queue: Any, outbox: Path
) -> None:
    async def fail() -> None:
        async with house.session() as session:
            await service.send(session, to="alice@example.org", subject="x", text="y")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()

    async with house.reader() as session:
        assert await service.list_outgoing(session) == []
    assert await texts_left(house) == 0


@pytest.mark.parametrize(
    ("to", "subject"),
    [
        ("alice@example.org\r\nBcc: eve@example.org", "x"),
        ("alice@example.org\nBcc: eve@example.org", "x"),
        ("alice@example.org, eve@example.org", "x"),
        ("Alice <alice@example.org>", "x"),
        ("", "x"),
        ("alice@example.org", "x\r\nBcc: eve@example.org"),
        ("alice@example.org", "x\nBcc: eve@example.org"),
        ("alice@example.org", "x\x0bBcc: eve@example.org"),
        ("alice@example.org", "x\u2028Bcc: eve@example.org"),
        ("alice@example.org", " "),
        ("alice@example.org", "x" * 201),
    ],
)
def test_headers_cannot_be_smuggled(to: str, subject: str) -> None:
    with pytest.raises(Invalid):
        compose(mail_id="mail_1", sender="a@b.c", to=to, subject=subject, text="x")


async def test_mail_with_such_headers_does_not_enter_the_outbox(house: Database, queue: Any) -> None:
    for wrong in ({"to": "alice@example.org\nBcc: eve@example.org"}, {"subject": "x\nBcc: eve@example.org"}):
        with pytest.raises(Invalid):
            await send(house, **wrong)

    assert queue.rows == []


async def test_text_cannot_become_a_header(house: Database, queue: Any, outbox: Path) -> None:
    await send(house, text="\r\nBcc: eve@example.org\r\n\r\nbody")
    await queue.run(house)

    [mail] = parsed(outbox)
    assert mail["Bcc"] is None
    assert "Bcc: eve@example.org" in mail.get_content()  # type: ignore[attr-defined]


async def test_delivering_again_changes_nothing(house: Database, queue: Any, outbox: Path) -> None:
    mail_id = await send(house)
    await queue.run(house)

    assert await jobs.deliver.run_inline(house, mail_id=mail_id) == "sent"
    assert await jobs.deliver.run_inline(house, mail_id="mail_none") == "gone"
    assert len(parsed(outbox)) == 1


async def test_crash_between_delivery_and_commit_repeats_the_same_file(
    house: Database, queue: Any, outbox: Path
) -> None:
    class Crashing(FolderMailer):
        async def deliver(self, mail_id: str, message: Any) -> None:
            await super().deliver(mail_id, message)
            raise asyncio.CancelledError

    house.parts.add(Crashing(outbox), kind=Mailer)
    mail_id = await send(house)
    with pytest.raises(asyncio.CancelledError):
        await jobs.deliver.run_inline(house, mail_id=mail_id)
    assert (await stored(house, mail_id)).state == "waiting"

    house.parts.add(FolderMailer(outbox), kind=Mailer)
    await queue.run(house)

    assert len(list(outbox.iterdir())) == 1


async def test_failure_is_noted_and_raised_for_another_try(house: Database, queue: Any) -> None:
    class Refusing:
        async def deliver(self, mail_id: str, message: Any) -> None:
            raise aiosmtplib.SMTPRecipientRefused(550, "no\x00 such user", "alice@example.org")

    house.parts.add(Refusing(), kind=Mailer)
    mail_id = await send(house)

    with pytest.raises(aiosmtplib.SMTPRecipientRefused):
        await queue.run(house)

    row = await stored(house, mail_id)
    assert (row.state, row.attempts, "SMTPRecipientRefused" in row.last_error) == ("waiting", 1, True)
    assert await texts_left(house) == 1


async def test_mail_that_failed_is_tried_again_once_an_hour(
    house: Database, queue: Any, outbox: Path, clock: FrozenClock
) -> None:
    mail_id = await send(house)
    queue.rows.clear()  # all its tries failed
    await jobs.tidy.run_inline(house)
    assert queue.rows == []  # too young: it may still be under way

    clock.advance(3600)
    await jobs.tidy.run_inline(house)
    await jobs.tidy.run_inline(house)
    assert [row.args for row in queue.rows] == [{"mail_id": mail_id}]
    assert await queue.run(house) == ["sent"]
    clock.advance(3600)
    await jobs.tidy.run_inline(house)
    assert queue.rows == []


async def test_mail_nobody_takes_is_given_up_with_its_text(
    house: Database, queue: Any, clock: FrozenClock
) -> None:
    mail_id = await send(house)
    clock.advance(jobs.GIVE_UP_AFTER.total_seconds())
    await jobs.tidy.run_inline(house)
    assert await texts_left(house) == 1

    clock.advance(1)
    await jobs.tidy.run_inline(house)
    assert ((await stored(house, mail_id)).state, await texts_left(house)) == ("given_up", 0)

    clock.advance(40 * 86400)
    await jobs.tidy.run_inline(house)
    async with house.reader() as session:
        assert await service.list_outgoing(session) == []


async def test_mails_of_a_deleted_account_are_forgotten(
    house: Database, alice: User, queue: Any, outbox: Path
) -> None:
    await send(house, account_id=alice.id)
    async with house.session() as session:
        await deletion.delete_account(session, alice.id)

    assert await queue.run(house) == ["gone"]
    assert parsed(outbox) == []
    async with house.reader() as session:
        assert await service.list_outgoing(session) == []


async def test_mail_whose_secret_was_shredded_meanwhile_is_not_sent(
    house: Database, alice: User, queue: Any, outbox: Path
) -> None:
    await send(house, account_id=alice.id)
    async with house.session() as session:
        await vault.shred(session, account_id=alice.id)

    assert await queue.run(house) == ["gone"]
    assert parsed(outbox) == []


async def test_text_changed_in_the_table_is_not_sent(house: Database, queue: Any, outbox: Path) -> None:
    await send(house)
    async with house.session() as session:
        row = (await session.scalars(select(VaultRecord).where(VaultRecord.kind == jobs.KIND))).one()
        row.ciphertext = row.ciphertext[:-1] + bytes([row.ciphertext[-1] ^ 1])

    with pytest.raises(vault.VaultCorrupt):
        await queue.run(house)
    assert not outbox.exists()


# --- SMTP --------------------------------------------------------------------------------------------


class Inbox:
    """Takes what a mail server is handed."""

    def __init__(self) -> None:
        self.received: list[Envelope] = []
        self.logins: list[tuple[bytes, bytes]] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        self.received.append(envelope)
        return "250 OK"

    def login(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == b"p@ss/word")


@asynccontextmanager
async def smtp_server(inbox: Inbox, **options: Any) -> AsyncIterator[int]:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(inbox, loop=loop, **options), "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_mail_is_handed_to_the_smtp_server(house: Database, queue: Any) -> None:
    inbox = Inbox()
    async with smtp_server(inbox) as port:
        house.parts.add(SmtpMailer(f"smtp://127.0.0.1:{port}"), kind=Mailer)
        await send(house)
        assert await queue.run(house) == ["sent"]

    [envelope] = inbox.received
    assert (envelope.mail_from, envelope.rcpt_tos) == ("botyard@localhost", ["alice@example.org"])
    mail = message_from_bytes(envelope.content, policy=default)  # type: ignore[arg-type]
    assert mail["Subject"] == "Grüße"
    assert mail.get_content().replace("\r\n", "\n") == TEXT


async def test_user_and_password_of_the_address_are_decoded(house: Database, queue: Any) -> None:
    inbox = Inbox()
    async with smtp_server(inbox, authenticator=inbox.login, auth_require_tls=False) as port:
        house.parts.add(SmtpMailer(f"smtp://us%40er:p%40ss%2Fword@127.0.0.1:{port}"), kind=Mailer)
        await send(house)
        await queue.run(house)

    assert inbox.logins == [(b"us@er", b"p@ss/word")]


async def test_server_that_is_away_is_an_error_for_another_try(house: Database, queue: Any) -> None:
    async with smtp_server(Inbox()) as port:
        pass
    house.parts.add(SmtpMailer(f"smtp://127.0.0.1:{port}"), kind=Mailer)
    await send(house)

    with pytest.raises(aiosmtplib.SMTPConnectError):
        await queue.run(house)


async def test_password_is_not_sent_in_clear_to_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    async def send(message: Any, **options: Any) -> None:
        asked.update(options)

    monkeypatch.setattr(aiosmtplib, "send", send)
    message = compose(mail_id="m", sender="a@b.c", to="d@e.f", subject="x", text="y")

    await SmtpMailer("smtp://u:p@mail.example.org").deliver("m", message)
    assert (asked["port"], asked["use_tls"], asked["start_tls"]) == (587, False, True)
    await SmtpMailer("smtps://u:p@mail.example.org").deliver("m", message)
    assert (asked["port"], asked["use_tls"], asked["start_tls"]) == (465, True, False)
    await SmtpMailer("smtp://u:p@localhost:25").deliver("m", message)
    assert (asked["port"], asked["start_tls"]) == (25, False)
    await SmtpMailer("smtp://mail.example.org:25").deliver("m", message)
    assert asked["start_tls"] is None


@pytest.mark.parametrize("url", ["http://host", "smtp://", "mail.example.org", "smtp:host"])
def test_address_of_no_mail_server_is_refused(url: str) -> None:
    with pytest.raises(Invalid):
        SmtpMailer(url)


def test_settings_choose_the_mailer(tmp_path: Path) -> None:
    files = mailer.from_settings(Settings(_env_file=None, data_dir=tmp_path))
    assert isinstance(files, FolderMailer)
    assert files.folder == tmp_path / "mail"
    assert isinstance(
        mailer.from_settings(Settings(_env_file=None, smtp_url="smtp://mail.example.org")), SmtpMailer
    )
