"""Editing keeps the ways of a flow, and the names of things wherever they are used."""

from typing import Any

import pytest

from botyard.features.chatbots import content as contents
from botyard.features.chatbots import editing
from botyard.features.chatbots.content import Flow, Say
from botyard.features.chatbots.flow_graph import edges
from botyard.kit.errors import Invalid


def flow(*steps: dict[str, Any]) -> Flow:
    return contents.read({"flows": [{"id": "f", "steps": list(steps)}]}).flows[0]


def say(name: str, **more: Any) -> dict[str, Any]:
    return {"do": "say", "id": name, "response": "r", **more}


def new(name: str = "new") -> Say:
    return Say(id=name, response="r")


def confirm(no: str) -> dict[str, Any]:
    return {"do": "confirm", "id": "c", "response": "r", "no": no}


def ways(given: Flow) -> set[tuple[str, str, str]]:
    """Every way as (from, kind, to), with the beginning."""
    first = {("", "next", given.steps[0].id)} if given.steps else set()
    return first | {(way.source, way.kind, way.target) for found in edges(given).values() for way in found}


def test_a_new_step_stands_on_the_way_it_was_put_on() -> None:
    made = editing.insert_step(flow(say("a"), say("b")), new(), after="a")

    assert ways(made) == {
        ("", "next", "a"),
        ("a", "next", "new"),
        ("new", "next", "b"),
        ("b", "next", "end"),
    }


def test_a_new_step_at_the_beginning_or_behind_a_jump_changes_no_other_way() -> None:
    before = flow(say("a", next="c"), say("b"), say("c"))

    first = editing.insert_step(before, new())
    behind = editing.insert_step(before, new(), after="a")

    assert ("", "next", "new") in ways(first)
    assert ("new", "next", "a") in ways(first)
    assert {("a", "next", "new"), ("new", "next", "c"), ("b", "next", "c")} <= ways(behind)


def test_a_new_step_on_the_no_of_a_question_is_reached_by_no_alone() -> None:
    made = editing.insert_step(flow(confirm("b"), say("a"), say("b")), new(), after="c", way="no")

    assert {("c", "no", "new"), ("new", "next", "b"), ("b", "next", "end"), ("c", "yes", "a")} <= ways(made)


def test_a_new_step_on_a_branch_leaves_the_others() -> None:
    branches = [{"when": {"slot": "x"}, "next": to} for to in ("a", "end")]
    before = flow({"do": "choose", "id": "c", "branches": branches}, say("a"))

    made = editing.insert_step(before, new(), after="c", way="branch", branch=1)

    assert {("c", "branch", "a"), ("c", "branch", "new"), ("new", "next", "end"), ("c", "else", "a")} <= ways(
        made
    )


def test_what_led_to_a_deleted_step_leads_to_what_it_led_to() -> None:
    before = flow(confirm("b"), say("a", next="end"), say("b", next="d"), say("x"), say("d"))

    made = editing.delete_step(before, "b")

    assert {("c", "no", "d"), ("a", "next", "end"), ("x", "next", "d")} <= ways(made)
    assert {("c", "yes", "end")} <= ways(editing.delete_step(before, "a"))


def test_moving_a_step_changes_its_place_on_the_way() -> None:
    before = flow(say("a"), say("b"), say("c", next="end"))

    made = editing.move_step(before, "b", by=-1)

    assert ways(made) == {("", "next", "b"), ("b", "next", "a"), ("a", "next", "c"), ("c", "next", "end")}
    assert ("a", "next", "end") in ways(editing.move_step(flow(say("a"), say("c", next="end")), "a", by=1))
    assert editing.move_step(before, "a", by=-1) == before
    assert editing.move_step(before, "c", by=1) == before


def test_a_renamed_step_takes_its_ways_with_it() -> None:
    before = flow(confirm("b"), say("a", next="b"), say("b"))

    made = editing.put_step(before, "b", new("sorry"))

    assert {("c", "no", "sorry"), ("a", "next", "sorry")} <= ways(made)


@pytest.mark.parametrize("name", ["a", "end"])
def test_a_name_of_a_step_is_given_once(name: str) -> None:
    before = flow(say("a"), say("b"))

    with pytest.raises(Invalid):
        editing.insert_step(before, new(name))
    with pytest.raises(Invalid):
        editing.put_step(before, "b", new(name))


def test_a_renamed_response_is_said_wherever_it_was() -> None:
    raw = {
        "responses": {"old": [{"text": "Hello"}], "other": [{"text": "old"}]},
        "intents": {"old": {"response": "old"}},
        "flows": [
            {
                "id": "old",
                "steps": [
                    say("old", response="old"),
                    {"do": "ask", "id": "q", "slot": "old", "response": "other", "refused": "old"},
                ],
            }
        ],
        "rules": [{"phrase": "old", "response": "old"}],
        "settings": {"greeting": "old", "handover": {"queued": "old"}},
    }
    content = contents.read(raw)

    made = contents.write(editing.rename_response(content, "old", "new"))

    assert editing.uses_of_response(content, "old") == 6
    assert "'old': [{'text': 'Hello'}]" not in str(made)
    assert made["responses"] == {"new": [{"text": "Hello"}], "other": [{"text": "old"}]}
    assert made["intents"] == {"old": {"response": "new"}}
    assert made["flows"][0]["id"] == "old"
    assert [step.get("response") for step in made["flows"][0]["steps"]] == ["new", "other"]
    assert made["flows"][0]["steps"][1]["slot"] == "old"
    assert made["rules"] == [{"phrase": "old", "response": "new"}]
    assert (made["settings"]["greeting"], made["settings"]["handover"]["queued"]) == ("new", "new")


def test_a_renamed_slot_is_asked_filled_and_shown_under_its_new_name() -> None:
    raw = {
        "slots": {"old": {}},
        "responses": {"r": [{"text": "For {old}?", "buttons": [{"title": "old", "slots": {"old": 1}}]}]},
        "flows": [
            {
                "id": "f",
                "steps": [
                    {"do": "ask", "id": "q", "slot": "old", "response": "r", "check": {"slot": "old"}},
                    {"do": "set", "id": "s", "slots": {"old": None}},
                ],
            }
        ],
    }

    made = contents.write(editing.rename_slot(contents.read(raw), "old", "new"))

    assert made["slots"] == {"new": {}}
    assert made["responses"]["r"] == [
        {"text": "For {new}?", "buttons": [{"title": "old", "slots": {"new": 1}}]}
    ]
    ask, put = made["flows"][0]["steps"]
    assert (ask["slot"], ask["check"], put["slots"]) == ("new", {"slot": "new"}, {"new": None})
