"""Whether people are there."""

from datetime import UTC, datetime, time, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from botyard.features.chatbots.content import Hours


def staffed(hours: Hours | None, now: datetime) -> bool:
    """Whether `now` is within office hours. Without hours somebody is always there.

    A span that ends before it begins lasts past midnight; one that cannot be read is none.
    """
    if hours is None:
        return True
    local = now.astimezone(_zone(hours.timezone))
    today, moment = local.weekday(), local.time()
    for opens, closes in _spans(hours, today):
        if opens < closes and opens <= moment < closes:
            return True
        if opens >= closes and moment >= opens:
            return True
    return any(opens >= closes and moment < closes for opens, closes in _spans(hours, (today - 1) % 7))


@lru_cache(maxsize=128)
def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        return UTC


def _spans(hours: Hours, day: int) -> list[tuple[time, time]]:
    found = []
    for opens, closes in hours.days.get(str(day), []):
        first, last = _time(opens), _time(closes)
        if first is not None and last is not None:
            found.append((first, last))
    return found


def _time(text: str) -> time | None:
    if text == "24:00":
        return time.max
    try:
        return time.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        return None
