"""The process that reads one PDF: bounded in memory, time, pages and text, since anybody may have made the file.

It takes the file and answers a `Read`. It knows pages and bookmarks; what a scanned page shows, it cannot see.
"""

import io
import os
import re
import sys
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import msgspec
import pypdf
from pypdf.errors import LimitReachedError

from botyard.features.chatbots.knowledge.pdf_wire import Part, Read
from botyard.kit import bounded, frames

MAX_PAGES = 2000
MAX_CHARACTERS = 8_000_000
MAX_UNPACKED = 32 * 1024 * 1024  # bytes of any one stream
MAX_BOOKMARKS = 5000
_NICE = 5
_HYPHEN = re.compile(r"(?<=[^\W\d_])[-\u00ad\u2010]$")
_LISTED = re.compile(r"\s*(?:[•●▪◦‣·*–—-]|\d{1,3}[.)]|[a-zA-Z][.)])\s")
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f\ufffe\uffff\ud800-\udfff]")
_LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})
_MARGIN = 3  # lines at the top and at the bottom of a page that may be such ones
_SHORT = 0.6  # of the usual line: a line that ends so early ends its paragraph


@dataclass(frozen=True, slots=True)
class Bookmark:
    """An entry of the outline: on which page, counted from 0, how deep, and its words."""

    page: int
    level: int
    title: str


@dataclass
class Outline:
    """Where in the bookmarks a text stands."""

    marks: Sequence[Bookmark]
    path: list[Bookmark] = field(default_factory=list)

    def enter(self, mark: Bookmark) -> None:
        """Go on below a bookmark, which ends those of its own or a lower rank."""
        self.path = [*(each for each in self.path if each.level < mark.level), mark]

    @property
    def headings(self) -> list[str]:
        """The words above a text, outermost first."""
        return [mark.title for mark in self.path]


def read(content: bytes) -> Read:
    """The text of a PDF by page, and by bookmark where it has them."""
    pypdf.overwrite_configuration(
        maximum_declared_stream_length=MAX_UNPACKED,
        array_based_stream_maximum_output_length=MAX_UNPACKED,
        lzw_maximum_output_length=MAX_UNPACKED,
        run_length_maximum_output_length=MAX_UNPACKED,
        zlib_maximum_output_length=MAX_UNPACKED,
        outline_maximum_entries=MAX_BOOKMARKS,
        jbig2dec_binary=None,  # no other program is ever run
    )
    try:
        reader = pypdf.PdfReader(io.BytesIO(content))
        if reader.is_encrypted and not reader.decrypt(""):
            return Read(refusal="The PDF is protected by a password; save it without one.")
        if len(reader.pages) > MAX_PAGES:
            return Read(refusal=f"The PDF has more than {MAX_PAGES} pages; split it into several.")
        return _read(reader)
    except MemoryError:
        return Read(refusal="The PDF takes too much memory to read; save it anew, or split it into several.")
    except LimitReachedError:
        return Read(refusal="The PDF unpacks to more than a document may have; split it into several.")
    except Exception:  # whatever a broken file makes of the library: it says so in many ways
        traceback.print_exc()
        return Read(refusal="The PDF is damaged; open it and save it anew.")


def _read(reader: pypdf.PdfReader) -> Read:
    pages, size = list[list[str]](), 0
    for page in reader.pages:
        text = _CONTROLS.sub("", page.extract_text().replace("\r", "\n").translate(_LIGATURES))
        size += len(text)
        if size > MAX_CHARACTERS:
            return Read(refusal="The PDF has more text than a chatbot can read; split it into several.")
        pages.append([line.strip() for line in text.split("\n")])
    if not any(map(any, pages)):
        return Read(
            refusal="The PDF has pictures of pages and no text; run it through text recognition (OCR) first."
        )
    outline = Outline(sorted(_bookmarks(reader), key=lambda mark: mark.page))
    parts = list(split(without_margins(pages), outline))
    title = reader.metadata.title if reader.metadata else ""
    return Read(title=_CONTROLS.sub("", str(title or ""))[:500], parts=parts)


