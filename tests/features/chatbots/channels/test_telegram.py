"""Telegram: what people write is answered once, in order, whatever dies or is slow in between."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import select, update

from botyard.core.jobs.models import LeaseRow
from botyard.features.chatbots import attending, conversations
from botyard.features.chatbots.channels import telegram_text, telegram_wire
from botyard.features.chatbots.channels.errors import NoSuchChannel, TelegramTokenRefused
from botyard.features.chatbots.channels.service import ChannelInfo
from botyard.features.chatbots.channels.telegram_desk import TelegramDesk, receive
from botyard.features.chatbots.channels.telegram_line import Line, secret_of
from botyard.features.chatbots.channels.telegram_updates import Desk
from botyard.features.chatbots.channels.telegram_wire import Telegram, new_client
from botyard.features.chatbots.conversation_types import Message
from botyard.features.chatbots.models import Channel, ChannelChat
from botyard.kit.clock import FrozenClock, from_us
from botyard.kit.crypto import Digests
from botyard.kit.http import PeerTooSlow, PeerUnreachable
from tests.features.chatbots.channels.booth import Booth
from tests.features.chatbots.channels.fake_telegram import FakeTelegram, blocked, slow_down
from tests.features.chatbots.conversations.room import CLUB

MENU = {
    "menu": [
        {
            "text": "What is it about?",
            "buttons": [
                {"title": "What does it cost?", "intent": "price"},
                {"title": "Map", "url": "https://m.example"},
            ],
        }
    ]
}
CONTENT: dict[str, Any] = CLUB | {
    "responses": CLUB["responses"] | MENU,
    "rules": [{"phrase": "menu", "response": "menu"}],
}

EPOCH = from_us(1)


class Shop:
    """A booth with one Telegram channel, served by one process; `restart` is what a crash leaves behind."""

    def __init__(self, booth: Booth, channel: ChannelInfo) -> None:
        self.booth = booth
        self.channel = channel
        self.telegram = FakeTelegram(booth.token)
        self.http = new_client(self.telegram)
        self.restart()

    def restart(self, update_id: int = 0) -> None:
        desk = Desk(
            self.booth.chat, self.channel, Telegram(self.http, "http://telegram.test", self.booth.token)
        )
        self.line = Line(desk, self._keeps, update_id=update_id)

    @staticmethod
    async def _keeps(_: Any) -> bool:
        return True

    async def serve(self) -> list[str]:
        """Take what people wrote and let the answers out; what was sent, in order."""
        before = len(self.telegram.sent)
        if any(one["update_id"] >= self.line.update_id for one in self.telegram.updates):
            await self.line.poll()
        await self.line.outbox.sweep()
        await self.line.outbox.idle()
        return self.telegram.texts[before:]

    async def rows(self) -> list[ChannelChat]:
        async with self.booth.db.reader() as session:
            return list(
                await session.scalars(select(ChannelChat).where(ChannelChat.channel_id == self.channel.id))
            )


@pytest.fixture
async def shop(booth: Booth) -> AsyncIterator[Shop]:
    booth.answer_with(CONTENT)
    shop = Shop(booth, await booth.channel("telegram"))
    yield shop
    await shop.line.stop()
    await shop.http.aclose()


async def test_start_greets_and_each_message_is_answered_in_its_chat(shop: Shop) -> None:
    shop.telegram.write("/start")
    shop.telegram.write("open", chat_id=8)
    first = await shop.serve()
    shop.telegram.write("What does it cost?")
    second = await shop.serve()
    shop.telegram.write("/start")
    third = await shop.serve()

    assert sorted(first) == ["Till ten.", "Welcome.", "Welcome."]
    assert (second, third) == (["Ten euros."], ["Welcome."])
    assert [one["chat_id"] for one in shop.telegram.sent[-2:]] == [7, 7]
    assert ("sendChatAction", {"chat_id": 7, "action": "typing"}) in shop.telegram.calls
    async with shop.booth.db.reader() as session:
        assert await session.scalar(select(Channel.update_id).where(Channel.id == shop.channel.id)) == 5


async def test_buttons_are_keyboards_and_a_press_is_the_choice(shop: Shop) -> None:
    shop.telegram.write("menu")
    await shop.serve()
    menu = shop.telegram.sent[-1]
    shop.telegram.press(menu, 0)
    chosen = await shop.serve()
    shop.telegram.press(menu, 0)  # of a message that is not the last any more
    again = await shop.serve()

    price, place = (row[0] for row in menu["reply_markup"]["inline_keyboard"])
    assert (price["text"], place) == ("What does it cost?", {"text": "Map", "url": "https://m.example"})
    assert chosen == again == ["Ten euros."]
    assert ("answerCallbackQuery", {"callback_query_id": "55"}) in shop.telegram.calls


async def test_updates_that_come_again_after_a_crash_are_answered_once(shop: Shop) -> None:
    shop.telegram.write("open")
    first = await shop.serve()
    shop.restart()  # died before it could tell how far it was
    shop.telegram.write("cost")
    second = await shop.serve()

    assert (first, second) == (["Welcome.", "Till ten."], ["Ten euros."])
    assert await shop.booth.counted("messages") == 5


async def test_an_answer_that_was_stored_before_a_crash_is_sent_after_it(shop: Shop) -> None:
    shop.telegram.write("open")
    await shop.line.poll()
    assert shop.telegram.sent == []
    shop.restart(update_id=2)

    assert await shop.serve() == ["Welcome.", "Till ten."]


async def test_a_part_that_was_on_its_way_when_the_process_died_is_not_sent_again(shop: Shop) -> None:
    shop.telegram.write("open")
    await shop.serve()
    [row] = await shop.rows()
    async with shop.booth.db.session() as session:
        found = await session.get_one(ChannelChat, row.conversation_id)
        found.seq, found.sending = found.seq - 1, True
    shop.restart(update_id=2)
    shop.telegram.write("cost")

    assert await shop.serve() == ["Ten euros."]
    assert [(one.unsure, one.sending) for one in await shop.rows()] == [(1, False)]


async def test_pauses_are_kept_and_what_never_left_is_sent_again(shop: Shop, clock: FrozenClock) -> None:
    shop.telegram.trouble["sendMessage"] = [slow_down, PeerUnreachable]
    shop.telegram.write("open")
    began = clock.monotonic()

    assert await shop.serve() == ["Welcome.", "Till ten."]
    assert clock.monotonic() - began >= 8


async def test_what_may_have_arrived_and_what_is_refused_is_not_sent_again(shop: Shop) -> None:
    shop.telegram.trouble["sendMessage"] = [PeerTooSlow, blocked]
    shop.telegram.write("open")
    first = await shop.serve()
    shop.telegram.write("cost")

    assert (first, await shop.serve()) == ([], ["Ten euros."])
    assert [row.unsure for row in await shop.rows()] == [1]


async def test_a_person_who_answers_is_heard_in_the_chat(shop: Shop) -> None:
    booth = shop.booth
    shop.telegram.write("human")
    await shop.serve()
    [row] = await shop.rows()
    by = {"owner_id": booth.owner_id, "by": booth.owner_id}
    await attending.attend(booth.chat, row.conversation_id, **by)
    await attending.reply(booth.chat, row.conversation_id, text="Here I am.", **by)
    await conversations.close(booth.chat, row.conversation_id, owner_id=booth.owner_id)

    assert await shop.serve() == ["Here I am."]


async def test_what_is_no_text_is_answered_honestly_and_groups_are_left_alone(shop: Shop) -> None:
    shop.telegram.write(voice={"file_id": "v1", "file_size": 5000})
    shop.telegram.write(chat_id=8, sticker={"file_id": "s1"})
    shop.telegram.write("open", chat_id=-5, type="group")
    said = await shop.serve()
    shop.restart()
    again = await shop.serve()

    notices = [text for text in said if text != "Welcome."]
    assert sorted(notices) == [
        "I can only read text. Write to me what you need.",
        "I cannot listen to voice messages here. Write to me instead.",
    ]
    assert again == []
    assert {one["chat_id"] for one in shop.telegram.sent} == {7, 8}


async def test_telegram_may_call_in_with_the_secret_and_nobody_else(booth: Booth) -> None:
    booth.answer_with(CONTENT)
    channel = await booth.channel("telegram", settings={"mode": "webhook"})
    telegram = FakeTelegram(booth.token)
    update = telegram.write("open")
    secret = secret_of(booth.db.parts.get(Digests), channel)
    for wrong in ("", "0" * 64):
        with pytest.raises(NoSuchChannel):
            await receive(booth.db, channel.id, secret=wrong, update=update, transport=telegram)
    for _ in range(2):
        await receive(booth.db, channel.id, secret=secret, update=update, transport=telegram)

    assert await booth.counted("user_messages", day=20260601) == 1


async def test_the_desk_serves_what_is_open_and_says_what_is_wrong(booth: Booth, clock: FrozenClock) -> None:
    booth.answer_with(CONTENT)
    channel = await booth.channel("telegram")
    telegram = FakeTelegram(booth.token)
    telegram.webhook = {"url": "https://elsewhere.example"}  # of a time before
    desk = TelegramDesk(booth.db, booth.hub, transport=telegram)
    await desk.start()
    telegram.write("/start")
    await _until(telegram, lambda: telegram.texts == ["Welcome."])
    webhook = await booth.change(channel, settings={"mode": "webhook"})
    await _until(telegram, lambda: telegram.webhook is not None)
    await booth.change(channel, enabled=False)
    await _until(telegram, lambda: channel.id not in desk.lines)
    await desk.stop()

    assert telegram.webhook == {
        "url": f"https://yard.example/talk/telegram/{channel.id}",
        "secret_token": secret_of(booth.db.parts.get(Digests), webhook),
        "allowed_updates": ["message", "callback_query"],
    }
    assert (await booth.look(channel)).telegram.username == "ShopBot"
    with pytest.raises(TelegramTokenRefused):
        await telegram_wire.introduce(booth.settings, "1:other", transport=telegram)


async def test_of_two_workers_one_has_the_bot_and_the_other_goes_on_when_it_ends(booth: Booth) -> None:
    if booth.db.embedded:
        pytest.skip("on SQLite one process works")
    booth.answer_with(CONTENT)
    channel = await booth.channel("telegram")
    telegram = FakeTelegram(booth.token)
    other = Booth(booth.db.stores, booth.settings)
    await other.open()
    other.shelf.drafts = booth.shelf.drafts
    first = TelegramDesk(booth.db, booth.hub, transport=telegram)
    second = TelegramDesk(other.db, other.hub, transport=telegram)
    await first.start()
    await _until(telegram, lambda: channel.id in first.lines)
    await second.start()
    telegram.write("open")
    await _until(telegram, lambda: telegram.texts == ["Welcome.", "Till ten."])
    await second.look()
    assert channel.id not in second.lines
    async with booth.db.session() as session:  # it stopped renewing a while ago
        await session.execute(update(LeaseRow).where(LeaseRow.name == f"tg:{channel.id}").values(until=EPOCH))
    await second.look()
    telegram.write("cost")
    await _until(telegram, lambda: telegram.texts[2:] == ["Ten euros."])
    await first.look()
    assert (channel.id in first.lines, channel.id in second.lines) == (False, True)
    for stops in (first, second, other):
        await stops.stop()


async def _until(telegram: FakeTelegram, holds: Any) -> None:
    import asyncio

    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.01)


def test_long_texts_are_cut_where_they_may_be_and_lose_nothing() -> None:
    words = " ".join(f"word{number}" for number in range(3000))
    for text in (words, "x" * 9000, "😀" * 5000, words.replace("7 ", "7\n\n")):
        pieces = telegram_text.split(text)

        assert all(0 < len(piece.encode("utf-16-le")) // 2 <= 4096 for piece in pieces)
        assert "".join("".join(pieces).split()) == "".join(text.split())


def test_pictures_sources_and_buttons_go_along() -> None:
    message = Message(
        "msg_1", "conv_1", "bot", "See [1].", 4, 0,
        buttons=[{"title": "More"}], image="https://p.example/a.png",
        citations=[{"number": 1, "title": "Guide", "url": "https://g.example"}],
    )  # fmt: skip
    photo, text = telegram_text.parts_of(message)

    assert (photo.method, photo.params) == ("sendPhoto", {"photo": "https://p.example/a.png"})
    assert text.params["text"] == "See [1].\n\n[1] Guide https://g.example"
    assert text.params["reply_markup"]["inline_keyboard"] == [[{"text": "More", "callback_data": "4:0"}]]
