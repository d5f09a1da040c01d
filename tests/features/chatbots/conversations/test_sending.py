"""A message is stored with all that belongs to it at once, answered once, and nothing is lost in between."""

import asyncio
from typing import Any

import pytest

from botyard.features.chatbots import conversations
from botyard.features.chatbots.conversation_jobs import finish_open_answers
from botyard.features.chatbots.conversations import ConversationEnded, NoSuchConversation
from botyard.features.chatbots.errors import NoSuchChatbot
from botyard.features.chatbots.events import ConversationCreated, MessageReceived, MessageSent
from botyard.features.chatbots.open_answers import OpenAnswers
from botyard.features.chatbots.runtime.types import ModelSaid
from botyard.kit.clock import FrozenClock
from botyard.kit.errors import Invalid
from tests.features.chatbots.conversations.room import CLUB, NLU, Library, Parrot, Room
from tests.features.chatbots.runtime.talk import bot, says

FALLBACK = "I did not understand that. Try to say it in other words."


async def test_a_conversation_begins_with_the_greeting_and_goes_on(room: Room) -> None:
    talk = await room.begin()
    sent = await room.send(talk, "When are you open?")
    assert [message.text for message in sent.replies] == ["Till ten."]
    assert (sent.message.intent, sent.message.confidence) == ("hours", 0.9)
    assert await room.texts(talk) == [
        ("bot", "Welcome."),
        ("user", "When are you open?"),
        ("bot", "Till ten."),
    ]
    assert (await room.get(talk)).messages == 3


async def test_what_happens_is_told_live_with_what_was_said(room: Room) -> None:
    talk = await room.begin()
    await room.say(talk, "what does it cost")
    assert [type(event) for event in room.told] == [
        ConversationCreated,
        MessageSent,
        MessageReceived,
        MessageSent,
    ]
    [received] = room.of(MessageReceived)
    assert (received.text, received.intent, received.conversation_id) == (
        "what does it cost",
        "price",
        talk.id,
    )
    assert [event.text for event in room.of(MessageSent)] == ["Welcome.", "Ten euros."]
    assert {event.owner_id for event in room.told} == {room.owner_id}


async def test_the_same_key_again_stores_nothing_and_answers_the_same(room: Room) -> None:
    talk = await room.begin()
    first = await room.send(talk, "open?", client_key="k1")
    await room.say(talk, "cost?")
    assert await room.send(talk, "open?", client_key="k1") == first
    both = await asyncio.gather(*(room.send(talk, "cost?", client_key="k2") for _ in range(4)))
    assert len({sent.message.id for sent in both}) == 1
    assert (await room.get(talk)).messages == 7


async def test_messages_at_once_are_answered_one_after_the_other(room: Room) -> None:
    talk = await room.begin()
    await asyncio.gather(*(room.say(talk, f"open {at}") for at in range(12)))
    senders = [sender for sender, _ in await room.texts(talk)]
    assert senders == ["bot"] + ["user", "bot"] * 12


async def test_two_processes_that_answer_one_conversation_lose_nothing(room: Room, other_room: Room) -> None:
    other_room.owner_id, other_room.shelf = room.owner_id, room.shelf
    other_room.chat.versions = room.shelf
    talk = await room.begin()
    await asyncio.gather(*(place.say(talk, f"open {at}") for at in range(4) for place in (room, other_room)))
    seen = await room.texts(talk)
    assert [sender for sender, _ in seen] == ["bot"] + ["user", "bot"] * 8
    assert await room.counted("messages") == 17


async def test_what_belongs_to_others_is_absent(room: Room, other_room: Room) -> None:
    talk = await room.begin()
    with pytest.raises(NoSuchConversation):
        await other_room.say(talk, "open?")
    with pytest.raises(NoSuchChatbot):
        await conversations.start(room.chat, room.chatbot_id, owner_id=other_room.owner_id)
    assert await other_room.texts(await other_room.begin()) == [("bot", "Welcome.")]


@pytest.mark.parametrize(
    "sent", [{"text": "  "}, {"text": "x" * 8001}, {"text": "a", "client_key": ""}], ids=str
)
async def test_what_is_no_message_is_refused(room: Room, sent: dict[str, Any]) -> None:
    talk = await room.begin()
    with pytest.raises(Invalid):
        await room.send(talk, **sent)


async def test_versions_are_given_by_weight_and_kept(room: Room) -> None:
    await room.deploy(ver_a=1, ver_b=3)
    begun = [await room.begin() for _ in range(60)]
    share = sum(talk.version_id == "ver_b" for talk in begun) / 60
    assert 0.5 < share < 0.95
    await room.deploy(ver_c=1)
    assert [(await room.get(talk)).version_id for talk in begun[:5]] == [
        talk.version_id for talk in begun[:5]
    ]
    assert (await room.begin()).version_id == "ver_c"
    assert (await room.begin(environment="draft")).version_id is None


async def test_somebody_on_a_channel_has_one_open_conversation(room: Room) -> None:
    talk = await room.begin(channel="telegram", external_id="42")
    again = await asyncio.gather(*(room.begin(channel="telegram", external_id="42") for _ in range(3)))
    assert {found.id for found in again} == {talk.id}
    await conversations.close(room.chat, talk.id, owner_id=room.owner_id)
    assert (await room.begin(channel="telegram", external_id="42")).id != talk.id
    with pytest.raises(ConversationEnded):
        await room.say(talk, "open?")


