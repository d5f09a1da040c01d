"""What a report advises: what to do about it, in plain words, the worst first."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from botyard.features.chatbots.lint import Lint
from botyard.features.chatbots.nlu.learn import Labels
from botyard.features.chatbots.nlu.linear import Doubles
from botyard.features.chatbots.nlu.report import (
    Confused,
    Confusion,
    IntentFigures,
    Scope,
    SlotFigures,
    Suggestion,
)
from botyard.kit.amounts import counted

_MOST = 30
_PAIRS, _TEXTS = 50, 10
_WEAK_F1, _WEAK_SCOPE, _WEAK_SLOTS = 0.7, 0.5, 0.7
# One and many of what was found, and what to say about them.
_LINT = {
    "conflict": (
        "text stands",
        "texts stand",
        "in more than one intent: keep a text in one only. First: “{text}” in {intents}.",
    ),
    "duplicate": (
        "text occurs",
        "texts occur",
        "more than once in the same intent, which teaches nothing new. First: “{text}”.",
    ),
    "mark": (
        "mark of an entity does",
        "marks of entities do",
        "not fit the words there: mark them anew. First: “{text}”.",
    ),
    "language": (
        "group of examples is",
        "groups of examples are",
        "written in other letters than their language has. First: “{text}”.",
    ),
    "near_duplicate": (
        "group of texts is",
        "groups of texts are",
        "of the same words: other words teach more. First: “{text}”.",
    ),
}


def confusions(
    texts: Sequence[str], names: Sequence[str], truth: Labels, said: Labels, sure: Doubles
) -> list[Confusion]:
    """Pairs of intents by how often one was taken for the other, with the texts, the most certain mistakes first."""
    pairs: dict[tuple[int, int], list[Confused]] = defaultdict(list)
    for at in np.flatnonzero(truth != said).tolist():
        pairs[int(truth[at]), int(said[at])].append(
            Confused(text=texts[at], confidence=round(float(sure[at]), 4))
        )
    found = [
        Confusion(
            intent=names[one],
            taken_for=names[other],
            count=len(each),
            texts=sorted(each, key=lambda text: (-text.confidence, text.text))[:_TEXTS],
        )
        for (one, other), each in pairs.items()
    ]
    return sorted(found, key=lambda each: (-each.count, each.intent, each.taken_for))[:_PAIRS]


def suggestions(
    lint: Lint, per_intent: Sequence[IntentFigures], pairs: Sequence[Confusion], scope: Scope,
    slots: SlotFigures | None, *, encoder: str,
) -> list[Suggestion]:  # fmt: skip
    """At most thirty."""
    found = [
        *_of_lint(lint, ("conflict", "mark")),
        *_confused(pairs, {each.intent: each for each in per_intent}),
        *_thin(per_intent),
        *_weak(per_intent, pairs),
        *_of_lint(lint, ("lopsided", "language", "duplicate", "near_duplicate")),
        *_of_scope(scope),
        *_of_slots(slots),
        *_of_encoder(encoder),
    ]
    return found[:_MOST]


def _of_lint(lint: Lint, kinds: Sequence[str]) -> Iterator[Suggestion]:
    for kind in kinds:
        found = [each for each in lint.findings if each.kind == kind]
        if not found:
            continue
        intents = list(dict.fromkeys(intent for each in found for intent in each.intents))[:10]
        if kind in _LINT:
            one, many, about = _LINT[kind]
            about = about.format(text=found[0].text, intents=" and ".join(found[0].intents))
            message = f"{counted(lint.counts[kind], one, many)} {about}"
            yield Suggestion(kind=kind, message=message, intents=intents)
        else:
            for each in found[:5]:
                yield Suggestion(kind=kind, message=f"{each.intents[0]}: {each.advice}", intents=each.intents)


def _confused(pairs: Sequence[Confusion], figures: dict[str, IntentFigures]) -> Iterator[Suggestion]:
    """Intents that are often mixed up: to be made one, or told apart by better examples."""
    counts = {(each.intent, each.taken_for): each for each in pairs}
    done: set[frozenset[str]] = set()
    for pair in pairs:
        both = frozenset((pair.intent, pair.taken_for))
        back = counts.get((pair.taken_for, pair.intent))
        count = pair.count + (back.count if back else 0)
        support = sum(figures[name].support for name in both)
        if both in done or count < max(2, 0.1 * support):
            continue
        done.add(both)
        if count >= 0.35 * support:
            do = "they may be one intent: join them, and tell them apart by asking"
        else:
            do = "add examples to both that say what differs, or move those that stand in the wrong one"
        message = f"{pair.intent} and {pair.taken_for} were mixed up {count} times in {support} texts: {do}. For example: “{pair.texts[0].text}”."
        yield Suggestion(kind="confused", message=message, intents=sorted(both))


def _thin(per_intent: Sequence[IntentFigures]) -> Iterator[Suggestion]:
    thin = [each for each in per_intent if each.examples < 5]
    if thin:
        names = ", ".join(f"{each.intent} ({each.examples})" for each in thin[:8])
        more = f" and {len(thin) - 8} more" if len(thin) > 8 else ""
        message = f"Too few examples to learn from, at least 5 and better 10 to 20 are needed: {names}{more}."
        yield Suggestion(kind="thin", message=message, intents=[each.intent for each in thin])


def _weak(per_intent: Sequence[IntentFigures], pairs: Sequence[Confusion]) -> Iterator[Suggestion]:
    weak = [each for each in per_intent if each.f1 is not None and each.f1 < _WEAK_F1 and each.support >= 3]
    for each in sorted(weak, key=lambda one: one.f1 or 0.0)[:5]:
        lost = next((pair.taken_for for pair in pairs if pair.intent == each.intent), "")
        where = f", most often as {lost}" if lost else ""
        message = f"{each.intent} is understood badly (F1 {each.f1:.2f}){where}: add examples in other words."
        yield Suggestion(kind="weak", message=message, intents=[each.intent])


def _of_scope(scope: Scope) -> Iterator[Suggestion]:
    point = scope.points[scope.chosen]
    if (
        point.strange_refused is not None
        and point.strange_refused < _WEAK_SCOPE
        and "examples" not in scope.strange_from
    ):
        message = f"Only {point.strange_refused:.0%} of texts about other things are told apart: add an intent out_of_scope with things that people ask in vain, or choose the point strict."
        yield Suggestion(kind="scope", message=message, intents=[])


def _of_slots(slots: SlotFigures | None) -> Iterator[Suggestion]:
    if slots is not None and slots.f1 < _WEAK_SLOTS:
        message = f"Marked entities are found badly (F1 {slots.f1:.2f}): mark more of them, and all of them in each text."
        yield Suggestion(kind="slots", message=message, intents=[])


def _of_encoder(encoder: str) -> Iterator[Suggestion]:
    if not encoder:
        message = "No sentence encoder was used, so words that no example holds are not understood: `pip install 'botyard[nlu]'` brings one."
        yield Suggestion(kind="encoder", message=message, intents=[])
