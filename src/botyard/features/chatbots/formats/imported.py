"""What an import brings, what an export takes, and the report of both."""

from collections.abc import Iterable
from typing import Any, Literal

from msgspec import Struct, field

from botyard.features.chatbots.content import Content
from botyard.features.chatbots.examples import MAX_EXAMPLES, NewExample, problem_of, trimmed
from botyard.kit.amounts import amount
from botyard.kit.errors import Invalid

MAX_INPUT = 50 * 1024 * 1024  # bytes of a file
TOO_LARGE = "To read this file takes more time or memory than an import has; divide it into several."
Kind = Literal["mapped", "partly", "not_mapped"]
MAX_NAMED = 20  # in one note; the others are counted


class Note(Struct, kw_only=True, omit_defaults=True):
    """One line of a report: what it is about, and why it did not map, or not wholly."""

    kind: Kind
    what: str
    why: str = ""


class Project(Struct, kw_only=True):
    """A dataset and what its chatbot says, as they are exported."""

    name: str = ""
    description: str = ""
    language: str = "en"
    examples: list[NewExample] = field(default_factory=list)
    responses: dict[str, str] = field(default_factory=dict)  # intent: reply
    content: Content | None = None
    extras: dict[str, Any] = field(default_factory=dict)


class Imported(Project, kw_only=True):
    """What a file held. `content` is None where its format knows examples only.

    `first_line`: what a table begins with, where that was taken for the names of its columns without being sure.
    """

    format: str = ""
    report: list[Note] = field(default_factory=list)
    first_line: NewExample | None = None


class Exported(Struct, kw_only=True):
    """A file to download."""

    data: bytes
    filename: str
    media_type: str
    report: list[Note] = field(default_factory=list)


class Report:
    """Collects notes; those with the same reason become one, which names what it is about."""

    def __init__(self) -> None:
        self._whats: dict[tuple[Kind, str, str], dict[str, int]] = {}

    def mapped(self, what: str, count: int = 1) -> None:
        """Say that something arrived whole: `7 intents`."""
        if count:
            self._note("mapped", "", "", f"{amount(count)} {_singular(what) if count == 1 else what}")

    def partly(self, kind: str, what: str, why: str) -> None:
        """Say what arrived in part: a kind such as `slot`, its name, and what is missing."""
        self._note("partly", kind, why, what)

    def lost(self, kind: str, what: str, why: str) -> None:
        """Say what did not arrive, and why."""
        self._note("not_mapped", kind, why, what)

    def notes(self) -> list[Note]:
        """All notes: first what mapped, then what mapped in part, then what did not."""
        order = ("mapped", "partly", "not_mapped")
        found = [
            Note(kind=kind, what=_joined(name, whats), why=why)
            for (kind, name, why), whats in self._whats.items()
        ]
        return sorted(found, key=lambda note: order.index(note.kind))

    def _note(self, kind: Kind, name: str, why: str, what: str) -> None:
        whats = self._whats.setdefault((kind, name, why), {})
        whats[what] = whats.get(what, 0) + 1


def _singular(what: str) -> str:
    return what[:-3] + "y" if what.endswith("ies") else what.removesuffix("s")


def _joined(name: str, whats: dict[str, int]) -> str:
    named = [_cut(what) + (f" ({count} times)" if count > 1 else "") for what, count in whats.items()]
    listed = ", ".join(named[:MAX_NAMED])
    if len(named) > MAX_NAMED:
        listed += f" and {len(named) - MAX_NAMED} more"
    return f"{name} {listed}".strip()


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 80 else line[:79] + "…"


def usable(examples: Iterable[NewExample], report: Report) -> list[NewExample]:
    """The examples that a dataset takes; the others are in the report. Raises Invalid for too many."""
    good = []
    for example in examples:
        if problem := problem_of(example):
            report.lost("example", example.text[:60] or "without text", f"It {problem}.")
            continue
        good.append(trimmed(example))
        if len(good) > MAX_EXAMPLES:
            raise Invalid(f"The file holds more than {MAX_EXAMPLES:,} examples; divide it.")
    return good
