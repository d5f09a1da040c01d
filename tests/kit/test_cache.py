"""A cache that forgets in time and stays within its size."""

import pytest

from botyard.kit.cache import TtlCache
from botyard.kit.clock import FrozenClock


def test_a_value_is_kept_for_its_time_and_no_longer(clock: FrozenClock) -> None:
    cache: TtlCache[str, int] = TtlCache(10, max_size=5)
    cache.put("a", 1)
    clock.advance(9.9)
    assert cache.get("a") == 1
    clock.advance(0.1)
    assert cache.get("a") is None
    assert len(cache) == 0


def test_reading_does_not_prolong_and_putting_again_does(clock: FrozenClock) -> None:
    cache: TtlCache[str, int] = TtlCache(10, max_size=5)
    cache.put("read", 1)
    cache.put("put", 1)
    clock.advance(6)
    assert cache.get("read") == 1
    cache.put("put", 2)
    clock.advance(6)
    assert (cache.get("read"), cache.get("put")) == (None, 2)


def test_the_value_put_longest_ago_leaves_first(clock: FrozenClock) -> None:
    cache: TtlCache[str, int] = TtlCache(10, max_size=2)
    for name in ("a", "b", "a", "c"):
        cache.put(name, 1)
    assert [name for name in "abc" if cache.get(name)] == ["a", "c"]


def test_turning_the_wall_clock_back_keeps_nothing_longer(clock: FrozenClock) -> None:
    cache: TtlCache[str, int] = TtlCache(10, max_size=2)
    cache.put("a", 1)
    clock.advance(-3600)
    clock.advance(10)
    assert cache.get("a") is None


def test_values_can_be_forgotten_one_by_one_by_what_they_are_and_all(clock: FrozenClock) -> None:
    cache: TtlCache[str, int] = TtlCache(10, max_size=9)
    for number, name in enumerate("abcd"):
        cache.put(name, number)
    cache.drop("a")
    cache.drop("unknown")
    assert cache.drop_where(lambda name, value: value >= 2) == 2
    assert [name for name in "abcd" if cache.get(name) is not None] == ["b"]
    cache.clear()
    assert len(cache) == 0


def test_a_cache_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        TtlCache(1, max_size=0)
