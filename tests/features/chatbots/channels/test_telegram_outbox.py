"""What the outbox of a Telegram channel does with a word that comes at an awkward moment."""

import asyncio
from types import SimpleNamespace
from typing import Any

from botyard.features.chatbots.channels.telegram_outbox import Outbox


class Looking(Outbox):
    """Something more is said just as it has looked for the first time."""

    def __init__(self) -> None:
        desk: Any = SimpleNamespace(channel=SimpleNamespace(id="ch_1"))
        super().__init__(desk, self._has_it)
        self.looks = 0

    @staticmethod
    async def _has_it(_: Any) -> bool:
        return True

    async def deliver(self, conversation_id: str) -> None:
        self.looks += 1
        if self.looks == 1:
            asyncio.get_running_loop().call_soon(self.stir, conversation_id)


async def test_what_is_said_between_the_last_look_and_its_end_is_looked_for() -> None:
    outbox = Looking()
    outbox.stir("cnv_1")
    await outbox.idle()

    assert outbox.looks == 2
