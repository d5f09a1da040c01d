"""The chain itself: what an entry's hash covers, and the key that makes it."""

import hashlib
import hmac
import json
from contextlib import suppress
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from botyard.core import vault
from botyard.core.audit.models import AuditEntry
from botyard.core.vault.service import lock_account
from botyard.kit import clock, crypto
from botyard.kit.db import Database
from botyard.kit.errors import NotFound

START = "0" * 64
_SYSTEM_ACCOUNT = 0  # its data key seals what belongs to nobody, and is never shredded
_KIND, _ID, _NAME = "audit", "chain", "key"


class AuditKey:
    """Computes the hashes. A part of `Database.parts`; without the key nobody can make a chain that verifies."""

    def __init__(self, secret: bytes) -> None:
        self._entries = crypto.derive(secret, "audit-entry")
        self._heads = crypto.derive(secret, "audit-head")
        self._details = crypto.derive(secret, "audit-detail")

    def entry(self, previous: str, entry: AuditEntry | Row[Any]) -> str:
        """Hash of an entry that follows the one with hash `previous`."""
        return _hmac(self._entries, previous + "\n" + _canonical(entry))

    def head(self, entries: int, last: str, at: str = "") -> str:
        """Seal of a head: so many entries, the last one with this hash."""
        return _hmac(self._heads, f"{entries}\n{last}\n{at}")

    def detail(self, secret: str) -> str:
        """What stands in the log for a secret: the same secret is seen to be the same, and no more."""
        return "hmac:" + _hmac(self._details, secret)[:24]


async def open_key(db: Database) -> AuditKey:
    """The key of this installation's chain, made at first start, kept in the vault; added to the parts."""
    with suppress(NotFound):
        return await read_key(db)
    async with db.session() as session:
        await lock_account(session, _SYSTEM_ACCOUNT)  # two servers may start at once
        try:
            secret = await vault.reveal_bytes(
                session, account_id=_SYSTEM_ACCOUNT, kind=_KIND, id=_ID, name=_NAME
            )
        except NotFound:
            secret = crypto.new_key()
            await vault.put(session, account_id=_SYSTEM_ACCOUNT, kind=_KIND, id=_ID, name=_NAME, value=secret)
    return _add(db, secret)


async def read_key(db: Database) -> AuditKey:
    """The same, where there is one. Raises NotFound."""
    async with db.reader() as session:
        secret = await vault.reveal_bytes(session, account_id=_SYSTEM_ACCOUNT, kind=_KIND, id=_ID, name=_NAME)
    return _add(db, secret)


def _add(db: Database, secret: bytes) -> AuditKey:
    key = AuditKey(secret)
    db.parts.add(key)
    return key


def canonical(details: dict[str, Any]) -> str:
    """The one way in which this dictionary is written as JSON."""
    return json.dumps(details, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def moment(at: datetime) -> str:
    """The moment as the hash sees it, whatever offset a store gives it back with."""
    return clock.rfc3339(at)


def _canonical(entry: AuditEntry | Row[Any]) -> str:
    parts = [
        entry.id,
        moment(entry.at),
        entry.actor_kind,
        entry.actor_user_id,
        entry.actor_ref,
        entry.action,
        entry.target,
        entry.details,
        entry.address,
    ]
    return json.dumps(parts, separators=(",", ":"), ensure_ascii=False)


def _hmac(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
