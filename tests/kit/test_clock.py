"""The counter of the machine."""

import sys
import time

import pytest

from botyard.kit import clock


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no counter of their own for it")
def test_time_passes_while_the_machine_is_suspended(monkeypatch: pytest.MonkeyPatch) -> None:
    asleep_s = 3600.0
    read = time.clock_gettime

    def after_a_sleep(which: int) -> float:  # what Linux answers once it was suspended
        return read(which) + (asleep_s if which == time.CLOCK_BOOTTIME else 0.0)

    before = clock.monotonic()
    monkeypatch.setattr(time, "clock_gettime", after_a_sleep)

    assert asleep_s <= clock.monotonic() - before < asleep_s + 60
