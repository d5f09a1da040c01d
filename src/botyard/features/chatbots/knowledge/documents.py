"""A document as it is read: sections of plain text, each below its headings."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from botyard.features.chatbots.knowledge import html, markdown, plain, questions
from botyard.features.chatbots.knowledge.charset import decode
from botyard.features.chatbots.knowledge.errors import DocumentUnreadable, DocumentUnsupported
from botyard.features.chatbots.knowledge.sections import Section

MAX_BYTES = 4 * 1024 * 1024
MAX_PDF_BYTES = 8 * 1024 * 1024  # they hold pictures and fonts as well
Kind = Literal["text", "markdown", "html", "csv", "pdf"]
_READERS: dict[str, Callable[[str], tuple[str, list[Section]]]] = {
    "text": plain.read,
    "markdown": markdown.read,
    "html": html.read,
    "csv": questions.read,
}
KINDS = (*_READERS, "pdf")
_TYPES = {
    "text/plain": "text",
    "text/markdown": "markdown",
    "text/x-markdown": "markdown",
    "text/html": "html",
    "application/xhtml+xml": "html",
    "text/csv": "csv",
    "application/csv": "csv",
    "application/pdf": "pdf",
    "application/x-pdf": "pdf",
}
_ENDINGS = {
    "txt": "text",
    "text": "text",
    "md": "markdown",
    "markdown": "markdown",
    "html": "html",
    "htm": "html",
    "xhtml": "html",
    "csv": "csv",
    "pdf": "pdf",
}


@dataclass(frozen=True, slots=True)
class Document:
    """What was read; the title is empty where the document does not say one."""

    title: str
    sections: list[Section] = field(default_factory=list)


def read(kind: str, content: bytes, charset: str = "") -> Document:
    """The text of a document that is text itself; `pdf.read` has the others. Raises DocumentUnreadable where there is none."""
    title, sections = _READERS[kind](decode(content, charset, html=kind == "html"))
    kept = [section for section in sections if section.text.strip()]
    if not kept:
        raise DocumentUnreadable
    return Document(" ".join(title.split())[:200], kept)


def most_bytes(kind: str) -> int:
    """How large a document of a kind may be."""
    return MAX_PDF_BYTES if kind == "pdf" else MAX_BYTES


def kind_of(media_type: str, name: str) -> str:
    """The kind of a document by its media type and the ending of its name. Raises DocumentUnsupported."""
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    said = _TYPES.get(media_type.partition(";")[0].strip().lower())
    # Servers and browsers call Markdown and CSV plain text, or nothing at all.
    vague = said == "text" or media_type in ("", "application/octet-stream")
    found = _ENDINGS.get(ending, said) if vague else said
    if found is None:
        raise DocumentUnsupported
    return found
