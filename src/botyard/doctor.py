"""Looks at everything that can keep a server from running well, and says what to do about it."""

import os
import shutil
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from redis.asyncio import Redis
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from botyard import __version__, maintenance, migrations, server
from botyard.features.chatbots.knowledge import pgvector
from botyard.kit import temporary
from botyard.kit.errors import BotyardError
from botyard.migrations import CHAINS, HEADS, tables
from botyard.settings import Settings

assert tables.ALL
_LITTLE_BYTES = 1024**3


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `remedy` is what to do."""

    verdict: Literal["ok", "note", "wrong"]
    what: str
    remedy: str = ""


async def examine(settings: Settings) -> list[Finding]:
    """Every finding, in the order in which a start would meet them. Changes nothing."""
    return [finding async for finding in _examine(settings)]


async def _examine(settings: Settings) -> AsyncIterator[Finding]:
    yield Finding("ok", f"Botyard {__version__}")
    for finding in unknown_variables():
        yield finding
    yield _folder(settings.data_dir)
    yield _disk(settings.data_dir)
    yield _temporary()
    running = _running(settings)
    yield running
    if running.verdict == "ok":
        yield _port(settings)
    yield await _database(settings)
    if not settings.stores.embedded:
        for finding in _vectors(settings):
            yield finding
    yield await _keys(settings)
    if settings.redis_url:
        yield await _redis(settings.redis_url)
    yield _mail(settings)
    if settings.allow_private_networks:
        yield Finding(
            "note",
            "BOTYARD_ALLOW_PRIVATE_NETWORKS is on: users' webhooks can reach this machine's own network.",
            "Leave it off unless every account is trusted.",
        )


def unknown_variables() -> Iterator[Finding]:
    """Variables of ours that no setting has, with the one that was probably meant."""
    known = {f"BOTYARD_{name.upper()}" for name in Settings.model_fields}
    for name in sorted(name for name in os.environ if name.startswith("BOTYARD_") and name not in known):
        if "_TEST_" not in name:
            meant = get_close_matches(name, known, n=1)
            remedy = (
                f"Did you mean {meant[0]}?"
                if meant
                else "See docs/reference/settings.md for those there are."
            )
            yield Finding("note", f"{name} is set, and is no setting.", remedy)


def _folder(folder: Path) -> Finding:
    if not folder.exists():
        return Finding("note", f"The data folder {folder} does not exist yet; the first start makes it.")
    if folder.stat().st_mode & 0o007:
        return Finding(
            "wrong", f"Other users of this machine can look into {folder}.", f"Run: chmod 700 {folder}"
        )
    return Finding("ok", f"Data folder {folder.resolve()}")


def _disk(folder: Path) -> Finding:
    there = folder if folder.exists() else Path()
    free = shutil.disk_usage(there).free
    what = f"{free / 1024**3:.1f} GiB free on the disk of the data folder"
    if free < _LITTLE_BYTES:
        return Finding("wrong", what, "Free some space, or set BOTYARD_LOG_RETENTION_DAYS lower.")
    return Finding("ok", what)


def _temporary() -> Finding:
    if temporary.writable():
        return Finding("ok", "Temporary files can be written")
    return Finding(
        "wrong", "There is no folder for temporary files; chatbots cannot be trained.", temporary.REMEDY
    )


def _running(settings: Settings) -> Finding:
    if not settings.stores.embedded or not (settings.data_dir / server.LOCK).exists():
        return Finding("ok", "No other server holds the data folder")
    try:
        server.lock(settings.data_dir).close()
    except server.AlreadyRunning:
        return Finding("note", "A server is running on this data folder.")
    return Finding("ok", "No other server holds the data folder")


def _port(settings: Settings) -> Finding:
    try:
        sock: socket.socket = server.bind(settings.host, settings.port)
    except BotyardError as error:
        return Finding("wrong", str(error))
    sock.close()
    return Finding("ok", f"Port {settings.port} on {settings.host} is free")


async def _database(settings: Settings) -> Finding:
    stores = settings.stores
    if stores.embedded and not Path(str(stores.main.database)).exists():
        return Finding("note", "There is no database yet; the first start makes it.")
    try:
        for chain, url in zip(CHAINS, (stores.main, stores.stream), strict=True):
            if stores.embedded and not Path(str(url.database)).exists():
                return Finding(
                    "wrong",
                    f"The file {url.database} is missing.",
                    "Restore it from a backup, beside the other.",
                )
            with migrations.connect(url) as connection:
                found = migrations.current(connection, chain)
                if stores.embedded and connection.execute(text("PRAGMA quick_check")).scalar() != "ok":
                    return Finding(
                        "wrong", f"The file {url.database} is damaged.", "Restore it from a backup."
                    )
            if found != HEADS[chain.name]:
                return Finding(
                    "note",
                    f"The {chain.name} store is at schema {found}, this version has {HEADS[chain.name]}.",
                    "The next start migrates it, or run: botyard migrate",
                )
    except Exception as error:  # whatever the driver says is the finding
        said = " ".join(str(getattr(error, "orig", error)).split())
        return Finding("wrong", f"The database cannot be opened: {said}", "Check BOTYARD_DATABASE_URL.")
    return Finding("ok", f"Database {stores.main.get_backend_name()}, newest schema")


def _vectors(settings: Settings) -> Iterator[Finding]:
    """Where vectors are compared; nothing where the database does not answer, which is said already."""
    with suppress(SQLAlchemyError), migrations.connect(settings.stores.main) as connection:
        found = pgvector.standing(connection)
        yield Finding("ok" if found.ready else "note", found.what, found.remedy)


async def _keys(settings: Settings) -> Finding:
    stores = settings.stores
    if stores.embedded and not Path(str(stores.main.database)).exists():
        return Finding("note", "There are no keys yet; the first start makes them.")
    try:
        async with maintenance.opened_to_read(settings):
            return Finding("ok", "The master key opens the vault")
    except maintenance.NoInstallation:
        return Finding("note", "Nothing is sealed yet; the first start makes the keys.")
    except maintenance.SchemaOld:
        return Finding("note", "The keys are not checked: that needs the newest schema.")
    except migrations.DatabaseUnusable:
        return Finding("note", "The keys are checked once the database can be used.")
    except BotyardError as error:
        return Finding("wrong", str(error))
    except (OSError, SQLAlchemyError):
        return Finding("note", "The keys are checked once the database answers.")
    except Exception as error:  # whatever else stands in the way is the finding
        return Finding("wrong", f"The keys cannot be checked: {error}")


async def _redis(url: str) -> Finding:
    redis = Redis.from_url(url, socket_connect_timeout=3)
    try:
        await redis.ping()
    except Exception as error:  # whatever the driver says is the finding
        return Finding(
            "wrong", f"Redis does not answer: {error}", "Check BOTYARD_REDIS_URL, or leave it empty."
        )
    finally:
        await redis.aclose()
    return Finding("ok", "Redis answers")


def _mail(settings: Settings) -> Finding:
    if settings.smtp_url.get_secret_value():
        return Finding("ok", "Mails go out by SMTP")
    return Finding(
        "note", f"No SMTP server is set: mails become files in {settings.outbox}.", "Set BOTYARD_SMTP_URL."
    )
