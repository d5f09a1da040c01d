"""When a row happened, by the clock of whoever sent it."""

_HOUR = 3600 * 1_000_000
_OLDEST = 48 * _HOUR  # as long as a retried batch is recognized
_AHEAD = _HOUR // 12


def moment(at_us: int | None, now_us: int) -> int:
    """The sender's moment within the two days that a spool may hold a row back; now where it named none."""
    if at_us is None:
        return now_us
    return min(max(at_us, now_us - _OLDEST), now_us + _AHEAD)
