"""Where a listener is: one number per source, written `e12.s30.l400.m5`."""

import re

from botyard.kit.errors import Invalid

Positions = dict[str, int]  # key of a source to the last id seen there
_PART = re.compile(r"([a-z])(\d{1,18})")


class CursorInvalid(Invalid):
    """This is no place in the event stream; start without one."""

    code = "cursor_invalid"


def write(positions: Positions) -> str:
    """The cursor as clients keep it and send it back."""
    return ".".join([f"{key}{last}" for key, last in positions.items()])


def read(text: str) -> Positions:
    """The positions in a client's cursor, also of sources that are no more. Raises CursorInvalid."""
    positions: Positions = {}
    for part in text.split("."):
        match = _PART.fullmatch(part)
        if match is None:
            raise CursorInvalid
        positions[match[1]] = int(match[2])
    return positions
