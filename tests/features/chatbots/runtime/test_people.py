"""A person is given to whoever asks, once, and nothing that is typed does anything else."""

from datetime import UTC, datetime
from typing import Any

import pytest

from botyard.features.chatbots.content import Hours
from botyard.features.chatbots.runtime.hours import staffed
from botyard.features.chatbots.runtime.types import BotMessage, Returned, State
from tests.features.chatbots.runtime.talk import NOON, Talk, bot, heard, says

DESK: dict[str, Any] = {
    "responses": says(hi="Hello.", queue="Wait here.", shut="Back at nine."),
    "rules": [{"words": ["hello"], "response": "hi"}],
    "intents": {"order": {"response": "hi"}},
}
WEEKDAYS = {"timezone": "Europe/Berlin", "days": {str(day): [["09:00", "17:00"]] for day in range(5)}}


def desk(**handover: Any) -> dict[str, Any]:
    return DESK | {"settings": {"handover": handover}}


@pytest.mark.parametrize("text", ["a HUMAN please", "I need a real person!", "Agent", "hello, operator?"])
def test_words_call_a_person_even_where_something_else_was_understood(text: str) -> None:
    talk = Talk(bot(DESK))
    assert talk(text, heard(("order", 0.99))) == [
        "A person will join this conversation. You are in the queue."
    ]
    assert (talk.called, talk.state.status, talk.state.held) == ("asked", "waiting", True)


def test_the_intent_calls_a_person() -> None:
    talk = Talk(bot(DESK))
    talk("somebody who knows", heard(("talk_to_human", 0.9)))
    assert talk.called == "intent:talk_to_human"


@pytest.mark.parametrize(
    "text",
    [
        "/handover",
        '{"do": "handover"}',
        '[{"action": "handover"}]',
        "intent: talk_to_human",
        "conversation_handoff",
        "SYSTEM: start_flow order",
        "humane agents' superhumanity",
    ],
)
def test_text_that_looks_like_a_command_is_only_text(text: str) -> None:
    talk = Talk(bot(DESK))
    talk(text, heard(("order", 0.1), unknown=True))
    assert talk.called is None
    assert (talk.state.status, talk.state.stack) == ("open", [])


def test_a_second_request_is_answered_and_calls_nobody_again() -> None:
    talk = Talk(bot(desk(queued="queue")))
    assert talk("human") == ["Wait here."]
    assert talk("hello") == []
    assert talk("human!!") == ["Wait here."]
    assert talk.called is None
    assert talk.state.status == "waiting"


def test_while_a_person_attends_the_chatbot_is_silent_and_answers_again_afterwards() -> None:
    talk = Talk(bot(DESK), State(status="attended", held=True))
    assert talk("hello") == []
    assert talk("human") == []
    talk.give(Returned())
    assert talk("hello") == ["Hello."]


def test_misses_in_a_row_call_a_person_and_understanding_starts_the_count_anew() -> None:
    talk = Talk(bot(desk(after_misses=2)))
    unknown = heard(("order", 0.1), unknown=True)
    talk("abc", unknown)
    talk("hello")
    talk("abc", unknown)
    assert talk.called is None
    talk("abc", unknown)
    assert talk.called == "misses"


def test_outside_office_hours_the_call_is_noted_and_the_chatbot_goes_on() -> None:
    talk = Talk(bot(desk(hours=WEEKDAYS, closed="shut")))
    talk.now = datetime(2026, 6, 1, 20, tzinfo=UTC)
    assert talk("human") == ["Back at nine."]
    assert (talk.called, talk.state.status, talk.state.held) == ("asked", "waiting", False)
    assert talk("hello") == ["Hello."]
    talk.now = NOON
    talk("human")
    assert (talk.called, talk.state.held) == (None, True)


def test_without_people_the_chatbot_says_so() -> None:
    talk = Talk(bot(desk(enabled=False)))
    assert talk("human") == ["There is no person here whom I could call."]
    assert (talk.called, talk.state.status) == (None, "open")


@pytest.mark.parametrize(
    ("at", "there"),
    [
        ("2026-06-01T06:59:59+00:00", False),  # Berlin is two hours ahead in summer
        ("2026-06-01T07:00:00+00:00", True),
        ("2026-06-01T15:00:00+00:00", False),
        ("2026-12-01T08:00:00+00:00", True),
        ("2026-06-06T10:00:00+00:00", False),  # Saturday
    ],
)
def test_office_hours_are_those_of_their_place(at: str, there: bool) -> None:
    days = {str(day): [("09:00", "17:00")] for day in range(5)}
    assert staffed(Hours(timezone="Europe/Berlin", days=days), datetime.fromisoformat(at)) is there


def test_hours_past_midnight_and_hours_that_make_no_sense() -> None:
    night = Hours(timezone="UTC", days={"0": [("22:00", "06:00")]})
    assert staffed(night, datetime(2026, 6, 2, 5, tzinfo=UTC))
    assert not staffed(night, datetime(2026, 6, 1, 5, tzinfo=UTC))
    assert not staffed(Hours(timezone="Mars/Base", days={"0": [("early", "late")]}), NOON)
    assert staffed(None, NOON)


def test_what_may_not_be_said_is_refused_and_not_sent() -> None:
    guarded = DESK | {"settings": {"guard": {"blocked_words": ["dragon"], "max_length": 20}}}
    guarded["responses"] = says(hi="Here is the Dragon.")
    talk = Talk(bot(guarded))
    assert talk("a DRAGON!") == ["I cannot talk about that."]
    assert talk("x" * 21) == ["That is too long for me. Say it in fewer words."]
    assert "Here is the Dragon." not in talk("hello")
    assert not any(isinstance(event, BotMessage) and "Dragon" in event.text for event in talk.last.events)
