"""Markdown: headings make sections, markup goes, what it marks stays."""

import re
from collections.abc import Callable

from botyard.features.chatbots.knowledge.sections import Outline, Section

_MAX_MARK = 500
_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*$")
_UNDERLINE = re.compile(r" {0,3}(=+|-{2,})[ \t]*$")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_RULE = re.compile(r" {0,3}([-*_])([ \t]*\1){2,}[ \t]*$")
_TABLE_RULE = re.compile(r"[ \t]*\|?[ \t:|-]+\|[ \t:|-]*$")
_QUOTE = re.compile(r"^[ \t]{0,3}(>[ \t]?)+")
Replacement = str | Callable[[re.Match[str]], str]
_INLINE: tuple[tuple[re.Pattern[str], Replacement], ...] = (
    (re.compile(r"!\[([^\[\]]{0,500})\]\([^()\s]{0,1000}(?:[ \t]\"[^\"]{0,200}\")?\)"), r"\1"),
    (re.compile(r"\[([^\[\]]{1,500})\]\([^()\s]{0,1000}(?:[ \t]\"[^\"]{0,200}\")?\)"), r"\1"),
    (re.compile(r"\[([^\[\]]{1,500})\]\[[^\[\]]{0,200}\]"), r"\1"),
    (re.compile(r"<(https?://[^<>\s]{1,1000})>"), r"\1"),
    (re.compile(r"</?[a-zA-Z][^<>]{0,500}>"), ""),
    (re.compile(r"(?<![\w*])(\*{1,3})(?=\S)([^*\n]{1,1000}?)(?<=\S)\1(?![\w*])"), r"\2"),
    (re.compile(r"(?<![\w_])(_{1,3})(?=\S)([^_\n]{1,1000}?)(?<=\S)\1(?![\w_])"), r"\2"),
    (re.compile(r"~~([^~\n]{1,1000})~~"), r"\1"),
    (re.compile(r"`{1,2}([^`\n]{1,1000})`{1,2}"), r"\1"),
    (re.compile(r"\\([!-/:-@\[-`{-~])"), r"\1"),
)


def read(text: str) -> tuple[str, list[Section]]:
    """Title and sections of a Markdown text; the title is the first heading."""
    outline, block = Outline(), list[str]()
    fence = ""
    lines = _without_front_matter(_without_comments(text)).split("\n")
    for line in lines:
        if fence or _FENCE.match(line):
            fence = _fenced(line, fence, block)
        elif len(line) > _MAX_MARK:  # prose: no mark of structure is that long
            block.append(line)
        elif heading := _HEADING.match(line):
            _flush(outline, block)
            outline.heading(len(heading[1]), plain(heading[2]))
        elif len(block) == 1 and _UNDERLINE.match(line) and not block[0].startswith(("|", "-", ">")):
            outline.heading(1 if line.strip()[0] == "=" else 2, plain(block.pop()))
        elif not line.strip() or _RULE.match(line):
            _flush(outline, block)
        elif not _TABLE_RULE.match(line):
            block.append(_QUOTE.sub("", line))
    _flush(outline, block)
    return outline.first_heading, outline.close()


def plain(line: str) -> str:
    """A line without its markup."""
    for pattern, replacement in _INLINE:
        line = pattern.sub(replacement, line)
    return line


def _fenced(line: str, fence: str, block: list[str]) -> str:
    """Keep a line of code as it stands; answers the fence that is open after it."""
    mark = _FENCE.match(line)
    if not fence:
        assert mark is not None
        return mark[1]
    if mark and mark[1].startswith(fence) and not line.strip().strip(fence[0]):
        return ""
    block.append(f"\t{line}")
    return fence


def _flush(outline: Outline, block: list[str]) -> None:
    lines = [line[1:] if line.startswith("\t") else plain(line.strip().strip("|").strip()) for line in block]
    outline.paragraph("\n".join(lines).replace(" | ", ", "))
    block.clear()


def _without_front_matter(text: str) -> str:
    if text.startswith("---\n") and (end := text.find("\n---\n", 3)) != -1:
        return text[end + 5 :]
    return text


def _without_comments(text: str) -> str:
    pieces, at = [], 0
    while (start := text.find("<!--", at)) != -1 and (end := text.find("-->", start)) != -1:
        pieces.append(text[at:start])
        at = end + 3
    return "".join([*pieces, text[at:]])
