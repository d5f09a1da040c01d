"""How processes tell each other that something is committed: hints only, the rows are in the tables."""

from collections.abc import Callable
from typing import Protocol

from botyard.core.realtime.cursor import Positions

Heard = Callable[[Positions], None]


class Bus(Protocol):
    """Carries the highest committed id of each source to the other processes. May lose hints: hubs look too."""

    connected: bool  # while it is not, hubs look at the tables more often

    async def start(self, heard: Heard, gap: Callable[[], None]) -> None:
        """Join. `heard` gets what others send; `gap` is called when some of it may have been missed."""
        ...

    async def stop(self) -> None:
        """Leave."""
        ...

    def send(self, news: Positions) -> None:
        """Tell the others soon; what waits is merged. Never waits, never raises."""
        ...


class MemoryBus:
    """For one process: there are no others."""

    connected = True

    async def start(self, heard: Heard, gap: Callable[[], None]) -> None:
        """Nothing to join."""

    async def stop(self) -> None:
        """Nothing to leave."""

    def send(self, news: Positions) -> None:
        """Nobody to tell."""
