"""A question for something that is known by its form takes nothing else, and says what it expects."""

from typing import Any

import pytest

from botyard.features.chatbots import templates
from botyard.features.chatbots.nlu import rules
from botyard.features.chatbots.runtime import values
from botyard.features.chatbots.runtime.phrases import phrase
from tests.features.chatbots.runtime.talk import Talk, bot, heard, says


def asking(entity: str, **more: Any) -> dict[str, Any]:
    """A chatbot that asks for one thing, bound to an entity, and answers where it is open."""
    return {
        "slots": {"it": {"entity": entity}},
        "responses": says(what="Which one?", done="It is {it}.", hours="Till ten.", wrong="Look again."),
        "intents": {"hours": {"response": "hours"}},
        "flows": [
            {
                "id": "f",
                "intents": ["start"],
                "steps": [
                    {"do": "ask", "id": "ask", "slot": "it", "response": "what", **more},
                    {"do": "say", "id": "done", "response": "done"},
                ],
            }
        ],
    }


def begun(content: dict[str, Any]) -> Talk:
    talk = Talk(bot(content))
    assert talk("start", heard(("start", 0.9))) == ["Which one?"]
    return talk


@pytest.mark.parametrize("entity", sorted(values.FORMS))
def test_an_answer_without_the_form_is_refused_with_what_is_expected(entity: str) -> None:
    talk = begun(asking(entity))

    assert talk("not that", heard(("start", 0.2), unknown=True)) == [
        phrase(f"no_{entity}", "en"),
        "Which one?",
    ]
    assert talk.state.slots.get("it") is None
    assert talk("this one", heard(("start", 0.2), unknown=True, **{entity: "42"})) == ["It is 42."]


def test_every_entity_that_rules_find_is_known_by_its_form() -> None:
    assert set(rules.SYSTEM) == values.FORMS


def test_an_entity_of_patterns_alone_is_known_by_its_form_too_and_the_step_says_what_is_wrong() -> None:
    content = asking("order", refused="wrong") | {"entities": {"order": {"patterns": ["[A-Z]{2}[0-9]{6}"]}}}
    talk = begun(content)

    assert talk("12345", heard(("start", 0.2), unknown=True)) == ["Look again.", "Which one?"]
    assert talk("AB123456", heard(("start", 0.2), unknown=True, order="AB123456")) == ["It is AB123456."]


@pytest.mark.parametrize(
    "entities",
    [{}, {"city": {"values": {"Rome": []}}}, {"city": {"patterns": ["R.*"], "values": {"Rome": []}}}],
)
def test_an_entity_that_is_learned_or_has_values_still_takes_any_text(entities: dict[str, Any]) -> None:
    talk = begun(asking("city") | {"entities": entities})
    assert talk("Oslo", heard(("start", 0.2), unknown=True)) == ["It is Oslo."]


def test_a_sure_intent_is_answered_before_the_question_is_asked_again() -> None:
    talk = begun(asking("email"))
    assert talk("when do you close?", heard(("hours", 0.9))) == ["Till ten.", "Which one?"]
    assert talk("hm", heard(("hours", 0.5))) == [phrase("no_email", "en"), "Which one?"]


def test_what_is_said_to_be_meant_needs_the_form_as_well() -> None:
    content = asking("email")
    content["slots"]["more"] = {}
    content["flows"][0]["steps"].insert(1, {"do": "ask", "id": "more", "slot": "more", "response": "what"})
    talk = begun(content)
    talk("a@example.org", heard(("start", 0.2), unknown=True, email="a@example.org"))
    talk("I meant nothing", heard(("start", 0.2), unknown=True))

    assert talk.state.slots["it"] == "a@example.org"


def test_where_nobody_looks_for_entities_any_text_is_taken() -> None:
    talk = begun(asking("email"))
    assert talk("ada@example.org") == ["It is ada@example.org."]


def test_the_order_template_insists_on_a_number_of_an_order_and_a_mail_address() -> None:
    content = templates.built_in()["order-status"].content
    talk = Talk(bot(content))
    nothing = heard(("goodbye", 0.1), unknown=True)
    talk("where is my order?", heard(("order_status", 0.9)))

    for text in ("where is my order", "A-12345", "12345"):
        talk.state.misses = 0
        said = talk(text, nothing)
        assert said[0].startswith("That is no number of an order"), said
    assert talk("AB-123456", heard(unknown=True, order_number="AB-123456")) == [
        "Which mail address did you order with?"
    ]
    assert talk("not a mail", nothing)[0] == phrase("no_email", "en")
