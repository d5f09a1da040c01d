"""What the command line does to a yard that may or may not be running."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from botyard import migrations, transfer
from botyard.core import vault
from botyard.core.accounts import password_change, passwords, profiles, registration, second_factor
from botyard.core.accounts.errors import NoSuchUser
from botyard.core.accounts.start_keys import open_keys
from botyard.core.accounts.types import Role
from botyard.core.audit import anchors, chain, late
from botyard.core.audit import service as audit
from botyard.core.audit.verify import Report, verify
from botyard.core.config import queries
from botyard.core.config import service as config
from botyard.core.config.models import ConfigChange
from botyard.core.vault import has_data
from botyard.kit.db import Database
from botyard.kit.errors import BotyardError, NotFound
from botyard.migrations import tables
from botyard.settings import Settings

Progress = Callable[[int, int], None]
REGISTERED = tables.ALL


class NoInstallation(BotyardError):
    """There is no installation here."""

    code = "no_installation"


class SchemaOld(BotyardError):
    """The database has an older schema: run botyard migrate first."""

    code = "schema_old"


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Database]:
    """The stores of an installation with the keys that services need, without any of the running pieces.

    Raises NoInstallation, SchemaOld, DatabaseUnusable, KeyRefused, MasterKeyWrong.
    """
    require_installation(settings)
    async with _database(settings) as db:
        with late.noting_refusals(settings.data_dir):
            await open_keys(db, settings)
            await chain.open_key(db)
        await late.enter_refusals(db, settings.data_dir)
        yield db


@asynccontextmanager
async def opened_to_read(settings: Settings) -> AsyncIterator[Database]:
    """The same for what only looks: nothing is made, not even where keys are missing or a first start was cut short."""
    require_installation(settings)
    async with _database(settings) as db:
        if not await has_data(db):
            raise NoInstallation(
                f"Nobody has used the database {_named(settings)} yet. Start the server first: botyard up"
            )
        await open_keys(db, settings)
        try:
            await chain.read_key(db)
        except NotFound:
            raise NoInstallation(
                f"The first start on the database {_named(settings)} was cut short. Start the server, which ends it."
            ) from None
        yield db


def require_installation(settings: Settings) -> None:
    """Make sure that there are stores of the newest schema. Raises NoInstallation, SchemaOld, DatabaseUnusable."""
    found = migrations.found(settings.stores)
    if not any(found.values()):
        raise NoInstallation(
            f"There is no installation in {settings.data_dir.resolve()}; set BOTYARD_DATA_DIR to the folder of the "
            "one that you mean, or make one: botyard up"
            if settings.stores.embedded
            else f"There is no installation in the database {_named(settings)}; set BOTYARD_DATABASE_URL to the one "
            "that you mean, or make one: botyard serve"
        )
    for name, revision in found.items():
        newest = migrations.HEADS[name]
        if (revision or "") < newest:
            raise SchemaOld(
                f"The {name} store is at schema {revision or 'none'}, this version needs {newest}: make a backup, "
                "then run botyard migrate first."
            )
        if revision != newest:
            raise migrations.DatabaseUnusable(
                f"The {name} store is at schema {revision}, which this version of Botyard does not know: a newer one "
                "has used it. Run that version, or restore a backup."
            )


def _named(settings: Settings) -> str:
    return settings.stores.main.render_as_string(hide_password=True)


@asynccontextmanager
async def _database(settings: Settings) -> AsyncIterator[Database]:
    db = Database(settings.stores)
    db.parts.add(settings)
    try:
        yield db
    finally:
        await db.close()


async def verify_audit(settings: Settings) -> Report:
    """Check the audit log against its own hashes and the heads that were kept outside of the database."""
    async with opened_to_read(settings) as db, db.reader() as session:
        return await verify(session, anchors=anchors.read(settings.data_dir / anchors.FILE))


async def rotate_vault(
    settings: Settings, *, reencrypt: bool, progress: Progress, one_file: bool = False
) -> int:
    """Wrap every data key with a new master key; with `reencrypt` seal all records anew as well.

    `one_file` says that no other machine has a key file of its own.

    Running servers follow. Raises RotationNotPrepared, RotationIncomplete, KeyRefused.
    """
    given = settings.master_key.get_secret_value()
    async with opened(settings) as db:
        keys = await vault.rotate_local(
            db, data_dir=settings.data_dir, master_key=given, one_file=one_file, progress=progress
        )
        records = await vault.reencrypt(db, progress=progress) if reencrypt else vault.Outcome()
        details = {"data_keys": keys.done, "records": records.done, "unreadable_records": len(records.failed)}
        async with db.session() as session:
            await audit.record(session, actor=None, action="vault.rotated", details=details)
    if records.failed:
        raise vault.VaultCorrupt(
            "These secrets do not open and were left as they are: " + "; ".join(records.failed)
        )
    return keys.done


async def create_admin(settings: Settings, *, username: str, email: str, password: str) -> None:
    """Make an administrator. Raises Invalid for a name or address that is taken, or a weak password."""
    passwords.check_rules(password)
    hashed = await passwords.hash(password)
    async with opened(settings) as db, db.session() as session:
        await registration.add(
            session, username=username, email=email, password_hash=hashed, actor=None, role=Role.admin
        )


async def reset_password(settings: Settings, *, identity: str, password: str, drop_factor: bool) -> None:
    """Set a password and end every session. Raises NoSuchUser."""
    passwords.check_rules(password)
    hashed = await passwords.hash(password)
    async with opened(settings) as db, db.session() as session:
        user = await profiles.find(session, identity)
        if user is None:
            raise NoSuchUser(f"There is no account {identity!r}.")
        await password_change.set_password(session, user, hashed)
        if drop_factor:
            await second_factor.disable(session, user.id)
        await audit.record(
            session, actor=None, action="account.password_reset_by_shell", target=f"user:{user.id}"
        )


async def services(settings: Settings) -> dict[str, int]:
    """How many settings each service has."""
    async with opened_to_read(settings) as db, db.reader() as session:
        return await queries.list_services(session)


async def read_config(settings: Settings, service: str) -> dict[str, Any]:
    """The settings of a service. Raises NoSuchService."""
    async with opened_to_read(settings) as db, db.reader() as session:
        return await config.read(session, service)


async def change_config(settings: Settings, service: str, key: str, value: Any) -> None:
    """Change one setting, or remove it with None; a running server follows within a second. Raises Invalid."""
    async with opened(settings) as db, db.session() as session:
        await config.update(session, service, {key: value}, actor=None)


async def config_changes(settings: Settings, service: str | None, *, limit: int) -> list[ConfigChange]:
    """What was changed in settings, newest first."""
    async with opened_to_read(settings) as db, db.reader() as session:
        return await queries.list_changes(session, service=service, limit=limit)


async def undo_config(settings: Settings, change_id: int) -> ConfigChange:
    """Take a change back; answers the new change. Raises as `config.undo`."""
    async with opened(settings) as db, db.session() as session:
        return await config.undo(session, change_id, actor=None)


async def move(settings: Settings, file: Path, *, progress: Progress) -> int:
    """Take an installation from its SQLite files into the PostgreSQL of the settings; answers how many rows.

    The caller holds the data folder. Raises as `opened` for the files, whose keys must be there, and `transfer.move`.
    """
    source = settings.model_copy(update={"database_url": f"sqlite:///{file.resolve()}"})
    transfer.files(source.stores, settings.stores)
    try:
        async with opened_to_read(source):
            pass
    except SchemaOld as error:
        raise SchemaOld(
            f"{error} Name the file itself for that: BOTYARD_DATABASE_URL={source.database_url}"
        ) from None
    return await asyncio.to_thread(transfer.move, source.stores, settings.stores, progress=progress)
