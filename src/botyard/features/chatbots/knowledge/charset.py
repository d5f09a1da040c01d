"""Bytes to text: what the sender says, what the document says, else what fits."""

import codecs
import re

from botyard.features.chatbots.knowledge.errors import DocumentUnsupported

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_META = re.compile(rb"<meta[^>]{0,200}?charset=[\"']?([\w.:-]{2,40})", re.IGNORECASE)
# Stored text has none of these; tabs and line ends stay.
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff]")
# Python counts these among the charsets, but nobody writes a document in them; the first takes hours for some MiB.
_NO_CHARSETS = frozenset({"punycode", "idna", "unicode-escape", "raw-unicode-escape"})
_GUESSES = ("cp1252", "latin-1")  # they fit nearly everything
_BINARY = (b"%PDF-", b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"\x1f\x8b")


def decode(content: bytes, charset: str, *, html: bool = False) -> str:
    """The text, without control characters. Raises DocumentUnsupported for what is no text."""
    if content.startswith(_BINARY):
        raise DocumentUnsupported
    for name in _candidates(content, charset, html=html):
        try:
            text = content.decode(name)
        except (UnicodeError, LookupError):
            continue
        if name in _GUESSES and len(_CONTROLS.findall(text)) > len(text) // 100:
            continue
        return _CONTROLS.sub("", text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n"))
    raise DocumentUnsupported


def _candidates(content: bytes, charset: str, *, html: bool) -> list[str]:
    said = [name for bom, name in _BOMS if content.startswith(bom)][:1]
    if charset and _is_text(charset):
        said.append(charset)
    if html and (meta := _META.search(content[:4096])) and _is_text(meta[1].decode()):
        said.append(meta[1].decode())
    if content.count(b"\x00") > len(content) // 20:
        return said  # no 8-bit text holds that many; guessing would make letters of a binary file
    return [*said, "utf-8", *_GUESSES]


def _is_text(name: str) -> bool:
    """Whether it is a charset; Python also calls packers and escapers codecs."""
    try:
        found = codecs.lookup(name)
        return found._is_text_encoding and found.name.replace("_", "-") not in _NO_CHARSETS
    except LookupError:
        return False
