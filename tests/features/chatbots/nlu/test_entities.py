"""What is named in a message is found with what it means, in several languages, seen from a given moment."""

import time
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from botyard.features.chatbots.content import Entity
from botyard.features.chatbots.nlu.entities import Finder
from botyard.features.chatbots.nlu.train import Trained
from botyard.features.chatbots.nlu.types import Found

LANGUAGES = ["en", "de", "es", "fr", "ja"]


def found(
    text: str, now: datetime, *, entities: dict[str, Entity] | None = None, languages: list[str] = LANGUAGES
) -> list[tuple[str, Any]]:
    return [(each.entity, each.value) for each in Finder(entities or {}, languages, None).find(text, now=now)]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("write to Bob@Example.com today please", [("email", "bob@example.com"), ("date", "2026-03-04")]),
        ("see https://example.org/a?b=1.", [("url", "https://example.org/a?b=1")]),
        ("call +49 30 1234567", [("phone", "+49301234567")]),
        ("my number is 030/1234567", [("phone", "0301234567")]),
        ("it takes 2 hours and 15 minutes", [("duration", 8100)]),
        ("drei Wochen", [("duration", 1814400)]),
        ("I paid $1,234.50", [("money", {"amount": "1234.50", "currency": "USD"})]),
        ("das kostet 1.234,50 Euro", [("money", {"amount": "1234.50", "currency": "EUR"})]),
        ("20% off for twenty five people", [("percentage", 20), ("number", 25)]),
        ("minus 3 is -3.5", [("number", 3), ("number", -3.5)]),
        ("I want one", []),
        ("May I ask you, once more", []),
    ],
)
def test_rules_find_what_needs_no_training(text: str, means: list[tuple[str, Any]], now: datetime) -> None:
    assert found(text, now) == means


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("tomorrow at 5pm", "2026-03-05T17:00:00+00:00"),
        ("next friday", "2026-03-06"),
        ("in 3 days", "2026-03-07"),
        ("on may 5", "2026-05-05"),
        ("2026-12-24", "2026-12-24"),
        ("Termin am 12.05.2026", "2026-05-12"),
        ("mañana a las 17:30", "2026-03-05T17:30:00+00:00"),
        ("at 9:15", "2026-03-05T09:15:00+00:00"),
        ("2026-12-24 08:00", "2026-12-24T08:00:00+00:00"),
        ("12pm on friday", "2026-03-06T12:00:00+00:00"),
        ("morgen um 17 Uhr", "2026-03-05T17:00:00+00:00"),
        ("vor 2 Wochen", "2026-02-18"),
        ("le 3 mars", "2027-03-03"),
        ("nos vemos mañana", "2026-03-05"),
        ("el 5 de mayo", "2026-05-05"),
        ("明日お願いします", "2026-03-05"),
    ],
)
def test_dates_are_read_in_several_languages(text: str, moment: str, now: datetime) -> None:
    assert found(text, now) == [("date", moment)]


def test_dates_are_seen_from_the_zone_of_now(now: datetime) -> None:
    tokyo = now.astimezone(timezone(timedelta(hours=9))).replace(hour=1) + timedelta(days=1)
    assert found("tomorrow at 5pm", tokyo) == [("date", "2026-03-06T17:00:00+09:00")]


def test_values_stand_for_their_synonyms_whatever_their_case(now: datetime) -> None:
    entities = {"city": Entity(values={"New York": ["NYC", "big apple"], "York": []})}
    assert found("from nyc to New York or YORK", now, entities=entities) == [
        ("city", "New York"), ("city", "New York"), ("city", "York"),
    ]  # fmt: skip
    assert found("yorkshire", now, entities=entities) == []


def test_patterns_give_their_group_as_value(now: datetime) -> None:
    entities = {"order": Entity(patterns=[r"ORD-(?P<value>\d+)"])}
    assert found("where is ord-4711?", now, entities=entities) == [("order", "4711")]


def test_a_pattern_that_hangs_is_stopped_and_left_out(now: datetime) -> None:
    entities = {"bad": Entity(patterns=[r"(\w+\s?)+$"]), "good": Entity(patterns=[r"ab+c"])}
    finder = Finder(entities, ["en"], None)
    text = "abbc " + "a" * 2000 + "!"
    began = time.thread_time()
    for _ in range(10):
        assert [each.entity for each in finder.find(text, now=now)] == ["good"]
    assert time.thread_time() - began < 5