async def test_an_answer_from_documents_follows_the_message_with_its_sources(room: Room) -> None:
    room.chat.knowledge = Library({"Who built it?": "The town."})
    room.answer_with(CLUB, knowledge=True)
    talk = await room.begin()
    sent = await room.send(talk, "Who built it?")
    assert sent.reply is not None
    assert (sent.reply.text, sent.reply.citations) == ("The town.", [{"title": "Guide"}])
    assert sent.message.seq + 1 == sent.reply.seq


async def test_trouble_outside_is_noted_and_the_chatbot_still_answers(room: Room) -> None:
    room.chat.knowledge = Library(broken=RuntimeError("the index is gone"))
    room.answer_with(CLUB, knowledge=True)
    talk = await room.begin()
    assert await room.say(talk, "Who built it?") == [FALLBACK]
    told = await conversations.trace(room.chat, talk.id, owner_id=room.owner_id)
    assert "It failed; the server's log says how." in str(told)
    assert [entry["review"] for entry in told if entry["kind"] == "user"] == ["open"]


async def test_a_language_model_hears_the_talk_and_its_words_come_one_by_one(room: Room) -> None:
    model = Parrot(ModelSaid("It is lovely."))
    room.chat.language_model = model
    room.answer_with(CLUB | {"settings": {"model": {"provider": "ollama"}}})
    talk = await room.begin()
    await room.say(talk, "open?")
    words: list[str] = []
    assert await room.say(talk, "How is it?", on_token=words.append) == ["It is lovely."]
    assert words == ["It", " is", " lovely."]
    assert model.told[0].history == [("user", "open?"), ("bot", "Till ten.")]
    assert model.told[0].question == "How is it?"


async def test_an_answer_that_a_crash_cut_off_is_made_later(room: Room, clock: FrozenClock) -> None:
    room.chat.knowledge = library = Library({"Who built it?": "The town."}, broken=KeyboardInterrupt())
    room.answer_with(CLUB, knowledge=True)
    talk = await room.begin()
    with pytest.raises(KeyboardInterrupt):
        await room.say(talk, "Who built it?")
    assert await room.texts(talk) == [("bot", "Welcome."), ("user", "Who built it?")]
    library.broken = None
    assert await conversations.resume(room.chat, older_than_s=200) == 0
    clock.advance(200)
    assert await finish_open_answers.run_inline(room.db) == 1
    assert await finish_open_answers.run_inline(room.db) == 0
    assert (await room.texts(talk))[-1] == ("bot", "The town.")


async def test_on_sqlite_cut_off_answers_are_made_when_the_next_process_starts(room: Room) -> None:
    """On PostgreSQL another process may still be at work on them: there the job waits until none can be."""
    room.chat.knowledge = library = Library({"Who built it?": "The town."}, broken=KeyboardInterrupt())
    room.answer_with(CLUB, knowledge=True)
    talks = [await room.begin() for _ in range(52)]  # more than one look finds
    for talk in talks:
        with pytest.raises(KeyboardInterrupt):
            await room.say(talk, "Who built it?")
    library.broken = None
    library.asked.clear()
    next_process = OpenAnswers(room.chat)
    await next_process.start()
    while room.db.embedded and len(room.of(MessageSent)) < 2 * len(talks):
        await asyncio.sleep(0)
    await next_process.stop()
    if room.db.embedded:
        assert {(await room.texts(talk))[-1] for talk in talks} == {("bot", "The town.")}
    else:
        assert library.asked == []


async def test_a_cut_off_answer_is_said_to_be_missing_where_the_user_goes_on_first(room: Room) -> None:
    room.chat.knowledge = Library(broken=KeyboardInterrupt())
    room.answer_with(CLUB, knowledge=True)
    talk = await room.begin()
    with pytest.raises(KeyboardInterrupt):
        await room.say(talk, "Who built it?")
    said = await room.say(talk, "open?")
    assert said == ["I could not finish my last answer. Ask again if you still need it.", "Till ten."]
    assert (await room.get(talk)).pending_us is None


async def test_why_it_was_said_can_be_read_and_hidden_numbers_stay_hidden(room: Room) -> None:
    room.shelf.drafts[room.chatbot_id] = bot(
        {
            "slots": {"card": {}},
            "responses": says(ask="Which card?", thanks="Thanks."),
            "flows": [
                {
                    "id": "pay",
                    "intents": ["price"],
                    "steps": [
                        {"do": "ask", "id": "1", "slot": "card", "response": "ask"},
                        {"do": "say", "id": "2", "response": "thanks"},
                    ],
                }
            ],
        },
        nlu=NLU,
    )
    talk = await room.begin()
    await room.say(talk, "cost?")
    assert await room.say(talk, "4111 1111 1111 1111") == ["Thanks."]
    told = await conversations.trace(room.chat, talk.id, owner_id=room.owner_id)
    assert told[0]["trace"][0]["candidates"] == [["price", 0.9]]
    assert {"type": "flow_started", "flow": "pay"} in told[0]["trace"]
    events = str([room.told, told])
    assert "4111 1111" not in events
    assert "[number ending in 1111]" in events
