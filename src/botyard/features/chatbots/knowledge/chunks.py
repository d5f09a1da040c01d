"""Cuts a document into passages that are found and shown one by one: whole paragraphs and sentences, with an overlap."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from botyard.features.chatbots.knowledge.documents import Document
from botyard.features.chatbots.knowledge.errors import DocumentTooLarge
from botyard.features.chatbots.knowledge.sections import Section

WORDS = 180  # of a passage: about what an encoder reads, and what fits a screen
OVERLAP = 30  # words of the passage before it, in whole sentences
MAX_CHUNKS = 5000  # of one document
_LONG = 10  # characters that count as a word where blanks are rare
_SENTENCE = re.compile(r"(?<=[.!?…])[\"')\]»”’]*\s+|(?<=[。！？])|\n+")
_ABBREVIATED = re.compile(
    r"(?:\b(?:e\.g|i\.e|z\.B|d\.h|approx|ca|no|nr|mr|mrs|dr|st|vs|bzw)|\b[A-Z])\.$", re.IGNORECASE
)
_UNSPACED = re.compile("[\u0e00-\u0eff\u3005-\u30ff\u3400-\u9fff]")


@dataclass(frozen=True, slots=True)
class Chunk:
    """One passage; `about` names all that it stands below, outermost first, and `heading` its place as well."""

    heading: str
    text: str
    about: str = ""


def cut(document: Document, title: str) -> list[Chunk]:
    """The passages of a document in order; without headings they stand below its title.

    Raises DocumentTooLarge.
    """
    chunks: list[Chunk] = []
    for section in document.sections:
        about = " > ".join(section.headings)[:500] or title
        heading = " > ".join(filter(None, [*section.headings, section.place]))[:500] or title
        chunks += [Chunk(heading, text, about) for text in _passages(section)]
        if len(chunks) > MAX_CHUNKS:
            raise DocumentTooLarge(
                f"The document has more than {MAX_CHUNKS} passages; split it into several."
            )
    return chunks


def sentences(text: str) -> list[str]:
    """The sentences of a text, lines of a list among them."""
    found: list[str] = []
    for piece in _SENTENCE.split(text):
        if found and found[-1] and _ABBREVIATED.search(found[-1][-8:]):
            found[-1] = f"{found[-1]} {piece}"
        elif piece.strip():
            found.append(piece.strip())
    return found


def words(text: str) -> int:
    """How many words a text has; where none are set apart, two characters count as one, and ten letters at most."""
    unspaced = len(_UNSPACED.findall(text))
    spaced = _UNSPACED.sub(" ", text)
    return unspaced // 2 + max(len(spaced.split()), len(spaced.strip()) // _LONG)


def _passages(section: Section) -> Iterator[str]:
    if section.whole or words(section.text) <= WORDS * 1.25:
        yield section.text
        return
    passage: list[tuple[str, str]] = []  # sentence, and what stands between it and the next one
    size, fresh = 0, False
    for sentence, after in _pieces(section.text):
        count = words(sentence)
        if fresh and size + count > WORDS:
            yield _joined(passage)
            passage = _overlap(passage)
            size, fresh = sum(words(text) for text, _ in passage), False
        passage.append((sentence, after))
        size, fresh = size + count, True
    if fresh:
        yield _joined(passage)


def _pieces(text: str) -> Iterator[tuple[str, str]]:
    for paragraph in text.split("\n\n"):
        lines = [sentences(line) for line in paragraph.split("\n") if line.strip()]
        for at, line in enumerate(lines):
            pieces = [part for sentence in line for part in _bounded(sentence)]
            for number, piece in enumerate(pieces, 1):
                last = number == len(pieces)
                yield piece, " " if not last else "\n" if at + 1 < len(lines) else "\n\n"


def _bounded(sentence: str) -> list[str]:
    """The sentence, in parts where it is longer than a passage may be."""
    if words(sentence) <= WORDS:
        return [sentence]
    parts, size = [""], 0
    for word in re.findall(r"\S{1,200}\s*", sentence):
        count = max(1, words(word))
        if parts[-1] and size + count > WORDS:
            parts.append("")
            size = 0
        parts[-1] += word
        size += count
    return [part.strip() for part in parts]


def _overlap(passage: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The last sentences of a passage, as many as the overlap holds."""
    kept: list[tuple[str, str]] = []
    size = 0
    for sentence, after in reversed(passage):
        size += words(sentence)
        if size > OVERLAP:
            break
        kept.insert(0, (sentence, after))
    return kept


def _joined(passage: list[tuple[str, str]]) -> str:
    return "".join(f"{sentence}{after}" for sentence, after in passage).strip()
