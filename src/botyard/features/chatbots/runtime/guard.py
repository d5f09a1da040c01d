"""What may come in and what may go out."""

import re
import unicodedata

from botyard.features.chatbots.content import Content
from botyard.features.chatbots.runtime import words

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
_SURROGATES = re.compile(r"[\ud800-\udfff]")
_CARD = re.compile(r"(?<![\w-])(?:\d[ -]?){11,18}\d(?![\w-])", re.ASCII)
_ACCOUNT = re.compile(
    r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b", re.IGNORECASE | re.ASCII
)


def clean(text: str) -> str:
    """The text as it is read and kept: composed, without control characters or halves of characters."""
    whole = _SURROGATES.sub("\ufffd", text)
    return _CONTROLS.sub("", unicodedata.normalize("NFC", whole)).strip()


def objection(content: Content, text: str) -> str:
    """Why a message of the user is refused: `too_long`, `blocked`, or empty where it is not."""
    guard = content.settings.guard
    if len(text) > guard.max_length:
        return "too_long"
    return "blocked" if blocked(content, text) else ""


def blocked(content: Content, text: str) -> bool:
    """Whether a text has words that may not be said."""
    listed = content.settings.guard.blocked_words
    if not listed:
        return False
    said = words.plain(text)
    return any(words.says(said, words.plain(word)) for word in listed)


def kept(content: Content, text: str) -> str:
    """The text as it is stored: numbers of cards and accounts are hidden where the content says so."""
    if not content.settings.guard.hide_numbers:
        return text
    return _ACCOUNT.sub(_without_account, _CARD.sub(_without_card, text))


def _without_card(match: re.Match[str]) -> str:
    digits = re.sub(r"\D", "", match[0])
    return f"[number ending in {digits[-4:]}]" if _luhn(digits) else match[0]


def _without_account(match: re.Match[str]) -> str:
    written = re.sub(r"\s", "", match[0]).upper()
    return f"[account ending in {written[-4:]}]" if _iban(written) else match[0]


def _luhn(digits: str) -> bool:
    total = 0
    for at, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (2 if at % 2 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0


def _iban(written: str) -> bool:
    turned = written[4:] + written[:4]
    return int("".join(str(int(sign, 36)) for sign in turned)) % 97 == 1
