"""The port to the outside: a server that speaks SMTP, or a folder."""

import asyncio
import ipaddress
import os
from email.message import EmailMessage
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

import aiosmtplib

from botyard.kit.errors import Invalid
from botyard.settings import Settings

TIMEOUT_S = 30


class Mailer(Protocol):
    """Delivers one message; raises OSError or aiosmtplib.SMTPException when it could not."""

    async def deliver(self, mail_id: str, message: EmailMessage) -> None:
        """The same `mail_id` may come twice, when it is not known whether the first delivery worked."""
        ...


class FolderMailer:
    """Writes each mail as a file that any mail program opens; for servers without SMTP, and for tests."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def deliver(self, mail_id: str, message: EmailMessage) -> None:
        """The file appears whole, readable by its owner only; delivering again replaces it with the same."""
        await asyncio.to_thread(self._write, mail_id, bytes(message))

    def _write(self, mail_id: str, content: bytes) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = self.folder / f".{mail_id}.{os.getpid()}.part"
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.rename(self.folder / f"{mail_id}.eml")


class SmtpMailer:
    """Hands mails to an SMTP server; with a password never in clear over a network."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            raise Invalid(
                "BOTYARD_SMTP_URL is written smtp://user:password@host:587 or smtps://user:password@host:465."
            )
        self.host = parts.hostname
        self.tls = parts.scheme == "smtps"
        self.port = parts.port or (465 if self.tls else 587)
        self.username = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None

    async def deliver(self, mail_id: str, message: EmailMessage) -> None:
        """Raises aiosmtplib.SMTPException or OSError when the server does not take it."""
        # None takes STARTTLS where it is offered; a password insists on it. On this machine nobody listens
        # in between, and mail servers there come with certificates that nobody signed.
        starttls = False if self.tls or _is_loopback(self.host) else (True if self.username else None)
        await aiosmtplib.send(
            message,
            hostname=self.host,
            port=self.port,
            username=self.username,
            password=self._password,
            use_tls=self.tls,
            start_tls=starttls,
            timeout=TIMEOUT_S,
        )


def from_settings(settings: Settings) -> Mailer:
    """The mailer that the settings choose. Raises Invalid for an address of no mail server."""
    url = settings.smtp_url.get_secret_value()
    return SmtpMailer(url) if url else FolderMailer(settings.outbox)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
