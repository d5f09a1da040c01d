"""The report on examples before anything is trained on them."""

import time
from collections.abc import Callable

import pytest

from botyard.features.chatbots.examples import NewExample
from botyard.features.chatbots.lint import MAX_FINDINGS, Finding, lint


def examples(*pairs: tuple[str, str]) -> list[NewExample]:
    return [NewExample(text=text, intent=intent) for text, intent in pairs]


def found(given: list[NewExample], kind: str, language: str = "en") -> list[Finding]:
    return [finding for finding in lint(given, language=language).findings if finding.kind == kind]


def test_the_same_text_in_two_intents_is_a_conflict_and_twice_in_one_a_duplicate() -> None:
    given = examples(("Hi there", "greet"), ("hi  THERE", "bye"), ("hi there", "greet"), ("x", "bye"))

    (conflict,), (duplicate,) = found(given, "conflict"), found(given, "duplicate")

    assert (conflict.examples, conflict.intents) == ([0, 1, 2], ["greet", "bye"])
    assert (duplicate.examples, duplicate.intents) == ([0, 2], ["greet"])


def test_the_same_words_in_another_order_are_near_duplicates() -> None:
    given = examples(
        ("Is my card here?", "card"), ("my card is here", "card"), ("Café open?", "a"), ("open cafe", "b"), ("my card", "card")
    )  # fmt: skip

    assert [(each.examples, each.intents) for each in found(given, "near_duplicate")] == [
        ([0, 1], ["card"]),
        ([2, 3], ["a", "b"]),
    ]


def test_thin_and_lopsided_intents_are_named_with_their_counts() -> None:
    given = examples(
        *((f"a {number}", "usual") for number in range(10)),
        *((f"b {number}", "huge") for number in range(300)),
        ("c", "thin"),
    )
    report = lint(given)

    assert report.ready
    assert report.intents == {"huge": 300, "usual": 10, "thin": 1}
    assert [each.intents for each in report.findings if each.kind == "thin"] == [["thin"]]
    assert [each.intents for each in report.findings if each.kind == "lopsided"] == [["huge"]]


@pytest.mark.parametrize("given", [[], examples(("a", "only"), ("b", "only"))])
def test_less_than_two_intents_cannot_be_trained(given: list[NewExample]) -> None:
    assert not lint(given).ready


def test_texts_in_another_script_than_their_language_are_named() -> None:
    given = examples(("привет", "a"), ("hello", "a"), ("¿qué?", "b"))
    given.append(NewExample(text="здравствуйте", intent="a", language="ru"))

    assert [each.examples for each in found(given, "language")] == [[0]]
    assert [each.examples for each in found(given, "language", "ru")] == [[2]]
    assert lint(given).languages == {"en": 3, "ru": 1}


def test_marks_with_blanks_or_over_each_other_are_named() -> None:
    marks = [
        {"start": 0, "end": 3, "entity": "a"},
        {"start": 3, "end": 5, "entity": "b"},
        {"start": 1, "end": 4, "entity": "c"},
    ]
    given = [NewExample(text="to Rome", intent="i", entities=[mark]) for mark in marks]
    given.append(
        NewExample(
            text="to Rome",
            intent="i",
            entities=[{"start": 3, "end": 7, "entity": "d"}, {"start": 5, "end": 7, "entity": "e"}],
        )
    )

    said = [each.advice for each in found(given, "mark")]

    assert ["blanks" in each for each in said] == [True, False]
    assert "overlaps" in said[1]


def test_ten_thousand_examples_are_looked_through_in_well_under_a_second(note: Callable[[str], None]) -> None:
    given = examples(
        *((f"where is parcel {number} of mine", f"intent {number % 77}") for number in range(5000))
    )
    given += examples(
        *((f"parcel {number} where is mine of", f"intent {number % 77}") for number in range(5000))
    )

    begun = time.thread_time()
    report = lint(given)
    taken = time.thread_time() - begun

    note(f"lint of 10,000 examples: {taken:.2f} s")
    assert taken < 2
    assert report.counts["near_duplicate"] == 5000
    assert sum(each.kind == "near_duplicate" for each in report.findings) == MAX_FINDINGS
