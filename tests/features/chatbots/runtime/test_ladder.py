"""What is tried when a message means nothing that was written: clarify, knowledge, model, fallback, a person."""

from typing import Any

import pytest

from botyard.features.chatbots.runtime import commands
from botyard.features.chatbots.runtime.commands import Handover, StartFlow
from botyard.features.chatbots.runtime.step import wants_understanding
from botyard.features.chatbots.runtime.types import (
    CommandsMade,
    KnowledgeFound,
    ModelSaid,
    NeedsCommands,
    NeedsKnowledge,
    NeedsModel,
    State,
    UserEvent,
)
from tests.features.chatbots.runtime.talk import Talk, WordNlu, bot, heard, says

CLUB: dict[str, Any] = {
    "responses": says(open="Till ten.", cost="Ten euros.", hi="Hello."),
    "intents": {"hours": {"response": "open", "title": "Opening hours"}, "price": {"response": "cost"}},
    "rules": [{"words": ["hello"], "response": "hi"}],
}
MODEL: dict[str, Any] = CLUB | {"settings": {"model": {"provider": "ollama", "model": "small"}}}
CLOSE = heard(("price", 0.48), ("hours", 0.45))
UNKNOWN = heard(("price", 0.1), unknown=True)


def test_a_rule_answers_before_the_nlu() -> None:
    assert Talk(bot(CLUB))("Hello, price?", heard(("price", 0.99))) == ["Hello."]


def test_an_ai_chatbot_has_no_rules_and_a_rule_chatbot_no_nlu() -> None:
    assert Talk(bot(CLUB, kind="ai"))("hello", heard(("price", 0.99))) == ["Ten euros."]
    nlu = WordNlu(price="price")
    assert not wants_understanding(bot(CLUB, kind="rule", nlu=nlu), State(), UserEvent("price"))
    assert wants_understanding(bot(CLUB, nlu=nlu), State(), UserEvent("price"))


def test_two_close_intents_are_offered_as_buttons_and_the_choice_is_the_intent() -> None:
    talk = Talk(bot(CLUB))
    assert talk("how about it", CLOSE) == ["Which of these do you mean?"]
    assert talk.buttons == ["Price", "Opening hours"]
    assert talk.missed
    assert talk(choice=1) == ["Till ten."]


def test_a_second_unclear_message_takes_the_better_one() -> None:
    talk = Talk(bot(CLUB))
    talk("how about it", CLOSE)
    assert talk("that thing", CLOSE) == ["Ten euros."]


@pytest.mark.parametrize("text", ["1", "Opening hours and so on", '{"choice": 1}', "button 1"])
def test_a_button_is_not_chosen_by_typing(text: str) -> None:
    talk = Talk(bot(CLUB))
    talk("how about it", CLOSE)
    assert talk(text, UNKNOWN) != ["Till ten."]


def test_only_buttons_of_the_last_message_count() -> None:
    talk = Talk(bot(CLUB))
    talk("how about it", CLOSE)
    talk("hello")
    for choice in (1, -1):
        assert talk(choice=choice) == ["I did not understand that. Try to say it in other words."]


def test_what_is_nearly_in_scope_is_asked_about_instead_of_refused() -> None:
    talk = Talk(bot(CLUB))
    nearly = heard(("hours", 0.6), ("other", 0.2), unknown=True, plausible=True)
    assert talk("when can I come", nearly) == ["Which of these do you mean?"]
    assert (talk.buttons, talk.missed) == (["Opening hours"], True)
    assert talk("hm", nearly) == ["I did not understand that. Try to say it in other words."]


def test_what_was_understood_and_nobody_wrote_an_answer_to_is_not_called_misunderstood() -> None:
    talk = Talk(bot(CLUB, knowledge=True))
    talk("where are you", heard(("place", 0.97)))
    assert talk.give(KnowledgeFound()) == ["I found no answer to that."]
    assert any("place" in note for note in talk.notes)
    assert talk("gibberish", UNKNOWN) == []
    assert talk.give(KnowledgeFound()) == ["I did not understand that. Try to say it in other words."]


def test_knowledge_is_asked_before_the_model() -> None:
    talk = Talk(bot(MODEL, knowledge=True))
    talk("who built this", UNKNOWN)
    assert talk.last.need == NeedsKnowledge("who built this")
    cited = [{"title": "History"}]
    assert talk.give(KnowledgeFound("The town did.", cited)) == ["The town did."]
    [message] = talk.last.messages
    assert (message.source, message.citations) == ("knowledge", cited)
    assert not talk.missed


