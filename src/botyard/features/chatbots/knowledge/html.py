"""HTML: the main content of a page as sections, without scripts, navigation and what is not shown.

Read in one pass that never looks back, so that no page can make it slow, however broken it is.
"""

import html
import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field

from botyard.features.chatbots.knowledge.sections import Outline, Section

_SKIPPED = frozenset(
    "script style noscript template svg math canvas iframe object embed nav footer aside form button select dialog "  # noqa: SIM905
    "textarea".split()
)
_RAW = frozenset({"script", "style", "textarea", "title", "noscript", "iframe"})  # their content is no markup
_BLOCKS = frozenset(
    "address article blockquote body dd details div dl dt fieldset figcaption figure header hr li main ol p pre "  # noqa: SIM905
    "section summary table tbody tfoot thead tr ul br".split()
)
_VOID = frozenset("area base br col hr img input link meta param source track wbr".split())  # noqa: SIM905
_TAG = re.compile(r"</?([a-zA-Z][a-zA-Z0-9:-]{0,40})")
_HIDDEN = re.compile(
    r"(?<![-\w])hidden(?![-\w])|aria-hidden\s*=\s*[\"']?true|display\s*:\s*none|visibility\s*:\s*hidden",
    re.IGNORECASE,
)
_ROLE = re.compile(r"role\s*=\s*[\"']?(navigation|banner|contentinfo|search|complementary)", re.IGNORECASE)
_MAX_TAG = 4000
_MAX_TRIES = 8  # brackets within quotes before these count as never closed
_MAX_DEPTH = 100  # of elements within what is left out
_MAIN_SHARE = 0.25  # of the whole: a smaller main element is not where the content is


@dataclass
class _Reader:
    """What was read so far; `main` collects what stands in main or article elements as well."""

    title: str = ""
    whole: Outline = field(default_factory=Outline)
    main: Outline = field(default_factory=Outline)
    open_main: int = 0
    skipped: list[str] = field(default_factory=list)  # elements within what is left out
    heading: int = 0
    text: list[str] = field(default_factory=list)

    def start(self, name: str, tag: str) -> None:
        if self.skipped or name in _SKIPPED or _left_out(name, tag):
            if name not in _VOID and not tag.endswith("/>") and len(self.skipped) < _MAX_DEPTH:
                self.skipped.append(name)
            return
        if name in ("main", "article"):
            self.flush()
            self.open_main += 1
        if len(name) == 2 and name[0] == "h" and name[1] in "123456":
            self.flush()
            self.heading = int(name[1])
        elif name in ("td", "th"):
            self.text.append(" ")
        elif name in _BLOCKS:
            self.flush()

    def end(self, name: str) -> None:
        if self.skipped:
            if name in self.skipped:
                del self.skipped[len(self.skipped) - 1 - self.skipped[::-1].index(name) :]
            return
        if name in _BLOCKS or (self.heading and name == f"h{self.heading}"):
            self.flush()
        elif name in ("td", "th"):
            self.text.append(", ")
        if name in ("main", "article"):
            self.open_main = max(0, self.open_main - 1)

    def flush(self) -> None:
        text = re.sub(r"\s+", " ", html.unescape("".join(self.text))).strip(" ,")
        self.text = []
        for outline in (self.whole, self.main) if self.open_main else (self.whole,):
            if self.heading:
                outline.heading(self.heading, text)
            else:
                outline.paragraph(text)
        self.heading = 0


def read(text: str) -> tuple[str, list[Section]]:
    """Title and sections of a page."""
    reader = _Reader()
    for kind, name, value in _pieces(text):
        if kind == "text" and not reader.skipped:
            reader.text.append(value)
        elif kind == "start":
            reader.start(name, value)
        elif kind == "end":
            reader.end(name)
        elif kind == "title" and not reader.title:
            reader.title = html.unescape(value).strip()
    reader.flush()
    whole, main = reader.whole.close(), reader.main.close()
    sections = main if _size(main) >= _MAIN_SHARE * _size(whole) and main else whole
    return reader.title or reader.whole.first_heading, sections


def _pieces(text: str) -> Iterator[tuple[str, str, str]]:
    """Texts, starts and ends of elements in order; what is no markup is text."""
    at, size = 0, len(text)
    while at < size:
        less = text.find("<", at)
        if less < 0:
            less = size
        if less > at:
            yield "text", "", text[at:less]
        if less == size:
            return
        at = less
        match = _TAG.match(text, at)
        if match is None:
            at = yield from _no_element(text, at)
            continue
        end = _end_of_tag(text, match.end())
        if end < 0:  # no tag ends from here on
            yield "text", "", text[at + 1 :].replace("<", " ")
            return
        name, tag, at = match[1].lower(), text[at : end + 1], end + 1
        if tag.startswith("</"):
            yield "end", name, tag
        elif name in _RAW and not tag.endswith("/>"):
            at = yield from _raw(text, at, name)
        else:
            yield "start", name, tag


def _no_element(text: str, at: int) -> Generator[tuple[str, str, str], None, int]:
    """A comment, a declaration, or a bare `<`; answers where it ends."""
    if text.startswith("<!--", at):
        end = text.find("-->", at + 4)
        return len(text) if end < 0 else end + 3
    if text.startswith(("<!", "<?", "</"), at):
        end = text.find(">", at)
        return len(text) if end < 0 else end + 1
    yield "text", "", "<"
    return at + 1


def _raw(text: str, at: int, name: str) -> Generator[tuple[str, str, str], None, int]:
    """The content of a script, a style or a title; answers where the element ends."""
    close = re.compile(f"</{name}[\\s/>]", re.IGNORECASE).search(text, at)
    inner = text[at : close.start() if close else len(text)]
    if name == "title":
        yield "title", name, inner[:1000]
    if close is None:
        return len(text)
    end = text.find(">", close.start())
    return len(text) if end < 0 else end + 1


def _end_of_tag(text: str, at: int) -> int:
    """Where the tag ends, which is not within quotes unless these are never closed."""
    first = end = text.find(">", at)
    for _ in range(_MAX_TRIES):
        if end < 0 or end - at > _MAX_TAG:
            break
        if not text.count('"', at, end) % 2 and (
            not text.count("'", at, end) % 2 or text.count('"', at, end)
        ):
            return end
        end = text.find(">", end + 1)
    return first


def _left_out(name: str, tag: str) -> bool:
    return ("=" in tag and bool(_ROLE.search(tag))) or (
        name not in ("html", "body") and bool(_HIDDEN.search(_bare(tag)))
    )


def _bare(tag: str) -> str:
    """The tag without what classes, ids and addresses say, where `hidden` means nothing."""
    return re.sub(
        r"(?:class|id|href|src|alt|title|data-[\w-]+)\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s>]+)", "", tag[:2000]
    )


def _size(sections: list[Section]) -> int:
    return sum(len(section.text) for section in sections)
