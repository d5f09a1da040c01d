"""Flows go on step by step, wait for answers, take corrections, and come back from interruptions."""

from typing import Any

import pytest

from botyard.features.chatbots.runtime.types import FlowEnded, FlowStarted, SlotSet
from tests.features.chatbots.runtime.talk import Talk, bot, heard, says

TABLE: dict[str, Any] = {
    "slots": {
        "people": {"type": "number", "entity": "number"},
        "children": {"type": "number", "entity": "number"},
        "name": {},
        "seat": {"type": "category", "values": ["Inside", "Terrace"]},
        "city": {"entity": "city"},
    },
    "responses": says(
        how_many="How many?",
        too_many="At most 20.",
        and_children="How many children?",
        who="Your name?",
        right="{people} with {children} for {name}?",
        booked="Booked.",
        dropped="Not booked.",
        open="Open till ten.",
        where="Which city?",
        rain="It rains in {city}.",
    ),
    "intents": {"hours": {"response": "open"}},
    "flows": [
        {
            "id": "table",
            "intents": ["book"],
            "steps": [
                {
                    "do": "ask",
                    "id": "people",
                    "slot": "people",
                    "response": "how_many",
                    "check": {"slot": "people", "test": "less", "value": 21},
                    "refused": "too_many",
                },
                {"do": "ask", "id": "children", "slot": "children", "response": "and_children"},
                {"do": "ask", "id": "name", "slot": "name", "response": "who"},
                {"do": "confirm", "id": "sure", "response": "right", "no": "no"},
                {"do": "say", "id": "yes", "response": "booked", "next": "end"},
                {"do": "say", "id": "no", "response": "dropped"},
            ],
        },
        {
            "id": "weather",
            "intents": ["weather"],
            "steps": [
                {"do": "ask", "id": "1", "slot": "city", "response": "where"},
                {"do": "say", "id": "2", "response": "rain"},
            ],
        },
    ],
}
BOOK, HOURS, WEATHER = heard(("book", 0.9)), heard(("hours", 0.95)), heard(("weather", 0.95))


@pytest.fixture
def talk() -> Talk:
    talk = Talk(bot(TABLE))
    talk("a table", BOOK)
    return talk


def test_a_flow_asks_for_its_slots_and_ends() -> None:
    talk = Talk(bot(TABLE))
    assert talk("a table", BOOK) == ["How many?"]
    assert talk("4") == ["How many children?"]
    assert talk("1") == ["Your name?"]
    assert talk("Ada") == ["4 with 1 for Ada?"]
    assert talk.buttons == ["Yes", "No"]
    assert talk("yes, go") == ["Booked."]
    assert talk.state.stack == []
    assert talk.has(FlowEnded)


@pytest.mark.parametrize("no", ["no", "Nein!", "non", "👎"])
def test_no_leads_elsewhere_in_several_languages(talk: Talk, no: str) -> None:
    for answer in ("4", "1", "Ada"):
        talk(answer)
    assert talk(no) == ["Not booked."]


def test_an_answer_that_fails_the_check_is_refused_and_asked_for_again(talk: Talk) -> None:
    assert talk("30") == ["At most 20.", "How many?"]
    assert talk.state.slots["people"] is None
    assert talk("20") == ["How many children?"]


def test_an_answer_of_the_wrong_type_is_asked_for_again_until_a_person_is_called(talk: Talk) -> None:
    assert talk("a few") == ["At most 20.", "How many?"]
    assert talk("some") == ["At most 20.", "How many?"]
    talk("many")
    assert talk.called == "misses"
    assert talk.state.stack == []


def test_what_was_said_before_is_corrected_and_the_question_asked_again(talk: Talk) -> None:
    talk("4")
    assert talk("no, I meant 5") == ["How many children?"]
    assert talk.state.slots == {"people": 5}


def party(*slots: tuple[str, dict[str, str]]) -> Talk:
    """A flow that asks for these slots in turn, begun."""
    steps = [{"do": "ask", "id": name, "slot": name, "response": name} for name, _ in slots]
    return Talk(
        bot(
            {
                "slots": dict(slots),
                "responses": says(**{name: f"{name}?" for name, _ in slots}),
                "flows": [{"id": "f", "intents": ["start"], "steps": steps}],
            }
        )
    )


def test_an_answer_fills_no_other_slot_of_the_same_kind_with_the_same_value() -> None:
    number = {"type": "number", "entity": "number"}
    talk = party(("guests", number), ("children", number), ("name", {}))
    talk("start", heard(("start", 0.9)))

    assert talk("4", heard(("start", 0.1), unknown=True, number=4)) == ["children?"]
    assert talk("1", heard(("start", 0.1), unknown=True, number=1)) == ["name?"]
    assert (talk.state.slots["guests"], talk.state.slots["children"]) == (4, 1)


def test_what_answers_a_question_that_takes_any_text_corrects_nothing_before_it() -> None:
    """ "3pm" is a time to the one who was asked for it, though it could be read as today."""
    talk = party(("day", {"entity": "date"}), ("time", {}), ("name", {}))
    talk("start", heard(("start", 0.9)))
    talk("tomorrow", heard(("start", 0.1), unknown=True, date="2026-06-02"))

    assert talk("3pm", heard(("start", 0.1), unknown=True, date="2026-06-01T15:00")) == ["name?"]
    assert (talk.state.slots["day"], talk.state.slots["time"]) == ("2026-06-02", "3pm")
    assert talk("I meant friday", heard(("start", 0.1), unknown=True, date="2026-06-05")) == ["name?"]
    assert talk.state.slots["day"] == "2026-06-05"


