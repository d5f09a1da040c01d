"""How intents fare in two training reports: of two versions, or of a training and the one before."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_TELLING = 0.005  # half a point: less is noise of the held-out sample


@dataclass(frozen=True, slots=True)
class IntentChange:
    """How well an intent is understood before and after; None where it was not measured or is not there."""

    intent: str
    was: float | None
    now: float | None
    examples_was: int
    examples_now: int

    @property
    def delta(self) -> float | None:
        """The difference of F1, where both were measured."""
        return None if self.was is None or self.now is None else self.now - self.was

    @property
    def added(self) -> int:
        """How many examples it has more."""
        return self.examples_now - self.examples_was


def between(former: Mapping[str, Any], later: Mapping[str, Any]) -> list[IntentChange]:
    """Intents whose examples or F1 differ, the worst first."""
    before = {each["intent"]: each for each in former.get("per_intent", ())}
    after = {each["intent"]: each for each in later.get("per_intent", ())}
    nothing: dict[str, Any] = {"f1": None, "examples": 0}
    found = []
    for name in sorted(before.keys() | after.keys()):
        one, other = before.get(name, nothing), after.get(name, nothing)
        change = IntentChange(name, one["f1"], other["f1"], one["examples"], other["examples"])
        if change.added or _rounded(change.was) != _rounded(change.now):
            found.append(change)
    return sorted(found, key=lambda each: each.delta if each.delta is not None else 0.0)


def taught(former: Mapping[str, Any], later: Mapping[str, Any]) -> list[IntentChange]:
    """What a training is worth: first the intents that got or lost examples, then those that moved by half a point."""
    told = [one for one in between(former, later) if one.added or abs(one.delta or 0) >= _TELLING]
    return sorted(told, key=lambda one: (-abs(one.added), -abs(one.delta or 0), one.intent))


def _rounded(figure: float | None) -> float | None:
    """A tenth of a point is the least that people are shown."""
    return None if figure is None else round(figure, 3)
