"""What people write on Telegram, brought into their conversations; the same update twice is one message."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import update as sql_update

from botyard.core.jobs.sql import insert_once
from botyard.features.chatbots import conversation_store as store
from botyard.features.chatbots import conversations, sending
from botyard.features.chatbots.channels.errors import TelegramFailed, TelegramRefused, TelegramUnsure
from botyard.features.chatbots.channels.service import ChannelInfo
from botyard.features.chatbots.channels.telegram_wire import MAX_FILE, Telegram
from botyard.features.chatbots.chat_runtime import ChatRuntime
from botyard.features.chatbots.conversation_types import Conversation, Message
from botyard.features.chatbots.deployments import PRODUCTION
from botyard.features.chatbots.models import ChannelChat
from botyard.features.chatbots.voice import service as voice
from botyard.features.chatbots.voice.errors import AudioRefused, NoEngine
from botyard.features.chatbots.voice.registry import Speech
from botyard.kit.db import Session
from botyard.kit.errors import BotyardError

_log = structlog.get_logger(__name__)

TYPING_S = 4.5  # Telegram shows it for five seconds
KIND = "telegram"
_CANNOT_HEAR = "I cannot listen to voice messages here. Write to me instead."
_HEARD_NOTHING = "I did not understand this recording. Say it again, or write to me."
_ONLY_TEXT = "I can only read text. Write to me what you need."
_BY_SEQ = "SELECT * FROM conversation_events WHERE conversation_id = :id AND seq = :seq"


@dataclass(frozen=True, slots=True)
class Incoming:
    """An update of a private chat, as far as it matters here."""

    update_id: int
    chat_id: str
    language: str
    text: str = ""
    started: bool = False
    voice: str = ""  # id of a file
    voice_size: int = 0
    pressed: str = ""  # what a button carries
    press_id: str = ""
    other: bool = False  # something that is no text


def read(update: Mapping[str, Any]) -> Incoming | None:
    """An update that is for the chatbot; None for groups, edits and whatever else Telegram knows."""
    number, press, message = update.get("update_id"), update.get("callback_query"), update.get("message")
    if not isinstance(number, int):
        return None
    if isinstance(press, dict):
        return _pressed(number, press)
    return _written(number, message) if isinstance(message, dict) else None


def _pressed(number: int, press: Mapping[str, Any]) -> Incoming | None:
    below = press.get("message") or {}
    chat_id = _private_chat(below, press.get("from"))
    if chat_id is None:
        return None
    return Incoming(
        number,
        chat_id,
        _language(press),
        pressed=str(press.get("data", ""))[:64],
        press_id=str(press.get("id", "")),
    )


def _written(number: int, message: Mapping[str, Any]) -> Incoming | None:
    chat_id = _private_chat(message, message.get("from"))
    if chat_id is None:
        return None
    text = str(message.get("text") or message.get("caption") or "").replace("\x00", "").strip()
    recording = message.get("voice") or message.get("audio")
    found = recording if isinstance(recording, dict) and not text else {}
    return Incoming(
        number,
        chat_id,
        _language(message),
        text=text[: sending.MAX_TEXT],
        started=text == "/start" or text.startswith("/start "),
        voice=str(found.get("file_id", "")),
        voice_size=int(found.get("file_size") or 0),
        other=not text and not found,
    )


def _private_chat(message: Any, sender: Any) -> str | None:
    chat = message.get("chat") if isinstance(message, dict) else None
    if not isinstance(chat, dict) or not isinstance(chat.get("id"), int):
        return None
    from_bot = isinstance(sender, dict) and sender.get("is_bot") is True
    return str(chat["id"]) if chat.get("type", "private") == "private" and not from_bot else None


def _language(update: Mapping[str, Any]) -> str:
    sender = update.get("from")
    return str(sender.get("language_code") or "")[:16] if isinstance(sender, dict) else ""


@dataclass(frozen=True, slots=True)
class Desk:
    """What taking an update needs: whose channel it is, its conversations, and Telegram."""

    chat: ChatRuntime
    channel: ChannelInfo
    telegram: Telegram

    def key_of(self, update_id: int) -> str:
        """Under which key an update is stored."""
        return f"{KIND}:{self.channel.id}:{update_id}"

    def external_id(self, chat_id: str) -> str:
        """Under which outside id somebody's conversation is kept."""
        return f"{self.channel.id}:{chat_id}"


async def stored(desk: Desk, incoming: Incoming) -> bool:
    """Whether the update is in the store already, so that Telegram may forget it."""
    known = await store.find_external(
        desk.chat.reader,
        chatbot_id=desk.channel.chatbot_id,
        environment=PRODUCTION,
        channel=KIND,
        external_id=desk.external_id(incoming.chat_id),
    )
    key = desk.key_of(incoming.update_id)
    return known is not None and await store.by_client_key(desk.chat.reader, known.id, key) is not None


