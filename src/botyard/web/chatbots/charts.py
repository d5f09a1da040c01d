"""Figures of a chatbot as they are drawn: bars by day, rows with bars, one figure beside what it was."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from botyard.features.chatbots.analytics import Comparison, Day, Figures
from botyard.kit.amounts import amount, counted
from botyard.web.chatbots.tracing import RUNGS
from botyard.web.drawing import round_up

_GAP = 0.25  # of a bar's place, empty


@dataclass(frozen=True, slots=True)
class Column:
    """One day's bar in a box of 100 by 100, and the part of it that is marked."""

    x: float
    width: float
    height: float
    marked: float
    title: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars by day with the top of their scale. `whole` and `part` say what is drawn."""

    columns: list[Column]
    top: int
    first: date
    last: date
    whole: str
    part: str
    unit: str
    total: float


MEASURES = {
    "conversations": ("Conversations", "a person was called", "a day"),
    "messages": ("Messages", "not understood", "a day"),
    "time": ("Answer time", "", "ms, mean"),
}


def chart(days: Sequence[Day], measure: str) -> Chart:
    """The bars of a measure."""
    whole, part, unit = MEASURES[measure]
    pairs = [_of(day, measure) for day in days]
    top = round_up(max((value for value, _ in pairs), default=0))
    step = 100 / max(1, len(days))
    columns = [
        Column(
            x=at * step + step * _GAP / 2,
            width=step * (1 - _GAP),
            height=value / top * 100,
            marked=marked / top * 100,
            title=_title(days[at].day, value, marked, measure),
        )
        for at, (value, marked) in enumerate(pairs)
    ]
    total = sum(value for value, _ in pairs)
    return Chart(columns, top, days[0].day, days[-1].day, whole, part, unit, total)


def _of(day: Day, measure: str) -> tuple[float, float]:
    if measure == "messages":
        return day.user_messages, day.missed
    if measure == "time":
        return day.latency_ms or 0, 0
    return day.conversations, min(day.handed_over, day.conversations)


def _title(day: date, value: float, marked: float, measure: str) -> str:
    when = f"{day.day} {day:%b %Y}"
    if measure == "time":
        return f"{when}: {value:.1f} ms"
    whole, part, _ = MEASURES[measure]
    return f"{when}: {value:.0f} {whole.lower()}" + (f", {marked:.0f} {part}" if marked else "")


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure in words, with how it changed; `tone` says whether that is good."""

    label: str
    value: str
    note: str
    change: str = ""
    tone: str = "muted"


def figures(comparison: Comparison) -> list[Figure]:
    """What is looked at first."""
    now, gone = comparison.second, comparison.differences
    within = now.latency_within(0.95)
    ratings = sum(now.ratings.values())
    return [
        Figure("Conversations", amount(now.conversations), "", *_growth(comparison, "conversations")),
        Figure("Messages", amount(now.messages), f"{amount(now.user_messages)} from users", *_growth(comparison, "messages")),
        Figure("Handled without a person", _share(now.containment), f"{amount(now.handed_over)} handed over", *_points(gone.get("containment"), up=True)),
        Figure("Not understood", _share(now.missed_rate), counted(now.missed, "message"), *_points(gone.get("missed_rate"), up=False)),
        Figure("Answer time", _ms(now.latency_ms), _within(within), *_time(gone.get("latency_ms"))),
        Figure("Satisfaction", "–" if now.satisfaction is None else f"{now.satisfaction:.1f} of 5", counted(ratings, "rating"), *_stars(gone.get("satisfaction"))),
    ]  # fmt: skip


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value * 100:.1f}%"


def _ms(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.1f} ms" if value < 10 else f"{value:.0f} ms" if value < 1000 else f"{value / 1000:.1f} s"


def _within(bound: str | None) -> str:
    if bound is None:
        return "mean"
    return "mean; the slowest took over 10 s" if bound == "more" else f"mean; 95% within {bound} ms"


Change = tuple[str, str]


def _growth(comparison: Comparison, name: str) -> Change:
    before, after = getattr(comparison.first, name), getattr(comparison.second, name)
    if not before:
        return "", "muted"
    return f"{(after - before) / before * 100:+.0f}%", "muted"


def _points(value: float | None, *, up: bool) -> Change:
    if value is None or abs(value) < 0.0005:
        return "", "muted"
    return f"{value * 100:+.1f} points", "good" if (value > 0) == up else "bad"


def _time(value: float | None) -> Change:
    if value is None or abs(value) < 0.1:
        return "", "muted"
    return f"{value:+.1f} ms", "good" if value < 0 else "bad"


def _stars(value: float | None) -> Change:
    if value is None or abs(value) < 0.05:
        return "", "muted"
    return f"{value:+.1f}", "good" if value > 0 else "bad"


@dataclass(frozen=True, slots=True)
class Row:
    """A name with its number, its share of the largest one for the bar, and what it was before."""

    name: str
    count: int
    percent: float
    before: int | None = None


def rows(counts: Mapping[str, int], before: Mapping[str, int] | None = None, *, most: int = 10) -> list[Row]:
    """The largest ones, the largest first."""
    largest = max(counts.values(), default=0) or 1
    return [
        Row(name, count, count / largest * 100, None if before is None else before.get(name, 0))
        for name, count in list(counts.items())[:most]
    ]


def sources(figures: Figures) -> list[Row]:
    """Where answers came from, in words."""
    named = {RUNGS.get(name, name).capitalize(): count for name, count in figures.sources.items()}
    return rows(named)


def times(figures: Figures) -> list[Row]:
    """How many answers took how long, from the fastest to the slowest that there were."""
    bounds = list(figures.latencies)
    there = [at for at, bound in enumerate(bounds) if figures.latencies[bound]]
    if not there:
        return []
    part = bounds[there[0] : there[-1] + 1]
    found = {_bound(bound): figures.latencies[bound] for bound in part}
    return rows(found, most=len(found))


def _bound(bound: str) -> str:
    if bound == "more":
        return "over 10 s"
    return f"up to {bound} ms" if int(bound) < 1000 else f"up to {int(bound) / 1000:g} s"


def ratings(figures: Figures) -> list[Row]:
    """How often each number of stars was given, five first."""
    if not sum(figures.ratings.values()):
        return []
    named = {f"{stars} of 5": figures.ratings[stars] for stars in range(5, 0, -1)}
    return rows(named)
