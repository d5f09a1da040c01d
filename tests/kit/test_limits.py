"""Rate limits: never more than the rate, all rules or none, and no Redis is no outage."""

import asyncio
import socket
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from botyard.kit import clock as clock_module
from botyard.kit.clock import FrozenClock
from botyard.kit.limits import Limiter, Rate, Verdict, subject_of
from botyard.kit.metrics import LIMITER_FALLBACKS
from botyard.kit.redis_limits import RedisLimiter

TEN = Rate(10, 60.0)
PATIENT_S = 30.0  # a busy machine is not a silent Redis


async def taken(limiter: Limiter, rate: Rate, tries: int, subject: str = "a") -> int:
    verdicts = [await limiter.hit([("r", rate, subject)]) for _ in range(tries)]
    return sum(verdict.allowed for verdict in verdicts)


@given(
    limit=st.integers(1, 50),
    period_s=st.floats(0.001, 100.0),
    burst=st.integers(1, 60) | st.none(),
    steps=st.lists(st.tuples(st.floats(0.0, 30.0), st.integers(1, 5)), max_size=80),
)
def test_no_window_of_any_length_holds_more_than_burst_and_rate(
    limit: int, period_s: float, burst: int | None, steps: list[tuple[float, int]]
) -> None:
    rate = Rate(limit, period_s, burst)
    clock = FrozenClock(datetime(2026, 6, 1, tzinfo=UTC))
    limiter, passed = Limiter(), []
    with clock_module.use(clock):
        for wait_s, cost in steps:
            clock.advance(wait_s)
            if limiter._hit([("r", rate, "a")], cost).allowed:
                passed.append((clock.monotonic(), cost))
    for first, (start, _) in enumerate(passed):
        total = 0
        for at, cost in passed[first:]:
            total += cost
            # one microsecond of slack per end of the window, for the rounding of the clock itself
            assert total <= rate.size + (at - start + 2e-6) * limit / period_s + 1e-6


@given(st.integers(1, 40), st.integers(0, 60))
def test_remaining_is_what_still_passes_at_once(limit: int, used: int) -> None:
    limiter, rate = Limiter(), Rate(limit, 60.0)
    with clock_module.use(FrozenClock(datetime(2026, 6, 1, tzinfo=UTC))):
        verdict = limiter._hit([("r", rate, "a")], 1)
        for _ in range(used):
            verdict = limiter._hit([("r", rate, "a")], 1)
        passes = 0
        while limiter._hit([("r", rate, "a")], 1).allowed:
            passes += 1
    assert passes == verdict.remaining


async def test_the_burst_passes_and_the_next_is_told_when_to_return(clock: FrozenClock) -> None:
    limiter = Limiter()
    assert await taken(limiter, TEN, 10) == 10
    refused = await limiter.hit([("r", TEN, "a")])
    assert (refused.allowed, refused.remaining, refused.retry_after_s) == (False, 0, 6.0)
    assert refused.headers() == {
        "X-RateLimit-Limit": "10",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": str(int(clock.now().timestamp()) + 60),
        "Retry-After": "6",
    }
    clock.advance(6)
    assert await taken(limiter, TEN, 5) == 1


async def test_a_refusal_charges_nothing(clock: FrozenClock) -> None:
    limiter = Limiter()
    await taken(limiter, TEN, 500)
    clock.advance(60)
    assert await taken(limiter, TEN, 20) == 10


async def test_several_rates_are_charged_together_or_not_at_all(clock: FrozenClock) -> None:
    limiter, narrow, wide = Limiter(), Rate(2, 60.0), Rate(100, 60.0)
    checks = [("wide", wide, "a"), ("narrow", narrow, "a")]
    verdicts = [await limiter.hit(checks) for _ in range(5)]
    assert [verdict.allowed for verdict in verdicts] == [True, True, False, False, False]
    assert {verdict.rule for verdict in verdicts} == {"narrow"}
    assert (await limiter.hit([("wide", wide, "a")])).remaining == 97


async def test_subjects_and_rules_do_not_share_a_bucket(clock: FrozenClock) -> None:
    limiter = Limiter()
    assert await taken(limiter, TEN, 10, "a") == 10
    assert await taken(limiter, TEN, 10, "b") == 10
    assert (await limiter.hit([("r:", TEN, "a")])).allowed
    assert (await limiter.hit([("r", TEN, ":a")])).allowed


async def test_asking_with_no_cost_changes_nothing(clock: FrozenClock) -> None:
    limiter = Limiter()
    assert (await limiter.hit([("r", TEN, "a")], cost=0)).remaining == 10
    assert len(limiter) == 0


async def test_a_cost_above_the_burst_never_fits(clock: FrozenClock) -> None:
    limiter = Limiter()
    await limiter.hit([("r", TEN, "a")])
    refused = await limiter.hit([("r", TEN, "a")], cost=11)
    assert (refused.allowed, refused.retry_after_s) == (False, 6.0)


async def test_no_rates_means_no_limit(clock: FrozenClock) -> None:
    assert (await Limiter().hit([])).allowed


async def test_turning_the_wall_clock_back_neither_locks_out_nor_lets_in(clock: FrozenClock) -> None:
    limiter = Limiter()
    await taken(limiter, TEN, 10)
    clock.advance(-3600)
    assert (await limiter.hit([("r", TEN, "a")])).retry_after_s == 6.0