def test_nothing_but_dates_takes_no_longer_than_some(now: datetime) -> None:
    finder = Finder({}, ["en", "de"], None)
    finder.find("tomorrow", now=now)  # loads the languages
    began = time.thread_time()
    spoken = [each.value for each in finder.find("1/2/2027 " * 222, now=now) if each.entity == "date"]
    assert "2027-01-02" in spoken or "2027-02-01" in spoken
    assert time.thread_time() - began < 2  # ten times as much without a bound


def test_values_of_many_words_are_no_burden(now: datetime) -> None:
    sentence = "a " * 1000
    finder = Finder({"vow": Entity(values={"long": [sentence], "short": ["b c"]})}, ["en"], None)
    began = time.thread_time()
    assert [each.value for each in finder.find(sentence[:1990] + "b c", now=now)] == ["short"]
    assert time.thread_time() - began < 1


def test_many_patterns_that_just_keep_within_their_time_are_stopped_together(now: datetime) -> None:
    slow = [rf"(a|aa)+(?:{number})$" for number in range(100)]
    finder = Finder({f"e{part}": Entity(patterns=slow) for part in range(4)}, ["en"], None)
    began = time.thread_time()
    assert finder.find("a" * 18, now=now) == []
    assert time.thread_time() - began < 1.5  # four seconds without a bound


def test_learned_marks_are_found_with_roles_in_new_places(tagged: Trained, now: datetime) -> None:
    spans = tagged.model.entities("a flight from Hamburg to Lisbon", now=now)
    assert [(each.text, each.entity, each.role, each.source) for each in spans] == [
        ("Hamburg", "city", "origin", "learned"), ("Lisbon", "city", "goal", "learned"),
    ]  # fmt: skip
    assert all(0.3 < each.confidence <= 1 for each in spans)
    assert tagged.model.entities("cancel my order", now=now) == []


def test_the_tagger_decodes_as_its_trainer_does(tmp_path: Any) -> None:
    import pycrfsuite

    from botyard.features.chatbots.nlu import tagging
    from botyard.features.chatbots.nlu.tagger import features, tokens
    from tests.features.chatbots.nlu.sayings import cities

    trainer = pycrfsuite.Trainer(verbose=False)
    for example in cities():
        words = tokens(example.text)
        trainer.append(features(words), tagging.labels(words, example.entities))
    trainer.train(str(tmp_path / "crf"))
    theirs = pycrfsuite.Tagger()
    theirs.open(str(tmp_path / "crf"))
    ours = tagging._read_out(str(tmp_path / "crf"))
    for text in [
        "fly from Rome to Oslo",
        "I leave Hamburg for a pizza",
        "to to to from",
        "cancel my flight to Nice now",
    ]:
        words = tokens(text)
        assert [ours.labels[at] for at in ours._best(ours._states(words))] == theirs.tag(features(words))
        wanted = [[theirs.marginal(label, at) for label in ours.labels] for at in range(len(words))]
        assert np.allclose(ours._sure(ours._states(words)), wanted, atol=1e-3)
    theirs.close()


def test_overlaps_are_settled_the_same_way_in_any_order(now: datetime) -> None:
    entities = {"size": Entity(values={"2 liters": []}), "code": Entity(patterns=[r"\d liters of"])}
    finder = Finder(entities, ["en"], None)
    kept: list[Found] = finder.find("2 liters of milk", now=now)
    assert [(each.entity, each.text) for each in kept] == [("code", "2 liters of")]


_PIECES = ["march", "may", "of", "the", "5", "twenty", "third", "next", "friday", "at", "in", "days", ".", ",", ":", "2026", "17:30", "tomorrow", "märz", "月"]  # fmt: skip


@given(st.lists(st.sampled_from(_PIECES), max_size=8))
def test_nothing_that_people_write_about_dates_breaks_it(pieces: list[str]) -> None:
    now = datetime(2026, 3, 4, 12, tzinfo=UTC)
    text = " ".join(pieces)
    for each in Finder({}, LANGUAGES, None).find(text, now=now):
        assert text[each.start : each.end] == each.text


def test_a_month_at_the_end_needs_a_number_beside_it(now: datetime) -> None:
    assert found("the weather of 7 march", now) == [("date", "2026-03-07")]
    assert found("all calls of the morning of march", now) == []
