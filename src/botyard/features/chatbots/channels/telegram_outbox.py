"""Sends what a chatbot or a person says in conversations on Telegram: in order, each part at most once.

Telegram has no key under which a message could be repeated. So a part is committed as on its way before it is sent,
and what nobody knows about afterwards (a crash, a cut line) counts as sent, and is counted as unsure. The jobs'
ledger does the same for single effects; here thousands of small ones must keep their order within a chat, and one
row of a conversation is what they share.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from botyard.features.chatbots import conversation_store as store
from botyard.features.chatbots.channels.errors import (
    TelegramFailed,
    TelegramRefused,
    TelegramTokenRefused,
    TelegramUnsure,
)
from botyard.features.chatbots.channels.telegram_text import Part, parts_of
from botyard.features.chatbots.channels.telegram_updates import KIND, Desk, ensure_chat
from botyard.features.chatbots.conversation_types import Conversation, Message, details
from botyard.features.chatbots.models import ChannelChat
from botyard.kit import clock
from botyard.kit.db import Session

_log = structlog.get_logger(__name__)

LOOK_BACK_S = 2 * 86_400  # what is older than that is not sent any more: nobody waits for it
_TRIES = 6
_PAUSE_S = 1.0  # doubled with each try
_ANSWERS = """SELECT * FROM conversation_events WHERE conversation_id = :id AND seq > :seq
 AND kind IN ('bot', 'person') ORDER BY seq LIMIT 50"""
_RECENT = """SELECT id FROM conversations WHERE chatbot_id = :chatbot_id AND channel = :channel
 AND updated_us > :since ORDER BY updated_us"""
_CLOSED = """SELECT * FROM conversation_events WHERE conversation_id = :id AND kind = 'closed'
 ORDER BY seq DESC LIMIT 1"""


class LeaseLost(Exception):
    """Another process has taken this channel over."""


Keeps = Callable[[Session], Awaitable[bool]]


@dataclass
class _Place:
    """How far a conversation was sent."""

    seq: int
    parts: int


class Outbox:
    """The sending half of one channel. `keeps` says within a transaction whether this process still has it."""

    def __init__(self, desk: Desk, keeps: Keeps) -> None:
        self._desk = desk
        self._keeps = keeps
        self._working: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        self._late: set[str] = set()  # what could not be sent
        self.lost = False

    def stir(self, conversation_id: str) -> None:
        """Have a look at a conversation soon: something was said in it."""
        if conversation_id in self._working:
            self._again.add(conversation_id)
        elif not self.lost:
            task = asyncio.create_task(self._work(conversation_id), name=f"telegram-{conversation_id}")
            self._working[conversation_id] = task
            task.add_done_callback(lambda _: self._ended(conversation_id))

    def _ended(self, conversation_id: str) -> None:
        self._working.pop(conversation_id, None)
        if conversation_id in self._again:  # said after the last look, before this was told of its end
            self.stir(conversation_id)

    async def sweep(self) -> None:
        """Look at every conversation in which something happened lately: what was said while nobody sent."""
        chat, channel = self._desk.chat, self._desk.channel
        since = clock.now_us() - LOOK_BACK_S * 1_000_000
        params = {"chatbot_id": channel.chatbot_id, "channel": KIND, "since": since}
        for row in await chat.reader.scan(_RECENT, params):
            self.stir(row["id"])

    def retry(self) -> None:
        """Look again at conversations whose messages could not be sent."""
        late, self._late = self._late, set()
        for conversation_id in late:
            self.stir(conversation_id)

    async def idle(self) -> None:
        """Return when nothing is being sent."""
        while self._working:
            await asyncio.wait(list(self._working.values()))
            await asyncio.sleep(0)

    async def stop(self, patience_s: float) -> None:
        """Let what is being sent end, then cut off the rest."""
        self.lost = True
        tasks = list(self._working.values())
        if tasks:
            await asyncio.wait(tasks, timeout=patience_s)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(self, conversation_id: str) -> None:
        while not self.lost:
            self._again.discard(conversation_id)
            try:
                await self.deliver(conversation_id)
            except LeaseLost:
                self.lost = True
            except (TelegramFailed, TelegramTokenRefused) as error:
                self._late.add(conversation_id)
                _log.warning("telegram.not_sent", channel_id=self._desk.channel.id, reason=str(error))
            except Exception:
                self._late.add(conversation_id)
                _log.exception("telegram.outbox_failed", channel_id=self._desk.channel.id)
            if conversation_id not in self._again:
                return

    async def deliver(self, conversation_id: str) -> None:
        """Send everything of a conversation that was not sent. Raises TelegramFailed where that does not work now."""
        conversation = await store.find(self._desk.chat.reader, conversation_id)
        chat_id = await self._chat_of(conversation) if conversation else None
        if chat_id is None:
            return
        place = await self._begin(conversation_id, chat_id)
        while rows := await self._desk.chat.reader.query(_ANSWERS, {"id": conversation_id, "seq": place.seq}):
            for row in rows:
                await self._say(conversation_id, chat_id, Message.of(row), place)

    async def _chat_of(self, conversation: Conversation) -> str | None:
        """Whose chat it is; None for a conversation of another channel."""
        external = conversation.external_id
        if external is None and conversation.channel == KIND:
            rows = await self._desk.chat.reader.query(_CLOSED, {"id": conversation.id})
            external = details(rows[0]).get("external_id") if rows else None
        channel_id, _, chat_id = (external or "").partition(":")
        return chat_id if conversation.channel == KIND and channel_id == self._desk.channel.id else None

    async def _begin(self, conversation_id: str, chat_id: str) -> _Place:
        """Where to go on. A part that was on its way when somebody died is passed over."""
        db, channel_id = self._desk.chat.db, self._desk.channel.id
        async with db.reader() as session:
            row = await session.get(ChannelChat, conversation_id)
            if row is not None and not row.sending:
                return _Place(row.seq, row.parts)
        async with db.session() as session:
            await self._hold(session)
            await ensure_chat(session, channel_id, conversation_id, chat_id)
            row = await session.get_one(ChannelChat, conversation_id, with_for_update=True)
            if row.sending:
                _log.warning("telegram.part_unsure", channel_id=channel_id, conversation_id=conversation_id)
                row.sending, row.unsure, row.parts = False, row.unsure + 1, row.parts + 1
            return _Place(row.seq, row.parts)

    async def _say(self, conversation_id: str, chat_id: str, message: Message, place: _Place) -> None:
        parts = parts_of(message)
        for number in range(place.parts, len(parts)):
            unsure = await self._send(conversation_id, chat_id, parts[number])
            last = number + 1 == len(parts)
            place.seq, place.parts = (message.seq, 0) if last else (place.seq, number + 1)
            await self._note(conversation_id, sending=False, place=place, unsure=unsure)
        if place.seq != message.seq:  # it has no parts, or all of them were sent before
            place.seq, place.parts = message.seq, 0
            await self._note(conversation_id, sending=False, place=place)

    async def _send(self, conversation_id: str, chat_id: str, part: Part) -> bool:
        """Send one part, again while it certainly did not arrive; whether nobody knows that it did."""
        pause_s = _PAUSE_S
        for left in reversed(range(_TRIES)):
            await self._note(conversation_id, sending=True)
            try:
                return await self._try(chat_id, part)
            except (TelegramFailed, TelegramTokenRefused) as error:
                await self._note(conversation_id, sending=False)
                if not left or isinstance(error, TelegramTokenRefused):
                    raise
                await clock.sleep(error.retry_after_s or pause_s)
                pause_s *= 2
        return False

    async def _try(self, chat_id: str, part: Part) -> bool:
        try:
            await self._desk.telegram.call(part.method, chat_id=int(chat_id), **part.params)
        except TelegramUnsure as error:
            _log.warning("telegram.part_unsure", channel_id=self._desk.channel.id, reason=str(error))
            return True
        except TelegramRefused as error:  # the person blocked the bot, or a picture is none
            _log.info("telegram.part_refused", channel_id=self._desk.channel.id, reason=str(error))
        return False

    async def _note(
        self, conversation_id: str, *, sending: bool, place: _Place | None = None, unsure: bool = False
    ) -> None:
        async with self._desk.chat.db.session() as session:
            if sending:
                await self._hold(session)
            row = await session.get(ChannelChat, conversation_id, with_for_update=True)
            if row is None:  # the channel was removed meanwhile
                raise LeaseLost
            row.sending = sending
            row.unsure += unsure
            if place is not None:
                row.seq, row.parts = place.seq, place.parts

    async def _hold(self, session: Session) -> None:
        if not await self._keeps(session):
            raise LeaseLost
