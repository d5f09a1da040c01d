"""How values are written and drawn."""

from datetime import UTC, datetime, timedelta

import pytest

from botyard.kit import clock as clocks
from botyard.kit.clock import FrozenClock
from botyard.web import drawing, lists, rendering, synced
from botyard.web.account import agent_name
from botyard.web.shell import local


@pytest.mark.parametrize(
    ("value", "written"), [(512, "512\u00a0B"), (2048, "2.0\u00a0KiB"), (5 * 1024**4, "5.0\u00a0TiB")]
)
def test_sizes_take_the_unit_that_fits(value: float, written: str) -> None:
    assert rendering.size(value) == written


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0, "just now"),
        (12, "12\u00a0s ago"),
        (119, "1\u00a0min ago"),
        (7200, "2\u00a0h ago"),
        (3 * 86_400, "3\u00a0d ago"),
        (-2, "in a moment"),
        (-90, "in 1\u00a0min"),
        (40 * 86_400, "22 Apr 2026"),
    ],
)
def test_moments_are_told_by_their_distance(clock: FrozenClock, seconds: int, written: str) -> None:
    assert rendering.span(clocks.now() - timedelta(seconds=seconds)) == written


def test_a_moment_carries_itself_for_the_browser(clock: FrozenClock) -> None:
    html = rendering.when(datetime(2026, 6, 1, 11, 59, tzinfo=UTC))

    assert html == '<time datetime="2026-06-01T11:59:00.000000Z" data-as="ago">1\u00a0min ago</time>'
    assert "never" in rendering.when(None)


def test_a_moment_that_lies_ahead_says_so_to_the_browser(clock: FrozenClock) -> None:
    html = rendering.when(clocks.now() + timedelta(seconds=1))

    assert 'data-as="due">in a moment<' in html


@pytest.mark.parametrize(
    ("value", "top"), [(0, 10), (10, 10), (11, 20), (51, 100), (101, 200), (4_321, 5_000)]
)
def test_scales_end_with_a_round_number(value: float, top: int) -> None:
    assert drawing.round_up(value) == top


def test_an_area_reaches_from_edge_to_edge_and_stays_in_its_box() -> None:
    shape = drawing.area([0, 5, 10])

    assert shape.line == "0.00,100.00 50.00,50.00 100.00,0.00"
    assert shape.area.startswith("0,100 ")
    assert shape.area.endswith(" 100,100")


@pytest.mark.parametrize("values", [[], [0], [0, 0, 0]])
def test_a_still_line_is_drawn_grey(values: list[float]) -> None:
    assert 'class="spark still"' in drawing.spark(values)


def test_lists_become_tables_and_the_rest_stays() -> None:
    data = {
        "friends": [{"id": 1, "name": "Bo"}, {"id": 2, "tags": ["x"]}],
        "words": ["a"],
        "client": "1.2",
        "none": None,
    }

    found, rest = synced.tables(data)

    assert [(table.title, table.columns, table.rows) for table in found] == [
        ("Friends", ["id", "name", "tags"], [["1", "Bo", ""], ["2", "", "['x']"]]),
        ("Words", ["value"], [["a"]]),
    ]
    assert rest == {"client": "1.2"}


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36", "Chrome on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("python-httpx/0.28.1", "python-httpx/0.28.1"),
        ("", "Unknown program"),
    ],
)
def test_sessions_are_called_by_their_browser(said: str, shown: str) -> None:
    assert agent_name(said) == shown


@pytest.mark.parametrize("address", ["https://x", "//x", "/\\x", "x", "", "/a\nb"])
def test_foreign_addresses_are_not_followed(address: str) -> None:
    assert local(address) == "/"


def test_pages_of_a_list_know_their_neighbours() -> None:
    rows = list(range(120))

    part, pager = lists.slice_of(rows, path="/fleet", params={"q": "a b"}, page=1, what="bots")

    assert (part[0], part[-1]) == (50, 99)
    assert pager.text == "51 to 100 of 120 bots"
    assert (pager.newer, pager.older) == ("/fleet?q=a+b", "/fleet?q=a+b&page=2")
