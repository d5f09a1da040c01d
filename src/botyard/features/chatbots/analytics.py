"""Figures of a chatbot over days, versions and intents, from counters: they cost the same however much was said.

Days are in UTC. Hand-over and ratings belong to the day on which their conversation began, so that shares are
shares of the same conversations.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from botyard.core.ingest.reader import StreamReader
from botyard.features.chatbots.counting import LATENCIES_MS
from botyard.kit.errors import Invalid

MAX_DAYS = 3660
_PREFIXES = {"intent:": "intents", "source:": "sources"}

_TOTALS = """SELECT name, SUM(value) AS value FROM conversation_counts WHERE chatbot_id = :chatbot_id
 AND day >= :first AND day <= :last AND version_id = :version_id GROUP BY name"""
_SERIES = """SELECT day, name, value FROM conversation_counts WHERE chatbot_id = :chatbot_id
 AND day >= :first AND day <= :last AND version_id = :version_id
 AND name IN ('conversations', 'messages', 'user_messages', 'missed', 'handovers', 'handed_over', 'answers',
 'latency_us')"""
_ALL_TIME = """SELECT name, SUM(value) AS value FROM conversation_counts
 WHERE owner_id = :owner_id AND day = 0 AND name IN ('conversations', 'messages', 'open', 'waiting', 'attended', 'closed')
 GROUP BY name"""


@dataclass(frozen=True, slots=True)
class Figures:
    """What was counted in some days. Shares are None where there is nothing that they are shares of."""

    conversations: int
    messages: int
    user_messages: int
    bot_messages: int
    person_messages: int
    missed: int  # messages that were not understood for certain
    handovers: int
    handed_over: int  # conversations in which a person was called or stepped in
    thumbs_down: int
    attended: int
    answers: int
    latency_us: int  # of all answers together
    ratings: Mapping[int, int]  # how many of each
    intents: Mapping[str, int]
    sources: Mapping[str, int]  # messages of the chatbot by what they came from
    latencies: Mapping[str, int] = field(
        default_factory=dict
    )  # answers by upper bound in ms, `more` above all

    @property
    def containment(self) -> float | None:
        """Share of conversations that no person had to help with."""
        return _share(self.conversations - self.handed_over, self.conversations)

    @property
    def handover_rate(self) -> float | None:
        """Share of conversations in which a person was called or stepped in."""
        return _share(self.handed_over, self.conversations)

    @property
    def missed_rate(self) -> float | None:
        """Share of the user's messages that were not understood for certain."""
        return _share(self.missed, self.user_messages)

    @property
    def latency_ms(self) -> float | None:
        """Mean time to an answer."""
        return self.latency_us / self.answers / 1000 if self.answers else None

    @property
    def satisfaction(self) -> float | None:
        """Mean of the ratings, from 1 to 5."""
        count = sum(self.ratings.values())
        return sum(stars * times for stars, times in self.ratings.items()) / count if count else None

    def latency_within(self, share: float) -> str | None:
        """The bound in ms that so many of the answers kept: `more` is above all; None without answers."""
        wanted, seen = share * sum(self.latencies.values()), 0
        for bound, count in self.latencies.items():
            seen += count
            if count and seen >= wanted:
                return bound
        return None