def _bookmarks(reader: pypdf.PdfReader) -> Iterator[Bookmark]:
    try:
        outline = reader.outline
        yield from _flat(reader, outline, 1)
    except Exception:  # as above; without them there still are pages
        traceback.print_exc()


def _flat(reader: pypdf.PdfReader, entries: object, level: int) -> Iterator[Bookmark]:
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, list):
            yield from _flat(reader, entry, level + 1)
            continue
        page, title = reader.get_destination_page_number(entry), " ".join(str(entry.title or "").split())
        if page is not None and page >= 0 and title:
            yield Bookmark(page, level, _CONTROLS.sub("", title)[:200])


def without_margins(pages: list[list[str]]) -> list[list[str]]:
    """The pages without what stands at the top or bottom of most of them, whatever its numbers."""
    seen = Counter(mark for lines in pages for mark in _edges(lines))
    repeated = {mark for mark, count in seen.items() if count > max(1, len(pages) / 2)}
    return [_bare(lines, repeated) for lines in pages]


def _edges(lines: list[str]) -> set[str]:
    """The outermost lines of a page; running titles and page numbers are among them."""
    filled = [line for line in lines if line]
    return {_mark(line) for line in (*filled[:_MARGIN], *filled[-_MARGIN:])}


def _bare(lines: list[str], repeated: set[str]) -> list[str]:
    filled = [at for at, line in enumerate(lines) if line]
    first, last = 0, len(filled)
    while first < min(last, _MARGIN) and _mark(lines[filled[first]]) in repeated:
        first += 1
    while last > max(first, len(filled) - _MARGIN) and _mark(lines[filled[last - 1]]) in repeated:
        last -= 1
    return lines[filled[first] : filled[last - 1] + 1] if first < last else []


def _mark(line: str) -> str:
    return re.sub(r"\d+", "0", line)


def split(pages: list[list[str]], outline: Outline) -> Iterator[Part]:
    """Pages cut where a bookmark's words stand on a line of their own; else it counts from the top of its page."""
    for number, lines in enumerate(pages):
        here = [mark for mark in outline.marks if mark.page == number]
        begin = 0
        for mark in here:
            at = _line_of(mark.title, lines, begin)
            if at is not None:
                yield Part(number + 1, outline.headings, joined(lines[begin:at]))
                begin = at + 1
            outline.enter(mark)
        yield Part(number + 1, outline.headings, joined(lines[begin:]))


def _line_of(title: str, lines: list[str], begin: int) -> int | None:
    wanted = _letters(title)
    return next((at for at in range(begin, len(lines)) if wanted and _letters(lines[at]) == wanted), None)


def _letters(text: str) -> str:
    """What two ways to write a heading have in common: numbers before it come and go."""
    return "".join(sign for sign in text.casefold() if sign.isalpha())


def joined(lines: Sequence[str]) -> str:
    """Lines as paragraphs: what was broken to fit the page is made whole."""
    sizes = sorted(len(line) for line in lines if line)
    usual = sizes[len(sizes) * 9 // 10] if sizes else 0
    text, short = "", True
    for line in lines:
        if not line:
            text += "\n\n" if text and not text.endswith("\n\n") else ""
            short = False
        elif not text or text.endswith("\n\n"):
            text += line
        elif short or _LISTED.match(line):
            text += f"\n{line}"
        elif _HYPHEN.search(text) and line[0].islower():
            text = text[:-1] + line
        else:
            text += f" {line}"
        short = bool(line) and len(line) < usual * _SHORT
    return text.strip()


def main(arguments: list[str]) -> None:
    """Read one file and end. Arguments: memory in MiB, seconds of processor time."""
    output = bounded.take_output()
    bounded.bound(int(arguments[0]), int(arguments[1]), nice=_NICE)
    content = frames.read(sys.stdin.buffer)
    frames.send(output, msgspec.msgpack.encode(read(content)))
    sys.stderr.flush()
    os._exit(0)  # large heaps take a while to be given back one by one


if __name__ == "__main__":
    main(sys.argv[1:])
