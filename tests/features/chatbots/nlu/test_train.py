"""Whatever examples come, they are learned from or refused in words; what is said of the model is true."""

from datetime import datetime

import msgspec
import numpy as np
import pytest

from botyard.features.chatbots.content import Entity
from botyard.features.chatbots.nlu.errors import NotTrainable, TrainingCancelled
from botyard.features.chatbots.nlu.evaluate import Tried, choose, per_label
from botyard.features.chatbots.nlu.report import Report
from botyard.features.chatbots.nlu.text import fifth
from botyard.features.chatbots.nlu.train import Trained, train
from botyard.features.chatbots.nlu.types import Example, Options
from tests.features.chatbots.nlu.sayings import MEANINGS, SAID, WordEncoder, sayings, single_words


def best(trained: Trained, text: str, now: datetime) -> str:
    understood = trained.model.understand(text, now=now)
    return understood.intents[0].name if understood.intents else ""


def test_new_wordings_are_understood(plain: Trained, now: datetime) -> None:
    assert best(plain, "please cancel this order", now) == "cancel_order"
    assert best(plain, "I would like a pizza with cheese", now) == "order_pizza"
    assert best(plain, "which credit card do you take", now) == "pay_by_card"


def test_strange_messages_are_out_of_scope(plain: Trained, now: datetime) -> None:
    for text in ("xqzv wkjrt bnmpl", "это другой язык", "   ", "🦑🦑🦑"):
        assert plain.model.understand(text, now=now).out_of_scope, text
    assert not plain.model.understand("cancel my order", now=now).out_of_scope


def test_confidences_are_chances_in_falling_order(plain: Trained, now: datetime) -> None:
    for text in ("cancel my order", "pizza or card", "zzz"):
        ranked = plain.model.understand(text, now=now).intents
        sure = [each.confidence for each in ranked]
        assert sure == sorted(sure, reverse=True)
        assert all(0 <= each <= 1 for each in sure)
        assert sum(sure) <= 1.001
        assert ranked[0].margin == pytest.approx(sure[0] - sure[1], abs=1e-3)


def test_strict_refuses_what_lenient_keeps(plain: Trained) -> None:
    points = plain.model.manifest.thresholds
    assert points["lenient"] <= points["balanced"] <= points["strict"]
    assert points["lenient"] < points["strict"]


def test_the_same_seed_gives_the_same_bytes() -> None:
    first, second = (train(sayings(), Options(seed=3)).model.to_bytes() for _ in range(2))
    assert first == second


def test_an_encoder_brings_words_that_no_example_holds(now: datetime) -> None:
    trained = train(single_words(), Options(), encoder=WordEncoder())
    assert trained.report.recipe != "tfidf"
    assert trained.report.accuracy == 1.0
    for intent, words in MEANINGS.items():
        assert best(trained, words[-1], now) == intent


def tried(measured: int, **accuracies: float) -> list[Tried]:
    return [Tried(recipe, share, share, 0.0, measured) for recipe, share in accuracies.items()]  # type: ignore[arg-type]


def test_what_chance_may_have_put_first_gives_way_to_what_suits_the_number_of_examples() -> None:
    close = {"tfidf": 0.83, "stacked": 0.79, "fusion": 0.79}
    assert choose(tried(26, **close), 3) == "fusion"
    assert choose(tried(26, **close), 100) == "stacked"
    assert choose(tried(3000, **close), 3) == "tfidf"


def test_without_figures_the_recipe_that_needs_fewest_examples_is_chosen() -> None:
    assert choose(tried(0, tfidf=0.0, stacked=0.0, fusion=0.0), 1) == "fusion"
    assert choose(tried(0, tfidf=0.0), 1) == "tfidf"


def test_every_recipe_is_tried_and_one_is_chosen() -> None:
    trained = train(sayings(), Options(), encoder=WordEncoder())
    assert trained.report.encoder == "words"
    assert {each.recipe for each in trained.report.candidates} == {"tfidf", "stacked", "fusion"}
    chosen = [each for each in trained.report.candidates if each.chosen]
    assert [each.recipe for each in chosen] == [trained.report.recipe]


def test_only_new_texts_are_encoded_again() -> None:
    cache: dict[bytes, np.ndarray] = {}
    train(sayings(), Options(), encoder=WordEncoder(), cache=cache)
    again = WordEncoder()
    train(
        [*sayings(), Example(text="a calzone", intent="order_pizza")], Options(), encoder=again, cache=cache
    )
    known = {each.text for each in sayings()}
    assert "a calzone" in again.encoded
    assert not known & set(again.encoded)


def test_without_encoder_the_report_says_so(plain: Trained) -> None:
    assert plain.report.encoder == ""
    assert [each.kind for each in plain.report.suggestions if each.kind == "encoder"] == ["encoder"]


def test_figures_are_of_texts_held_out_and_add_up(plain: Trained) -> None:
    report = plain.report
    assert report.measured == "cross_validated"
    assert report.measured_on == sum(each.support for each in report.per_intent) == report.examples == 28
    wrong = sum(each.count for each in report.confusions)
    assert report.accuracy == pytest.approx(1 - wrong / report.measured_on)
    assert report.macro_f1 == pytest.approx(np.mean([each.f1 for each in report.per_intent]))
    assert all(text.text in SAID[pair.intent] for pair in report.confusions for text in pair.texts)


