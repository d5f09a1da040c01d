"""How a text is read before anything is counted in it."""

import hashlib
import re
import unicodedata
from collections.abc import Iterator
from itertools import pairwise

MAX_TEXT = 2000  # characters that are looked at; what people mean is said by then
WORDS, GRAMS = (1, 2), (2, 5)  # how many words, how many characters go together
# one sign of Chinese or Japanese is a token; Korean and all others are written with blanks
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
WORD = re.compile(r"(?u)\b\w+\b")
TOKEN = re.compile(rf"[{_CJK}]|[^\W{_CJK}]+|[^\w\s]")


def sound(text: str) -> str:
    """The text without halves of characters, which no encoder can write; as long as before."""
    if text.isascii():
        return text
    return "".join("\ufffd" if "\ud800" <= sign <= "\udfff" else sign for sign in text)


def folded(text: str) -> str:
    """Without differences that mean nothing: width, case, blanks. For counting, not for places in the text."""
    return " ".join(unicodedata.normalize("NFKC", sound(text[:MAX_TEXT])).lower().split())


def digest(text: str) -> bytes:
    """16 bytes that are the same for texts which are read the same."""
    return hashlib.sha256(folded(text).encode()).digest()[:16]


def fifth(text: str) -> int:
    """Which fifth of all texts this one belongs to, for ever: 0 to 4."""
    return digest(text)[0] % 5


def word_grams(text: str) -> Iterator[str]:
    """Single words and pairs of a folded text."""
    words = WORD.findall(text)
    yield from words
    for first, second in pairwise(words):
        yield f"{first} {second}"


def sign_grams(text: str) -> Iterator[str]:
    """Runs of two to five characters within words, blanks at both ends counting as characters."""
    for word in text.split():
        padded = f" {word} "
        for size in range(GRAMS[0], GRAMS[1] + 1):
            last = len(padded) - size
            if last <= 0:
                yield padded
                break
            for start in range(last + 1):
                yield padded[start : start + size]
