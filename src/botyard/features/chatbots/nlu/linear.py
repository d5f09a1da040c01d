"""The classifier as it serves: every recipe ends up as one sum of what a text holds, so numpy is enough.

Scores are turned into confidences by what was seen on held-out texts.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from botyard.features.chatbots.nlu.tfidf import Floats

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Linear:
    """`grams` weighs the terms of the vocabulary, `vectors` the encoder's numbers; one column for each intent."""

    grams: NDArray[np.float16] | Floats
    vectors: Floats | None
    bias: Floats

    def scores(self, columns: NDArray[np.intp], values: Floats, vector: Floats | None) -> Doubles:
        """How much a text speaks for each intent."""
        total = self.bias.astype(np.float64)
        if len(columns):
            total += values @ self.grams[columns].astype(np.float32)
        if self.vectors is not None and vector is not None:
            total += vector @ self.vectors
        return total


class Calibration(NamedTuple):
    """From scores to confidences: a sigmoid of three things that say how clear the best intent is.

    Those are its score, its lead on the next one, and how much of the softmax is its own. The others follow by their
    odds against it at `temperature`; what none of them has is left for messages about something else.
    """

    bias: float
    weights: tuple[float, float, float]
    temperature: float

    def best(self, scores: Doubles) -> Doubles:
        """For each row of scores, the chance that its best intent is the right one."""
        total = signs_of_clarity(scores, self.temperature) @ np.array(self.weights) + self.bias
        return np.asarray(1 / (1 + np.exp(-np.clip(total, -30, 30))))

    def confidences(self, scores: Doubles) -> Doubles:
        """Of one row, for every intent; they add up to one at most."""
        best = float(self.best(scores[None])[0])
        odds = np.exp((scores - scores.max()) / self.temperature)
        odds[int(scores.argmax())] = 0.0
        rest = odds * best  # none is surer than the one that scores best
        if rest.sum() > 1 - best:
            rest *= (1 - best) / rest.sum()
        rest[int(scores.argmax())] = best
        return np.asarray(np.minimum(rest, best))


def softmax(scores: Doubles, temperature: float) -> Doubles:
    """Rows that add up to one."""
    raised = np.exp((scores - scores.max(axis=1, keepdims=True)) / temperature)
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def signs_of_clarity(scores: Doubles, temperature: float) -> Doubles:
    """Best score, lead and the logarithm of its share, for each row."""
    top = scores.max(axis=1)
    lead = np.full(len(scores), 1.0)
    if scores.shape[1] > 1:
        two = np.partition(scores, -2, axis=1)[:, -2:]
        lead = two[:, 1] - two[:, 0]
    share = softmax(scores, temperature).max(axis=1)
    return np.stack([top, lead, np.log(share)], axis=1)
