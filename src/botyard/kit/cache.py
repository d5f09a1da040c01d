"""A small cache whose entries expire; for one event loop, not for threads."""

from collections.abc import Callable
from typing import Generic, TypeVar

from botyard.kit import clock

K = TypeVar("K")
V = TypeVar("V")


class TtlCache(Generic[K, V]):
    """Keeps at most `max_size` values for `ttl_s` seconds each; the one put longest ago leaves first."""

    def __init__(self, ttl_s: float, max_size: int) -> None:
        if max_size < 1:
            raise ValueError("a cache holds at least one value")
        self._ttl_s = ttl_s
        self._max_size = max_size
        self._entries: dict[K, tuple[float, V]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: K) -> V | None:
        """The value while it is fresh, else None; reading does not prolong it."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry[0] <= clock.monotonic():
            del self._entries[key]
            return None
        return entry[1]

    def put(self, key: K, value: V) -> None:
        """Keep `value` for a full `ttl_s` from now, replacing what was there."""
        self._entries.pop(key, None)
        if len(self._entries) >= self._max_size:
            self._make_room()
        self._entries[key] = (clock.monotonic() + self._ttl_s, value)

    def drop(self, key: K) -> None:
        """Forget one value now; an unknown key changes nothing."""
        self._entries.pop(key, None)

    def drop_where(self, matches: Callable[[K, V], bool]) -> int:
        """Forget every value for which `matches` is true; says how many."""
        gone = [key for key, (_, value) in self._entries.items() if matches(key, value)]
        for key in gone:
            del self._entries[key]
        return len(gone)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()

    def _make_room(self) -> None:
        # All entries live equally long, so the order of putting is the order of expiry.
        del self._entries[next(iter(self._entries))]
