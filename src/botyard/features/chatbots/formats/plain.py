"""Bytes of a text file, and JSON in it, read whatever wrote them."""

import codecs
from typing import Any

import msgspec

from botyard.kit.errors import Invalid

MAX_DEPTH = 60
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decoded(data: bytes, *, guess: bool = False) -> tuple[str, str]:
    """The text and the encoding that it was in.

    UTF-8, or what a byte order mark says. With `guess` anything else is read as Windows wrote it in western
    Europe. Raises Invalid.
    """
    encoding = next((name for mark, name in _BOMS if data.startswith(mark)), None)
    if encoding is None and guess and _looks_like_utf16(data):
        encoding = "utf-16-le" if data[1:2] == b"\x00" else "utf-16-be"
    try:
        text = data.decode(encoding or "utf-8")
    except UnicodeDecodeError as error:
        if encoding is not None or not guess:
            said = (
                f"The text is not {encoding or 'UTF-8'}: byte {error.start} does not fit; save it as UTF-8."
            )
            raise Invalid(said) from None
        encoding = "cp1252"
        text = data.decode("cp1252", errors="replace").replace("\ufffd", "")
    if "\x00" in text:
        raise Invalid("The file is no text: it holds NUL characters.")
    return text, encoding or "utf-8"


def json_of(data: bytes, what: str = "The file") -> Any:
    """The JSON value in these bytes. Raises Invalid for what is none, or is nested deeper than any export is."""
    text, _ = decoded(data)
    try:
        value = msgspec.json.decode(text)
    except (msgspec.MsgspecError, ValueError) as error:
        raise Invalid(f"{what} is no JSON: {str(error)[:120]}.") from None
    except RecursionError:
        raise Invalid(f"{what} is nested deeper than {MAX_DEPTH} levels.") from None
    check_depth(value, what)
    return value


def check_depth(value: Any, what: str) -> None:
    """Raise Invalid where lists and objects nest deeper than any export does."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = (
            [
                inner
                for each in level
                for inner in (each.values() if isinstance(each, dict) else each)
                if isinstance(inner, dict | list)
            ]
            if isinstance(value, dict | list)
            else []
        )
        if not level:
            return
    raise Invalid(f"{what} is nested deeper than {MAX_DEPTH} levels.")


def _looks_like_utf16(data: bytes) -> bool:
    head = data[:200]
    return len(head) > 3 and (head[1::2].count(0) > len(head) // 3 or head[::2].count(0) > len(head) // 3)
