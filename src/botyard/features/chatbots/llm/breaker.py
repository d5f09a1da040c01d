"""Circuit breakers: a model that failed several times in a row is left alone, then tried by one request."""

from collections import OrderedDict
from dataclasses import dataclass

from botyard.features.chatbots.llm.errors import ModelResting
from botyard.kit import clock

FAILURES = 3
REST_S = 30.0
MAX_BREAKERS = 1000


@dataclass
class Breaker:
    """Of one model at one address."""

    failures: int = 0
    until: float = 0.0
    trying: bool = False

    def check(self) -> None:
        """Raise ModelResting while the model rests, or while somebody else tries whether it is back."""
        if self.failures < FAILURES:
            return
        left = self.until - clock.monotonic()
        if left > 0 or self.trying:
            raise ModelResting(retry_after_s=max(left, 1.0))
        self.trying = True

    def succeeded(self) -> None:
        """It works: forget its failures."""
        self.failures, self.trying = 0, False

    def failed(self) -> None:
        """It does not: after several times in a row it rests."""
        self.failures += 1
        self.trying = False
        self.until = clock.monotonic() + REST_S

    def gave_up(self) -> None:
        """The one who asked went away, which says nothing of the model."""
        self.trying = False


class Breakers:
    """Every breaker of this process, those used longest ago forgotten first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, ...], Breaker] = OrderedDict()

    def of(self, *key: str) -> Breaker:
        """The breaker of a model."""
        breaker = self._kept.setdefault(key, Breaker())
        self._kept.move_to_end(key)
        while len(self._kept) > MAX_BREAKERS:
            self._kept.popitem(last=False)
        return breaker
