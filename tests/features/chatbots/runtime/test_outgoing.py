"""What users see of a message before it is whole is never more than they may see of it."""

import pytest

from botyard.features.chatbots import content
from botyard.features.chatbots.runtime.outgoing import Outgoing


def streamed(text: str, *blocked: str, size: int = 3) -> list[str]:
    """What is given out of a text that comes in small pieces."""
    heard: list[str] = []
    guarded = content.read({"settings": {"guard": {"blocked_words": list(blocked)}}})
    words = Outgoing(guarded, heard.append)
    for at in range(0, len(text), size):
        words.feed(text[at : at + size])
    words.close(text)
    return heard


def test_where_nothing_is_blocked_words_come_at_once() -> None:
    assert streamed("Till ten o'clock.") == ["Til", "l t", "en", " o'c", "loc", "k."]


def test_where_words_are_blocked_sentences_come_whole() -> None:
    heard = streamed("We close at 3.5. Is that \u201clate?\u201d Yes! 不。好", "acme")

    assert heard == ["We close at 3.5.", " Is that \u201clate?\u201d", " Yes!", " 不。", "好"]


@pytest.mark.parametrize("size", [1, 2, 7, 100])
def test_nothing_of_a_sentence_with_a_blocked_word_is_seen_nor_what_follows(size: int) -> None:
    said = "Ask the desk. Or go to Acme Corp, they are good. Bye. Bye."

    assert "".join(streamed(said, "acme corp", size=size)) == "Ask the desk."
    assert "".join(streamed("Go to acme. Corp is its name.", "acme corp", size=size)) in ("", "Go to acme.")
    assert streamed("acme corp", "acme corp", size=size) == []


def test_signs_that_turn_the_writing_around_are_left_out() -> None:
    assert "".join(streamed("\u202eTill\x07 ten.\u2066")) == "Till ten."


def test_what_was_written_in_vain_is_not_completed() -> None:
    heard: list[str] = []
    words = Outgoing(content.read({}), heard.append)
    words.feed("Within thir")
    words.close("Another answer.")

    assert heard == ["Within thir"]
