"""The shape language says yes and no where its description says so."""

from typing import Any

import pytest

from tests.contracts.shapes import Shapes, UnknownType

MATCHING: list[tuple[Any, Any]] = [
    ("any", None),
    ("null", None),
    ("bool", False),
    ("int", 3),
    ("num", 3),
    ("num", 2.5),
    ("str", ""),
    ("text", "a"),
    ("id", "bot_1"),
    ("obj", {}),
    ("list", []),
    ("uuid", "6f1c2c1e-1d59-4a53-9df7-0e9ac6f63c1b"),
    ("url", "http://localhost:8000/a"),
    ("url", "/files/a.png"),
    ("ts", "2026-06-01T12:00:00Z"),
    ("ts", "2026-06-01T12:00:00+02:00"),
    ("ts", "2026-06-01T12:00:00"),
    ("utc", "2026-06-01T12:00:00.123456Z"),
    ("utc", "2026-06-01T12:00:00+00:00"),
    ("unix", 1_780_000_000),
    ("jwt", "aGVhZA.Ym9keQ.c2ln"),
    ("in:a,b", "b"),
    ("=ok", "ok"),
    ("map:int", {"a": 1, "b": 2}),
    ("map:int", {}),
    ("str|null", None),
    ("int=50", 50),
    (True, True),
    (3, 3),
    (["int"], [1, 2]),
    (["int"], []),
    ({"a": "int", "b?": "int"}, {"a": 1, "more": "x"}),
    ({"a": "int", "b?": "int"}, {"a": 1, "b": 2}),
    ("$thing", {"name": "x"}),
    (["$thing"], [{"name": "x"}]),
    ("$thing|null", None),
]

FAILING: list[tuple[Any, Any, str]] = [
    ("null", 0, "$ is 0, not null"),
    ("bool", 0, "$ is 0, not bool"),
    ("int", True, "$ is True, not int"),
    ("int", 2.5, "$ is 2.5, not int"),
    ("int", "1", "$ is '1', not int"),
    ("num", True, "$ is True, not num"),
    ("str", None, "$ is None, not str"),
    ("text", "", "$ is '', not text"),
    ("id", 5, "$ is 5, not id"),
    ("obj", [], "$ is an array, not obj"),
    ("list", {}, "$ is an object, not list"),
    ("uuid", "6f1c2c1e", "$ is '6f1c2c1e', not uuid"),
    ("url", "files/a.png", "$ is 'files/a.png', not url"),
    ("ts", "2026-06-01", "$ is '2026-06-01', not ts"),
    ("ts", "yesterdayT", "$ is 'yesterdayT', not ts"),
    ("utc", "2026-06-01T12:00:00", "$ is '2026-06-01T12:00:00', not utc"),
    ("utc", "2026-06-01T12:00:00+02:00", "$ is '2026-06-01T12:00:00+02:00', not utc"),
    ("unix", 12, "$ is 12, not unix"),
    ("jwt", "abc", "$ is 'abc', not jwt"),
    ("in:a,b", "c", "$ is 'c', not in:a,b"),
    ("=ok", "no", "$ is 'no', not =ok"),
    ("map:int", {"a": "1"}, "$.a is '1', not int"),
    ("map:int", [], "$ is an array, not map:int"),
    ("str|null", 1, "$ is 1, not str|null"),
    (True, 1, "$ is 1, not True"),
    (1, True, "$ is True, not 1"),
    (["int"], {}, "$ is an object, not an array"),
    (["int"], [1, "2"], "$[1] is '2', not int"),
    ({"a": "int"}, [], "$ is an array, not an object"),
    ({"a": "int"}, {}, "$.a is missing"),
    ({"a?": "int"}, {"a": None}, "$.a is None, not int"),
    ({"a": {"b": ["int"]}}, {"a": {"b": ["x"]}}, "$.a.b[0] is 'x', not int"),
    ("$thing", {}, "$.name is missing"),
    ("$thing|null", {"name": ""}, "$.name is '', not text"),
]

SHAPES = Shapes({"thing": {"name": "text"}})


@pytest.mark.parametrize(("shape", "value"), MATCHING, ids=str)
def test_matching_values_have_no_problems(shape: Any, value: Any) -> None:
    assert SHAPES.problems(value, shape) == []


@pytest.mark.parametrize(("shape", "value", "problem"), FAILING, ids=str)
def test_a_problem_names_its_place(shape: Any, value: Any, problem: str) -> None:
    assert SHAPES.problems(value, shape) == [problem]


def test_every_problem_is_told() -> None:
    assert len(SHAPES.problems({"a": 1}, {"a": "str", "b": "int"})) == 2


@pytest.mark.parametrize("shape", ["strin", "$nothing", ["int", "str"], "map:strin"], ids=str)
def test_a_word_outside_the_language_is_an_error_of_the_inventory(shape: Any) -> None:
    with pytest.raises(UnknownType):
        SHAPES.problems({"a": 1} if shape == "map:strin" else [1], shape)