async def take(desk: Desk, incoming: Incoming) -> None:
    """Bring an update into its conversation; safe to repeat. What is answered goes out by the outbox.

    Raises what sending raises, where it should be tried again.
    """
    if incoming.press_id:
        with suppress(BotyardError):  # it only ends the little clock on the button
            await desk.telegram.call("answerCallbackQuery", callback_query_id=incoming.press_id)
    conversation = await _conversation(desk, incoming)
    if incoming.started:
        if conversation.state.turn:  # an earlier talk: this is a new beginning
            await conversations.close(desk.chat, conversation.id, owner_id=desk.channel.owner_id)
            await _conversation(desk, incoming)
        return
    # Not left to sending: which button was pressed may be read otherwise now, and what was spoken heard otherwise.
    key = desk.key_of(incoming.update_id)
    if await store.by_client_key(desk.chat.reader, conversation.id, key) is not None:
        return
    async with _typing(desk, incoming.chat_id):
        text, choice = await _said(desk, conversation, incoming)
        if not text and choice is None:
            return
        await sending.send(
            desk.chat,
            conversation.id,
            owner_id=desk.channel.owner_id,
            text=text,
            choice=choice,
            client_key=key,
        )


async def _conversation(desk: Desk, incoming: Incoming) -> Conversation:
    return await conversations.start(
        desk.chat,
        desk.channel.chatbot_id,
        owner_id=desk.channel.owner_id,
        channel=KIND,
        external_id=desk.external_id(incoming.chat_id),
        language=incoming.language,
    )


async def _said(desk: Desk, conversation: Conversation, incoming: Incoming) -> tuple[str, int | None]:
    if incoming.pressed:
        return await _chosen(desk, conversation, incoming.pressed)
    if incoming.voice:
        return await _heard(desk, conversation, incoming), None
    if incoming.other:
        await _notice(desk, conversation, incoming, _ONLY_TEXT)
    return incoming.text, None


async def _chosen(desk: Desk, conversation: Conversation, data: str) -> tuple[str, int | None]:
    """The button by its index while it is among those offered last; one of an older message says its title."""
    seq, _, index = data.partition(":")
    if not (seq.isascii() and seq.isdigit() and index.isascii() and index.isdigit() and len(data) < 30):
        return data, None
    rows = await desk.chat.reader.query(_BY_SEQ, {"id": conversation.id, "seq": int(seq)})
    buttons = Message.of(rows[0]).buttons if rows else ()
    if int(index) >= len(buttons):
        return "", None
    title = str(buttons[int(index)]["title"])
    offered = conversation.state.offered
    if [button.title for button in offered] == [button["title"] for button in buttons]:
        return title, int(index)
    return title, None


async def _heard(desk: Desk, conversation: Conversation, incoming: Incoming) -> str:
    """What is said in a voice message; empty, and said so, where that cannot be found out."""
    speech = desk.chat.db.parts.find(Speech)
    notice = _CANNOT_HEAR
    if speech is not None and incoming.voice_size <= MAX_FILE:
        language = desk.channel.telegram.language or incoming.language
        try:
            recording = await desk.telegram.download(incoming.voice)
            text = (await voice.stt(speech, recording, language=language)).text.strip()
            if text:
                return text
            notice = _HEARD_NOTHING
        except (
            NoEngine,
            AudioRefused,
            TelegramRefused,
        ) as error:  # nobody here reads Ogg, or hears that language
            _log.info("telegram.voice_not_heard", channel_id=desk.channel.id, reason=str(error))
    await _notice(desk, conversation, incoming, notice)
    return ""


async def _notice(desk: Desk, conversation: Conversation, incoming: Incoming, text: str) -> None:
    """Say something that is no part of the conversation, once for an update at most."""
    async with desk.chat.db.session() as session:
        await ensure_chat(session, desk.channel.id, conversation.id, incoming.chat_id)
        mine = ChannelChat.conversation_id == conversation.id
        claimed = (
            sql_update(ChannelChat)
            .where(mine, ChannelChat.noticed < incoming.update_id)
            .values(noticed=incoming.update_id)
            .returning(ChannelChat.conversation_id)
        )
        if (await session.execute(claimed)).first() is None:
            return
    try:
        await desk.telegram.call("sendMessage", chat_id=int(incoming.chat_id), text=text)
    except (TelegramFailed, TelegramRefused, TelegramUnsure) as error:
        _log.info("telegram.notice_not_sent", channel_id=desk.channel.id, reason=str(error))


async def ensure_chat(session: Session, channel_id: str, conversation_id: str, chat_id: str) -> None:
    """The row that says how far a conversation was sent; there may be one."""
    await insert_once(
        session,
        ChannelChat,
        unique="conversation_id",
        conversation_id=conversation_id,
        channel_id=channel_id,
        chat_id=chat_id,
        seq=0,
        parts=0,
        sending=False,
        unsure=0,
        noticed=0,
    )


@asynccontextmanager
async def _typing(desk: Desk, chat_id: str) -> AsyncIterator[None]:
    """Let the person see that an answer is being made, for as long as it takes."""
    task = asyncio.create_task(_type(desk, chat_id))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _type(desk: Desk, chat_id: str) -> None:
    while True:
        with suppress(BotyardError):  # it only shows; what matters fails by itself
            await desk.telegram.call("sendChatAction", chat_id=int(chat_id), action="typing")
        await asyncio.sleep(TYPING_S)
