"""How sure is sure: confidences that come true, and the thresholds below which a message counts as out of scope.

A confidence is the chance that the best intent is right, where one message in ten is about something else.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from botyard.features.chatbots.content import OperatingPoint
from botyard.features.chatbots.nlu.learn import Labels
from botyard.features.chatbots.nlu.linear import Calibration, Doubles, signs_of_clarity, softmax
from botyard.features.chatbots.nlu.report import Scope, ScopePoint

_STRANGE_SHARE = 0.1
_TEMPERATURES = np.geomspace(0.05, 8, 24)
_FEW = 20  # fewer measured texts say too little
_FLOORS: dict[str, float] = {"lenient": 0.2, "balanced": 0.35, "strict": 0.5}
_LEAST_KEPT = {"lenient": 0.98, "balanced": 0.92, "strict": 0.85}
_GRID = np.round(np.arange(0, 1.0001, 0.02), 2)


def calibrate(scores: Doubles, labels: Labels, strange: Doubles, *, seed: int) -> Calibration:
    """From held-out scores with what they should have said, and scores of texts that mean none of it."""
    temperature = _temperature(scores, labels)
    rows = np.concatenate([scores, strange]) if len(strange) else scores
    right = np.concatenate([scores.argmax(axis=1) == labels, np.zeros(len(strange), bool)])
    if len(rows) < 2 or right.all() or not right.any():
        return Calibration(0.0, (0.0, 0.0, 1.0), temperature)
    weights = np.ones(len(rows))
    if len(strange) and len(scores):
        weights[len(scores) :] = _STRANGE_SHARE * len(scores) / len(strange)
    return _sigmoid(signs_of_clarity(rows, temperature), right, weights, temperature, seed)


def _sigmoid(
    signs: Doubles, right: NDArray[Any], weights: Doubles, temperature: float, seed: int
) -> Calibration:
    from sklearn.linear_model import LogisticRegression

    centre, width = signs.mean(axis=0), np.maximum(signs.std(axis=0), 1e-6)
    model = LogisticRegression(C=10.0, random_state=seed)
    model.fit((signs - centre) / width, right, sample_weight=weights)
    slope = model.coef_[0] / width
    # a threshold that nobody foresaw must not turn upside down: clearer is never less sure
    slope = np.maximum(slope, 0.0) if (slope > 0).any() else np.array([0.0, 0.0, 1.0])
    bias = _balanced_bias(signs @ slope, right, weights)
    return Calibration(bias, (float(slope[0]), float(slope[1]), float(slope[2])), temperature)


def _balanced_bias(total: Doubles, right: NDArray[Any], weights: Doubles) -> float:
    """The bias with which the mean confidence is the share of what is right."""
    wanted = float((right * weights).sum() / weights.sum())
    low, high = -200.0 - float(np.abs(total).max()), 200.0 + float(np.abs(total).max())
    for _ in range(60):
        middle = (low + high) / 2
        mean = float((weights / (1 + np.exp(-np.clip(total + middle, -30, 30)))).sum() / weights.sum())
        low, high = (middle, high) if mean < wanted else (low, middle)
    return (low + high) / 2


def _temperature(scores: Doubles, labels: Labels) -> float:
    """The one with which the softmax is the least surprised by the truth."""
    if len(scores) < 5 or scores.shape[1] < 2:
        return 1.0
    at = np.arange(len(labels))
    surprises = [-float(np.log(softmax(scores, each)[at, labels] + 1e-9).mean()) for each in _TEMPERATURES]
    return float(_TEMPERATURES[int(np.argmin(surprises))])


def scope(
    known: Doubles,
    right: NDArray[Any],
    strange: Doubles,
    *,
    chosen: OperatingPoint,
    strange_from: Sequence[str],
) -> Scope:
    """The curve of confidences, and the three points on it."""
    curve = [_point(float(each), known, right, strange) for each in _GRID]
    points = _FLOORS if len(known) < _FEW else _thresholds(curve)
    return Scope(
        chosen=chosen,
        points={name: _point(threshold, known, right, strange) for name, threshold in points.items()},
        curve=curve,
        known=len(known),
        strange=len(strange),
        strange_from=list(strange_from),
    )


def _point(threshold: float, known: Doubles, right: NDArray[Any], strange: Doubles) -> ScopePoint:
    wrong = known[~right]
    return ScopePoint(
        threshold=threshold,
        kept=float((known[right] >= threshold).mean()) if right.any() else 0.0,
        wrong_refused=float((wrong < threshold).mean()) if len(wrong) else None,
        strange_refused=float((strange < threshold).mean()) if len(strange) else None,
    )


def _thresholds(curve: Sequence[ScopePoint]) -> dict[str, float]:
    """For each point the best sum of what is kept and what is refused, with the least that must be kept.

    Lenient counts a kept text three times, strict a refused one; they never overtake each other.
    """
    found: dict[str, float] = {}
    before = 0.06
    for name, keep in (("lenient", 3.0), ("balanced", 1.0), ("strict", 1 / 3)):
        usable = [each for each in curve if each.threshold >= before and each.kept >= _LEAST_KEPT[name]]
        best = max(usable, key=lambda each: keep * each.kept + _refused(each), default=None)
        before = found[name] = before if best is None else best.threshold
    return found


def _refused(point: ScopePoint) -> float:
    shares = [each for each in (point.wrong_refused, point.strange_refused) if each is not None]
    return sum(shares) / len(shares) if shares else 0.0
