"""Rate limits in Redis; a module of its own, because its client takes long to import and most servers need none."""

from collections.abc import Sequence

import structlog
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError, RedisError  # noqa: A004 - Redis' own, which is no OSError

from botyard.kit import clock
from botyard.kit.limits import Check, Limiter, Verdict, judge, subject_key
from botyard.kit.metrics import LIMITER_FALLBACKS

log = structlog.get_logger(__name__)

REDIS_TIMEOUT_S = 0.5  # a limiter may never cost a request more than this
REDIS_CONNECTIONS = 20  # a check takes a tenth of a millisecond; more requests than that wait their turn
REDIS_PAUSE_S = 5.0  # how long Redis is left alone after it failed


class RedisLimiter(Limiter):
    """Rate limits shared by all processes; while Redis is away each process counts for itself."""

    def __init__(
        self, redis: Redis | str, *, prefix: str = "botyard", timeout_s: float = REDIS_TIMEOUT_S
    ) -> None:
        super().__init__()
        self._redis = _connect(redis, timeout_s) if isinstance(redis, str) else redis
        # The braces put all keys of a cluster into one slot, which a script over several keys needs.
        self._prefix = f"{{{prefix}:limits}}:"
        self._script = self._redis.register_script(_LUA)
        self._away_until = 0.0

    async def hit(self, checks: Sequence[Check], cost: int = 1) -> Verdict:
        """As in memory, by Redis' own clock. Never raises: without Redis this process' memory decides."""
        if clock.monotonic() < self._away_until:
            LIMITER_FALLBACKS.inc()
            return self._hit(checks, cost)
        try:
            reply = await self._script(
                keys=[self._prefix + subject_key(check) for check in checks],
                args=[cost, *(n for _, rate, _ in checks for n in (rate.step_us, rate.size))],
            )
        except (RedisError, OSError, TimeoutError) as error:
            return self._without(checks, cost, error)
        if self._away_until:
            self._away_until = 0.0
            log.info("Redis answers again; rate limits are shared by all processes.")
        allowed, *ahead = (int(number) for number in reply)
        return judge(checks, ahead, allowed=bool(allowed), cost=cost)

    async def close(self) -> None:
        """Close the connections to Redis."""
        await self._redis.aclose()

    def _without(self, checks: Sequence[Check], cost: int, error: Exception) -> Verdict:
        if not self._away_until:
            log.warning(
                "Redis does not answer; rate limits count per process until it does.", error=str(error)
            )
        self._away_until = clock.monotonic() + REDIS_PAUSE_S
        LIMITER_FALLBACKS.inc()
        return self._hit(checks, cost)


def _connect(url: str, timeout_s: float) -> Redis:
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=REDIS_CONNECTIONS,
        timeout=timeout_s,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        # once more on a connection that Redis closed meanwhile; a slow Redis is not asked twice
        retry=Retry(NoBackoff(), 1, (ConnectionError,)),
    )
    return Redis.from_pool(pool)


# ahead[i] is how far rule i's bucket is from full, after the charge if all fit. Numbers stay below 2^53, which
# is as far as Lua counts exactly; %.0f keeps them from turning into 1.7e+15.
_LUA = """
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local cost = tonumber(ARGV[1])
local ahead, allowed = {}, 1
for i, key in ipairs(KEYS) do
  local step, size = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  ahead[i] = math.max(tonumber(redis.call('GET', key) or now) - now, 0)
  if ahead[i] + step * cost > step * size then allowed = 0 end
end
local reply = {tostring(allowed)}
for i, key in ipairs(KEYS) do
  if allowed == 1 and cost > 0 then
    ahead[i] = ahead[i] + tonumber(ARGV[2 * i]) * cost
    redis.call('SET', key, string.format('%.0f', now + ahead[i]), 'PX', math.ceil(ahead[i] / 1000))
  end
  reply[i + 1] = string.format('%.0f', ahead[i])
end
return reply
"""
