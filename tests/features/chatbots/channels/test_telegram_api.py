"""The same against a server that others wrote: `telegram-test-api` of npm, where one runs.

BOTYARD_TEST_TELEGRAM_URL=http://127.0.0.1:9000 pytest tests/features/chatbots/channels/test_telegram_api.py
"""

import asyncio
import os
from typing import Any

import httpx
import pytest

from botyard.features.chatbots.channels import telegram_wire
from botyard.features.chatbots.channels.telegram_desk import TelegramDesk
from tests.features.chatbots.channels.booth import Booth
from tests.features.chatbots.channels.test_telegram import CONTENT

URL = os.environ.get("BOTYARD_TEST_TELEGRAM_URL", "")
pytestmark = pytest.mark.skipif(not URL, reason="no telegram-test-api: BOTYARD_TEST_TELEGRAM_URL names one")
PERSON = {"id": 7, "first_name": "Ada", "is_bot": False, "language_code": "en"}


async def test_a_talk_with_buttons_over_the_wire(booth: Booth) -> None:
    booth.settings.telegram_url = URL
    booth.answer_with(CONTENT)
    channel = await booth.channel("telegram")
    desk = TelegramDesk(booth.db, booth.hub)
    await desk.start()
    async with httpx.AsyncClient(base_url=URL, timeout=10) as http:
        phone = _Phone(http, booth.token)
        await phone.write("/start")
        greeted = await phone.heard(1)
        await phone.write("menu")
        menu = (await phone.heard(2))[-1]
        await phone.press(menu, 0)
        answered = await phone.heard(3)
    await desk.stop()

    assert [one["message"]["text"] for one in (*greeted, menu, answered[-1])] == [
        "Welcome.",
        "What is it about?",
        "Ten euros.",
    ]
    assert await telegram_wire.introduce(booth.settings, booth.token) == "TestNameBot"
    assert (await booth.look(channel)).problem == ""


class _Phone:
    """Somebody's Telegram."""

    def __init__(self, http: httpx.AsyncClient, token: str) -> None:
        self._http = http
        self._token = token

    async def write(self, text: str) -> None:
        message = {"from": PERSON, "chat": {"id": 7, "type": "private"}, "date": 1_780_000_000, "text": text}
        reply = await self._http.post("/sendMessage", json={"botToken": self._token} | message)
        assert reply.json()["ok"], reply.text

    async def press(self, sent: dict[str, Any], index: int) -> None:
        [button] = sent["message"]["reply_markup"]["inline_keyboard"][index]
        below = {"message_id": sent["messageId"], "chat": {"id": 7, "type": "private"}}
        query = {"botToken": self._token, "from": PERSON, "message": below, "data": button["callback_data"]}
        reply = await self._http.post("/sendCallback", json=query)
        assert reply.json()["ok"], reply.text

    async def heard(self, number: int) -> list[dict[str, Any]]:
        """What the bot sent, once there is so much of it."""
        async with asyncio.timeout(10):
            while True:
                reply = await self._http.post("/getUpdatesHistory", json={"token": self._token})
                sent = [one for one in reply.json()["result"] if "chat_id" in one.get("message", {})]
                if len(sent) >= number:
                    assert len(sent) == number
                    return sent
                await asyncio.sleep(0.05)
