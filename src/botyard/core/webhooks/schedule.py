"""When a delivery is tried again, and for how long a receiver is left alone that asked for it."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from botyard.kit import clock

_MINUTE, _HOUR = 60.0, 3600.0
# Before each of the ten attempts: 75 hours from the first to the last.
DELAYS_S = (
    *(0.0, 5.0, 5 * _MINUTE, 30 * _MINUTE),
    *(2 * _HOUR, 5 * _HOUR, 10 * _HOUR, 14 * _HOUR, 20 * _HOUR, 24 * _HOUR),
)
_JITTER = 0.1
_LONGEST_PAUSE_S = _HOUR  # of a webhook, whatever its receiver asks for
_PAUSING = (429, 503)

MANY_FAILURES = 3  # one after the other; from then on it is a receiver in trouble
DISABLE_AFTER = timedelta(days=5)  # of nothing else


def next_attempt(attempts: int, now: datetime) -> datetime | None:
    """When the next attempt is due after so many; None after the last one."""
    if attempts >= len(DELAYS_S):
        return None
    delay_s = DELAYS_S[attempts]
    return now + timedelta(seconds=delay_s * clock.uniform(1 - _JITTER, 1 + _JITTER))


def pause(status: int | None, retry_after: str, now: datetime) -> datetime | None:
    """Until when nothing is sent to a receiver that answered so; None where it asked for no pause."""
    if status not in _PAUSING:
        return None
    wanted_s = _seconds(retry_after.strip(), now)
    return None if wanted_s is None else now + timedelta(seconds=min(max(wanted_s, 0.0), _LONGEST_PAUSE_S))


def _seconds(retry_after: str, now: datetime) -> float | None:
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after[:9])
    try:
        at = parsedate_to_datetime(retry_after)
    except (ValueError, OverflowError):  # years and time zones beyond any calendar
        return None
    return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds()
