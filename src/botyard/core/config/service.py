"""Read and change settings while everything runs, take changes back, and look at a secret among them."""

import hashlib
import hmac
import zlib
from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select

from botyard.core import vault
from botyard.core.accounts.types import Principal
from botyard.core.audit import service as audit
from botyard.core.audit.redaction import clean
from botyard.core.config import owned, queries, values
from botyard.core.config.errors import (
    ChangedSince,
    NoSuchChange,
    NoSuchSecret,
    NoSuchService,
    NothingToUndo,
    SecretGone,
    SettingRefused,
)
from botyard.core.config.events import ConfigChanged
from botyard.core.config.live import Live
from botyard.core.config.models import ConfigChange, ConfigSetting
from botyard.core.config.types import Reference, Secret
from botyard.core.realtime.events import publish
from botyard.core.vault.limit import within_limit
from botyard.kit import clock
from botyard.kit.db import Session
from botyard.kit.errors import Invalid, NotFound

KIND = "config"  # of the secrets in the vault
SERVER = 0  # whose account in the vault they belong to
SHELL = "shell"  # who changed something from the server's own command line
_LOCK_SPACE = 0x636F6E66  # "conf": advisory locks of settings stand apart from everybody else's


async def read(session: Session, service: str) -> dict[str, Any]:
    """The settings of a service by name. Botyard's own are those in force, or from the next start on.

    A secret shows as `{"$secret": {"version": 2}}`. Raises NoSuchService where nothing is stored.
    """
    entries = await queries.list_entries(session, service) if values.is_service(service) else []
    if not entries:
        raise NoSuchService
    return {entry.key: entry.value for entry in entries}


async def update(
    session: Session,
    service: str,
    changes: Mapping[str, Any],
    *,
    actor: Principal | None,
    address: str = "",
) -> dict[str, Any]:
    """Merge values into a service's settings, all or nothing, and answer the settings after that.

    None removes a key; one of Botyard's own goes back to its start value. `{"$secret": "text"}` goes into the
    vault. What is the same already is no change. Raises Invalid, and SettingRefused naming a key and why.
    """
    values.check_service(service)
    wanted = values.check_changes(service, changes)
    await _lock(session, service)
    rows = await queries.rows(session, service)
    names = rows.keys() | {key for key, value in wanted.items() if value is not None}
    if len(names - {key for key, value in wanted.items() if value is None}) > values.MAX_KEYS:
        raise Invalid(f"A service has at most {values.MAX_KEYS} settings; remove some first.")
    act = _Act(session, service, actor, address)
    for key, value in wanted.items():
        await act.store(key, value, rows.get(key))
    await act.tell("config.updated")
    return {entry.key: entry.value for entry in await queries.list_entries(session, service)}


async def undo(
    session: Session, change_id: int, *, actor: Principal | None, address: str = ""
) -> ConfigChange:
    """Put back the value from before a change; that is a new change, which is answered.

    Raises NoSuchChange, NothingToUndo, ChangedSince where the setting changed again, SecretGone, and
    SettingRefused where this version of Botyard does not take the former value any more.
    """
    change = await queries.get_change(session, change_id)
    if change is None:
        raise NoSuchChange
    if values.same(change.before, change.after):
        raise NothingToUndo
    service, key = change.service, change.key
    await _lock(session, service)
    newest = await queries.newest_change(session, service, key)
    if newest != change.id:
        raise ChangedSince(
            f"The setting {key} was changed again since, by change {newest}; undo that one first."
        )
    version = values.version_of(change.before) if change.secret else None
    if version is not None:
        wanted: values.Wanted = await _former(session, service, key, version)
    else:
        wanted = values.check_change(service, key, change.before) if change.before is not None else None
    rows = await queries.rows(session, service)
    act = _Act(session, service, actor, address)
    await act.store(key, wanted, rows.get(key))
    await act.tell("config.undone")
    if not act.made:
        raise NothingToUndo(f"The setting {key} has the value from before this change already.")
    return act.made[0]


async def reveal(
    session: Session, service: str, key: str, *, actor: Principal | None, address: str = ""
) -> str:
    """A secret in clear; the look is written down. Raises NoSuchSecret and VaultCorrupt."""
    row = await session.get(ConfigSetting, (service, key))
    if row is None or not row.secret:
        raise NoSuchSecret
    return (await _open(session, service, [key], actor, address))[key]


async def read_in_clear(
    session: Session, service: str, *, actor: Principal | None, address: str = ""
) -> dict[str, Any]:
    """The settings of a service with its secrets in clear; the look is written down. Raises as `read`, and
    VaultCorrupt."""
    settings = await read(session, service)
    secret = [key for key, row in (await queries.rows(session, service)).items() if row.secret]
    return settings | (await _open(session, service, secret, actor, address) if secret else {})


