"""Sealing with AES-256-GCM, keyed digests, and tokens whose shape can be checked without the database.

A token reads `by_<kind>_<id>_<secret><checksum>`: the fixed start and the checksum let secret scanners and
the front door recognise one, or a mistyped one, offline.
"""

import hashlib
import hmac
import re
import zlib
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from botyard.kit import clock
from botyard.kit.errors import BotyardError

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SECRET_CHARS = 43  # 256 bits in base 62
_ID_CHARS = 13  # 72 bits in base 62
_CHECKSUM_CHARS = 6  # 32 bits in base 62
_TOKEN = re.compile(
    rf"by_([a-z]{{1,16}})_([0-9A-Za-z]{{1,40}})_([0-9A-Za-z]{{{_SECRET_CHARS}}})([0-9A-Za-z]{{{_CHECKSUM_CHARS}}})",
    re.ASCII,
)


class Tampered(BotyardError):
    """A sealed value does not open: it was changed, moved to another place, or sealed with another key."""

    code = "tampered"


@dataclass(frozen=True, slots=True)
class Sealed:
    """A nonce and the ciphertext with its tag."""

    nonce: bytes
    ciphertext: bytes

    def __bytes__(self) -> bytes:
        return self.nonce + self.ciphertext

    @classmethod
    def parse(cls, joined: bytes) -> "Sealed":
        """The reverse of `bytes(sealed)`. Raises Tampered when it is too short to be one."""
        if len(joined) < NONCE_BYTES + TAG_BYTES:
            raise Tampered
        return cls(joined[:NONCE_BYTES], joined[NONCE_BYTES:])


def aad(*parts: str | int | bytes) -> bytes:
    """Associated data that no other list of parts yields: each part carries its type and its length."""
    out = bytearray()
    for part in parts:
        if isinstance(part, bytes):
            tag, raw = b"b", part
        elif isinstance(part, str):
            tag, raw = b"s", part.encode()
        else:
            tag, raw = b"i", str(int(part)).encode()
        out += tag + len(raw).to_bytes(4, "big") + raw
    return bytes(out)


def new_key() -> bytes:
    """A fresh 256-bit key."""
    return clock.token_bytes(KEY_BYTES)


def seal(key: bytes, plain: bytes, context: bytes) -> Sealed:
    """Encrypt and authenticate under a random nonce; only the same `context` opens it again."""
    # Random 96-bit nonces stay safe up to about 2^32 seals with one key.
    nonce = clock.token_bytes(NONCE_BYTES)
    return Sealed(nonce, AESGCM(key).encrypt(nonce, plain, context))


def open_sealed(key: bytes, sealed: Sealed, context: bytes) -> bytes:
    """The plain bytes. Raises Tampered for any other key, context or content."""
    if len(sealed.nonce) != NONCE_BYTES:
        raise Tampered
    try:
        return AESGCM(key).decrypt(sealed.nonce, sealed.ciphertext, context)
    except InvalidTag:
        raise Tampered from None


def derive(key: bytes, purpose: str) -> bytes:
    """A 256-bit key for one purpose (HKDF-SHA256), so that no key serves two."""
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=b"botyard/" + purpose.encode()).derive(
        key
    )


def digest(key: bytes, purpose: str, value: str | bytes) -> str:
    """Keyed digest in hex, for secrets short enough to be guessed (codes) and for matching without storing."""
    return hmac.new(derive(key, purpose), _raw(value), hashlib.sha256).hexdigest()


def fingerprint(value: str | bytes) -> str:
    """Plain SHA-256 in hex; enough to store a secret of 256 random bits, too weak for anything guessable."""
    return hashlib.sha256(_raw(value)).hexdigest()


def same(one: str | bytes, other: str | bytes) -> bool:
    """Whether both are equal, in a time that does not tell where they differ."""
    return hmac.compare_digest(_raw(one), _raw(other))


class Digests:
    """Keyed digests of this installation; a part of `Database.parts`. Derives one key per purpose and keeps it."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._ready: dict[str, hmac.HMAC] = {}

    def digest(self, purpose: str, value: str | bytes) -> str:
        """The same hex as the function `digest`, without deriving the key each time."""
        ready = self._ready.get(purpose)
        if ready is None:
            ready = self._ready[purpose] = hmac.new(derive(self._key, purpose), digestmod=hashlib.sha256)
        running = ready.copy()
        running.update(_raw(value))
        return running.hexdigest()


@dataclass(frozen=True, slots=True)
class Token:
    """What a well-formed token says of itself."""

    kind: str
    id: str
    secret: str = field(repr=False)


def make_token(kind: str, id: str | None = None) -> str:  # noqa: A002 - the word of the format
    """A fresh token with a 256-bit secret; `kind` is lower-case letters, `id` letters and digits, random if absent.

    Show it once and keep only a digest of it.
    """
    token_id = base62(clock.token_bytes(9), _ID_CHARS) if id is None else id
    body = f"by_{kind}_{token_id}_{base62(clock.token_bytes(KEY_BYTES), _SECRET_CHARS)}"
    text = body + _checksum(body)
    if _TOKEN.fullmatch(text) is None:
        raise ValueError(f"{kind}/{token_id} does not fit the token format")
    return text


def parse_token(text: str, kind: str | None = None) -> Token | None:
    """The parts of a token, or None when the shape, the checksum or the kind is wrong. Says nothing of its validity."""
    found = _TOKEN.fullmatch(text)
    if found is None or (kind is not None and found[1] != kind):
        return None
    if found[4] != _checksum(text[:-_CHECKSUM_CHARS]):
        return None
    return Token(found[1], found[2], found[3])


def base62(raw: bytes, width: int) -> str:
    """The number that `raw` is, in digits and letters, padded to `width` characters."""
    number, out = int.from_bytes(raw, "big"), []
    while number:
        number, digit = divmod(number, 62)
        out.append(_BASE62[digit])
    return "".join(reversed(out)).rjust(width, "0")


def _checksum(body: str) -> str:
    return base62(zlib.crc32(body.encode()).to_bytes(4, "big"), _CHECKSUM_CHARS)


def _raw(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value
