"""Finding marked entities: a conditional random field, read out of its trainer and decoded with numpy alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np

from botyard.features.chatbots.nlu.linear import Doubles
from botyard.features.chatbots.nlu.text import TOKEN
from botyard.features.chatbots.nlu.tfidf import Floats

_OUTSIDE = "O"


class Token(NamedTuple):
    """A word or sign, and where it stands."""

    text: str
    start: int
    end: int


class Span(NamedTuple):
    """Tokens that are an entity together, from `start` to `end` of the text."""

    entity: str
    role: str
    start: int
    end: int
    confidence: float


def tokens(text: str) -> list[Token]:
    """The words and signs of a text."""
    return [Token(match[0], match.start(), match.end()) for match in TOKEN.finditer(text)]


def features(words: Sequence[Token]) -> list[list[str]]:
    """What is known of each token: itself, its shape, its ends, its neighbours."""
    own = [_own(word.text) for word in words]
    return [list(_around(own, at)) for at in range(len(own))]


def _own(word: str) -> tuple[str, str]:
    shape = "".join(
        dict.fromkeys("d" if c.isdigit() else "X" if c.isupper() else "x" if c.isalpha() else c for c in word)
    )
    return word.lower(), shape  # fmt: skip


def _around(own: Sequence[tuple[str, str]], at: int) -> Iterator[str]:
    word, shape = own[at]
    yield "b"
    yield f"w={word}"
    yield f"s={shape}"
    yield f"3={word[-3:]}"
    yield f"2={word[-2:]}"
    yield f"p={word[:3]}"
    for step in (-2, -1, 1, 2):
        near = own[at + step] if 0 <= at + step < len(own) else ("", "")
        yield f"{step}w={near[0]}"
        if abs(step) == 1:
            yield f"{step}s={near[1]}"
            yield f"{step}+={near[0]} {word}"


def label_of(entity: str, role: str, *, begins: bool) -> str:
    """How the trainer calls a token of an entity."""
    return f"{'B' if begins else 'I'}\t{entity}\t{role}"


@dataclass(frozen=True)
class Tagger:
    """`states` has a row for each feature, `steps` the weight of going from one label to the next."""

    labels: list[str]
    features: list[str]
    states: Floats
    steps: Floats
    _rows: dict[str, int] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._rows.update({name: row for row, name in enumerate(self.features)})

    def spans(self, text: str) -> list[Span]:
        """What stands in a text, by the most likely labels; a span is as sure as its least sure token."""
        words = tokens(text)
        if not words or len(self.labels) < 2:
            return []
        own = self._states(words)
        path, sure = self._best(own), self._sure(own)
        return list(self._joined(words, path, [float(sure[at, label]) for at, label in enumerate(path)]))

    def _states(self, words: Sequence[Token]) -> Doubles:
        total = np.zeros((len(words), len(self.labels)))
        for at, names in enumerate(features(words)):
            rows = [row for name in names if (row := self._rows.get(name)) is not None]
            if rows:
                total[at] = self.states[rows].sum(axis=0, dtype=np.float64)
        return total

    @cached_property
    def _moves(self) -> Doubles:
        """The steps, without those into the middle of an entity that did not begin."""
        moves = self.steps.astype(np.float64)
        for to, label in enumerate(self.labels):
            if label.startswith("I\t"):
                kin = {label, "B" + label[1:]}
                moves[[at for at, other in enumerate(self.labels) if other not in kin], to] = -1e4
        return moves

    @cached_property
    def _starts(self) -> Doubles:
        return np.array([-1e4 if label.startswith("I\t") else 0.0 for label in self.labels])

    def _best(self, own: Doubles) -> list[int]:
        score, back = self._starts + own[0], np.zeros(own.shape, np.intp)
        for at in range(1, len(own)):
            each = score[:, None] + self._moves
            back[at] = each.argmax(axis=0)
            score = each.max(axis=0) + own[at]
        path = [int(score.argmax())]
        for at in range(len(own) - 1, 0, -1):
            path.append(int(back[at, path[-1]]))
        return path[::-1]

    def _sure(self, own: Doubles) -> Doubles:
        """How likely each label is at each token, all ways of labelling the others taken together."""
        ahead, behind = np.zeros(own.shape), np.zeros(own.shape)
        ahead[0] = self._starts + own[0]
        for at in range(1, len(own)):
            ahead[at] = _log_sum(ahead[at - 1][:, None] + self._moves) + own[at]
        for at in range(len(own) - 2, -1, -1):
            behind[at] = _log_sum((self._moves + own[at + 1] + behind[at + 1]).T)
        both = ahead + behind
        both -= both.max(axis=1, keepdims=True)
        raised = np.exp(both)
        return np.asarray(raised / raised.sum(axis=1, keepdims=True))

    def _joined(self, words: Sequence[Token], path: Sequence[int], sure: Sequence[float]) -> Iterator[Span]:
        at = 0
        while at < len(path):
            label = self.labels[path[at]]
            end = at + 1
            if label != _OUTSIDE:
                _, entity, role = label.split("\t")
                while end < len(path) and self.labels[path[end]] == label_of(entity, role, begins=False):
                    end += 1
                yield Span(entity, role, words[at].start, words[end - 1].end, min(sure[at:end]))
            at = end


def _log_sum(columns: Doubles) -> Doubles:
    most = columns.max(axis=0)
    return np.asarray(most + np.log(np.exp(columns - most).sum(axis=0)))