async def test_full_buckets_are_forgotten(clock: FrozenClock) -> None:
    limiter = Limiter()
    for number in range(1024):
        await limiter.hit([("r", TEN, str(number))])
    clock.advance(7)
    await limiter.hit([("r", TEN, "one more")])
    assert len(limiter) == 1


async def test_a_flood_of_subjects_is_bounded_and_spares_the_worst_offenders(clock: FrozenClock) -> None:
    limiter = Limiter(max_subjects=100)
    await taken(limiter, TEN, 10, "offender")
    for number in range(1000):
        await limiter.hit([("r", TEN, str(number))])
        assert len(limiter) <= 101
    assert not (await limiter.hit([("r", TEN, "offender")])).allowed


@pytest.mark.parametrize(
    ("address", "subject"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unknown", "unknown"),
    ],
)
def test_one_customer_of_ipv6_is_one_subject(address: str, subject: str) -> None:
    assert subject_of(address) == subject


@pytest.mark.parametrize("bad", [(0, 1.0, None), (1, 0.0, None), (1, 1.0, 0)])
def test_a_rate_that_lets_nothing_through_is_refused(bad: tuple[int, float, int | None]) -> None:
    with pytest.raises(ValueError, match="at least one"):
        Rate(*bad)


# --- shared through Redis ---------------------------------------------------------------------------


async def test_two_processes_share_one_limit(redis_url: str) -> None:
    one, other = RedisLimiter(redis_url, timeout_s=PATIENT_S), RedisLimiter(redis_url, timeout_s=PATIENT_S)
    verdicts = await asyncio.gather(*(x.hit([("r", TEN, "a")]) for x in [one, other] * 15))
    assert sum(verdict.allowed for verdict in verdicts) == 10
    assert len(one) == len(other) == 0, "nothing fell back to memory"
    await one.close()
    await other.close()


async def test_a_crowd_waits_for_a_connection_instead_of_counting_in_memory(redis_url: str) -> None:
    limiter, rate = RedisLimiter(redis_url, timeout_s=PATIENT_S), Rate(100, 60.0)
    verdicts = await asyncio.gather(*(limiter.hit([("r", rate, "a")]) for _ in range(300)))
    await limiter.close()
    assert (sum(verdict.allowed for verdict in verdicts), len(limiter)) == (100, 0)


async def test_redis_judges_as_memory_does(redis_url: str) -> None:
    shared = RedisLimiter(redis_url, timeout_s=PATIENT_S)
    checks = [("narrow", Rate(3, 60.0), "a"), ("wide", Rate(100, 60.0), "a")]
    verdicts = [await shared.hit(checks) for _ in range(5)]
    await shared.close()
    assert [(v.allowed, v.limit, v.remaining, v.rule) for v in verdicts] == [
        (True, 3, 2, "narrow"),
        (True, 3, 1, "narrow"),
        (True, 3, 0, "narrow"),
        (False, 3, 0, "narrow"),
        (False, 3, 0, "narrow"),
    ]
    assert 19 < verdicts[-1].retry_after_s <= 20


async def test_redis_charges_all_rules_or_none(redis_url: str) -> None:
    shared = RedisLimiter(redis_url, timeout_s=PATIENT_S)
    both = [("narrow", Rate(1, 60.0), "a"), ("wide", TEN, "a")]
    await asyncio.gather(*(shared.hit(both) for _ in range(5)))
    assert (await shared.hit([("wide", TEN, "a")], cost=0)).remaining == 9
    await shared.close()


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_without_redis_memory_decides_and_it_is_said_once(clock: FrozenClock) -> None:
    limiter = RedisLimiter(f"redis://127.0.0.1:{unused_port()}/0")
    before = LIMITER_FALLBACKS._value.get()
    with capture_logs() as lines:
        assert await taken(limiter, TEN, 12) == 10
        clock.advance(6)  # Redis is asked again, and is still away
        assert await taken(limiter, TEN, 1) == 1
    await limiter.close()
    assert LIMITER_FALLBACKS._value.get() - before == 13
    assert [line["event"] for line in lines] == [
        "Redis does not answer; rate limits count per process until it does."
    ]


async def test_a_silent_redis_costs_one_timeout_not_one_per_request(clock: FrozenClock) -> None:
    asked = 0

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        await reader.read()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    limiter = RedisLimiter(f"redis://127.0.0.1:{port}/0")
    verdicts: list[Verdict] = [await limiter.hit([("r", TEN, "a")]) for _ in range(20)]
    await limiter.close()
    server.close()
    await server.wait_closed()
    assert sum(verdict.allowed for verdict in verdicts) == 10
    assert asked == 1


async def test_redis_is_used_again_when_it_is_back(redis_url: str, clock: FrozenClock) -> None:
    real, port = urlsplit(redis_url), unused_port()
    limiter = RedisLimiter(
        real._replace(netloc=f":{real.password or ''}@127.0.0.1:{port}").geturl(), timeout_s=PATIENT_S
    )
    await limiter.hit([("r", TEN, "a")])

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back_reader, back_writer = await asyncio.open_connection(real.hostname, real.port)
        await asyncio.gather(pour(reader, back_writer), pour(back_reader, writer))

    server = await asyncio.start_server(forward, "127.0.0.1", port)
    clock.advance(6)
    with capture_logs() as lines:
        await limiter.hit([("r", TEN, "b")])
    await limiter.close()
    server.close()
    await server.wait_closed()
    assert len(limiter) == 1, "only the first was counted in memory"
    assert "Redis answers again" in lines[0]["event"]


async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(4096):
        writer.write(chunk)
    writer.close()
