"""The two keys of an installation: the vault's master key and the key that signs tokens.

Each comes from a setting or from a file under `<data_dir>/keys` (folder 0700, files 0600) that the first
start makes. What cannot be trusted is refused with a sentence that says what to do.
"""

import base64
import binascii
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from botyard.kit import crypto
from botyard.kit.errors import BotyardError

SECRET_CHARS = 32  # a shorter HMAC key can be searched for offline
_KID_CHARS = 12


class KeyRefused(BotyardError):
    """A key of this installation cannot be used."""

    code = "key_refused"


class KeyMissing(KeyRefused):
    """A key is missing although the database holds data that needs it."""

    code = "key_missing"


class KeyExposed(KeyRefused):
    """Other users of this machine can read or replace a key."""

    code = "key_exposed"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """What signs tokens and keys digests; `kid` names it in tokens without giving it away."""

    secret: bytes = field(repr=False)
    kid: str

    def derive(self, purpose: str) -> bytes:
        """A 256-bit key for one purpose."""
        return crypto.derive(self.secret, purpose)


def key_id(key: bytes) -> str:
    """A name for a key that does not help to find it."""
    return crypto.digest(key, "key-id", b"")[:_KID_CHARS]


class KeyFiles:
    """The key files of one data folder."""

    def __init__(self, data_dir: Path) -> None:
        self.folder = data_dir / "keys"
        self.master = self.folder / "master.key"
        self.signing = self.folder / "signing.key"

    def master_keys(self, given: str = "", *, has_data: bool) -> list[bytes]:
        """The master keys, the one in use first; made now when this is a first start.

        `given` is the setting: base64 keys separated by commas. A second key is there only while a rotation
        runs. Raises KeyMissing beside existing data, KeyRefused, KeyExposed.
        """
        if given:
            return _decode_all(given.split(","), "BOTYARD_MASTER_KEY")
        if not _exists(self.master):
            if has_data:
                raise KeyMissing(
                    "The database holds sealed secrets, but their master key is missing. Put the file back at "
                    f"{self.master} or set BOTYARD_MASTER_KEY to it. Without that key the secrets cannot be "
                    "read by anyone."
                )
            self._create(self.master, _encode(crypto.new_key()))
        return _decode_all(self._read(self.master).split(), str(self.master))

    def signing_key(self, given: str = "", *, has_data: bool = False) -> SigningKey:
        """The key that signs tokens and keys digests; made now when this is a first start.

        Raises KeyMissing beside existing data, KeyRefused, KeyExposed.
        """
        source = "BOTYARD_SECRET_KEY"
        if not given:
            source = str(self.signing)
            if not _exists(self.signing):
                if has_data:
                    raise KeyMissing(
                        f"The signing key of this installation is missing. Put the file back at {self.signing} or "
                        "set BOTYARD_SECRET_KEY to it. With another key nobody stays signed in, and every bot "
                        "token and API key must be made anew."
                    )
                self._create(self.signing, _encode(crypto.new_key()))
            given = self._read(self.signing)
        if len(given) < SECRET_CHARS:
            raise KeyRefused(
                f"The signing key in {source} has {len(given)} characters; at least {SECRET_CHARS} are needed. "
                "Make one with: openssl rand -base64 32"
            )
        secret = given.encode()
        return SigningKey(secret, key_id(secret))

    def replace_master(self, keys: list[bytes]) -> None:
        """Write the master key file anew, in one step, with these keys; the first is the one in use."""
        self._folder()
        fresh = self._write_beside(self.master, "\n".join(map(_encode, keys)))
        fresh.replace(self.master)
        sync(self.folder)

    @contextmanager
    def rotating(self) -> Iterator[None]:
        """Keep a second rotation of these files out. Raises KeyRefused while one runs; the system ends a dead one's hold."""
        import fcntl  # not there on Windows, where everything else of this module works

        self._folder()
        lock = os.open(self.folder / "rotation.lock", os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise KeyRefused(
                    "The master key is being rotated already; wait until that has ended."
                ) from None
            yield
        finally:
            os.close(lock)

    def _create(self, path: Path, text: str) -> None:
        """Make the file unless another process was first; it is never seen half written."""
        self._folder()
        fresh = self._write_beside(path, text)
        try:
            with suppress(FileExistsError):  # the other process' key is the key
                path.hardlink_to(fresh)
        finally:
            fresh.unlink()
        sync(self.folder)

    def _folder(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        refuse_exposed(self.folder, "chmod 700")

    def _write_beside(self, path: Path, text: str) -> Path:
        fresh = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        return fresh

    def _read(self, path: Path) -> str:
        refuse_exposed(self.folder, "chmod 700")
        refuse_exposed(path, "chmod 600")
        try:
            return path.read_text(encoding="ascii").strip()
        except UnicodeDecodeError:
            raise KeyRefused(f"{path} is not a key file; put the right one back.") from None
        except PermissionError:
            raise unreadable(path) from None


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:
        raise unreadable(path) from None


def unreadable(path: Path) -> KeyRefused:
    """The error for a key file that this process may not read."""
    return KeyRefused(f"{path} cannot be read by this user; give it to the user that runs the server.")


def refuse_exposed(path: Path, remedy: str) -> None:
    """Raises KeyExposed when anybody but the owner may read, write or enter it; `remedy` closes it."""
    if os.name == "posix" and path.stat().st_mode & 0o077:
        raise KeyExposed(
            f"{path} is open to other users of this machine. Close it with: {remedy} {path} "
            "and consider its keys known if others use this machine."
        )


def _encode(key: bytes) -> str:
    return base64.b64encode(key).decode()


def _decode_all(texts: list[str], source: str) -> list[bytes]:
    keys = [_decode(text.strip(), source) for text in texts if text.strip()]
    if not keys:
        raise KeyRefused(f"{source} holds no key; put the right one back.")
    return keys


def _decode(text: str, source: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        key = b""
    if len(key) != crypto.KEY_BYTES:
        raise KeyRefused(
            f"The master key in {source} is not {crypto.KEY_BYTES} bytes in base64. "
            "Put the one back that the database was sealed with; no other opens it. "
            "Only where there is no data yet, a new one does: openssl rand -base64 32"
        )
    return key


def sync(folder: Path) -> None:
    """Put the names in a folder on disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
