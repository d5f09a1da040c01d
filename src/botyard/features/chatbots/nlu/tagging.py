"""Training the tagger. Needs python-crfsuite; only training imports it."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from botyard.features.chatbots.nlu.report import SlotFigures
from botyard.features.chatbots.nlu.tagger import Tagger, Token, features, label_of, tokens
from botyard.features.chatbots.nlu.text import MAX_TEXT, fifth, sound
from botyard.features.chatbots.nlu.types import EntityMark, Example

_MOST = 10_000  # examples that are learned from
_MEASURED = 4000  # above that, measuring would take as long again
_FEW = 20  # examples with marks that measuring is worth it for
_PARAMETERS = {"c1": 0.1, "c2": 0.02, "max_iterations": 60, "feature.minfreq": 0}


def fit(examples: Sequence[Example]) -> Tagger | None:
    """Learn the marks; None where there are none."""
    import pycrfsuite

    chosen = _chosen(examples)
    if not any(example.entities for example in chosen):
        return None
    trainer = pycrfsuite.Trainer(verbose=False)
    for example in chosen:
        words = tokens(sound(example.text[:MAX_TEXT]))
        if words:
            trainer.append(features(words), labels(words, example.entities))
    trainer.set_params(_PARAMETERS)
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "crf")
        trainer.train(path)
        return _read_out(path)


def measure(examples: Sequence[Example]) -> SlotFigures | None:
    """How well marks are found in the fifth of the texts that is held out; None where there are too few."""
    marked = [example for example in examples if example.entities]
    if not len(marked) >= _FEW or len(examples) > _MEASURED:
        return None
    held = [example for example in examples if fifth(example.text) == 0]
    tagger = fit([example for example in examples if fifth(example.text) != 0])
    if tagger is None or not any(example.entities for example in held):
        return None
    hits = wanted = said = 0
    for example in held:
        truth = {(mark.entity, mark.role, mark.start, mark.end) for mark in example.entities}
        found = {span[:4] for span in tagger.spans(sound(example.text))}
        hits, wanted, said = hits + len(truth & found), wanted + len(truth), said + len(found)
    precision, recall = hits / said if said else 0.0, hits / wanted
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return SlotFigures(precision=precision, recall=recall, f1=f1, support=wanted, learned=len(marked))


def labels(words: Sequence[Token], marks: Sequence[EntityMark]) -> list[str]:
    """A label for each token. A token belongs to the first mark that it overlaps."""
    found = ["O"] * len(words)
    for mark in sorted(marks, key=lambda each: (each.start, each.end)):
        inside = [at for at, word in enumerate(words) if word.start < mark.end and word.end > mark.start]
        if inside and all(found[at] == "O" for at in inside):
            for at in inside:
                found[at] = label_of(mark.entity, mark.role, begins=at == inside[0])
    return found


def _chosen(examples: Sequence[Example]) -> list[Example]:
    """Those with marks first: the others only teach where nothing stands."""
    marked = [example for example in examples if example.entities]
    plain = [example for example in examples if not example.entities]
    return [*marked, *plain[: max(200, 2 * len(marked))]][:_MOST]


def _read_out(path: str) -> Tagger:
    import pycrfsuite

    reader = pycrfsuite.Tagger()
    reader.open(path)
    try:
        info = reader.info()
    finally:
        reader.close()
    names = sorted(info.labels)
    names_of_features = sorted({feature for feature, _ in info.state_features})
    column = {name: at for at, name in enumerate(names)}
    row = {name: at for at, name in enumerate(names_of_features)}
    states = np.zeros((len(row), len(names)), np.float32)
    for (feature, label), weight in info.state_features.items():
        states[row[feature], column[label]] = weight
    steps = np.zeros((len(names), len(names)), np.float32)
    for (before, after), weight in info.transitions.items():
        steps[column[before], column[after]] = weight
    return Tagger(names, names_of_features, states, steps)
