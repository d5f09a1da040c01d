"""The key ring: data keys of accounts, made, wrapped, unwrapped and for a short while remembered."""

from sqlalchemy import select

from botyard.core.vault.errors import MasterKeyUnknown, VaultCorrupt
from botyard.core.vault.masters import LocalMaster, MasterKey, Wrapped
from botyard.core.vault.metrics import UNWRAPS
from botyard.core.vault.models import VaultKey, VaultState
from botyard.kit import clock, crypto, ids
from botyard.kit.cache import TtlCache
from botyard.kit.db import Session

KEY_TTL_S = 300.0  # how long a shredded account's key may outlive its row in another process' memory
MAX_KEYS = 10_000


class Keyring:
    """Opens and makes data keys. A part of `Database.parts`; one per process."""

    def __init__(self, master: MasterKey, *, ttl_s: float = KEY_TTL_S) -> None:
        self.master = master
        self._open: TtlCache[str, bytes] = TtlCache(ttl_s, MAX_KEYS)

    async def unwrap(self, row: VaultKey) -> bytes:
        """The data key of a row. Raises VaultCorrupt, MasterKeyUnknown."""
        key = self._open.get(row.id)
        if key is None:
            UNWRAPS.inc()
            try:
                key = await self.master.unwrap(Wrapped(row.master_kid, row.wrapped), wrap_context(row))
            except crypto.Tampered:
                raise VaultCorrupt(
                    f"The vault's data key {row.id} of account {row.account_id} does not open: it was changed or "
                    "moved. Restore the table vault_keys from a backup."
                ) from None
            self._open.put(row.id, key)
        return key

    async def active(self, session: Session, account_id: int) -> VaultKey:
        """The key row that seals new records of an account, made when there is none.

        The caller holds the account's lock.
        """
        query = select(VaultKey).where(VaultKey.account_id == account_id, VaultKey.active)
        row = (await session.scalars(query)).one_or_none()
        return row if row is not None else await self.make(session, account_id)

    async def make(self, session: Session, account_id: int) -> VaultKey:
        """Store a fresh active data key for an account. Raises MasterKeyUnknown when the master was rotated away."""
        await self._follow_rotation(session)
        key = crypto.new_key()
        row = VaultKey(id=ids.new("vk"), account_id=account_id, active=True, created_at=clock.now())
        wrapped = await self.master.wrap(key, wrap_context(row))
        row.master_kid, row.wrapped = wrapped.kid, wrapped.blob
        session.add(row)
        await session.flush()
        self._open.put(row.id, key)
        return row

    def forget(self, key_id: str) -> None:
        """Drop one data key from memory."""
        self._open.drop(key_id)

    async def _follow_rotation(self, session: Session) -> None:
        """Hold the master key still until the commit, and wrap with the one that the database names.

        Without this a server that has not noticed a rotation would wrap with a key that is about to vanish.
        """
        in_use = await session.scalar(select(VaultState.master_kid).with_for_update(read=True))
        if in_use is None or in_use == self.master.kid:
            return
        if not (isinstance(self.master, LocalMaster) and self.master.follow(in_use)):
            raise MasterKeyUnknown


def wrap_context(row: VaultKey) -> bytes:
    """What a wrapped data key is bound to."""
    return crypto.aad("botyard/vault-key/1", row.account_id, row.id)
