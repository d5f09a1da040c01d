"""Counters of the kit; labels are few and never name a caller or an address."""

from prometheus_client import Counter

LIMITED = Counter("botyard_limited_total", "Requests turned away by a rate limit.", ["rule"])
LIMITER_FALLBACKS = Counter(
    "botyard_limiter_fallbacks_total", "Rate limits checked in memory because Redis did not answer."
)
OUTGOING = Counter(
    "botyard_outgoing_requests_total",
    "Requests to addresses that users gave, by how they ended.",
    ["outcome"],
)
