"""Two versions side by side: what differs in what they say, in words, and in what they learned."""

from typing import Any

import msgspec
import pytest

from botyard.core.accounts.types import Principal
from botyard.features.chatbots import artifacts, deployments, diff, versions
from botyard.features.chatbots import content as contents
from botyard.features.chatbots import service as chatbots
from botyard.features.chatbots.diff import Change, content_changes
from botyard.features.chatbots.errors import NoSuchVersion
from botyard.features.chatbots.intent_changes import between
from botyard.features.chatbots.models import ModelVersion
from botyard.features.chatbots.service import ChatbotInfo
from botyard.kit.db import Database
from tests.features.chatbots.lifecycle.conftest import MakeModel


def changes(before: dict[str, Any], after: dict[str, Any]) -> dict[str, list[Change]]:
    found = content_changes(contents.read(before), contents.read(after))
    return {section.title: section.changes for section in found}


def intent(name: str, f1: float | None, examples: int = 10) -> dict[str, Any]:
    return {"intent": name, "f1": f1, "examples": examples}


def test_same_content_has_no_sections() -> None:
    content = {"responses": {"hi": [{"text": "Hello."}]}, "rules": [{"phrase": "hi", "response": "hi"}]}
    assert changes(content, content) == {}


def test_another_wording_is_told_as_it_was_and_as_it_is() -> None:
    found = changes(
        {"responses": {"hi": [{"text": "Hello."}]}}, {"responses": {"hi": [{"text": "Welcome."}]}}
    )
    assert found == {"Responses": [Change("changed", "hi", [("text", "Hello.", "Welcome.")])]}


def test_what_came_and_what_went_is_told_apart() -> None:
    found = changes({"slots": {"city": {"type": "text"}}}, {"slots": {"day": {"entity": "date"}}})
    assert [(change.kind, change.name) for change in found["Slots"]] == [
        ("removed", "city"),
        ("added", "day"),
    ]


def test_steps_of_a_flow_are_compared_by_their_ids() -> None:
    def flow(*steps: dict[str, Any]) -> dict[str, Any]:
        return {"flows": [{"id": "book", "steps": list(steps)}]}

    ask = {"do": "ask", "id": "which_day", "slot": "day", "response": "which_day"}
    said = {"do": "say", "id": "done", "response": "booked"}
    found = changes(flow(ask, said), flow(ask, {"do": "say", "id": "extra", "response": "hint"}, said))
    (change,) = found["Flows"]
    assert ("order of steps", "which_day → done", "which_day → extra → done") in change.lines
    assert ("step extra response", "", "hint") in change.lines
    assert not [line for line in change.lines if "booked" in line]


def test_settings_are_named_in_words() -> None:
    found = changes({}, {"settings": {"operating_point": "strict", "handover": {"after_misses": 1}}})
    told = {(change.name, line) for change in found["Settings"] for line in change.lines}
    assert told == {("operating point", ("", "", "strict")), ("handover", ("after misses", "", "1"))}


def test_intents_that_fare_the_same_are_left_out_and_the_worst_comes_first() -> None:
    before = {
        "per_intent": [intent("same", 0.9), intent("up", 0.5), intent("down", 0.8), intent("more", 0.7)]
    }
    after = {
        "per_intent": [
            intent("same", 0.9),
            intent("up", 0.6),
            intent("down", 0.4),
            intent("more", 0.7, 12),
            intent("new", None),
        ]
    }
    found = between(before, after)
    assert [each.intent for each in found] == ["down", "more", "new", "up"]
    assert found[0].delta == pytest.approx(-0.4)
    assert (found[1].examples_was, found[1].examples_now) == (10, 12)


async def test_versions_are_compared_with_the_reports_of_their_models(
    house: Database, chatbot: ChatbotInfo, make_model: MakeModel
) -> None:
    ids = []
    for figure in (0.9, 0.8):
        model = await make_model(macro_f1=figure)
        told = {"per_intent": [intent("hours", figure)]}
        report = await artifacts.put(house, chatbot.owner_id, msgspec.json.encode(told))
        async with house.session() as session:
            row = await session.get(ModelVersion, model.id)
            assert row is not None
            row.report = report
            actor = Principal(user_id=chatbot.owner_id)
            out = await deployments.deploy(session, chatbot.id, owner_id=chatbot.owner_id, actor=actor)
            ids.append(str(out.shares[0][0]))
    found = await diff.compare(house, chatbot.id, *ids, owner_id=chatbot.owner_id)
    assert (found.former.figure("macro_f1"), found.later.figure("macro_f1")) == (0.9, 0.8)
    assert [(each.intent, each.was, each.now) for each in found.intents] == [("hours", 0.9, 0.8)]
    assert (found.sections, found.same_model) == ([], False)


async def test_a_version_of_another_chatbot_is_not_compared(house: Database, chatbot: ChatbotInfo) -> None:
    async with house.session() as session:
        own = await versions.freeze(session, chatbot.id, owner_id=chatbot.owner_id, by=chatbot.owner_id)
        other = await chatbots.create(session, owner_id=chatbot.owner_id, name="Another")
        foreign = await versions.freeze(session, other.id, owner_id=chatbot.owner_id, by=chatbot.owner_id)
    with pytest.raises(NoSuchVersion):
        await diff.compare(house, chatbot.id, own.id, foreign.id, owner_id=chatbot.owner_id)
