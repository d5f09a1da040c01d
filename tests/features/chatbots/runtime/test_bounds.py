"""What somebody writes into a chatbot bounds what each message of it costs everybody else."""

import time
from typing import Any

import pytest

from botyard.features.chatbots import content as contents
from botyard.features.chatbots.runtime.types import Started
from botyard.kit.errors import Invalid
from tests.features.chatbots.runtime.talk import Talk, bot, says

SET = {"slot": "seen", "test": "contains", "value": "nothing"}
SEEN = {"seen": {"type": "list", "initial": [f"thing {number}" for number in range(50)]}}


def choosing(count: int, when: dict[str, Any] = SET) -> dict[str, Any]:
    """A flow that asks so many conditions, for ever."""
    branches = [{"when": when, "next": "again"}] * count
    return {"id": "round", "steps": [{"do": "choose", "id": "again", "branches": branches, "next": "again"}]}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"settings": {"guard": {"blocked_words": ["no"] * 2001}}}, "blocked_words"),
        ({"settings": {"handover": {"words": ["no"] * 201}}}, "words"),
        ({"rules": [{"phrase": "hi", "response": "hi"}] * 2001}, "rules"),
        ({"rules": [{"words": ["hi"] * 21}]}, "words"),
        ({"rules": [{"words": ["h" * 201]}]}, "words"),
        ({"slots": {f"slot {number}": {} for number in range(501)}}, "slots"),
        ({"flows": [choosing(201)]}, "step again asks more than 200 conditions"),
        ({"flows": [choosing(3, {"any": [SET] * 70})]}, "step again asks more than 200"),
        ({"flows": [choosing(1, SET | {"value": ["x"] * 201})]}, "step again asks more than 200"),
        ({"flows": [choosing(1, SET | {"value": "x" * 2001})]}, "step again asks more than 200"),
        ({"flows": [{"id": "f", "when": {"all": [SET] * 200}}]}, "its beginning asks more than 200"),
    ],
)
def test_content_that_every_message_would_pay_for_is_refused(content: dict[str, Any], said: str) -> None:
    with pytest.raises(Invalid, match=said):
        contents.read(content)


def test_a_flow_that_asks_the_same_for_ever_ends_soon() -> None:
    talk = Talk(bot({"flows": [choosing(200)], "slots": SEEN, "rules": [{"phrase": "go", "flow": "round"}]}))
    talk.give(Started())
    began = time.thread_time()
    assert talk("go") == ["I lost the thread here. Let us begin with something else."]
    assert time.thread_time() - began < 0.5  # some seconds, if a step cost the same whatever it asks


def test_of_rules_whose_flows_are_closed_no_more_than_twenty_are_asked() -> None:
    closed = {"id": "closed", "when": {"slot": "key"}, "steps": []}
    rules = [{"words": ["open"], "flow": "closed"}] * 20 + [{"words": ["open"], "response": "open"}]
    content = {"slots": {"key": {}}, "flows": [closed], "responses": says(open="It is open.")}
    assert Talk(bot(content | {"rules": rules[1:]}))("open") == ["It is open."]
    assert Talk(bot(content | {"rules": rules}))("open") != ["It is open."]
