"""Sections: what the readers of documents produce and what is cut into chunks."""

from dataclasses import dataclass

BREAK = "\n\n"  # between paragraphs


@dataclass(frozen=True, slots=True)
class Section:
    """Text below its headings, outermost first. A whole one is never cut apart, such as an answer.

    `place` says where it stands and nothing of what it is about, such as a page.
    """

    headings: tuple[str, ...]
    text: str
    whole: bool = False
    place: str = ""


class Outline:
    """Collects paragraphs below headings of different levels."""

    def __init__(self) -> None:
        self.sections: list[Section] = []
        self.first_heading = ""
        self._path: list[tuple[int, str]] = []
        self._paragraphs: list[str] = []

    def heading(self, level: int, text: str) -> None:
        """A heading closes the section before it, and every heading of its own or a lower rank."""
        text = " ".join(text.split())[:200]
        if not text:
            return
        self.close()
        self.first_heading = self.first_heading or text
        self._path = [(rank, name) for rank, name in self._path if rank < level] + [(level, text)]

    def paragraph(self, text: str) -> None:
        """A paragraph of the present section."""
        if text.strip():
            self._paragraphs.append(text.strip())

    def close(self) -> list[Section]:
        """End the present section; answers all of them."""
        if self._paragraphs:
            path = tuple(name for _, name in self._path)
            self.sections.append(Section(path, BREAK.join(self._paragraphs)))
            self._paragraphs = []
        return self.sections
