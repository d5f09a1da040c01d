"""What a training has to say of itself: figures on texts it did not learn from, and what to do about them."""

from typing import Literal

from msgspec import Struct

from botyard.features.chatbots.content import OperatingPoint
from botyard.features.chatbots.lint import Lint


class IntentFigures(Struct, kw_only=True):
    """One intent. `support` counts the texts it was measured on; without any the others are None."""

    intent: str
    examples: int
    support: int
    precision: float | None
    recall: float | None
    f1: float | None


class Confused(Struct, kw_only=True):
    """A text taken for another intent."""

    text: str
    confidence: float


class Confusion(Struct, kw_only=True):
    """Texts of one intent that were taken for another one, the most certain mistakes first."""

    intent: str
    taken_for: str
    count: int
    texts: list[Confused]


class ScopePoint(Struct, kw_only=True):
    """What a threshold does, as shares: rightly understood texts kept; wrong ones and strange ones refused."""

    threshold: float
    kept: float
    wrong_refused: float | None
    strange_refused: float | None


class Scope(Struct, kw_only=True):
    """The whole curve, and the three points to choose from. `strange`: how many texts of no intent it rests on."""

    chosen: OperatingPoint
    points: dict[str, ScopePoint]
    curve: list[ScopePoint]
    known: int
    strange: int
    strange_from: list[str]  # examples, intents left out, scrambled


class Candidate(Struct, kw_only=True):
    """A recipe that was tried by cross-validation."""

    recipe: str
    accuracy: float
    macro_f1: float
    seconds: float
    chosen: bool = False


class SlotFigures(Struct, kw_only=True):
    """How well marked entities are found in texts that were not learned from; whole spans count."""

    precision: float
    recall: float
    f1: float
    support: int
    learned: int  # examples with marks


class Suggestion(Struct, kw_only=True):
    """Something to do, in plain words; the worst first."""

    kind: str  # conflict, confused, thin, lopsided, unmeasured, encoder, scope, duplicate, mark, language
    message: str
    intents: list[str]


class Report(Struct, kw_only=True):
    """Everything together. Figures are of texts held out by their hash, the same ones in every version.

    `measured` says how: one fifth held out, or, of few examples, each fifth in turn.
    """

    accuracy: float | None
    macro_f1: float | None
    recipe: str
    encoder: str  # empty: none
    examples: int
    intents: int
    seconds: float
    measured: Literal["held_out", "cross_validated", "nothing"]
    measured_on: int
    per_intent: list[IntentFigures]
    confusions: list[Confusion]
    scope: Scope
    candidates: list[Candidate]
    slots: SlotFigures | None
    lint: Lint
    suggestions: list[Suggestion]
    timings: dict[str, float]
