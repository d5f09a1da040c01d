"""Fitting: three recipes for one kind of classifier. Needs scikit-learn; only training imports it.

`tfidf` counts words and runs of characters; `stacked` lets one machine see these and the encoder's vector; `fusion`
adds the opinions of two, which is best with few examples.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from botyard.features.chatbots.nlu.linear import Linear
from botyard.features.chatbots.nlu.text import GRAMS, WORD, WORDS, folded
from botyard.features.chatbots.nlu.tfidf import Floats, Vocabulary
from botyard.features.chatbots.nlu.types import Recipe

Labels = NDArray[np.intp]

# Found on a part of training data, the same for all chatbots.
_STACK_WEIGHT, _STACK_C = 2.0, 0.5
_VECTOR_SCALE, _MARGIN_WEIGHT = 5.0, 2.0
_RARE = 1000  # from so many examples on, terms that occur once are left out
_MAX_WEIGHTS = 24_000_000  # 48 MB in the artifact
_MAX_TERMS = 100_000


@dataclass(frozen=True)
class Material:
    """Examples as numbers: `grams` is a sparse matrix, `vectors` the encoder's rows."""

    grams: Any
    vectors: Floats | None

    def __len__(self) -> int:
        return int(self.grams.shape[0])

    def rows(self, at: NDArray[Any]) -> "Material":
        return Material(self.grams[at], None if self.vectors is None else self.vectors[at])


