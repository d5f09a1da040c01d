"""A confusion map drawn as SVG: which intents are taken for which, the worst first, so that 77 of them stay readable."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

WORST = 16  # intents on the first map
MOST = 100
_LEVELS = 5
_NAME = 26  # letters of a name beside the map; more where names would look the same
_LETTER = 7  # pixels, at most on average


@dataclass(frozen=True, slots=True)
class Cell:
    """A square: texts of a row's intent that were taken for the column's. `pair` is its place in the list."""

    x: int
    y: int
    level: int
    count: int
    right: bool
    said: str
    pair: int | None


@dataclass(frozen=True, slots=True)
class Label:
    """The name of an intent beside its row or above its column."""

    x: float
    y: float
    text: str
    full: str


@dataclass(frozen=True, slots=True)
class Heat:
    """The whole map, in pixels."""

    width: int
    height: int
    side: int
    left: int
    top: int
    cells: list[Cell]
    rows: list[Label]
    columns: list[Label]
    numbers: bool  # whether squares are large enough for them
    shown: int
    of: int


def draw(report: dict[str, Any], *, about: str = "", everything: bool = False) -> Heat:
    """The map of a report: of the worst intents, of all that were confused, or of one with those beside it."""
    pairs, figures = report["confusions"], report["per_intent"]
    names = _names(pairs, about)
    shown = names[: MOST if everything or about else WORST]
    side = 26 if len(shown) <= 24 else 15
    labels = _labels(shown)
    left, top, right = _margins(labels)
    cells = [*_diagonal(figures, shown, side), *_mistakes(pairs, figures, shown, side)]
    return Heat(
        width=left + side * len(shown) + right,
        height=top + side * len(shown) + 6,
        side=side,
        left=left,
        top=top,
        cells=cells,
        rows=[
            Label(left - 8, top + side * (at + 0.5) + 4, labels[at], name) for at, name in enumerate(shown)
        ],
        columns=[
            Label(left + side * (at + 0.5) + 4, top - 8, labels[at], name) for at, name in enumerate(shown)
        ],
        numbers=side > 20,
        shown=len(shown),
        of=len(names),
    )


def _names(pairs: Sequence[dict[str, Any]], about: str) -> list[str]:
    """Intents that were confused, in the order of their worst mistake; with `about` only those beside it."""
    found: dict[str, None] = {about: None} if about else {}
    for pair in pairs:
        both = (pair["intent"], pair["taken_for"])
        if not about or about in both:
            found.update(dict.fromkeys(both))
    return list(found)


def _diagonal(figures: Sequence[dict[str, Any]], shown: list[str], side: int) -> list[Cell]:
    known = {each["intent"]: each for each in figures}
    cells = []
    for at, name in enumerate(shown):
        figure = known.get(name)
        if figure is None or not figure["support"]:
            continue
        right = round((figure["recall"] or 0.0) * figure["support"])
        said = f"{name}: {right} of {figure['support']} understood"
        level = _level(right / figure["support"])
        cells.append(Cell(at * side, at * side, level, right, True, said, None))
    return cells


def _mistakes(
    pairs: Sequence[dict[str, Any]], figures: Sequence[dict[str, Any]], shown: list[str], side: int
) -> list[Cell]:
    places = {name: at for at, name in enumerate(shown)}
    support = {each["intent"]: each["support"] for each in figures}
    cells = []
    for number, pair in enumerate(pairs):
        one, other, count = pair["intent"], pair["taken_for"], pair["count"]
        if one in places and other in places:
            of = max(support.get(one, 0), count)
            said = f"{one} taken for {other}: {count} of {of}"
            level = _level(min(1.0, 2 * count / of))  # half of all mistaken is as bad as it gets
            cells.append(Cell(places[other] * side, places[one] * side, level, count, False, said, number))
    return cells


def _level(share: float) -> int:
    return max(1, min(_LEVELS, round(share * _LEVELS)))


def _labels(names: Sequence[str]) -> list[str]:
    """The names, long ones shortened as far as each stays unlike all others."""
    lengths = dict.fromkeys(names, _NAME)
    while True:
        labels = {name: _cut(name, length) for name, length in lengths.items()}
        counts = Counter(labels.values())
        alike = [name for name in names if counts[labels[name]] > 1 and lengths[name] < len(name)]
        if not alike:
            return [labels[name] for name in names]
        for name in alike:
            lengths[name] += 2


def _cut(name: str, length: int) -> str:
    """A name without its middle: beginning and end say most of it."""
    if len(name) <= length:
        return name
    end = (length - 1) // 2
    return f"{name[: length - 1 - end]}…{name[-end:]}"


def _margins(labels: Sequence[str]) -> tuple[int, int, int]:
    """Room for the labels on the left; above and on the right, where they are turned by 55 degrees."""
    longest = _LETTER * max([_NAME, *map(len, labels)])
    return longest + 8, round(longest * 0.82), round(longest * 0.45)
