"""Rate limits by the generic cell rate algorithm, in whole microseconds.

Each subject has one number, the moment at which its bucket is full again; a request is let through while that
moment lies no further ahead than the burst allows. Hence no window edges, and an exact answer to "how many are
left". Several rates are checked together: either all are charged or none.
"""

import ipaddress
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from botyard.kit import clock
from botyard.kit.metrics import LIMITED

MAX_SUBJECTS = 200_000  # about 40 MB; beyond it the subjects nearest to a full bucket are forgotten
_FIRST_SWEEP = 1024


@dataclass(frozen=True, slots=True)
class Rate:
    """`limit` requests per `period_s` seconds, of which `burst` may come at once (all of them, if not said)."""

    limit: int
    period_s: float
    burst: int | None = None
    # microseconds that one request takes to be refilled, and that the whole bucket takes
    step_us: int = field(init=False)
    size_us: int = field(init=False)

    def __post_init__(self) -> None:
        if self.limit < 1 or self.period_s <= 0 or (self.burst is not None and self.burst < 1):
            raise ValueError("a rate lets at least one request through in a positive time")
        step_us = math.ceil(self.period_s * 1_000_000 / self.limit)  # up: never more than the rate may pass
        object.__setattr__(self, "step_us", step_us)
        object.__setattr__(self, "size_us", step_us * self.size)

    @property
    def size(self) -> int:
        """How many may come at once."""
        return self.limit if self.burst is None else self.burst


Check = tuple[str, Rate, str]  # name of the rule, its rate, and who is counted


class Verdict(NamedTuple):
    """Whether the request may pass, told by the tightest of its rules."""

    allowed: bool
    limit: int
    remaining: int
    reset_at: datetime  # when the bucket is full again
    retry_after_s: float  # 0 when allowed
    rule: str = ""

    def headers(self) -> dict[str, str]:
        """The headers that documents show; Reset is in epoch seconds, both times are rounded up."""
        found = {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(math.ceil(self.reset_at.timestamp())),
        }
        if not self.allowed:
            found["Retry-After"] = str(max(1, math.ceil(self.retry_after_s)))
        return found


class Limiter:
    """Rate limits of one process, kept in memory."""

    def __init__(self, *, max_subjects: int = MAX_SUBJECTS) -> None:
        self._full_at: dict[str, int] = {}
        self._max = max_subjects
        self._sweep_at = min(_FIRST_SWEEP, max_subjects)

    def __len__(self) -> int:
        return len(self._full_at)

    async def hit(self, checks: Sequence[Check], cost: int = 1) -> Verdict:
        """Charge `cost` to every rule, or to none when one of them refuses. Never raises.

        A cost of 0 only asks. A cost above a rule's burst never fits; bound it before.
        """
        return self._hit(checks, cost)

    async def close(self) -> None:
        """Give back what the limiter holds."""

    def _hit(self, checks: Sequence[Check], cost: int) -> Verdict:
        now = int(clock.monotonic() * 1_000_000)
        full_at = self._full_at
        allowed, keys, ahead = True, [], []
        for check in checks:
            rate = check[1]
            keys.append(key := subject_key(check))
            ahead.append(wait := max(full_at.get(key, now) - now, 0))
            allowed = allowed and wait + rate.step_us * cost <= rate.size_us
        if allowed and cost:
            for index, key in enumerate(keys):
                ahead[index] += checks[index][1].step_us * cost
                full_at[key] = now + ahead[index]
            if len(full_at) > self._sweep_at:
                self._sweep(now)
        return judge(checks, ahead, allowed=allowed, cost=cost)

    def _sweep(self, now: int) -> None:
        """Forget full buckets; the threshold doubles with what is left, so that sweeping stays cheap."""
        self._full_at = {key: at for key, at in self._full_at.items() if at > now}
        if len(self._full_at) > self._max:
            fullest_last = sorted(self._full_at.items(), key=lambda item: item[1], reverse=True)
            self._full_at = dict(fullest_last[: self._max * 9 // 10])
        self._sweep_at = min(max(_FIRST_SWEEP, 2 * len(self._full_at)), self._max)


def judge(checks: Sequence[Check], ahead: Sequence[int], *, allowed: bool, cost: int) -> Verdict:
    """The verdict from how far each bucket is from full, in microseconds."""
    if not checks:
        return Verdict(True, 0, 0, clock.now(), 0.0)
    if allowed:
        left = [(check[1].size_us - a) // check[1].step_us for check, a in zip(checks, ahead, strict=True)]
        tightest = left.index(min(left))
        return _verdict(checks[tightest], ahead[tightest], 0)
    # A cost that never fits is told to wait for a full bucket, which is the most that can be waited for.
    waits = [
        a + min(check[1].step_us * cost, check[1].size_us) - check[1].size_us
        for check, a in zip(checks, ahead, strict=True)
    ]
    worst = waits.index(max(waits))
    LIMITED.labels(checks[worst][0]).inc()
    return _verdict(checks[worst], ahead[worst], max(waits[worst], 1))


def _verdict(check: Check, ahead: int, wait_us: int) -> Verdict:
    name, rate, _ = check
    return Verdict(
        allowed=wait_us == 0,
        limit=rate.limit,
        remaining=max(rate.size_us - ahead, 0) // rate.step_us,
        reset_at=clock.now() + timedelta(microseconds=ahead),
        retry_after_s=wait_us / 1_000_000,
        rule=name,
    )


def subject_key(check: Check) -> str:
    """Under what a rule and its subject are counted; the length keeps two pairs from meeting."""
    rule, _, subject = check
    return f"{len(rule)}:{rule}:{subject}"


def subject_of(address: str) -> str:
    """Who is counted for a network address: an IPv4 host, or an IPv6 /64, since one customer has all of that."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
