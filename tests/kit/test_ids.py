"""Ids sort by birth."""

from botyard.kit import ids
from botyard.kit.clock import FrozenClock


def test_ids_of_one_moment_sort_as_they_were_made(clock: FrozenClock) -> None:
    made = [ids.new("cmd") for _ in range(1000)]

    assert made == sorted(made)
    assert len(set(made)) == 1000


def test_a_later_moment_sorts_last(clock: FrozenClock) -> None:
    first = ids.ulid()
    clock.advance(0.001)

    assert ids.ulid() > first
    assert len(first) == 26


def test_a_digest_has_one_id_of_the_usual_form() -> None:
    one, other = bytes(range(32)), bytes(range(1, 33))
    assert ids.of("log", one) == ids.of("log", one)
    assert ids.of("log", one) != ids.of("log", other)
    assert len(ids.of("log", b"\xff" * 16)) == len(ids.new("log"))
