"""User names and mail addresses: what is accepted, and how two are compared."""

import unicodedata

from botyard.core.mail import address
from botyard.kit.errors import Invalid

MAX_USERNAME = 64
MAX_KEY = 512  # one character may stand for eighteen


def key(text: str) -> str:
    """The form by which names and addresses are compared: no case, no look-alike width or composition.

    What no store can hold (NUL, half a surrogate pair) becomes a character that no name has.
    """
    storable = "".join(
        "\ue000" if unicodedata.category(sign) in ("Cc", "Cs") else sign for sign in text.strip()
    )
    folded, before = storable, ""
    while folded != before:  # the key of a key is itself; two rounds do for nearly every text
        before, folded = folded, unicodedata.normalize("NFKC", folded.casefold())
    return folded.strip()


def line(text: str | None, *, what: str, limit: int) -> str | None:
    """One line of free text without surrounding blanks; None when nothing is left.

    Raises Invalid, which says `what` is wrong, for control characters and for more than `limit` characters.
    """
    cleaned = (text or "").strip()
    if len(cleaned) > limit:
        raise Invalid(f"{what} has at most {limit} characters.")
    if any(unicodedata.category(sign) in ("Cc", "Cs") for sign in cleaned):
        raise Invalid(f"{what} is one line of text, without control characters.")
    return cleaned or None


def email(text: str) -> str:
    """The address without surrounding blanks. Raises Invalid unless one could send a mail there."""
    checked = address.checked(text)
    if len(key(checked)) > MAX_KEY:
        raise Invalid("The mail address is too long.")
    return checked


def username(text: str, *, email: str) -> str:
    """The user name without surrounding blanks.

    A name with an at sign must be the account's own address, so that no name is another one's address.
    """
    name = text.strip()
    if key(name) == key(email):
        return name
    if not name or len(name) > MAX_USERNAME or len(key(name)) > MAX_KEY:
        raise Invalid(f"A user name has 1 to {MAX_USERNAME} characters.")
    if not name.isprintable() or "@" in key(name):
        raise Invalid("A user name holds no control characters and no @, unless it is your own mail address.")
    return name
