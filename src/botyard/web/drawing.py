"""Small charts drawn on the server as SVG, so that the first page and its live updates are the same."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup


def spark(values: Sequence[float], *, width: int = 96, height: int = 26) -> Markup:
    """A line without axes; flat and grey where nothing happened."""
    top = max(values, default=0) or 1
    step = width / max(len(values) - 1, 1)
    points = " ".join(
        f"{i * step:.1f},{height - 2 - value / top * (height - 4):.1f}" for i, value in enumerate(values)
    )
    still = "" if any(values) else " still"
    return Markup(
        '<svg class="spark{}" viewBox="0 0 {} {}" width="{}" height="{}" aria-hidden="true">'
        '<polyline points="{}"/></svg>'
    ).format(still, width, height, width, height, points)


@dataclass(frozen=True)
class Area:
    """A filled line in a box of 100 by 100 that the page stretches, with the scale's top value."""

    area: str
    line: str
    top: int


def area(values: Sequence[float], *, top: int | None = None) -> Area:
    """Geometry of a filled line; `top` lets two lines share one scale."""
    top = top or round_up(max(values, default=0))
    step = 100 / max(len(values) - 1, 1)
    points = [(i * step, 100 - value / top * 100) for i, value in enumerate(values)]
    line = " ".join(f"{x:.2f},{y:.2f}" for x, y in points)
    return Area(f"0,100 {line} 100,100", line, top)


def round_up(value: float) -> int:
    """The next number a scale may end with: 1, 2 or 5 times a power of ten, at least 10."""
    scale = 10
    while True:
        for factor in (1, 2, 5):
            if value <= factor * scale:
                return factor * scale
        scale *= 10
