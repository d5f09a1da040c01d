"""Lists, figures, the inbox and replays say what happened; counters agree with the rows they stand for."""

from collections import Counter
from datetime import date, timedelta
from typing import Any

import pytest

from botyard.core.bots import service as bots
from botyard.core.bots.models import BotKind
from botyard.core.jobs.dispatch import Dispatch
from botyard.core.jobs.models import JobRow
from botyard.features.chatbots import analytics, attending, conversation_jobs, conversations, inbox, replay
from botyard.features.chatbots.conversations import NoSuchMessage
from botyard.features.chatbots.events import ConversationClosed, ConversationRated
from botyard.kit.clock import FrozenClock
from botyard.kit.db import Session
from botyard.kit.errors import Invalid
from tests.features.chatbots.conversations.room import CLUB, NLU, Library, Room
from tests.features.chatbots.runtime.talk import bot, says

DAY = date(2026, 6, 1)
NEXT = DAY + timedelta(days=1)


async def test_lists_are_newest_first_and_their_totals_are_counted(room: Room, other_room: Room) -> None:
    begun = [await room.begin() for _ in range(5)]
    await conversations.close(room.chat, begun[1].id, owner_id=room.owner_id)
    await room.say(begun[3], "human")

    async def page(**fields: Any) -> tuple[list[str], int]:
        found, total = await conversations.list_page(room.chat, owner_id=room.owner_id, **fields)
        return [talk.id for talk in found], total

    ids = [talk.id for talk in begun[::-1]]
    assert await page(limit=2) == (ids[:2], 5)
    assert await page(limit=2, offset=4) == (ids[4:], 5)
    assert await page(status="closed", chatbot_id=room.chatbot_id) == ([begun[1].id], 1)
    assert await page(status="waiting") == ([begun[3].id], 1)
    assert await page(chatbot_id=other_room.chatbot_id) == ([], 0)
    with pytest.raises(Invalid):
        await page(status="lost")


async def test_figures_are_those_of_the_rows(room: Room, clock: FrozenClock) -> None:
    await room.deploy(ver_a=1)
    first = await room.begin()
    for text in ("open?", "open?", "cost?", "xyz", "human"):
        await room.say(first, text)
    clock.advance(24 * 3600)
    second = await room.begin()
    await room.say(second, "cost?")
    await attending.attend(room.chat, first.id, owner_id=room.owner_id, by=7)
    whole = await analytics.figures(room.reader, room.chatbot_id)
    rows = await room.rows("conversation_events")
    kinds = Counter(row["kind"] for row in rows)
    assert (whole.user_messages, whole.bot_messages) == (kinds["user"], kinds["bot"]) == (6, 8)
    assert whole.messages == await room.counted("messages") == 14
    assert whole.intents == {"hours": 2, "price": 2}
    assert (whole.missed, whole.handovers, whole.handed_over) == (1, 1, 1)
    assert (whole.conversations, whole.containment, whole.handover_rate) == (2, 0.5, 0.5)
    assert whole.answers == 6
    assert whole.latency_within(0.5) == "5"
    assert await analytics.figures(room.reader, room.chatbot_id, version_id="ver_a") == whole
    days = await analytics.series(room.reader, room.chatbot_id, since=DAY, until=NEXT)
    assert [(day.day, day.conversations, day.user_messages) for day in days] == [(DAY, 1, 5), (NEXT, 1, 1)]
    assert (await analytics.of_owner(room.reader, owner_id=room.owner_id))["attended"] == 1


@pytest.mark.parametrize("people", [True, False])
async def test_who_asks_for_a_person_was_understood_though_somebody_is_to_look_at_it(
    room: Room, people: bool
) -> None:
    settings = {"greeting": "hi", "handover": {"enabled": people}}
    room.answer_with(CLUB | {"settings": settings})
    talk = await room.begin()
    for text in ("open?", "human"):
        await room.say(talk, text)

    figures = await analytics.figures(room.reader, room.chatbot_id)
    assert (figures.user_messages, figures.missed, figures.missed_rate) == (2, 0, 0)
    found = await inbox.list_open(room.reader, room.chatbot_id, owner_id=room.owner_id)
    assert [(one.text, one.why) for one in found] == [("human", "handover")]


async def test_a_person_who_is_called_after_messages_that_were_not_understood_hides_none_of_them(
    room: Room,
) -> None:
    settings = {"greeting": "hi", "handover": {"after_misses": 2}}
    room.answer_with(CLUB | {"settings": settings})
    talk = await room.begin()
    for text in ("xyz", "zyx"):
        await room.say(talk, text)

    figures = await analytics.figures(room.reader, room.chatbot_id)
    assert (figures.missed, figures.handovers) == (2, 1)


async def test_what_was_understood_and_found_no_answer_in_the_knowledge_either_is_not_misunderstood(
    room: Room,
) -> None:
    room.chat.knowledge = Library()
    room.answer_with(CLUB | {"intents": {"hours": {}}}, knowledge=True)
    talk = await room.begin()
    for text in ("open?", "xyz"):
        await room.say(talk, text)

    assert (await analytics.figures(room.reader, room.chatbot_id)).missed == 1
    found = await inbox.list_open(room.reader, room.chatbot_id, owner_id=room.owner_id)
    assert [one.text for one in found] == ["xyz"]


