"""The text of a reply is the same whether it is read whole or in the smallest pieces."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from botyard.features.chatbots.llm import structured
from botyard.features.chatbots.llm.errors import ReplyUnusable
from botyard.features.chatbots.llm.structured import ReplyReader

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@settings(max_examples=60)
@given(_TEXT, _TEXT, st.booleans(), st.integers(1, 9))
def test_pieces_say_what_the_whole_says(reply: str, other: str, ascii_only: bool, size: int) -> None:
    value = {"note": [{"reply": other}, other], "reply": reply, "action": "none"}
    raw = json.dumps(value, ensure_ascii=ascii_only)
    reader = ReplyReader()

    said = "".join(reader.feed(raw[at : at + size]) for at in range(0, len(raw), size))

    assert said.strip() == structured.parse(raw, ("none",)).text
    assert "".join(reader.said) == said


@settings(max_examples=60)
@given(st.text(max_size=60) | st.text('{}[]",:\\u0reply ', max_size=60))
def test_no_text_of_a_model_breaks_the_reader(raw: str) -> None:
    ReplyReader().feed(raw)
    try:
        reply = structured.parse(raw, ("none",))
    except ReplyUnusable:
        return
    assert reply.action == "none"


def test_half_characters_and_controls_are_left_out() -> None:
    reader = ReplyReader()
    raw = '{"reply": "a\\ud83dz\\u0000b\\ud83d\\ude00", "action": "none"}'
    assert reader.feed(raw) == structured.parse(raw, ("none",)).text == "azb😀"


def test_an_unknown_action_is_never_more_than_a_note() -> None:
    for action in ("delete", None, 5, {"do": "handover"}, "Handover", "handover "):
        reply = structured.parse(json.dumps({"reply": "x", "action": action}), ("none", "handover"))
        assert (reply.action, len(reply.notes)) == ("none", 1)
    with pytest.raises(ReplyUnusable):
        structured.parse("", ("none",))
