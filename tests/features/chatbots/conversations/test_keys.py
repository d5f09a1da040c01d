"""What is done in conversations under a key is done once, and a key stands for one thing only."""

import asyncio

import pytest

from botyard.core.idempotency import KeyReused
from botyard.core.ingest.request_key import RequestKey
from botyard.features.chatbots import attending, conversations
from botyard.features.chatbots.attending import NotAttended
from botyard.features.chatbots.conversation_types import Conversation
from botyard.kit import ids
from tests.features.chatbots.conversations.room import CLUB, Room
from tests.features.chatbots.runtime.talk import says

ASKS = {**CLUB, "responses": {**says(open="Till ten.", cost="Ten euros."), "hi": [{"text": "Welcome.", "buttons": [
    {"title": "open?"}, {"title": "cost?"}]}]}}  # fmt: skip


def fresh(digest: str = "this") -> RequestKey:
    return RequestKey(ids.ulid(), digest)


def other(key: RequestKey) -> RequestKey:
    """The same key, for something else."""
    return RequestKey(key.key, "that")


async def test_under_one_key_one_conversation_is_begun_however_often_it_is_asked_for(
    room: Room, other_room: Room
) -> None:
    other_room.owner_id, other_room.chatbot_id, other_room.chat.versions = (
        room.owner_id, room.chatbot_id, room.shelf,
    )  # fmt: skip
    key = fresh()
    begun = await asyncio.gather(*(place.begin(key=key) for _ in range(5) for place in (room, other_room)))
    assert len({talk.id for talk in begun}) == 1
    assert await room.counted("conversations") == 1
    await room.say(begun[0], "open?")
    assert (await room.begin(key=key)).messages == 3
    with pytest.raises(KeyReused):
        await room.begin(key=other(key))
    assert (await room.begin(key=fresh())).id != begun[0].id


async def test_a_key_keeps_the_conversation_that_was_found_by_its_outside_id(room: Room) -> None:
    key = fresh()
    found = await room.begin(external_id="z")
    assert (await room.begin(external_id="z", key=key)).id == found.id
    await conversations.close(room.chat, found.id, owner_id=room.owner_id)
    assert (await room.begin(external_id="z", key=key)).id == found.id
    assert (await room.begin(external_id="z", key=fresh())).id != found.id


async def test_of_one_outside_id_beginnings_at_once_are_one_conversation(
    room: Room, other_room: Room
) -> None:
    other_room.owner_id, other_room.chatbot_id, other_room.chat.versions = (
        room.owner_id, room.chatbot_id, room.shelf,
    )  # fmt: skip
    begun = await asyncio.gather(
        *(place.begin(external_id="z") for _ in range(5) for place in (room, other_room))
    )
    assert len({talk.id for talk in begun}) == 1


async def test_a_trial_and_a_conversation_of_one_outside_id_are_two(room: Room) -> None:
    await room.deploy(ver_a=1)
    trial = await room.begin(external_id="z", environment="draft")
    real = await room.begin(external_id="z")
    assert (trial.environment, real.environment) == ("draft", "production")
    assert [(await room.begin(external_id="z", environment=one)).id for one in ("draft", "production")] == [
        trial.id,
        real.id,
    ]


@pytest.mark.parametrize("text", ["cost?", "open? "])
async def test_another_message_under_a_used_key_is_refused_not_swallowed(room: Room, text: str) -> None:
    talk = await room.begin()
    first = await room.send(talk, "open?", client_key="k")
    with pytest.raises(KeyReused):
        await room.send(talk, text, client_key="k")
    with pytest.raises(KeyReused):
        await room.send(talk, choice=0, client_key="k")
    assert await room.send(talk, "open?", client_key="k") == first
    assert (await room.get(talk)).messages == 3


async def test_messages_whose_hidden_numbers_differ_are_two(room: Room) -> None:
    talk = await room.begin()
    await room.send(talk, "my card is 4111 1111 1111 1111", client_key="k")
    with pytest.raises(KeyReused):
        await room.send(talk, "my card is 5500 0000 0000 0004", client_key="k")
    told = await conversations.trace(room.chat, talk.id, owner_id=room.owner_id)
    assert "asked" not in told[1]


