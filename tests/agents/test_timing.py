"""Pauses: jitter, ceilings, what a server asks for; and the wake-up that signal handlers may use."""

from datetime import UTC, datetime

import pytest

from botyard_agent.timing import Backoff, SystemTiming, Wake, retry_after_s
from tests.agents.conftest import HandTiming


def test_pauses_double_up_to_the_cap(timing: HandTiming) -> None:
    backoff = Backoff(timing, base_s=0.5, cap_s=60.0)

    assert [backoff.next() for _ in range(9)] == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    backoff.reset()
    assert backoff.next() == 0.5


def test_pauses_are_drawn_from_the_whole_range() -> None:
    timing = SystemTiming()
    drawn = []
    for _ in range(400):
        backoff = Backoff(timing, base_s=0.5, cap_s=60.0)
        backoff.attempts = 7
        drawn.append(backoff.next())

    assert min(drawn) >= 0.5
    assert max(drawn) <= 60.0
    assert min(drawn) < 6.0
    assert max(drawn) > 54.0


def test_a_pause_is_never_shorter_than_the_server_asked(timing: HandTiming) -> None:
    backoff = Backoff(timing, base_s=0.5, cap_s=60.0)

    assert backoff.next(7.0) == 7.5
    assert backoff.next(100_000.0) == 900.5


def test_many_failures_do_not_overflow(timing: HandTiming) -> None:
    backoff = Backoff(timing)
    backoff.attempts = 100_000

    assert backoff.next() == 60.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("3", 3.0),
        ("0.5", 0.5),
        ("-2", 0.0),
        ("Mon, 01 Jun 2026 12:00:10 GMT", 10.0),
        ("Mon, 01 Jun 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_is_read_as_a_number_or_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after_s(value, datetime(2026, 6, 1, 12, tzinfo=UTC)) == seconds


def test_a_wake_up_is_not_lost_and_counts_once() -> None:
    wake = Wake()
    wake.set()
    wake.set()

    assert wake.wait(0) is True
    assert wake.wait(0) is False