async def _open(
    session: Session, service: str, keys: list[str], actor: Principal | None, address: str
) -> dict[str, str]:
    if actor is not None:  # the server's own shell is not counted
        await within_limit(session, actor)
    try:
        opened = {
            key: await vault.reveal(session, kind=KIND, id=vault_id(service), name=key, account_id=SERVER)
            for key in keys
        }
    except (vault.VaultCorrupt, vault.MasterKeyUnknown) as error:
        audit.record_failure(
            session,
            actor=actor,
            action="config.secret_unreadable",
            target=f"config:{service}",
            details={"keys": sorted(keys), "reason": error.code},
            address=address,
        )
        raise
    await audit.record(
        session,
        actor=actor,
        action="config.secret_read",
        target=f"config:{service}",
        details={"keys": sorted(keys)},
        address=address,
    )
    return opened


def vault_id(service: str) -> str:
    """Under which id the vault keeps a service's secrets: its name, or a digest of one that is too long."""
    return service if len(service) <= 80 else hashlib.sha256(service.encode()).hexdigest()


async def _lock(session: Session, service: str) -> None:
    """Keep other changes of this service out until the commit; SQLite has one writer anyway."""
    if session.get_bind().dialect.name == "postgresql":
        number = zlib.crc32(service.encode()) - 2**31  # of two services with one number, one waits
        await session.execute(select(func.pg_advisory_xact_lock(_LOCK_SPACE, number)))


async def _is_now(session: Session, service: str, key: str, wanted: Secret) -> bool:
    """Whether the secret is stored already; one that does not open any more is to be replaced."""
    try:
        text = await vault.reveal(session, kind=KIND, id=vault_id(service), name=key, account_id=SERVER)
    except (NotFound, vault.VaultCorrupt):
        return False
    return hmac.compare_digest(text.encode(), wanted.text.encode())


async def _former(session: Session, service: str, key: str, version: int) -> Secret:
    try:
        return Secret(
            await vault.reveal(
                session, kind=KIND, id=vault_id(service), name=key, account_id=SERVER, version=version
            )
        )
    except NotFound:
        raise SecretGone from None


class _Act:
    """Changes of one service by one caller, at one moment."""

    def __init__(self, session: Session, service: str, actor: Principal | None, address: str) -> None:
        self.session = session
        self.service = service
        self.actor = actor
        self.address = address
        self.at = clock.now()
        self.made: list[ConfigChange] = []
        who = actor or Principal()
        self._user_id = who.user_id
        self._reference = SHELL if actor is None else clean(audit.reference(who), 60)

    async def store(self, key: str, wanted: values.Wanted, row: ConfigSetting | None) -> None:
        """Store what is wanted of a key and note the change; nothing where it is so already."""
        had_secret, has_secret = row is not None and row.secret, isinstance(wanted, Secret)
        before, after = None if row is None else row.value, wanted
        if isinstance(wanted, Reference):
            if not had_secret or values.version_of(before) != wanted.version:
                raise SettingRefused(key, "names a version of a secret that is not the stored one.")
            return
        if isinstance(wanted, Secret):
            if had_secret and await _is_now(self.session, self.service, key, wanted):
                return
            after = values.reference(await self._seal(key, wanted))
        elif values.same(before, wanted):
            return
        elif had_secret:
            await vault.drop(self.session, kind=KIND, id=vault_id(self.service), name=key, account_id=SERVER)
        await self._write(key, after, row, secret=has_secret)
        self._note(key, before, after, secret=had_secret or has_secret)

    async def tell(self, action: str) -> None:
        """Write the audit log, and let every process know after the commit."""
        if not self.made:
            return
        session, keys = self.session, [change.key for change in self.made]
        await session.flush()
        await audit.record(
            session,
            actor=self.actor,
            action=action,
            target=f"config:{self.service}",
            details={"keys": keys},
            address=self.address,
        )
        publish(session, ConfigChanged(owner_id=0, service=self.service, keys=keys))
        if self.service == owned.SERVICE and (live := session.find_part(Live)) is not None:
            session.after_commit(lambda _: live.follow())  # so that this process has it before it answers

    async def _seal(self, key: str, secret: Secret) -> int:
        return await vault.put(
            self.session,
            account_id=SERVER,
            kind=KIND,
            id=vault_id(self.service),
            name=key,
            value=secret.text,
            keep=True,  # for undo
        )

    async def _write(self, key: str, value: Any, row: ConfigSetting | None, *, secret: bool) -> None:
        if value is None:
            await self.session.delete(row)
            return
        if row is None:
            row = ConfigSetting(service=self.service, key=key)
        row.value, row.secret = value, secret
        row.updated_at, row.updated_by = self.at, self._user_id
        self.session.add(row)

    def _note(self, key: str, before: Any, after: Any, *, secret: bool) -> None:
        known = owned.OWNED.get(key) if self.service == owned.SERVICE else None
        change = ConfigChange(
            service=self.service,
            key=key,
            before=before,
            after=after,
            secret=secret,
            effective=known.effective if known is not None else "at once",
            at=self.at,
            by_user=self._user_id,
            by_ref=self._reference,
            address=clean(self.address, 64),
        )
        self.made.append(change)
        self.session.add(change)