@dataclass(frozen=True, slots=True)
class Day:
    """The figures of one day that are drawn over time."""

    day: date
    conversations: int = 0
    messages: int = 0
    user_messages: int = 0
    missed: int = 0
    handovers: int = 0
    handed_over: int = 0
    latency_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two sets of figures and the difference of those that have one, the second less the first."""

    first: Figures
    second: Figures
    differences: Mapping[str, float]


async def figures(
    reader: StreamReader,
    chatbot_id: str,
    *,
    since: date | None = None,
    until: date | None = None,
    version_id: str = "",
) -> Figures:
    """The figures from one day to another, both included, of all versions or of one ("draft" is the draft)."""
    params = {"chatbot_id": chatbot_id, "version_id": version_id} | _days(since, until)
    rows = await reader.scan(_TOTALS, params)
    return _figures({row["name"]: int(row["value"]) for row in rows})


async def series(
    reader: StreamReader, chatbot_id: str, *, since: date, until: date, version_id: str = ""
) -> list[Day]:
    """One entry for each day from one to another, both included; also for days without anything."""
    params = {"chatbot_id": chatbot_id, "version_id": version_id} | _days(since, until)
    if (until - since).days > MAX_DAYS:
        raise Invalid(f"A series has at most {MAX_DAYS} days.")
    found: dict[int, Counter[str]] = defaultdict(Counter)
    for row in await reader.scan(_SERIES, params):
        found[row["day"]][row["name"]] += row["value"]
    days = [since + timedelta(days=at) for at in range((until - since).days + 1)]
    return [_day(day, found.get(_number(day), Counter())) for day in days]


async def compare_periods(
    reader: StreamReader, chatbot_id: str, *, since: date, until: date, version_id: str = ""
) -> Comparison:
    """The days before, as many as there are from one to the other, and these days."""
    length = until - since + timedelta(days=1)
    before = await figures(
        reader, chatbot_id, since=since - length, until=until - length, version_id=version_id
    )
    return _compared(
        before, await figures(reader, chatbot_id, since=since, until=until, version_id=version_id)
    )


async def compare_versions(
    reader: StreamReader,
    chatbot_id: str,
    first: str,
    second: str,
    *,
    since: date | None = None,
    until: date | None = None,
) -> Comparison:
    """One version and another, in the same days."""
    return _compared(
        await figures(reader, chatbot_id, since=since, until=until, version_id=first),
        await figures(reader, chatbot_id, since=since, until=until, version_id=second),
    )


async def of_owner(reader: StreamReader, *, owner_id: int) -> dict[str, int]:
    """Counts over all chatbots of an account, of all time: conversations, messages, and those in each status."""
    rows = await reader.query(_ALL_TIME, {"owner_id": owner_id})
    return {row["name"]: int(row["value"]) for row in rows}


def _number(day: date) -> int:
    return day.year * 10_000 + day.month * 100 + day.day


def _days(since: date | None, until: date | None) -> dict[str, int]:
    if since is not None and until is not None and until < since:
        raise Invalid("The period ends before it begins.")
    return {"first": _number(since) if since else 1, "last": _number(until) if until else 99_991_231}


def _figures(counts: Mapping[str, int]) -> Figures:
    groups: dict[str, dict[str, int]] = {name: {} for name in _PREFIXES.values()}
    for name, value in counts.items():
        for prefix, group in _PREFIXES.items():
            if name.startswith(prefix) and value:
                groups[group][name.removeprefix(prefix)] = value
    plain = {
        name: counts.get(name, 0)
        for name in Figures.__slots__
        if name not in ("ratings", "intents", "sources", "latencies")
    }
    most_first = {
        group: dict(sorted(values.items(), key=lambda item: (-item[1], item[0])))
        for group, values in groups.items()
    }
    bounds = [*map(str, LATENCIES_MS), "more"]
    return Figures(
        **plain,
        ratings={stars: counts.get(f"rating:{stars}", 0) for stars in range(1, 6)},
        intents=most_first["intents"],
        sources=most_first["sources"],
        latencies={bound: counts.get(f"latency:{bound}", 0) for bound in bounds},
    )


def _day(day: date, counts: Counter[str]) -> Day:
    answers = counts["answers"]
    plain: dict[str, Any] = {
        name: counts[name] for name in Day.__slots__ if name not in ("day", "latency_ms")
    }
    return Day(day=day, latency_ms=counts["latency_us"] / answers / 1000 if answers else None, **plain)


_COMPARED = (
    "conversations", "messages", "user_messages", "missed", "handovers", "handed_over", "thumbs_down", "containment",
    "handover_rate", "missed_rate", "latency_ms", "satisfaction",
)  # fmt: skip


def _compared(first: Figures, second: Figures) -> Comparison:
    pairs = {name: (getattr(first, name), getattr(second, name)) for name in _COMPARED}
    return Comparison(
        first,
        second,
        {name: two - one for name, (one, two) in pairs.items() if one is not None and two is not None},
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
