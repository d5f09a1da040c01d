"""Where the master key lives: a file or a setting here, a key service elsewhere, behind two calls."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from botyard.core.vault.errors import MasterKeyUnknown
from botyard.kit import crypto
from botyard.kit.keys import key_id


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A data key as the database keeps it, and which master key opens it."""

    kid: str
    blob: bytes


class MasterKey(Protocol):
    """Wraps data keys; never sees a secret itself. A key service implements the same two calls."""

    @property
    def kid(self) -> str:
        """Name of the key that `wrap` uses now."""
        ...

    async def wrap(self, key: bytes, context: bytes) -> Wrapped:
        """Seal a data key so that only the same `context` opens it."""
        ...

    async def unwrap(self, wrapped: Wrapped, context: bytes) -> bytes:
        """The data key. Raises MasterKeyUnknown for a `kid` it does not hold, Tampered for a changed blob."""
        ...


class LocalMaster:
    """Master keys in this process' memory, the one in use first.

    `reload` reads them again, so that a running server follows a rotation that another process makes.
    """

    def __init__(self, keys: Sequence[bytes], reload: Callable[[], Sequence[bytes]] | None = None) -> None:
        self._reload = reload
        self._keys = {key_id(key): key for key in keys}
        self._kid = next(iter(self._keys))

    @property
    def kid(self) -> str:
        """Name of the key that `wrap` uses now."""
        return self._kid

    async def wrap(self, key: bytes, context: bytes) -> Wrapped:
        """Seal a data key with the key in use."""
        return Wrapped(self._kid, bytes(crypto.seal(self._keys[self._kid], key, context)))

    async def unwrap(self, wrapped: Wrapped, context: bytes) -> bytes:
        """The data key; reads the keys again when it was wrapped by one that is not held."""
        if not self._hold(wrapped.kid):
            raise MasterKeyUnknown
        return crypto.open_sealed(self._keys[wrapped.kid], crypto.Sealed.parse(wrapped.blob), context)

    def follow(self, kid: str) -> bool:
        """Wrap with that key from now on; says whether it is held, after reading the keys again if need be."""
        if held := self._hold(kid):
            self._kid = kid
        return held

    def _hold(self, kid: str) -> bool:
        if kid not in self._keys and self._reload is not None:
            # what was held before stays, for data keys that were read a moment ago
            self._keys |= {key_id(key): key for key in self._reload()}
        return kid in self._keys
