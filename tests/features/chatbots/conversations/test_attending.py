"""Whoever asks for a person waits in turn, is taken over by one, and can be given back."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import pytest

from botyard.features.chatbots import attending, conversations
from botyard.features.chatbots.attending import AttendedByAnother, NotAttended
from botyard.features.chatbots.conversations import ConversationEnded, NoSuchConversation
from botyard.features.chatbots.events import (
    ConversationAttended,
    ConversationReturned,
    HandoverRequested,
    MessageSent,
)
from botyard.features.chatbots.runtime.ports import OnToken
from botyard.features.chatbots.runtime.types import KnowledgeFound
from botyard.features.chatbots.runtime.version import Version
from botyard.kit.clock import FrozenClock
from tests.features.chatbots.conversations.room import CLUB, Library, Room

QUEUED = "A person will join this conversation. You are in the queue."


async def queue(room: Room) -> list[str]:
    return [talk.id for talk in await attending.waiting(room.chat, owner_id=room.owner_id)]


async def test_the_queue_is_in_order_of_the_first_request_whatever_is_said_later(
    room: Room, clock: FrozenClock
) -> None:
    first, second = await room.begin(), await room.begin()
    assert await room.say(first, "human") == [QUEUED]
    clock.advance(5)
    await room.say(second, "an agent, at once")
    clock.advance(5)
    for text in ("URGENT human human", "/handover now", "open?"):
        await room.say(second, text)
        await room.say(first, text)
    assert await queue(room) == [first.id, second.id]
    assert await attending.place(room.chat, await room.get(second)) == 2
    assert len(room.of(HandoverRequested)) == 2
    assert await room.counted("waiting") == 2


async def test_while_a_person_attends_only_the_person_answers(room: Room) -> None:
    talk = await room.begin()
    await room.say(talk, "human")
    await attending.attend(room.chat, talk.id, owner_id=room.owner_id, by=7)
    assert await queue(room) == []
    assert await room.say(talk, "open?") == []
    answer = {"owner_id": room.owner_id, "by": 7, "text": "Till nine today."}
    await attending.reply(room.chat, talk.id, **answer)  # type: ignore[arg-type]
    await attending.give_back(room.chat, talk.id, owner_id=room.owner_id, by=7)
    assert await room.say(talk, "open?") == ["Till ten."]
    assert [who for who, _ in await room.texts(talk)][-4:] == ["user", "person", "user", "bot"]
    assert [event.sender for event in room.of(MessageSent)][-2:] == ["person", "bot"]
    assert (len(room.of(ConversationAttended)), len(room.of(ConversationReturned))) == (1, 1)


async def test_a_trial_calls_nobody_and_can_still_be_taken_over(room: Room) -> None:
    trial, real = await room.begin(environment="draft"), await room.begin()
    assert await room.say(trial, "human") == [QUEUED]
    assert await room.say(trial, "open?") == []
    await room.say(real, "human")

    tried = await room.get(trial)
    assert (tried.status, tried.waiting_us, await attending.place(room.chat, tried)) == ("open", None, None)
    assert await queue(room) == [real.id]
    assert (await room.counted("waiting"), await room.counted("open")) == (1, 1)
    assert [told.conversation_id for told in room.of(HandoverRequested)] == [real.id]

    await attending.attend(room.chat, trial.id, owner_id=room.owner_id, by=7)
    await attending.give_back(room.chat, trial.id, owner_id=room.owner_id, by=7)
    assert await room.say(trial, "open?") == ["Till ten."]
    await conversations.close(room.chat, trial.id, owner_id=room.owner_id)
    assert [await room.counted(name) for name in ("open", "waiting", "attended", "closed")] == [0, 1, 0, 1]


async def test_one_person_attends_and_nobody_answers_unattended(room: Room, other_room: Room) -> None:
    talk = await room.begin()
    with pytest.raises(NotAttended):
        await attending.reply(room.chat, talk.id, owner_id=room.owner_id, by=7, text="Hello")
    taken = await asyncio.gather(
        *(attending.attend(room.chat, talk.id, owner_id=room.owner_id, by=by) for by in (7, 8)),
        return_exceptions=True,
    )
    assert sum(isinstance(one, AttendedByAnother) for one in taken) == 1
    with pytest.raises(NoSuchConversation):
        await attending.attend(other_room.chat, talk.id, owner_id=other_room.owner_id, by=9)
    await conversations.close(room.chat, talk.id, owner_id=room.owner_id)
    with pytest.raises(ConversationEnded):
        await attending.attend(room.chat, talk.id, owner_id=room.owner_id, by=7)


@dataclass
class SteppedIn(Library):
    """Knowledge that takes so long that a person steps in meanwhile."""

    meanwhile: Callable[[], Awaitable[object]] | None = None

    async def search(
        self,
        question: str,
        *,
        owner_id: int,
        version: Version,
        language: str,
        on_token: OnToken | None = None,
    ) -> KnowledgeFound:
        assert self.meanwhile is not None
        await self.meanwhile()
        return KnowledgeFound("The town.")


async def test_an_answer_that_comes_after_a_person_stepped_in_is_not_sent(room: Room) -> None:
    room.answer_with(CLUB, knowledge=True)
    talk = await room.begin()
    step_in = partial(attending.attend, room.chat, talk.id, owner_id=room.owner_id, by=7)
    room.chat.knowledge = SteppedIn(meanwhile=step_in)
    assert await room.say(talk, "Who?") == []
    assert (await room.get(talk)).status == "attended"
