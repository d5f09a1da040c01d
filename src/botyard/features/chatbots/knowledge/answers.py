"""Answers from passages: the sentences that matter, or what a language model made of them, each with its citations.

A passage is data. It is shown, or handed to a model as a JSON value; nothing in it is ever carried out.
"""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from botyard.features.chatbots.knowledge.chunks import sentences, words
from botyard.features.chatbots.knowledge.fulltext import Weights
from botyard.features.chatbots.knowledge.search import Found, Passage
from botyard.features.chatbots.knowledge.terms import terms

MAX_WORDS = 70  # of an answer that no model wrote
MAX_PASSAGES = 4  # that a model reads
_BEGUN = re.compile(r"(?<!\s)\s*(?:\[[\d\s,]{0,40})?\Z")  # the blanks before a number, or a part of it
_NUMBER = re.compile(r"(?<!\s)\s*\[(\d{1,3}(?:\s*,\s*\d{1,3})*)\]")


def extract(found: Found) -> tuple[str, list[dict[str, Any]]]:
    """The best passage, cut to what matters, and its citation; empty where nothing answers."""
    if not found.answers:
        return "", []
    best = found.answers[0]
    return matter(best.text, found.weights), [citation(1, best)]


def matter(text: str, weights: Weights) -> str:
    """The part of a passage that has most of the question, in whole sentences; all of it where it is short."""
    if words(text) <= MAX_WORDS:
        return text
    pieces = sentences(text)
    sizes = [words(piece) for piece in pieces]
    found = [frozenset(terms(piece)) for piece in pieces]
    best, kept = -1.0, (0, 1)
    for start in range(len(pieces)):
        end, size = start + 1, sizes[start]
        while end < len(pieces) and size + sizes[end] <= MAX_WORDS:
            size += sizes[end]
            end += 1
        # The sentence that has the most leads: what follows it explains it.
        value = weights.coverage(tuple(frozenset().union(*found[start:end]))) + weights.coverage(
            tuple(found[start])
        )
        if value > best + 1e-9:
            best, kept = value, (start, end)
    return " ".join(pieces[kept[0] : kept[1]])


def citation(number: int, passage: Passage) -> dict[str, Any]:
    """Where a passage stands, as JSON."""
    return {
        "number": number,
        "source_id": passage.source_id,
        "title": passage.title,
        "heading": passage.heading,
        "url": passage.url,
        "position": passage.position,
    }


def numbered(passages: Sequence[Passage]) -> str:
    """Passages as a model reads them: a JSON list, so that none of them can end early and speak for itself."""
    values = [
        {"number": number, "title": passage.title, "heading": passage.heading, "text": passage.text}
        for number, passage in enumerate(passages[:MAX_PASSAGES], 1)
    ]
    return json.dumps(values, ensure_ascii=False)


def cite(text: str, passages: Sequence[Passage]) -> tuple[str, list[dict[str, Any]]]:
    """A model's answer without the numbers that it invented, and the citations of those it did not.

    An answer that cites nothing is no answer from the passages: empty.
    """
    offered = passages[:MAX_PASSAGES]
    checked, cited = _checked(text, len(offered))
    if not cited:
        return "", []
    return checked.strip(), [citation(number, offered[number - 1]) for number in sorted(cited)]


class Citing:
    """The same while the answer is written: nothing is given out before it has cited a passage, then all as it comes."""

    def __init__(self, passages: Sequence[Passage], hear: Callable[[str], None]) -> None:
        self._offered = len(passages[:MAX_PASSAGES])
        self._hear = hear
        self._raw = ""
        self._said = 0  # characters that were given out

    def feed(self, piece: str) -> None:
        """More of what the model writes; a number that has only begun waits for its end."""
        self._raw += piece
        unfinished = _BEGUN.search(self._raw)
        self._give(self._raw[: unfinished.start()] if unfinished else self._raw)

    def close(self) -> None:
        """The answer is whole."""
        self._give(self._raw.rstrip())

    def _give(self, text: str) -> None:
        checked, cited = _checked(text, self._offered)
        shown = checked.lstrip()
        if cited and len(shown) > self._said:
            self._hear(shown[self._said :])
            self._said = len(shown)


def _checked(text: str, offered: int) -> tuple[str, set[int]]:
    """A text without numbers of passages that were not offered, and those that it has."""
    cited: set[int] = set()

    def kept(match: re.Match[str]) -> str:
        numbers = [int(number) for number in match[1].split(",")]
        known = [number for number in dict.fromkeys(numbers) if 1 <= number <= offered]
        cited.update(known)
        return "".join(f" [{number}]" for number in known)

    return _NUMBER.sub(kept, text), cited
