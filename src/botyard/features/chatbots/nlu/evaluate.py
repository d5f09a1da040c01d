"""Figures on texts that were not learned from: which recipe is best, how good it is, what it does with strange texts.

A text belongs to the same fifth of all texts for ever, so two versions are measured on the same ones.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from botyard.features.chatbots.nlu import learn
from botyard.features.chatbots.nlu.learn import Labels, Material
from botyard.features.chatbots.nlu.linear import Doubles
from botyard.features.chatbots.nlu.text import digest
from botyard.features.chatbots.nlu.types import Recipe
from botyard.kit import clock

_COMPARED = 3000  # examples that recipes are compared on
_STRANGE = 3000  # examples that are learned from and set aside to see what strange texts look like
_IN_TURN = 1500  # up to here every fifth is held out in turn; above, one is enough
_FOLDS = 3
_SCRAMBLED = 200
_MANY = 30  # examples of an intent
_FEW: tuple[Recipe, ...] = ("fusion", "stacked", "tfidf")
_MORE: tuple[Recipe, ...] = ("stacked", "fusion", "tfidf")

Check = Callable[[], None]


@dataclass(frozen=True)
class Tried:
    """How a recipe did in cross-validation; `measured` counts the texts."""

    recipe: Recipe
    accuracy: float
    macro_f1: float
    seconds: float
    measured: int = 0


@dataclass(frozen=True)
class Measured:
    """Scores of texts by a model that had not seen them; `at` says which examples they are."""

    at: NDArray[np.intp]
    scores: Doubles
    in_turn: bool


def macro_f1(truth: Labels, said: Labels) -> float:
    """The mean over the intents that occur."""
    figures = [f1 for _, _, f1, support in per_label(truth, said).values() if support]
    return float(np.mean(figures)) if figures else 0.0


def per_label(truth: Labels, said: Labels) -> dict[int, tuple[float, float, float, int]]:
    """Precision, recall, F1 and support."""
    found = {}
    for label in np.union1d(truth, said).tolist():
        hits = float(((truth == label) & (said == label)).sum())
        support, taken = int((truth == label).sum()), int((said == label).sum())
        precision, recall = hits / taken if taken else 0.0, hits / support if support else 0.0
        both = precision + recall
        found[label] = (precision, recall, 2 * precision * recall / both if both else 0.0, support)
    return found


def compare(
    tried: Sequence[Recipe], material: Material, labels: Labels, intents: int, *, seed: int, check: Check
) -> list[Tried]:
    """Each recipe by three-fold cross-validation on a bounded part of the examples."""
    part = spread_sample(labels, _COMPARED, seed=seed)
    material, labels = material.rows(part), labels[part]
    folds = _folds(labels, seed=seed)
    found = []
    for recipe in tried:
        began = clock.monotonic()
        truth, said = [], []
        for fold in range(_FOLDS):
            check()
            rest, test = np.flatnonzero(folds != fold), _known(labels, folds == fold)
            if len(rest) and len(test):
                fitted = learn.fit(recipe, material.rows(rest), labels[rest], intents, seed=seed)
                said.append(learn.scores(fitted, material.rows(test)).argmax(axis=1))
                truth.append(labels[test])
        both = (np.concatenate(truth), np.concatenate(said)) if truth else None
        accuracy = float((both[0] == both[1]).mean()) if both else 0.0
        figure = macro_f1(*both) if both else 0.0
        count = len(both[0]) if both else 0
        found.append(Tried(recipe, accuracy, figure, clock.monotonic() - began, count))
    return found


def choose(tried: Sequence[Tried], examples: float) -> Recipe:
    """The best accuracy; of those that chance alone may have put behind it, what suits so many examples of an intent.

    With few texts the figures say little, and what is known of the recipes on other data says more: an encoder
    knows words that nobody wrote yet, and two opinions need fewer examples than one that weighs everything. Where
    nothing could be measured: the last, which needs fewest.
    """
    best = max(tried, key=lambda each: each.accuracy)
    if not best.accuracy:
        return tried[-1].recipe
    error = math.sqrt(best.accuracy * (1 - best.accuracy) / max(1, best.measured))
    near = {each.recipe for each in tried if each.accuracy >= best.accuracy - error}
    return next((recipe for recipe in (_FEW if examples < _MANY else _MORE) if recipe in near), best.recipe)


def measure(
    recipe: Recipe, material: Material, labels: Labels, fifths: Labels, intents: int, *, seed: int, check: Check
) -> Measured:  # fmt: skip
    """Hold texts out and let the others say what they are. Texts whose intent has no other example are left out."""
    in_turn = len(labels) <= _IN_TURN
    places, rows = [], []
    for fold in range(5 if in_turn else 1):
        check()
        rest, test = np.flatnonzero(fifths != fold), _known(labels, fifths == fold)
        if len(rest) and len(test):
            fitted = learn.fit(recipe, material.rows(rest), labels[rest], intents, seed=seed)
            places.append(test)
            rows.append(learn.scores(fitted, material.rows(test)))
    if not places:
        return Measured(np.zeros(0, np.intp), np.zeros((0, intents)), in_turn)
    return Measured(np.concatenate(places), np.concatenate(rows), in_turn)


def strange_scores(
    recipe: Recipe, material: Material, labels: Labels, names: Sequence[str], *, seed: int
) -> Doubles:
    """Scores of texts whose intents the model never heard of: a quarter of the intents is left out for it."""
    part = spread_sample(labels, _STRANGE, seed=seed)
    intents = np.unique(labels[part])
    if len(intents) < 4:
        return np.zeros((0, len(names)))
    aside = sorted(intents.tolist(), key=lambda each: digest(names[each]))[: max(1, len(intents) // 4)]
    out = np.isin(labels[part], aside)
    rest = part[~out]
    fitted = learn.fit(recipe, material.rows(rest), labels[rest], len(names), seed=seed)
    return learn.scores(fitted, material.rows(part[out]))


def scrambled(texts: Sequence[str], *, seed: int) -> list[str]:
    """Texts of the same letters that mean nothing."""
    chance = np.random.default_rng(seed)
    count = min(_SCRAMBLED, max(5, len(texts) // 10))
    chosen = [texts[at] for at in chance.integers(0, len(texts), count).tolist()]
    return ["".join(np.array(list(text))[chance.permutation(len(text))].tolist()) for text in chosen]


def spread_sample(labels: Labels, most: int, *, seed: int) -> NDArray[np.intp]:
    """Places of at most so many examples, every intent keeping its share and two at least."""
    if len(labels) <= most:
        return np.arange(len(labels))
    chance = np.random.default_rng(seed)
    shares = [
        chance.permutation(own)[: max(2, round(len(own) * most / len(labels)))]
        for own in (np.flatnonzero(labels == label) for label in np.unique(labels))
    ]
    return np.sort(np.concatenate(shares))


def _folds(labels: Labels, *, seed: int) -> NDArray[np.intp]:
    """A fold for each example, so that every intent is spread over all of them."""
    chance = np.random.default_rng(seed)
    folds = np.zeros(len(labels), np.intp)
    for label in np.unique(labels):
        own = chance.permutation(np.flatnonzero(labels == label))
        folds[own] = (np.arange(len(own)) + label) % _FOLDS
    return folds


def _known(labels: Labels, test: NDArray[Any]) -> NDArray[np.intp]:
    """Those of the test whose intent also occurs outside of it."""
    return np.flatnonzero(test & np.isin(labels, labels[~test]))
