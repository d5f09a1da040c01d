"""Golden conversations are made of what was said, and say where a version would go otherwise."""

from typing import Any

import pytest

from botyard.features.chatbots import attending, golden
from botyard.features.chatbots.conversation_store import NoSuchConversation
from botyard.features.chatbots.conversation_types import Conversation
from botyard.features.chatbots.golden import NoSuchGolden, NothingSaid, Turn, turns_in
from botyard.features.chatbots.runtime.version import Version
from tests.features.chatbots.conversations.room import CLUB, NLU, Room
from tests.features.chatbots.runtime.talk import WordNlu, bot, says


async def kept(room: Room, talk: Conversation, name: str = "") -> list[Turn]:
    """The turns of the golden conversation that this one becomes."""
    async with room.db.session() as session:
        row = await golden.make(
            session, room.reader, room.chatbot_id, talk.id, owner_id=room.owner_id, name=name
        )
    return turns_in(row)


async def departs(version: Version, turns: list[Turn]) -> list[tuple[int, str, str, str]]:
    found = await golden.hold(version, turns)
    return [(each.turn, each.what, each.before, each.after) for each in found]


def club(**changed: Any) -> Version:
    return bot(CLUB | changed, nlu=NLU)


async def test_turns_hold_what_was_understood_and_answered(room: Room) -> None:
    talk = await room.begin()
    for text in ("open?", "cost?"):
        await room.say(talk, text)
    turns = await kept(room, talk)
    assert [(turn.user, turn.intent, turn.response) for turn in turns] == [
        ("open?", "hours", "open"),
        ("cost?", "price", "cost"),
    ]
    assert await departs(club(), turns) == []


async def test_another_wording_is_no_change_but_another_response_or_intent_is(room: Room) -> None:
    talk = await room.begin()
    for text in ("open?", "cost?", "xyz"):
        await room.say(talk, text)
    turns = await kept(room, talk)
    assert (
        await departs(club(responses=says(open="Till eleven.", cost="Ten euros.", hi="Welcome.")), turns)
        == []
    )
    other = {"hours": {"response": "open"}, "price": {"response": "hi"}}
    assert await departs(club(intents=other), turns) == [(2, "response", "cost", "hi")]
    deaf = bot(CLUB, nlu=WordNlu(hours="open"))
    assert [each[:3] for each in await departs(deaf, turns)] == [
        (2, "intent", "price"),
        (2, "response", "cost"),
    ]


async def test_it_ends_where_a_person_took_over(room: Room) -> None:
    talk = await room.begin()
    await room.say(talk, "open?")
    await room.say(talk, "human")
    await attending.attend(room.chat, talk.id, owner_id=room.owner_id, by=room.owner_id)
    await room.say(talk, "cost?")
    turns = await kept(room, talk)
    assert [turn.user for turn in turns] == ["open?", "human"]
    assert turns[1].response.endswith("(a person)")
    assert await departs(club(), turns) == []


async def test_what_cannot_become_golden_is_refused(room: Room, other_room: Room) -> None:
    silent, foreign = await room.begin(), await other_room.begin()
    await other_room.say(foreign, "open?")
    with pytest.raises(NothingSaid):
        await kept(room, silent)
    for talk_id in (foreign.id, "conv_nobody"):
        async with room.db.session() as session:
            with pytest.raises(NoSuchConversation):
                await golden.make(session, room.reader, room.chatbot_id, talk_id, owner_id=room.owner_id)


async def test_a_deleted_one_is_gone_and_others_cannot_be_reached(room: Room, other_room: Room) -> None:
    talk = await room.begin()
    await room.say(talk, "open?")
    await kept(room, talk, name="Hours")
    async with room.db.session() as session:
        (row,) = await golden.list_golden(session, room.chatbot_id)
        assert row.name == "Hours"
        with pytest.raises(NoSuchGolden):
            await golden.delete(session, other_room.chatbot_id, row.id, owner_id=other_room.owner_id)
        await golden.delete(session, room.chatbot_id, row.id, owner_id=room.owner_id)
    async with room.db.reader() as session:
        assert await golden.list_golden(session, room.chatbot_id) == []