def test_the_report_is_json(plain: Trained) -> None:
    assert msgspec.json.decode(msgspec.json.encode(plain.report), type=Report) == plain.report


def test_the_curve_refuses_more_the_higher_the_threshold(plain: Trained) -> None:
    scope = plain.report.scope
    kept = [each.kept for each in scope.curve]
    refused = [each.strange_refused for each in scope.curve]
    assert kept == sorted(kept, reverse=True)
    assert refused == sorted(refused, key=lambda each: each or 0.0)
    assert (scope.strange_from, scope.strange > 0) == (["intents left out", "scrambled"], True)


def test_precision_recall_and_f1_are_the_known_ones() -> None:
    from sklearn.metrics import precision_recall_fscore_support

    chance = np.random.default_rng(1)
    truth, said = chance.integers(0, 5, 200), chance.integers(0, 5, 200)
    theirs = np.stack(precision_recall_fscore_support(truth, said)).T
    assert np.allclose(theirs, [per_label(truth, said)[label] for label in range(5)])


def test_a_text_stays_in_its_fifth() -> None:
    fifths = [fifth(f"text {number}") for number in range(500)]
    assert {fifths.count(each) > 60 for each in range(5)} == {True}
    assert fifth("Where is  my CARD") == fifth("where is my card")


def test_conflicts_and_thin_intents_come_first() -> None:
    examples = [
        *sayings(),
        Example(text="cancel my order", intent="opening_hours"),
        Example(text="bye", intent="bye"),
    ]
    report = train(examples, Options()).report
    assert report.suggestions[0].kind == "conflict"
    assert "cancel my order" in report.suggestions[0].message
    thin = next(each for each in report.suggestions if each.kind == "thin")
    assert thin.intents == ["bye"]
    assert next(each for each in report.per_intent if each.intent == "bye").f1 is None


ODD = {
    "one intent": [("hello", "greet"), ("hi there", "greet")],
    "one example": [("hello", "greet")],
    "one example for each intent": [("hello", "greet"), ("good bye", "bye"), ("a pizza", "order")],
    "two languages": [("good morning", "greet"), ("guten Morgen", "greet"), ("bye bye", "bye"), ("auf Wiedersehen", "bye")],
    "emoji only": [("😀", "good"), ("😀😀", "good"), ("😡", "bad"), ("😡😡", "bad")],
    "the same text in two intents": [("hello", "greet"), ("hello", "bye")],
    "a lone surrogate": [("hello \ud83d", "greet"), ("bye \ud83d", "bye")],
    "out of scope alone": [("hello", "out_of_scope"), ("what", "out_of_scope")],
}  # fmt: skip


@pytest.mark.parametrize("what", ODD)
@pytest.mark.parametrize("encoder", [None, WordEncoder()], ids=["words", "encoder"])
def test_odd_examples_are_learned_from(what: str, encoder: WordEncoder | None, now: datetime) -> None:
    examples = [Example(text=text, intent=intent) for text, intent in ODD[what]]
    trained = train(examples, Options(languages=["en", "de"]), encoder=encoder)
    understood = trained.model.understand(examples[0].text, now=now)
    assert understood.intents[0].name in {each.intent for each in examples}
    assert trained.model.understand("", now=now).out_of_scope


def test_examples_of_no_topic_are_out_of_scope(now: datetime) -> None:
    strange = [
        Example(text=f"tell me about {what}", intent="out_of_scope")
        for what in ("stars", "cats", "kings", "war")
    ]
    trained = train([*sayings(), *strange], Options())
    assert trained.model.understand("tell me about dogs", now=now).out_of_scope
    assert "examples" in trained.report.scope.strange_from


@pytest.mark.parametrize(
    ("examples", "options", "says"),
    [
        ([], Options(), "add some"),
        ([Example(text="  ", intent="a")], Options(), "add some"),
        (sayings(), Options(languages=[]), "which language"),
        (sayings(), Options(entities={"x": Entity(patterns=["("])}), "no regular expression"),
        ([Example(text=f"t{n}", intent=f"i{n}") for n in range(2001)], Options(), "intents apart"),
    ],
)
def test_what_cannot_be_learned_is_refused_in_words(
    examples: list[Example], options: Options, says: str
) -> None:
    with pytest.raises(NotTrainable, match=says):
        train(examples, options)


def test_progress_only_grows_and_a_cancelled_training_stops() -> None:
    shares: list[float] = []
    train(sayings(), Options(), progress=lambda share, note: shares.append(share))
    assert shares == sorted(shares)
    assert shares[-1] == 1.0

    heard: list[str] = []
    with pytest.raises(TrainingCancelled):
        train(
            sayings(),
            Options(),
            progress=lambda share, note: heard.append(note),
            cancelled=lambda: len(heard) > 2,
        )
    assert "Learning from everything" not in heard