class Reader:
    """A vocabulary as scikit-learn finds it; what serves reads texts with the `Vocabulary` made of it."""

    def __init__(self, examples: int, intents: int) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        terms = min(_MAX_TERMS, max(20_000, _MAX_WEIGHTS // max(1, intents)))
        common: dict[str, Any] = {
            "preprocessor": folded,
            "sublinear_tf": True,
            "min_df": 2 if examples > _RARE else 1,
            "dtype": np.float32,
        }
        self._halves = [
            TfidfVectorizer(ngram_range=WORDS, token_pattern=WORD.pattern, max_features=terms // 3, **common),
            TfidfVectorizer(analyzer="char_wb", ngram_range=GRAMS, max_features=terms * 2 // 3, **common),
        ]
        self._usable: list[Any] = []

    def fit(self, texts: Sequence[str]) -> Any:
        """Find the terms. A half without any (texts of signs only have no words) is left out."""
        made = []
        self._usable = []
        for half in self._halves:
            try:
                made.append(half.fit_transform(texts))
            except ValueError:  # says that nothing is left: no words at all, or none that occurs twice
                self._usable.append(None)
            else:
                self._usable.append(half)
        return _beside(made, len(texts))

    def transform(self, texts: Sequence[str]) -> Any:
        """Texts as rows."""
        return _beside([half.transform(texts) for half in self._usable if half is not None], len(texts))

    def vocabulary(self) -> Vocabulary:
        """The same for serving."""
        halves = [half for half in self._usable if half is not None]
        idf = np.concatenate([half.idf_ for half in halves]) if halves else np.zeros(0)
        words, signs = (
            [] if half is None else half.get_feature_names_out().tolist() for half in self._usable
        )
        return Vocabulary(words, signs, idf.astype(np.float32))


def _beside(parts: list[Any], rows: int) -> Any:
    from scipy.sparse import csr_matrix, hstack

    return hstack(parts, format="csr") if parts else csr_matrix((rows, 0), dtype=np.float32)


def recipes(material: Material, intents: int) -> list[Recipe]:
    """What is worth trying, the simplest first."""
    if intents < 2:
        return ["single"]
    if material.vectors is None:
        return ["tfidf"]
    return ["tfidf", "stacked", "fusion"] if material.grams.shape[1] else ["fusion"]


def fit(recipe: Recipe, material: Material, labels: Labels, intents: int, *, seed: int) -> Linear:
    """Learn. Intents without an example get scores so low that they are never chosen."""
    present = np.unique(labels)
    if recipe == "single" or len(present) < 2:
        part = _centre(material)
    elif recipe == "tfidf":
        part = _machine(material, labels, len(present), seed=seed)
    elif recipe == "stacked":
        part = _stacked(material, labels, len(present), seed=seed)
    else:
        part = _fused(material, labels, len(present), seed=seed)
    return _spread(part, present, intents)


def scores(linear: Linear, material: Material) -> NDArray[np.float64]:
    """One row of scores for each example."""
    total = np.asarray(material.grams @ linear.grams.astype(np.float32), dtype=np.float64) + linear.bias
    if linear.vectors is not None and material.vectors is not None:
        total += material.vectors @ linear.vectors
    return np.asarray(total)


def _centre(material: Material) -> Linear:
    """With one intent there is nothing to tell apart: how like its examples a text is."""
    grams = np.asarray(material.grams.mean(axis=0), dtype=np.float32).reshape(-1, 1)
    vectors = None if material.vectors is None else material.vectors.mean(axis=0).reshape(-1, 1)
    return Linear(grams, vectors, np.zeros(1, np.float32))


def _machine(material: Material, labels: Labels, intents: int, *, seed: int, c: float = 1.0) -> Linear:
    weights, bias = _svc(material.grams, labels, intents, c=c, seed=seed)
    return Linear(weights, None, bias)


def _stacked(material: Material, labels: Labels, intents: int, *, seed: int) -> Linear:
    from scipy.sparse import csr_matrix, hstack

    assert material.vectors is not None
    both = hstack([material.grams, csr_matrix(_STACK_WEIGHT * material.vectors)], format="csr")
    weights, bias = _svc(both, labels, intents, c=_STACK_C, seed=seed)
    terms = material.grams.shape[1]
    return Linear(weights[:terms], _STACK_WEIGHT * weights[terms:], bias)


def _fused(material: Material, labels: Labels, intents: int, *, seed: int) -> Linear:
    """Margins of a machine on terms, beside the log-odds of a regression on vectors."""
    vectors, bias = _regression(material.vectors, labels, intents)
    grams = np.zeros((0, intents), np.float32)
    if material.grams.shape[1]:
        machine = _machine(material, labels, intents, seed=seed)
        grams, bias = _MARGIN_WEIGHT * machine.grams.astype(np.float32), bias + _MARGIN_WEIGHT * machine.bias
    return Linear(grams, vectors, bias)


def _svc(matrix: Any, labels: Labels, intents: int, *, c: float, seed: int) -> tuple[Floats, Floats]:
    from sklearn.svm import LinearSVC

    with _without_advice():
        machine = LinearSVC(C=c, random_state=seed).fit(matrix, labels)
    return _both_sides(machine.coef_, machine.intercept_, intents)


def _regression(vectors: Any, labels: Labels, intents: int) -> tuple[Floats, Floats]:
    from sklearn.linear_model import LogisticRegression

    with _without_advice():
        model = LogisticRegression(max_iter=200).fit(_VECTOR_SCALE * vectors, labels)
    weights, bias = _both_sides(model.coef_, model.intercept_, intents)
    return _VECTOR_SCALE * weights, bias


@contextmanager
def _without_advice() -> Iterator[None]:
    """Nobody reads here that iterations ended, which is good enough and never otherwise with conflicts, nor that a
    number of intents is large for so few examples, which the report says in its own words."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
        yield


def _both_sides(coefficients: Any, intercept: Any, intents: int) -> tuple[Floats, Floats]:
    """For two intents scikit-learn keeps one column, which speaks for the second one."""
    weights, bias = np.asarray(coefficients, np.float32).T, np.asarray(intercept, np.float32).reshape(-1)
    if intents == 2:
        return np.hstack([-weights, weights]), np.concatenate([-bias, bias])
    return weights, bias


def _spread(part: Linear, present: Labels, intents: int) -> Linear:
    if len(present) == intents:
        return part
    never = np.full(intents, -1e4, np.float32)
    never[present] = part.bias
    return Linear(_wide(part.grams, present, intents), part.vectors if part.vectors is None
                  else _wide(part.vectors, present, intents), never)  # fmt: skip


def _wide(weights: Any, present: Labels, intents: int) -> Floats:
    wide = np.zeros((weights.shape[0], intents), np.float32)
    wide[:, present] = weights
    return wide