def test_a_named_value_corrects_its_slot_while_another_is_asked() -> None:
    talk = Talk(bot(TABLE | {"flows": [_ask("city", "where"), *TABLE["flows"][1:]]}))
    talk("go", heard(("go", 0.9)))
    talk("Rome", heard(city="Rome"))
    talk("sorry, Oslo", heard(city="Oslo"))
    assert talk.state.slots["city"] == "Oslo"
    assert talk.state.asked is not None
    assert talk.state.asked.slot == "name"


def _ask(slot: str, response: str) -> dict[str, Any]:
    steps = [
        {"do": "ask", "id": "1", "slot": slot, "response": response},
        {"do": "ask", "id": "2", "slot": "name", "response": "who"},
    ]
    return {"id": "go", "intents": ["go"], "steps": steps}


def test_slots_that_the_first_message_fills_are_not_asked_for() -> None:
    talk = Talk(bot(TABLE))
    assert talk("weather in Rome", heard(("weather", 0.9), city="Rome")) == ["It rains in Rome."]


def test_another_flow_interrupts_and_the_first_goes_on_after_it(talk: Talk) -> None:
    assert talk("weather?", WEATHER) == ["Which city?"]
    assert talk("Rome") == ["It rains in Rome.", "How many?"]
    assert [frame.flow for frame in talk.state.stack] == ["table"]


def test_a_question_in_between_is_answered_and_the_open_one_asked_again(talk: Talk) -> None:
    for answer in ("4", "1"):
        talk(answer)
    assert talk("when are you open", HOURS) == ["Open till ten.", "Your name?"]
    assert "name" not in talk.state.slots


def test_an_unsure_intent_does_not_take_a_free_answer_away(talk: Talk) -> None:
    for answer in ("4", "1"):
        talk(answer)
    talk("Hour Ensemble", heard(("hours", 0.4), ("book", 0.1)))
    assert talk.state.slots["name"] == "Hour Ensemble"


def test_cancel_leaves_every_flow(talk: Talk) -> None:
    talk("weather?", WEATHER)
    assert talk("Never mind!") == ["All right, I leave it at that."]
    assert talk.state.stack == []
    assert talk.state.asked is None


def test_restart_forgets(talk: Talk) -> None:
    talk("4")
    assert talk("start over") == ["Let us begin again."]
    assert talk.state.slots == {}
    assert talk.state.stack == []


def test_a_category_is_found_in_a_sentence_and_nothing_else_fits() -> None:
    talk = Talk(bot(TABLE | {"flows": [_ask("seat", "where")]}))
    talk("go", heard(("go", 0.9)))
    assert talk("somewhere nice")[0] == "That does not fit my question."
    talk("on the terrace, inside is too hot")
    assert "seat" not in {name for name, value in talk.state.slots.items() if value}
    talk("the TERRACE then")
    assert talk.state.slots["seat"] == "Terrace"


def test_set_choose_call_and_conditions_lead_the_way() -> None:
    many = {"slot": "people", "test": "greater", "value": 8}
    flow = {
        "id": "go",
        "intents": ["go"],
        "steps": [
            {"do": "set", "id": "1", "slots": {"people": 9}},
            {"do": "choose", "id": "2", "branches": [{"when": many, "next": "4"}]},
            {"do": "say", "id": "3", "response": "dropped", "next": "end"},
            {"do": "call", "id": "4", "flow": "inner"},
            {"do": "say", "id": "5", "response": "booked"},
        ],
    }
    inner = {"id": "inner", "steps": [{"do": "say", "id": "1", "response": "open"}]}
    talk = Talk(bot(TABLE | {"flows": [flow, inner]}))
    assert talk("go", heard(("go", 0.9))) == ["Open till ten.", "Booked."]
    assert talk.has(SlotSet)


def test_flows_that_never_ask_end_and_say_so() -> None:
    endless = {
        "id": "go",
        "intents": ["go"],
        "steps": [
            {"do": "say", "id": "1", "response": "open"},
            {"do": "call", "id": "2", "flow": "go"},
            {"do": "say", "id": "3", "response": "open", "next": "1"},
        ],
    }
    talk = Talk(bot(TABLE | {"flows": [endless]}))
    said = talk("go", heard(("go", 0.9)))
    assert said[-1] == "I lost the thread here. Let us begin with something else."
    assert len(said) <= 21
    assert talk.state.stack == []


def test_a_flow_of_another_version_is_left(talk: Talk) -> None:
    talk.version = bot(TABLE | {"flows": []})
    talk("4")
    assert talk.has(FlowEnded)
    assert (talk.state.stack, talk.state.asked) == ([], None)


def test_a_flow_whose_condition_fails_does_not_start() -> None:
    guarded = TABLE["flows"][1] | {"when": {"slot": "name", "test": "is_set"}}
    talk = Talk(bot(TABLE | {"flows": [guarded]}))
    talk("weather", WEATHER)
    assert not talk.has(FlowStarted)


def test_an_optional_question_may_be_skipped() -> None:
    flow = _ask("city", "where")
    flow["steps"][0]["optional"] = True
    talk = Talk(bot(TABLE | {"flows": [flow]}))
    talk("go", heard(("go", 0.9)))
    assert talk("skip") == ["Your name?"]


def test_waiting_flows_are_bounded() -> None:
    flows = [_ask("name", "who") | {"id": f"f{at}", "intents": [f"i{at}"]} for at in range(12)]
    talk = Talk(bot(TABLE | {"flows": flows}))
    for at in range(12):
        talk("more", heard((f"i{at}", 0.99)))
    assert len(talk.state.stack) == 8