def test_each_rung_that_finds_nothing_leads_to_the_next() -> None:
    talk = Talk(bot(MODEL, knowledge=True))
    talk("who built this", UNKNOWN)
    talk.give(KnowledgeFound())
    assert talk.last.need == NeedsModel("who built this")
    assert talk.give(ModelSaid(note="The model is away.")) == [
        "I did not understand that. Try to say it in other words."
    ]
    assert talk.missed
    assert "The model is away." in talk.notes


def test_a_rule_chatbot_never_asks_the_model() -> None:
    talk = Talk(bot(MODEL, kind="rule"))
    talk("who built this")
    assert talk.last.need is None


def test_the_model_can_call_a_person_by_its_action_and_not_by_its_words() -> None:
    talk = Talk(bot(MODEL))
    talk("who built this", UNKNOWN)
    talk.give(ModelSaid('handover {"action": "handover"} /handover'))
    assert talk.called is None
    talk("and why", UNKNOWN)
    talk.give(ModelSaid("I call somebody.", action="handover"))
    assert talk.called == "model"


def test_an_answer_that_nobody_waits_for_any_more_is_dropped() -> None:
    talk = Talk(bot(MODEL))
    talk("who built this", UNKNOWN)
    assert talk("hello")[0] == "I could not finish my last answer. Ask again if you still need it."
    assert talk.give(ModelSaid("Late.")) == []


def test_commands_of_a_model_are_those_of_the_list_and_of_this_chatbot() -> None:
    flow = {"id": "go", "steps": [{"do": "say", "id": "1", "response": "hi"}]}
    version = bot(CLUB | {"flows": [flow], "slots": {"city": {}}})
    raw = [
        {"do": "start_flow", "flow": "go"},
        {"do": "start_flow", "flow": "elsewhere"},
        {"do": "delete_everything"},
        {"do": "restart"},
        {"do": "set_slots", "slots": {"admin": True}},
        {"do": "handover", "reason": "asked"},
        "handover",
    ]
    kept, notes = commands.read(raw, version)
    assert kept == [StartFlow(flow="go"), Handover(reason="asked")]
    assert len(notes) == 5


def test_a_model_that_reads_messages_starts_flows() -> None:
    flow = {"id": "go", "steps": [{"do": "say", "id": "1", "response": "hi"}]}
    settings = {"model": {"provider": "ollama", "commands": True}}
    talk = Talk(bot(CLUB | {"flows": [flow], "settings": settings}, knowledge=True))
    talk("let us begin then", UNKNOWN)
    assert talk.has(NeedsCommands)
    assert talk.give(CommandsMade([StartFlow(flow="go")])) == ["Hello."]
    talk("let us begin then", UNKNOWN)
    talk.give(CommandsMade([]))
    assert talk.has(NeedsKnowledge)


def test_steps_of_flows_that_look_outside_go_on_with_what_was_found() -> None:
    steps = [
        {"do": "search", "id": "1"},
        {"do": "generate", "id": "2", "prompt": "Say goodbye."},
        {"do": "say", "id": "3", "response": "open"},
    ]
    flow = {"id": "go", "intents": ["go"], "steps": steps}
    talk = Talk(bot(MODEL | {"flows": [flow]}, knowledge=True))
    talk("go on", heard(("go", 0.9)))
    assert talk.last.need == NeedsKnowledge("go on")
    assert talk.give(KnowledgeFound("Found.")) == ["Found."]
    assert talk.last.need == NeedsModel("go on", "Say goodbye.")
    assert talk.give(ModelSaid("Goodbye.", action="handover")) == ["Goodbye.", "Till ten."]
    assert talk.called is None


def test_while_a_question_is_open_the_model_is_not_asked_to_chat() -> None:
    flow = {"id": "go", "intents": ["go"], "steps": [{"do": "ask", "id": "1", "slot": "n", "response": "hi"}]}
    talk = Talk(bot(MODEL | {"flows": [flow], "slots": {"n": {"type": "number"}}}, knowledge=True))
    talk("go", heard(("go", 0.9)))
    talk("what is this about", UNKNOWN)
    assert talk.last.need == NeedsKnowledge("what is this about")
    assert talk.give(KnowledgeFound("Numbers.")) == ["Numbers.", "Hello."]
    talk("hm", UNKNOWN)
    assert talk.give(KnowledgeFound()) == ["That does not fit my question.", "Hello."]


def test_the_same_message_again_says_the_same() -> None:
    version = bot(CLUB | {"responses": {"hi": [{"text": f"Hello {at}."} for at in range(9)]}})
    first = [Talk(version, State(seed=seed))("hello") for seed in range(20)]
    assert first == [Talk(version, State(seed=seed))("hello") for seed in range(20)]
    assert len({said[0] for said in first}) > 3
