"""What is wrong with a chatbot's content is found by reading it, and what is right is left alone."""

from typing import Any

import pytest

from botyard.features.chatbots import content as contents
from botyard.features.chatbots import templates
from botyard.features.chatbots.checking import check
from botyard.features.chatbots.content import Content

SAYS = [{"text": "Yes?"}]
SOUND: dict[str, Any] = {
    "slots": {"size": {"type": "number"}, "name": {}},
    "responses": {"hello": SAYS, "ask": SAYS, "done": SAYS},
    "intents": {"greet": {"response": "hello"}},
    "flows": [
        {
            "id": "order",
            "intents": ["order"],
            "steps": [
                {"do": "ask", "id": "ask", "slot": "size", "response": "ask"},
                {"do": "say", "id": "done", "response": "done"},
            ],
        }
    ],
}


def written(**parts: Any) -> Content:
    return contents.read({**SOUND, **parts})


def flow(*steps: dict[str, Any], **more: Any) -> Content:
    made = {"id": "order", "intents": ["order"], "steps": list(steps), **more}
    return written(flows=[made], responses={"hello": SAYS, "ask": SAYS})


def say(name: str, response: str = "ask", **more: Any) -> dict[str, Any]:
    return {"do": "say", "id": name, "response": response, **more}


def choose(name: str, to: str, **more: Any) -> dict[str, Any]:
    return {"do": "choose", "id": name, "branches": [{"when": {"slot": "size"}, "next": to}], **more}


def found(content: Content, **options: Any) -> set[tuple[str, str, str]]:
    return {(each.kind, each.name, each.step) for each in check(content, **options).problems}


def test_sound_content_has_no_problems() -> None:
    assert found(written()) == set()


def test_an_intent_for_what_is_out_of_scope_needs_no_answer() -> None:
    content = written(intents={"out_of_scope": {}, "bye": {}})
    assert [each.name for each in check(content).of("intents")] == ["bye"]


@pytest.mark.parametrize("template_id", sorted(templates.built_in()))
def test_built_in_templates_have_no_problems(template_id: str) -> None:
    template = templates.built_in()[template_id]

    assert found(templates.read(template.content).content) == set()


@pytest.mark.parametrize(
    ("content", "kind", "name", "step"),
    [
        (flow(say("a", "nothing")), "unknown_response", "order", "a"),
        (flow(say("a", next="z")), "unknown_step", "order", "a"),
        (flow(say("a", next="c"), say("b"), say("c")), "unreachable_step", "order", "b"),
        (flow(say("a"), say("b", next="a")), "loop", "order", "a"),
        (flow(choose("a", "b", next="end"), say("b", next="a")), "loop", "order", "a"),
        (flow(say("a"), say("a")), "same_step", "order", "a"),
        (flow(), "empty_flow", "order", ""),
        (flow(say("a"), intents=[]), "never_starts", "order", ""),
        (flow({"do": "call", "id": "a", "flow": "other"}), "unknown_flow", "order", "a"),
        (flow({"do": "call", "id": "a", "flow": "order"}), "calls_itself", "order", ""),
        (flow({"do": "set", "id": "a", "slots": {"colour": 1}}), "unknown_slot", "order", "a"),
        (flow({"do": "choose", "id": "a", "branches": []}), "no_branches", "order", "a"),
        (flow({"do": "generate", "id": "a", "prompt": "Talk."}), "no_model", "order", "a"),
        (written(intents={"bye": {}}), "unanswered_intent", "bye", ""),
        (written(rules=[{"phrase": "hi", "response": "nothing"}]), "unknown_response", "0", ""),
        (written(rules=[{"phrase": "hi"}]), "leads_nowhere", "0", ""),
        (written(rules=[{"response": "hello"}]), "never_fits", "0", ""),
        (written(slots={"size": {"type": "category"}}), "no_values", "size", ""),
        (written(entities={"zip": {"patterns": ["(["]}}), "pattern_unreadable", "zip", ""),
        (written(settings={"fallback": "nothing"}), "unknown_response", "", ""),
        (
            written(settings={"handover": {"hours": {"timezone": "Mars/North"}}}),
            "unknown_timezone",
            "",
            "",
        ),
    ],
)
def test_a_problem_is_told_where_it_is(content: Content, kind: str, name: str, step: str) -> None:
    assert (kind, name, step) in found(content)


def test_words_of_a_response_are_read_for_slots_buttons_and_use() -> None:
    button = {"title": "Go", "flow": "nowhere"}
    content = written(responses={**SOUND["responses"], "lost": [{"text": "{color}?", "buttons": [button]}]})

    kinds = {each.kind for each in check(content).of("responses", "lost")}

    assert kinds == {"unknown_slot", "unknown_flow", "unused_response"}


@pytest.mark.parametrize(
    "steps",
    [
        [
            {"do": "ask", "id": "a", "slot": "size", "response": "ask", "again": True},
            choose("b", "a", next="end"),
        ],
        [
            {"do": "ask", "id": "a", "slot": "size", "response": "ask"},
            {"do": "set", "id": "b", "slots": {"size": None}, "next": "a"},
        ],
        [{"do": "confirm", "id": "a", "response": "ask", "no": "a"}],
    ],
)
def test_a_circle_that_waits_for_the_user_is_no_loop(steps: list[dict[str, Any]]) -> None:
    assert "loop" not in {kind for kind, _, _ in found(flow(*steps))}


def test_a_question_that_is_passed_over_does_not_end_a_loop() -> None:
    ask = {"do": "ask", "id": "a", "slot": "size", "response": "ask"}

    assert ("loop", "order", "a") in found(flow(ask, choose("b", "a", next="end")))


def test_a_rule_behind_one_that_fits_more_never_has_its_turn() -> None:
    wide, narrow = {"words": ["open"], "response": "hello"}, {"words": ["open", "sunday"], "response": "ask"}
    phrase = {"phrase": "are you open now", "response": "ask"}

    assert {("never_first", "1", ""), ("never_first", "2", "")} <= found(
        written(rules=[wide, narrow, phrase])
    )
    assert "never_first" not in {kind for kind, _, _ in found(written(rules=[phrase, narrow, wide]))}


def test_what_breaks_stands_before_what_is_only_odd() -> None:
    tones = [each.tone for each in check(flow(say("a", "nothing", next="c"), say("b"))).problems]

    assert tones == sorted(tones)
    assert tones[0] == "bad"
    assert tones[-1] == "warn"


def test_searching_is_told_to_be_useless_only_where_there_are_no_documents() -> None:
    content = flow({"do": "search", "id": "a"})

    assert ("no_documents", "order", "a") in found(content, documents=False)
    assert "no_documents" not in {kind for kind, _, _ in found(content, documents=True)}
