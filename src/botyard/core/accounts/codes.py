"""Codes that people type: recovery codes and invitations. 80 random bits, so a plain digest keeps them."""

from botyard.kit import clock, crypto

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's: no i, l, o, u
_MISREAD = str.maketrans({"o": "0", "i": "1", "l": "1"})
_LENGTH = 16


def make() -> str:
    """A fresh code such as `7k2m-q9xd-0htb-v4ce`."""
    code = "".join(_ALPHABET[byte & 31] for byte in clock.token_bytes(_LENGTH))
    return "-".join(code[start : start + 4] for start in range(0, _LENGTH, 4))


def digest(code: str) -> str:
    """What is stored of a code; blanks, dashes, case and misread letters make no difference."""
    typed = "".join(code.split()).replace("-", "").lower().translate(_MISREAD)
    return crypto.fingerprint(typed.encode("utf-8", "surrogatepass"))
