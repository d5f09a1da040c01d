"""Numbers, values, conditions and wordings are read and written the same everywhere."""

from typing import Any

import pytest

from botyard.features.chatbots import content
from botyard.features.chatbots.content import Condition, Slot
from botyard.features.chatbots.runtime import guard, respond, values, words
from botyard.features.chatbots.runtime.conditions import holds
from botyard.features.chatbots.runtime.types import State


@pytest.mark.parametrize(
    ("text", "language", "number"),
    [
        ("4", "en", 4),
        ("about 2.5 kg", "en", 2.5),
        ("1,000", "en", 1000),
        ("1.000", "de", 1000),
        ("2,5", "de", 2.5),
        ("1.234.567,89", "de", 1234567.89),
        ("-3", "en", -3),
        ("٣", "ar", 3),
        ("9" * 40, "en", None),
        ("none", "en", None),
        ("a4", "en", None),
    ],
)
def test_numbers_are_read_as_the_language_writes_them(text: str, language: str, number: float | None) -> None:
    found = values.spoken(Slot(type="number"), text, language)
    assert (None if isinstance(found, values.Missing) else found) == number


@pytest.mark.parametrize(
    ("text", "answer"),
    [("Yes.", True), ("ja gerne", True), ("no thanks", False), ("はい", True), ("👍", True), ("不是", False),
     ("perhaps", None), ("yes no", None), ("I have no idea what that is about", None), ("", None)],
)  # fmt: skip
def test_yes_and_no(text: str, answer: bool | None) -> None:
    assert words.decision(text) is answer


@pytest.mark.parametrize(
    ("condition", "slots", "answer"),
    [
        (Condition(slot="a"), {"a": 0}, True),
        (Condition(slot="a"), {"a": ""}, False),
        (Condition(slot="a", test="equals", value="YES"), {"a": "yes"}, True),
        (Condition(slot="a", test="equals", value=1), {"a": True}, False),
        (Condition(slot="a", test="equals", value="3"), {"a": 3}, True),
        (Condition(slot="a", test="greater", value=2), {"a": "10"}, True),
        (Condition(slot="a", test="less", value=2), {"a": "many"}, False),
        (Condition(slot="a", test="contains", value="red"), {"a": ["Red", "blue"]}, True),
        (Condition(slot="a", test="contains", value="red"), {"a": "hundred"}, False),
        (Condition(slot="a", test="one_of", value=["x", "y"]), {"a": "Y"}, True),
        (Condition(all=[Condition(slot="a"), Condition(slot="b", test="not_set")]), {"a": 1}, True),
        (Condition(any=[Condition(slot="b"), Condition(slot="a")]), {"a": 1}, True),
    ],
)
def test_conditions(condition: Condition, slots: dict[str, Any], answer: bool) -> None:
    assert holds(condition, slots) is answer


def test_values_go_into_texts_once_and_only_as_text() -> None:
    made = content.read({"slots": {"name": {}, "n": {"type": "number"}, "on": {"type": "bool"}}})
    slots = {"name": "{n} {name.__class__}", "n": 3.0, "on": True}
    text = "{name}! {n} {on} {other} {name.__class__} {0} {} {{n}}"
    assert respond.filled(text, slots, made, "en") == (
        "{n} {name.__class__}! 3 yes {other} {name.__class__} {0} {} {3}"
    )


def test_a_wording_is_chosen_by_channel_then_language() -> None:
    replies = [
        {"text": "any"},
        {"text": "deutsch", "language": "de"},
        {"text": "spoken", "channel": "voice"},
        {"text": "gesprochen", "language": "de", "channel": "voice"},
    ]
    made = content.read({"responses": {"r": replies}})

    def said(**state: str) -> str:
        reply = respond.wording(made, State(**state), "r")  # type: ignore[arg-type]
        assert reply is not None
        return reply.text

    assert said() == "any"
    assert said(language="de-AT") == "deutsch"
    assert said(language="fr") == "any"
    assert said(channel="voice", language="fr") == "spoken"
    assert said(channel="voice", language="de") == "gesprochen"


def test_numbers_of_cards_and_accounts_are_hidden_and_other_numbers_kept() -> None:
    made = content.read({})
    assert guard.kept(made, "card 4111 1111 1111 1111 now") == "card [number ending in 1111] now"
    assert guard.kept(made, "DE89 3704 0044 0532 0130 00") == "[account ending in 3000]"
    for text in ("order 4111111111111112", "call +49 170 1234567", "on 2026-06-01 at 12:00"):
        assert guard.kept(made, text) == text
    open_book = content.read({"settings": {"guard": {"hide_numbers": False}}})
    assert guard.kept(open_book, "4111111111111111") == "4111111111111111"


@pytest.mark.parametrize(
    ("text", "after"),
    [("no, I meant Rome", "Rome"), ("Nein, ich meinte Rom!", "Rom"), ("change it to 5", "5"), ("Rome", None)],
)
def test_words_of_correction(text: str, after: str | None) -> None:
    assert words.corrected(text) == after
