"""Training: from examples to a model and a report. Needs the extra `nlu`; the server runs it in a process of its own.

The recipe is chosen by cross-validation on a bounded part, measured on held-out texts, then learned from everything.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from botyard.features.chatbots import lint as linting
from botyard.features.chatbots.examples import NewExample
from botyard.features.chatbots.nlu import (
    advice,
    artifact,
    calibrate,
    encoders,
    entities,
    evaluate,
    learn,
    tagging,
)
from botyard.features.chatbots.nlu.artifact import EncoderName, Manifest, Parts
from botyard.features.chatbots.nlu.encoders import EmbeddingCache, Encoder
from botyard.features.chatbots.nlu.errors import NotTrainable, TrainingCancelled
from botyard.features.chatbots.nlu.evaluate import Measured, Tried
from botyard.features.chatbots.nlu.learn import Labels, Material
from botyard.features.chatbots.nlu.linear import Calibration, Doubles, Linear
from botyard.features.chatbots.nlu.model import Model
from botyard.features.chatbots.nlu.report import Candidate, IntentFigures, Report, Scope, SlotFigures
from botyard.features.chatbots.nlu.text import MAX_TEXT, fifth, folded, sound
from botyard.features.chatbots.nlu.types import OUT_OF_SCOPE, Example, Options, Recipe
from botyard.kit import clock

Progress = Callable[[float, str], None]
MAX_EXAMPLES, MAX_INTENTS = 100_000, 2000
_BATCH = 512


@dataclass(frozen=True)
class Trained:
    """What a training gives."""

    model: Model
    report: Report


def train(
    examples: Sequence[Example], options: Options, *, encoder: Encoder | None = None,
    cache: EmbeddingCache | None = None, progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Trained:  # fmt: skip
    """Learn. `progress` hears shares from 0 to 1 with what is being done; `cancelled` is asked between steps.

    Raises NotTrainable for examples that nothing can be learned of, TrainingCancelled.
    """
    return _Training(
        examples, options, encoder if options.use_encoder else None, cache, progress, cancelled
    ).run()


class _Training:
    """One training, step by step; each step is timed."""

    def __init__(
        self, examples: Sequence[Example], options: Options, encoder: Encoder | None, cache: EmbeddingCache | None,
        progress: Progress | None, cancelled: Callable[[], bool] | None,
    ) -> None:  # fmt: skip
        self._options, self._encoder, self._cache = options, encoder, cache
        self._progress, self._cancelled = progress, cancelled
        self._began = self._step_began = clock.monotonic()
        self._step_name = ""
        self._linear: Linear | None = None
        self._timings: dict[str, float] = {}
        self._examples = _checked(examples, options)
        self._texts = [sound(each.text[:MAX_TEXT]) for each in self._examples]
        self._names = sorted({each.intent for each in self._examples})
        place = {name: at for at, name in enumerate(self._names)}
        self._labels: Labels = np.array([place[each.intent] for each in self._examples], np.intp)

    def run(self) -> Trained:
        self._step(0.01, "check", "Looking through the examples")
        lint = linting.lint([_plain(each) for each in self._examples], language=self._options.languages[0])
        material, reader = self._material()
        self._step(0.35, "compare", "Comparing recipes")
        tried = self._compare(material)
        recipe = evaluate.choose(tried, float(np.median(np.bincount(self._labels))))
        self._step(0.5, "measure", "Measuring on held-out texts")
        measured = evaluate.measure(
            recipe, material, self._labels, self._fifths(), len(self._names), seed=self._options.seed, check=self._check
        )  # fmt: skip
        self._step(0.65, "scope", "Finding out what is out of scope")
        calibration, scope = self._scope(recipe, material, reader, measured)
        self._step(0.72, "entities", "Learning entities")
        slots, tagger = tagging.measure(self._examples), tagging.fit(self._examples)
        self._step(0.8, "learn", "Learning from everything")
        linear = self._whole(recipe, material)
        manifest = self._manifest(recipe, calibration, scope)
        parts = Parts(manifest=manifest, vocabulary=reader.vocabulary(), linear=linear, tagger=tagger)
        # what was written is what will be asked: half of the digits are gone in both
        model = Model(artifact.read(artifact.write(parts)), self._encoder)
        self._step(1.0, "", "Done")
        return Trained(model, self._report(lint, tried, recipe, measured, calibration, scope, slots))

    def _material(self) -> tuple[Material, learn.Reader]:
        self._step(0.03, "read", "Reading the examples")
        reader = learn.Reader(len(self._texts), len(self._names))
        grams = reader.fit(self._texts)
        vectors = None
        if self._encoder is not None:
            rows = []
            for start in range(0, len(self._texts), _BATCH):
                self._step(0.05 + 0.3 * start / len(self._texts), "encode", "Encoding the examples")
                rows.append(encoders.encode(self._encoder, self._texts[start : start + _BATCH], self._cache))
            vectors = np.concatenate(rows)
        if not grams.shape[1] and vectors is None:
            raise NotTrainable("The examples hold no words or signs to learn from: write what people say.")
        return Material(grams, vectors), reader

    def _compare(self, material: Material) -> list[Tried]:
        tried = learn.recipes(material, len(self._names))
        if len(tried) == 1 and len(self._names) == 1:
            return [Tried(tried[0], 1.0, 1.0, 0.0)]
        return evaluate.compare(
            tried, material, self._labels, len(self._names), seed=self._options.seed, check=self._check
        )

    def _fifths(self) -> Labels:
        return np.array([fifth(text) for text in self._texts], np.intp)

    def _scope(
        self, recipe: Recipe, material: Material, reader: learn.Reader, measured: Measured
    ) -> tuple[Calibration, Scope]:
        """How sure is sure. Strange texts are examples of it, else intents left out; scrambled ones in any case."""
        seed, truth = self._options.seed, self._labels[measured.at]
        outside = np.array([name in OUT_OF_SCOPE for name in self._names], bool)
        given = outside[truth] if len(truth) else np.zeros(0, bool)
        # the part that such examples play as a class of their own says nothing of how sure another intent is
        scores = measured.scores.copy()
        if not outside.all():
            scores[:, outside] = -1e4
        strange, sources = [scores[given]], ["examples"] if given.any() else []
        if not given.any():
            left_out = evaluate.strange_scores(recipe, material, self._labels, self._names, seed=seed)
            strange.append(left_out)
            sources += ["intents left out"] if len(left_out) else []
        strange.append(self._scrambled(recipe, material, reader))
        together = np.concatenate(strange)
        calibration = calibrate.calibrate(scores[~given], truth[~given], together, seed=seed)
        right = scores[~given].argmax(axis=1) == truth[~given] if len(scores) else np.zeros(0, bool)
        scope = calibrate.scope(
            calibration.best(scores[~given]), right, calibration.best(together),
            chosen=self._options.operating_point, strange_from=[*sources, "scrambled"],
        )  # fmt: skip
        return calibration, scope

    def _scrambled(self, recipe: Recipe, material: Material, reader: learn.Reader) -> Doubles:
        texts = evaluate.scrambled(self._texts, seed=self._options.seed)
        vectors = None if self._encoder is None else self._encoder.encode(texts)
        part = evaluate.spread_sample(self._labels, 1000, seed=self._options.seed)
        if len(part) == len(self._labels):
            fitted = self._whole(recipe, material)
        else:
            fitted = learn.fit(
                recipe, material.rows(part), self._labels[part], len(self._names), seed=self._options.seed
            )
        return learn.scores(fitted, Material(reader.transform(texts), vectors))

    def _whole(self, recipe: Recipe, material: Material) -> Linear:
        """What everything teaches, learned once."""
        if self._linear is None:
            self._linear = learn.fit(
                recipe, material, self._labels, len(self._names), seed=self._options.seed
            )
        return self._linear

    def _manifest(self, recipe: Recipe, calibration: Calibration, scope: Scope) -> Manifest:
        encoder, options = self._encoder, self._options
        named = None
        if encoder is not None and recipe != "tfidf":
            named = EncoderName(name=encoder.name, dim=encoder.dim, fingerprint=encoder.fingerprint)
        return Manifest(
            format=artifact.FORMAT,
            recipe=recipe,
            intents=self._names,
            languages=list(dict.fromkeys(options.languages)),
            encoder=named,
            calibration=calibration,
            thresholds={name: point.threshold for name, point in scope.points.items()},
            operating_point=options.operating_point,
            entities=options.entities,
            examples=len(self._examples),
        )

    def _report(
        self, lint: linting.Lint, tried: Sequence[Tried], recipe: Recipe, measured: Measured,
        calibration: Calibration, scope: Scope, slots: SlotFigures | None,
    ) -> Report:  # fmt: skip
        truth, said = (
            self._labels[measured.at],
            measured.scores.argmax(axis=1) if len(measured.at) else measured.at,
        )
        texts = [self._texts[at] for at in measured.at.tolist()]
        sure = calibration.best(measured.scores) if len(truth) else np.zeros(0)
        pairs = advice.confusions(texts, self._names, truth, said, sure)
        figures = self._per_intent(truth, said)
        encoder = self._encoder.name if self._encoder else ""
        return Report(
            accuracy=float((truth == said).mean()) if len(truth) else None,
            macro_f1=evaluate.macro_f1(truth, said) if len(truth) else None,
            recipe=recipe,
            encoder=encoder,
            examples=len(self._examples),
            intents=len(self._names),
            seconds=round(clock.monotonic() - self._began, 3),
            measured="nothing" if not len(truth) else "cross_validated" if measured.in_turn else "held_out",
            measured_on=len(truth),
            per_intent=figures,
            confusions=pairs,
            scope=scope,
            candidates=[
                Candidate(recipe=each.recipe, accuracy=each.accuracy, macro_f1=each.macro_f1, seconds=round(each.seconds, 3), chosen=each.recipe == recipe)
                for each in tried
            ],
            slots=slots,
            lint=lint,
            suggestions=advice.suggestions(lint, figures, pairs, scope, slots, encoder=encoder),
            timings={name: round(seconds, 3) for name, seconds in self._timings.items()},
        )  # fmt: skip

    def _per_intent(self, truth: Labels, said: Labels) -> list[IntentFigures]:
        figures, sizes = (
            evaluate.per_label(truth, said),
            np.bincount(self._labels, minlength=len(self._names)),
        )
        found = []
        for at, name in enumerate(self._names):
            precision, recall, f1, support = figures.get(at, (0.0, 0.0, 0.0, 0))
            known = support > 0
            found.append(
                IntentFigures(
                    intent=name, examples=int(sizes[at]), support=support, precision=precision if known else None,
                    recall=recall if known else None, f1=f1 if known else None,
                )
            )  # fmt: skip
        return found

    def _step(self, share: float, name: str, note: str) -> None:
        now = clock.monotonic()
        if self._step_name:
            self._timings[self._step_name] = self._timings.get(self._step_name, 0.0) + now - self._step_began
        self._step_began, self._step_name = now, name
        if self._progress is not None:
            self._progress(share, note)
        self._check()

    def _check(self) -> None:
        if self._cancelled is not None and self._cancelled():
            raise TrainingCancelled


def _checked(examples: Sequence[Example], options: Options) -> list[Example]:
    """The examples that say something; more than one can learn from is refused in words."""
    usable = [each for each in examples if folded(each.text) and each.intent.strip()]
    if not usable:
        raise NotTrainable
    if len(usable) > MAX_EXAMPLES:
        raise NotTrainable(f"A training takes at most {MAX_EXAMPLES:,} examples; these are {len(usable):,}.")
    if len({each.intent for each in usable}) > MAX_INTENTS:
        raise NotTrainable(f"A chatbot can tell at most {MAX_INTENTS:,} intents apart; join some of them.")
    if not options.languages:
        raise NotTrainable("Say which language the examples are in.")
    entities.check(options.entities)
    return usable


def _plain(example: Example) -> NewExample:
    marks = [{"start": each.start, "end": each.end, "entity": each.entity} for each in example.entities]
    return NewExample(text=example.text, intent=example.intent, language=example.language, entities=marks)
