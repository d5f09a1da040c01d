"""What is accepted as a mail address: one that fits into a header and that one could send to."""

import re

from botyard.kit.errors import Invalid

MAX = 254  # what SMTP can carry as a forward path
_SHAPE = re.compile(r"[^\s@<>()\[\],;:\\\"]{1,64}@[^\s@<>()\[\],;:\\\"]{1,189}")


def checked(text: str) -> str:
    """The address without surrounding blanks. Raises Invalid."""
    address = text.strip()
    if len(address) > MAX or not _SHAPE.fullmatch(address) or not address.isprintable():
        raise Invalid("The mail address is not valid; it should look like name@example.org.")
    return address
