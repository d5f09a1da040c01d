"""What the writer asks of a store; `sqlite.py` and `postgres.py` answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from botyard.core.realtime.types import Row
from botyard.kit.errors import BotyardError


@dataclass(frozen=True, slots=True)
class Trouble:
    """A failure of the store itself, which concerns every operation of a batch."""

    error: BotyardError
    again: bool  # nothing was committed for certain, so the batch may run once more


class Store(Protocol):
    """One writing connection, used by one thread."""

    postgres: bool

    def open(self) -> None:
        """Connect; raises the driver's error."""
        ...

    def close(self) -> None:
        """Give the connection back; may be called twice."""
        ...

    def begin(self) -> None:
        """Start a transaction, connecting again where the connection was lost."""
        ...

    def commit(self) -> None:
        """Return when the disk has it."""
        ...

    def rollback(self) -> None:
        """Undo what is open, if anything is; never raises."""
        ...

    def savepoint(self) -> None:
        """Mark the place that `undo` goes back to."""
        ...

    def release(self) -> None:
        """Keep what was done since the mark."""
        ...

    def undo(self) -> None:
        """Take back what was done since the mark."""
        ...

    def execute(self, text: str, params: Mapping[str, Any]) -> int:
        """Run one statement in the driver's spelling; the number of rows it touched."""
        ...

    def query(self, text: str, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        """All rows of one statement in the driver's spelling."""
        ...

    def insert(self, table: str, columns: tuple[str, ...], rows: Sequence[Row]) -> Sequence[int]:
        """Insert rows in their order; their ids."""
        ...

    def add(self, table: str, key: tuple[str, ...], rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert counters, or add their `value` to those that are there; no key twice in `rows`."""
        ...

    def order_ids(self) -> None:
        """Until the commit, no other process may take ids of the stream store."""
        ...

    def lock(self, key: str) -> None:
        """Until the commit, no other process holds this key."""
        ...

    def trouble(self, error: Exception) -> Trouble | None:
        """What the driver's error means for the batch; None when it is one operation's own."""
        ...

    def refusal(self, error: Exception) -> Exception:
        """The domain error for a value that this store cannot hold, else the error itself."""
        ...