async def test_periods_and_versions_are_compared(room: Room, clock: FrozenClock) -> None:
    await room.deploy(ver_a=1)
    await room.say(await room.begin(), "xyz")
    clock.advance(24 * 3600)
    await room.deploy(ver_b=1)
    await room.say(await room.begin(), "open?")
    days = await analytics.compare_periods(room.reader, room.chatbot_id, since=NEXT, until=NEXT)
    versions = await analytics.compare_versions(room.reader, room.chatbot_id, "ver_a", "ver_b")
    for compared in (days, versions):
        assert (compared.first.missed, compared.second.missed) == (1, 0)
        assert compared.differences["missed_rate"] == -1
    with pytest.raises(Invalid):
        await analytics.figures(room.reader, room.chatbot_id, since=NEXT, until=DAY)


async def test_a_rating_replaces_the_one_before(room: Room) -> None:
    talk = await room.begin()
    for stars in (1, 5, 5):
        await conversations.rate(room.chat, talk.id, owner_id=room.owner_id, rating=stars)
    with pytest.raises(Invalid):
        await conversations.rate(room.chat, talk.id, owner_id=room.owner_id, rating=6)
    assert (await analytics.figures(room.reader, room.chatbot_id)).satisfaction == 5
    assert [event.rating for event in room.of(ConversationRated)] == [1, 5]


async def test_closing_twice_is_closing_once(room: Room) -> None:
    talk = await room.begin()
    for _ in range(2):
        await conversations.close(room.chat, talk.id, owner_id=room.owner_id)
    assert len(room.of(ConversationClosed)) == 1
    assert (await room.counted("closed"), await room.counted("open")) == (1, 0)


async def test_the_inbox_holds_what_was_not_understood_until_it_is_done(room: Room, other_room: Room) -> None:
    talk = await room.begin()
    for text in ("open?", "xyz", "card 4111111111111111"):
        await room.say(talk, text)
    mine = {"owner_id": room.owner_id}
    found = await inbox.list_open(room.reader, room.chatbot_id, **mine)
    assert [(one.text, one.why) for one in found] == [
        ("card [number ending in 1111]", "not understood"),
        ("xyz", "not understood"),
    ]
    assert found[0].candidates == [("other", 0.2)]
    theirs = await inbox.mark_done(room.writer, room.chatbot_id, [found[1].id], owner_id=other_room.owner_id)
    assert (theirs, await inbox.count_open(room.reader, room.chatbot_id, **mine)) == (0, 2)
    assert await inbox.mark_done(room.writer, room.chatbot_id, [one.id for one in found[1:]], **mine) == 1
    assert await inbox.count_open(room.reader, room.chatbot_id, **mine) == 1
    assert [one.text for one in await inbox.list_open(room.reader, room.chatbot_id, **mine)] == [
        found[0].text
    ]


async def test_a_wrong_answer_puts_what_was_asked_into_the_inbox_once(room: Room) -> None:
    talk = await room.begin()
    sent = await room.send(talk, "open?")
    assert sent.reply is not None
    for _ in range(2):
        await conversations.thumbs_down(room.chat, talk.id, sent.reply.id, owner_id=room.owner_id)
    with pytest.raises(NoSuchMessage):
        await conversations.thumbs_down(room.chat, talk.id, sent.message.id, owner_id=room.owner_id)
    [found] = await inbox.list_open(room.reader, room.chatbot_id, owner_id=room.owner_id)
    assert await inbox.count_open(room.reader, room.chatbot_id, owner_id=room.owner_id) == 1
    assert (found.text, found.why, found.intent) == ("open?", "thumbs down", "hours")
    assert (await analytics.figures(room.reader, room.chatbot_id)).thumbs_down == 1


async def test_a_replay_says_what_another_version_would_have_said(room: Room) -> None:
    talk = await room.begin()
    for text in ("open?", "cost?", "xyz"):
        await room.say(talk, text)
    same = await replay.replay(room.chat, talk.id, bot(CLUB, nlu=NLU), owner_id=room.owner_id)
    assert [turn.differs for turn in same] == [False] * 3
    dearer = CLUB | {"responses": says(open="Till ten.", cost="Twelve euros.", hi="Welcome.")}
    turns = await replay.replay(room.chat, talk.id, bot(dearer, nlu=NLU), owner_id=room.owner_id)
    assert [turn.differs for turn in turns] == [False, True, False]
    assert (turns[1].before.texts, turns[1].after.texts) == (["Ten euros."], ["Twelve euros."])
    assert (await room.get(talk)).messages == 7


async def test_a_replay_chooses_the_button_of_the_same_title(room: Room) -> None:
    def asking(*titles: str) -> dict[str, Any]:
        buttons = [{"title": title, "intent": title} for title in titles]
        hi = [{"text": "Welcome.", "buttons": buttons}]
        return CLUB | {"responses": CLUB["responses"] | {"hi": hi}}

    room.answer_with(asking("hours", "price"))
    talk = await room.begin()
    assert await room.say(talk, choice=1) == ["Ten euros."]
    turned = bot(asking("price", "hours"), nlu=NLU)
    [turn] = await replay.replay(room.chat, talk.id, turned, owner_id=room.owner_id)
    assert (turn.after.texts, turn.differs) == (["Ten euros."], False)


class _Rows:
    """Where the job would be queued."""

    def __init__(self) -> None:
        self.rows: list[JobRow] = []

    async def carry(self, session: Session, row: JobRow) -> None:
        self.rows.append(row)


async def test_a_deleted_chatbot_leaves_nothing_behind(room: Room) -> None:
    room.db.parts.add(queue := _Rows(), kind=Dispatch)
    await room.say(await room.begin(), "open?")
    async with room.db.session() as session:
        bot_row = await bots.get(session, room.chatbot_id, kind=BotKind.chatbot, owner_id=room.owner_id)
        await conversation_jobs.clean_up(session, bot_row)
    for table in ("conversations", "conversation_events", "conversation_counts"):
        assert await room.rows(table) == []
    assert [row.name for row in queue.rows] == ["chatbots.clear_conversations"]
