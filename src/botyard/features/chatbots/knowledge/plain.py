"""Plain text: paragraphs, and lines that look like headings."""

import re

from botyard.features.chatbots.knowledge.sections import Outline, Section

_PARAGRAPHS = re.compile(r"\n[ \t]*\n+")
_MAX_HEADING = 80


def read(text: str) -> tuple[str, list[Section]]:
    """Title and sections of a plain text; its title is its first heading, if it has one."""
    outline = Outline()
    blocks = [block.strip() for block in _PARAGRAPHS.split(text) if block.strip()]
    for number, block in enumerate(blocks):
        if number + 1 < len(blocks) and _is_heading(block):
            outline.heading(1, block)
        else:
            outline.paragraph(block)
    return outline.first_heading, outline.close()


def _is_heading(block: str) -> bool:
    """A short line on its own that no punctuation ends."""
    short = "\n" not in block and len(block) <= _MAX_HEADING and len(block.split()) <= 10
    return short and block[-1].isalnum() and not block.startswith(("-", "*", "•"))
