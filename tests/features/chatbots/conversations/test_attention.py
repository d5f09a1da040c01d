"""What waits for people, what trials leave out of the figures, and what the inbox teaches."""

import pytest

from botyard.features.chatbots import analytics, conversations, datasets, example_table, inbox, inbox_learning
from botyard.features.chatbots import service as chatbots
from botyard.features.chatbots.attention import ToDo, last_events, to_do
from botyard.features.chatbots.errors import NoSuchChatbot, NoSuchVersion
from botyard.features.chatbots.models import Chatbot
from tests.features.chatbots.conversations.room import CLUB, Library, Room


async def test_what_waits_is_counted_and_what_happened_last_is_told(room: Room) -> None:
    first, second = await room.begin(), await room.begin()
    await room.say(first, "xyz")
    await room.say(second, "human")
    await conversations.close(room.chat, first.id, owner_id=room.owner_id)

    assert await to_do(room.reader, room.chatbot_id) == ToDo(waiting=1, misunderstood=2)
    last = await last_events(room.reader, [await room.get(first), await room.get(second)])
    assert last[first.id]["kind"] == "closed"
    assert last[second.id]["kind"] == "bot"
    assert await last_events(room.reader, []) == {}


async def test_trials_are_counted_for_the_draft_alone(room: Room) -> None:
    trial, real = await room.begin(environment="draft"), await room.begin()
    await room.say(trial, "open?")
    await room.say(real, "open?")

    whole = await analytics.figures(room.reader, room.chatbot_id)
    tried = await analytics.figures(room.reader, room.chatbot_id, version_id="draft")

    assert (whole.conversations, whole.user_messages, whole.intents) == (1, 1, {"hours": 1})
    assert (tried.conversations, tried.user_messages) == (2, 2)  # nothing is deployed: both got the draft
    assert (await conversations.list_page(room.chat, owner_id=room.owner_id))[1] == 2


async def test_what_a_trial_misses_is_in_the_inbox_only_where_somebody_puts_it_there(room: Room) -> None:
    trial, real = await room.begin(environment="draft"), await room.begin()
    await room.say(real, "xyz")
    sent = await room.send(trial, "xyz")
    room.chat.knowledge = Library()
    room.answer_with(CLUB, knowledge=True)
    await room.say(trial, "xyz, found nowhere")
    mine = {"owner_id": room.owner_id}
    assert [one.trial for one in await inbox.list_open(room.reader, room.chatbot_id, **mine)] == [False]
    assert (await to_do(room.reader, room.chatbot_id)).misunderstood == 1

    assert sent.reply is not None
    await conversations.thumbs_down(room.chat, trial.id, sent.reply.id, **mine)

    found = await inbox.list_open(room.reader, room.chatbot_id, **mine)
    assert [(one.conversation_id, one.trial) for one in found] == [(trial.id, True), (real.id, False)]
    assert (await to_do(room.reader, room.chatbot_id)).misunderstood == 2


async def test_a_named_version_is_tried_only_where_one_tries(room: Room) -> None:
    with pytest.raises(NoSuchVersion):
        await room.begin(environment="draft", version_id="ver_nobody")

    assert (await room.begin(version_id="ver_nobody")).version_id is None


async def test_messages_of_the_inbox_become_examples_once(room: Room, other_room: Room) -> None:
    talk = await room.begin()
    for text in ("Where are you?", "where  are you?", "what is your address"):
        await room.say(talk, text)
    found = await inbox.list_open(room.reader, room.chatbot_id, owner_id=room.owner_id)
    ids = [one.id for one in found]
    said = await inbox_learning.texts(room.reader, room.chatbot_id, ids, owner_id=room.owner_id)

    async def learn() -> int:
        async with room.db.session() as session:
            return await inbox_learning.add(
                session, room.chatbot_id, list(said.values()), owner_id=room.owner_id, intent="find_us"
            )

    assert [await learn(), await learn()] == [2, 0]
    async with room.db.reader() as session:
        row = await session.get_one(Chatbot, room.chatbot_id)
        dataset = await datasets.get(session, str(row.dataset_id), owner_id=room.owner_id)
        known = await example_table.intents(session, dataset.id, owner_id=room.owner_id)
        names = await inbox_learning.intents(session, room.chatbot_id, owner_id=room.owner_id)
        content, _ = await chatbots.read_content(session, room.chatbot_id, owner_id=room.owner_id)
    assert (dataset.name, known, names) == ("Club", {"find_us": 2}, ["find_us"])
    assert not inbox_learning.answers(content, "find_us")
    assert inbox_learning.answers(content, "handover")
    stranger = other_room.owner_id
    assert await inbox_learning.texts(room.reader, room.chatbot_id, ids, owner_id=stranger) == {}
    async with room.db.session() as session:
        with pytest.raises(NoSuchChatbot):
            await inbox_learning.add(session, room.chatbot_id, ["x"], owner_id=stranger, intent="find_us")
