"""Key pairs that sign what others check without sharing a secret: PEM files in, public keys (RFC 7517) out."""

import hashlib
import json
import os
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from botyard.kit.keys import KeyRefused, refuse_exposed, sync, unreadable

Private = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
Public = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey

MIN_RSA_BITS = 2048
_MAX_FILE_BYTES = 64 * 1024
# What RFC 7638 and RFC 8037 hash of a key, and all that is published of one beside its name and use.
_MEMBERS = {"OKP": ("crv", "kty", "x"), "EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n")}
_MAKE = "Make one with: botyard token-key make"


KeyType = Literal["ed25519", "p256"]  # RSA is only accepted, for gateways that know nothing newer


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A private key, the one algorithm it signs with, and its public half; `kid` is the thumbprint of RFC 7638."""

    private: Private = field(repr=False)
    public: Public
    algorithm: str
    kid: str
    members: dict[str, str]

    @property
    def jwk(self) -> dict[str, str]:
        """The public key as published."""
        return {**self.members, "kid": self.kid, "use": "sig", "alg": self.algorithm}


def read_all(paths: Iterable[Path]) -> list[KeyPair]:
    """The key pairs in these files, in order; of a folder all `*.pem` by name. One given twice counts once.

    Raises KeyRefused and KeyExposed.
    """
    files = [file for path in paths for file in _files(path)]
    return list({pair.kid: pair for pair in map(read, files)}.values())


def read(path: Path) -> KeyPair:
    """The key pair in a PEM file. Raises KeyRefused, and KeyExposed when others can read the file."""
    try:
        refuse_exposed(path, "chmod 600")
        with path.open("rb") as file:
            content = file.read(_MAX_FILE_BYTES)
    except FileNotFoundError:
        raise KeyRefused(f"There is no key file {path}. {_MAKE} {path}") from None
    except PermissionError:
        raise unreadable(path) from None
    except OSError as error:
        raise KeyRefused(f"The key file {path} cannot be read: {error.strerror}.") from None
    return _pair(content, path)


def make(path: Path, kind: KeyType = "ed25519") -> KeyPair:
    """Write a fresh private key to a new file that only its owner can read. Raises KeyRefused when it exists."""
    key: Private = (
        ed25519.Ed25519PrivateKey.generate() if kind == "ed25519" else ec.generate_private_key(ec.SECP256R1())
    )
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        sync(path.parent)
    except FileExistsError:
        raise KeyRefused(f"{path} exists already and stays as it is; choose another name.") from None
    except OSError as error:
        raise KeyRefused(f"The key file {path} cannot be written: {error.strerror}.") from None
    return _pair(text, path)


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    try:
        found = sorted(file for file in path.iterdir() if file.suffix == ".pem")
    except PermissionError:
        raise unreadable(path) from None
    if not found:
        raise KeyRefused(f"The folder {path} holds no key file *.pem. {_MAKE} {path / 'token.pem'}")
    return found


def _pair(content: bytes, path: Path) -> KeyPair:
    try:
        key = serialization.load_pem_private_key(content, password=None)
    except TypeError:
        raise KeyRefused(
            f"The private key in {path} needs a passphrase, which nobody types at a start. Decrypt it with: "
            "openssl pkey -in FILE -out NEW"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise KeyRefused(f"{path} holds no private key in PEM. {_MAKE} PATH") from None
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return _named(key, key.public_key(), "EdDSA", OKPAlgorithm.to_jwk(key.public_key(), as_dict=True))
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return _named(key, key.public_key(), "ES256", ECAlgorithm.to_jwk(key.public_key(), as_dict=True))
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= MIN_RSA_BITS:
        return _named(key, key.public_key(), "RS256", RSAAlgorithm.to_jwk(key.public_key(), as_dict=True))
    raise KeyRefused(
        f"The private key in {path} is of a kind that is not used here: it has to be Ed25519, P-256, or RSA of at "
        f"least {MIN_RSA_BITS} bits. {_MAKE} PATH"
    )


def _named(private: Private, public: Public, algorithm: str, jwk: dict[str, str]) -> KeyPair:
    members = {name: jwk[name] for name in _MEMBERS[jwk["kty"]]}
    text = json.dumps(members, separators=(",", ":"), sort_keys=True)
    kid = urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
    return KeyPair(private, public, algorithm, kid, members)
