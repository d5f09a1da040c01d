"""Document section "Health": for probes, and therefore public (C-16)."""

from collections.abc import Iterator
from typing import Any

from fastapi import Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric

from botyard.contracts.chatbots.envelope import ALIAS, Shown, Success, ok, section
from botyard.edge import health
from botyard.edge.middleware import REQUESTS, SECONDS
from botyard.edge.session import Stores
from botyard.kit import clock
from botyard.kit.errors import Unavailable

router = section("Health", "/health")
_STARTED = clock.monotonic()


class Alive(Shown):
    """The process answers."""

    status: str = "live"
    uptime_seconds: int


@router.get("/liveness")
async def liveness() -> Success[Alive]:
    """Check if the service is running."""
    return ok(Alive(uptime_seconds=_uptime()))


class Ready(Shown):
    """Requests can be served; `degraded` where live events do not reach other processes."""

    status: str
    checks: dict[str, str]


@router.get("/readiness")
async def readiness(request: Request, db: Stores) -> Success[Ready]:
    """Check if the service is ready to accept traffic; 503 names what is not there."""
    found = await health.readiness(db, request.app.state.settings)
    if not found.well:
        raise Unavailable(
            "The server cannot serve requests right now; see the details.",
            details={"checks": found.all_checks},
        )
    return ok(Ready(status=found.status, checks=found.all_checks))


class Metrics(Shown):
    """Figures of this document in this process, since it started."""

    uptime_seconds: int
    requests: int
    requests_by_status: dict[str, int]
    average_ms: float


_TEXT: dict[int | str, dict[str, Any]] = {
    200: {"model": Success[Metrics], "content": {"text/plain": {"schema": {"type": "string"}}}}
}


@router.get("/metrics", response_model=Success[Metrics], responses=_TEXT)
async def metrics(request: Request) -> Response | Success[Metrics]:
    """Get service metrics: as JSON, or with `Accept: text/plain` as Prometheus reads them."""
    own = _OwnMetrics(request.scope.get("root_path", "") + ALIAS)
    if "text/plain" in request.headers.get("accept", ""):
        return Response(generate_latest(own), media_type=CONTENT_TYPE_LATEST)
    return ok(own.summary())


class _OwnMetrics:
    """The part of the server's metrics that is about this document; the rest is not the public's business."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def collect(self) -> Iterator[Metric]:
        """As a registry of Prometheus' client answers it."""
        for source in (REQUESTS, SECONDS):
            for metric in source.collect():
                metric.samples = [s for s in metric.samples if s.labels["route"].startswith(self._prefix)]
                yield metric

    def summary(self) -> Metrics:
        """The same in few numbers."""
        samples = [sample for metric in self.collect() for sample in metric.samples]
        by_status: dict[str, int] = {}
        for one in samples:
            if one.name.endswith("requests_total"):
                by_status[one.labels["status"]] = by_status.get(one.labels["status"], 0) + int(one.value)
        seconds = sum(one.value for one in samples if one.name.endswith("seconds_sum"))
        count = sum(one.value for one in samples if one.name.endswith("seconds_count"))
        return Metrics(
            uptime_seconds=_uptime(),
            requests=sum(by_status.values()),
            requests_by_status=dict(sorted(by_status.items())),
            average_ms=round(1000 * seconds / count, 3) if count else 0.0,
        )


def _uptime() -> int:
    return int(clock.monotonic() - _STARTED)