@pytest.mark.parametrize("length", [200, 201, 255])
async def test_a_long_key_is_as_good_as_a_short_one(room: Room, length: int) -> None:
    talk, key = await room.begin(), "k" * length
    first = await room.send(talk, "open?", client_key=key)
    assert await room.send(talk, "open?", client_key=key) == first
    with pytest.raises(KeyReused):
        await room.send(talk, "cost?", client_key=key)
    await room.send(talk, "cost?", client_key=key[:-1] + "j")
    assert (await room.get(talk)).messages == 5


async def _attended(room: Room) -> Conversation:
    talk = await room.begin()
    return await attending.attend(room.chat, talk.id, owner_id=room.owner_id, by=7)


async def test_a_person_says_once_what_is_sent_twice(room: Room) -> None:
    talk, key = await _attended(room), fresh()
    mine = {"owner_id": room.owner_id, "by": 7}
    said = await asyncio.gather(
        *(attending.reply(room.chat, talk.id, text="Till nine.", key=key, **mine) for _ in range(4))
    )
    assert len({message.id for message in said}) == 1
    with pytest.raises(KeyReused):
        await attending.reply(room.chat, talk.id, text="Till ten.", key=other(key), **mine)
    await attending.give_back(room.chat, talk.id, **mine)
    assert await attending.reply(room.chat, talk.id, text="Till nine.", key=key, **mine) == said[0]
    assert (await room.get(talk)).messages == 2


async def test_a_persons_key_and_a_users_key_are_different_keys(room: Room) -> None:
    talk, key = await _attended(room), fresh()
    said = await attending.reply(room.chat, talk.id, owner_id=room.owner_id, by=7, text="Till nine.", key=key)
    assert (await room.send(talk, "thanks", client_key=key.key)).message.id != said.id


async def test_giving_back_again_under_its_key_says_how_the_conversation_stands(room: Room) -> None:
    talk, key = await _attended(room), fresh()
    mine = {"owner_id": room.owner_id, "by": 7}
    given = await asyncio.gather(
        *(attending.give_back(room.chat, talk.id, key=key, **mine) for _ in range(3))
    )
    assert {one.status for one in given} == {"open"}
    with pytest.raises(NotAttended):
        await attending.give_back(room.chat, talk.id, key=fresh(), **mine)


async def test_an_old_rating_that_comes_again_takes_no_newer_one_back(room: Room) -> None:
    talk, key = await room.begin(), fresh()
    mine = {"owner_id": room.owner_id}
    await conversations.rate(room.chat, talk.id, rating=5, **mine)
    await conversations.rate(room.chat, talk.id, rating=5, key=key, **mine)  # which changed nothing
    await conversations.rate(room.chat, talk.id, rating=1, **mine)
    assert (await conversations.rate(room.chat, talk.id, rating=5, key=key, **mine)).rating == 1


async def test_a_button_that_nobody_offered_is_refused_and_nothing_counted(room: Room) -> None:
    room.answer_with(ASKS)
    talk = await room.begin()
    for choice in (2, 99, -1):
        with pytest.raises(conversations.NoSuchButton, match="no such button"):
            await room.send(talk, choice=choice)
    assert ((await room.get(talk)).messages, await room.counted("messages")) == (1, 1)
    assert await room.say(talk, choice=1, client_key="k") == ["Ten euros."]
    with pytest.raises(conversations.NoSuchButton):
        await room.say(talk, choice=1)
    assert await room.say(talk, choice=1, client_key="k") == ["Ten euros."]  # the same press, sent again


async def test_a_button_that_is_gone_means_the_text_that_came_with_it(room: Room) -> None:
    talk = await room.begin()
    assert await room.say(talk, "open?", choice=3) == ["Till ten."]


async def test_a_mistyped_environment_is_refused_once_something_is_deployed(room: Room) -> None:
    assert (
        await room.begin(environment="prodution")
    ).version_id is None  # the draft: nothing is deployed at all
    await room.deploy(ver_a=1)
    await room.deploy("staging", ver_b=1)
    with pytest.raises(conversations.NotDeployedThere, match="`production`, `staging`"):
        await room.begin(environment="prodution")
    assert (await room.begin(environment="staging")).version_id == "ver_b"
    assert (await room.begin(environment="draft")).trial
