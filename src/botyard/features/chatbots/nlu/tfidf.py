"""Counting words and runs of characters as scikit-learn does, with numpy alone: what serves needs nothing else."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from botyard.features.chatbots.nlu.text import folded, sign_grams, word_grams

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Vocabulary:
    """Terms in the order of their columns: words first, then runs of characters; `idf` says how rare each is."""

    words: list[str]
    signs: list[str]
    idf: Floats

    @cached_property
    def _columns(self) -> tuple[dict[str, int], dict[str, int]]:
        words = {term: column for column, term in enumerate(self.words)}
        return words, {term: column for column, term in enumerate(self.signs, len(self.words))}

    def __len__(self) -> int:
        return len(self.words) + len(self.signs)

    def row(self, text: str) -> tuple[NDArray[np.intp], Floats]:
        """Columns and values of a text; both halves have the length one. Both are empty for unknown words."""
        plain = folded(text)
        halves = [
            self._half(word_grams(plain), self._columns[0]),
            self._half(sign_grams(plain), self._columns[1]),
        ]
        return np.concatenate([one[0] for one in halves]), np.concatenate([one[1] for one in halves])

    def _half(self, terms: Iterable[str], columns: dict[str, int]) -> tuple[NDArray[np.intp], Floats]:
        find: Callable[[str], int | None] = columns.get
        counts = Counter(column for term in terms if (column := find(term)) is not None)
        at = np.fromiter(counts, dtype=np.intp, count=len(counts))
        values = np.fromiter(counts.values(), dtype=np.float32, count=len(counts))
        values = (1 + np.log(values)) * self.idf[at]
        return at, values / max(float(np.sqrt(values @ values)), 1e-12)
