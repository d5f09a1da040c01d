"""Amounts and counts in words."""

import pytest

from botyard.kit.amounts import amount, counted


@pytest.mark.parametrize(
    ("value", "decimals", "written"),
    [(0, 0, "0"), (999, 0, "999"), (1234.5, 2, "1\u202f234.50"), (-12345678, 0, "-12\u202f345\u202f678")],
)
def test_amounts_are_grouped_without_breaking(value: float, decimals: int, written: str) -> None:
    assert amount(value, decimals) == written


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0 branches"), (1, "1 branch"), (1047, "1\u202f047 branches")]
)
def test_what_is_counted_agrees_with_its_number(number: int, said: str) -> None:
    assert counted(number, "branch", "branches") == said


def test_most_words_only_take_an_s() -> None:
    assert (counted(1, "example"), counted(2, "example")) == ("1 example", "2 examples")
