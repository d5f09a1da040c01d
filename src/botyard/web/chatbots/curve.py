"""The out-of-scope curve as SVG: how many strange texts are refused against how many good ones stay."""

from dataclasses import dataclass
from typing import Any

WIDTH, HEIGHT = 460, 262
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 24, 34
_WORDS = {"strict": "Strict", "balanced": "Balanced", "lenient": "Lenient"}


@dataclass(frozen=True, slots=True)
class Mark:
    """One of the three points to choose from."""

    x: float
    y: float
    word: str
    label_y: float
    chosen: bool
    kept: float
    strange: float | None
    wrong: float | None


@dataclass(frozen=True, slots=True)
class Curve:
    """The line, the three points on it and the scales."""

    line: str
    marks: list[Mark]
    across: list[tuple[float, str]]  # x and its word
    up: list[tuple[float, str]]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    bottom: int = HEIGHT - _BOTTOM
    right: int = WIDTH - _RIGHT


def draw(scope: dict[str, Any]) -> Curve | None:
    """The curve of a report; None where there were no strange texts to measure it on."""
    points = [each for each in scope["curve"] if each["strange_refused"] is not None]
    if len(points) < 2:
        return None
    # What is refused beyond the strictest point interests nobody: the scale begins a little before it.
    least = min(each["kept"] for each in scope["points"].values())
    low = max(0, int(least * 10) - 1) / 10
    points = [each for each in points if each["kept"] >= low]
    line = " ".join(
        f"{_x(each['kept'], low):.1f},{_y(each['strange_refused']):.1f}"
        for each in sorted(points, key=lambda each: (each["kept"], -each["strange_refused"]))
    )
    step = 10 if low >= 0.5 else 20
    shares = [each / 100 for each in range(100, round(low * 100) - 1, -step)]
    return Curve(
        line=line,
        marks=_marks(scope, low),
        across=[(_x(each, low), f"{each:.0%}") for each in shares],
        up=[(_y(each / 4), f"{each / 4:.0%}") for each in range(5)],
    )


def _marks(scope: dict[str, Any], low: float) -> list[Mark]:
    found: list[Mark] = []
    for name in ("strict", "balanced", "lenient"):
        point = scope["points"].get(name)
        if point is None:
            continue
        y = _y(point["strange_refused"] or 0.0)
        label = y + 18
        if found and label - found[-1].label_y < 15:
            label = found[-1].label_y + 15
        found.append(
            Mark(
                x=_x(point["kept"], low),
                y=y,
                word=_WORDS[name],
                label_y=label,
                chosen=scope["chosen"] == name,
                kept=point["kept"],
                strange=point["strange_refused"],
                wrong=point["wrong_refused"],
            )
        )
    return found


def _x(share: float, low: float) -> float:
    return _LEFT + (max(share, low) - low) / (1 - low) * (WIDTH - _LEFT - _RIGHT)


def _y(share: float) -> float:
    return _TOP + (1 - share) * (HEIGHT - _TOP - _BOTTOM)
