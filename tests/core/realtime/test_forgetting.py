"""What is deleted can no longer be replayed, and nothing else goes with it."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import ClassVar

from botyard.core.ingest import Writer
from botyard.core.realtime import Event
from botyard.core.realtime.events import by_name, names
from botyard.core.realtime.forgetting import fields_of_bots, forget
from botyard.core.realtime.hub import Hub
from botyard.features.chatbots.events import MessageSent
from botyard.features.fleet.events import DataSynced
from botyard.kit.db import Database
from tests.core.realtime.happenings import Knocked, happen, hear, stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Whistled(Event):
    """A bot whistled."""

    name: ClassVar[str] = "test.whistled"
    bot_id: str
    tune: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Left(Event):
    """A bot is gone."""

    name: ClassVar[str] = "test.left"
    bot_id: str


def _said(chatbot_id: str, text: str) -> MessageSent:
    return MessageSent(
        owner_id=1,
        chatbot_id=chatbot_id,
        conversation_id="c",
        message_id="m",
        sender="user",
        text=text,
        at_us=0,
    )


async def _replayed(hub: Hub, start: str, last: Event) -> Sequence[Event]:
    """Everything that an administrator can still read since `start`; `last` is the last of both logs."""
    heard: list[Event] = []
    async with hub.subscribe(owner_id=None, since=start) as subscription:
        while heard.count(last) < 2:
            heard += [delivery.event for delivery in await hear(subscription, 1)]
    return [event for event in heard if event != last]


async def test_of_a_deleted_bot_nothing_is_replayed_but_what_is_kept(
    db: Database, hub: Hub, writer: Writer
) -> None:
    db.parts.add(writer)
    start = hub.cursor()
    others = [
        Whistled(owner_id=1, bot_id="bot_b", tune='{"owner_id":1,"bot_id":"bot_a"'),
        Whistled(owner_id=1, bot_id="bot_aa"),
        Whistled(owner_id=2, bot_id="bot_a"),
        DataSynced(owner_id=1, bot_id="bot_b", data={"owner_id": 1, "bot_id": "bot_a"}),
        _said("bot_b", "bot_a"),
        Knocked(owner_id=1, door="bot_a"),
    ]
    own = [
        Whistled(owner_id=1, bot_id="bot_a", tune="secret"),
        DataSynced(owner_id=1, bot_id="bot_a", data={"friends": ["Secret Friend"]}),
        _said("bot_a", "secret"),
    ]
    gone = Left(owner_id=1, bot_id="bot_a")
    await happen(db, *own, *others, *own, gone)
    await stream(writer, *own, *others, *own)

    assert await forget(db, owner_id=1, bot_id="bot_a", keep=frozenset({Left.name})) == 12
    assert await forget(db, owner_id=1, bot_id="bot_a", keep=frozenset({Left.name})) == 0

    last = Knocked(owner_id=0, n=9)
    await happen(db, last)
    await stream(writer, last)
    left = await _replayed(hub, start, last)
    assert [left.count(other) for other in others] == [2] * len(others)
    assert [event for event in left if event not in others] == [gone]


async def test_of_a_deleted_account_nothing_is_replayed(db: Database, hub: Hub, writer: Writer) -> None:
    db.parts.add(writer)
    start = hub.cursor()
    kept, last = Knocked(owner_id=2), Knocked(owner_id=0, n=9)
    await happen(db, *[Knocked(owner_id=1, n=n) for n in range(1200)], kept)
    await stream(writer, *[Knocked(owner_id=1, n=n) for n in range(1200)], kept)

    assert await forget(db, owner_id=1) == 2400

    await happen(db, last)
    await stream(writer, last)
    assert await _replayed(hub, start, last) == [kept, kept]


def test_every_event_of_a_bot_names_it_right_after_its_owner() -> None:
    assert fields_of_bots() == ["bot_id", "chatbot_id"]
    for name in names():
        found = [field.name for field in fields(by_name(name))]
        assert found[0] == "owner_id"
        assert [at for at, field in enumerate(found) if field.endswith("bot_id")] in ([], [1]), name
