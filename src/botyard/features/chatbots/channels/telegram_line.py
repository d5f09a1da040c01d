"""One Telegram bot as long as this process has it: asks for updates, takes them, and lets answers out."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from sqlalchemy import update

from botyard.features.chatbots.channels import service, telegram_updates
from botyard.features.chatbots.channels.errors import (
    TelegramFailed,
    TelegramRefused,
    TelegramTokenRefused,
    TelegramUnsure,
)
from botyard.features.chatbots.channels.telegram_outbox import Keeps, Outbox
from botyard.features.chatbots.channels.telegram_updates import Desk, Incoming
from botyard.features.chatbots.channels.telegram_wire import POLL_S
from botyard.features.chatbots.models import Channel
from botyard.kit.crypto import Digests
from botyard.kit.errors import BotyardError
from botyard.settings import Settings

_log = structlog.get_logger(__name__)

_WANTED = ["message", "callback_query"]
_PATIENCE_S = 2.0  # for answers of a batch; what is stored by then needs no more waiting
_STOP_S = 3.0
_IDLE_S = 0.5  # after an answer that came at once and held nothing: not every server waits
_PAUSE_S, _LONGEST_S = 1.0, 60.0
_DEAD_S = 600.0  # a token that is refused gets better only when somebody changes it, which begins anew
_TOLERATED = 2  # failures in a row before people are told
_TRIES = 5  # of one update that cannot be taken


class Line:
    """The receiving and the sending half of one channel, and its trouble."""

    def __init__(self, desk: Desk, keeps: Keeps, *, update_id: int = 0) -> None:
        self.desk = desk
        self.outbox = Outbox(desk, keeps)
        self.update_id = update_id
        self._failed: dict[int, int] = {}  # tries of updates that could not be taken
        self._taking: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to receive, where this server asks; what was said meanwhile is sent."""
        self._task = asyncio.create_task(self._run(), name=f"telegram-{self.desk.channel.id}")

    async def stop(self) -> None:
        """Receive no more; what is being answered or sent gets a moment."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._taking:
            await asyncio.wait(self._taking, timeout=_STOP_S)
        for task in self._taking:
            task.cancel()
        await asyncio.gather(*self._taking, return_exceptions=True)
        await self.outbox.stop(_STOP_S)

    @property
    def lost(self) -> bool:
        """Whether another process has the channel."""
        return self.outbox.lost

    async def _run(self) -> None:
        failures = 0
        while not self.lost:
            try:
                await self._prepare()
                await self._tell("")
                failures = 0
                if self.desk.channel.telegram.mode == "webhook":
                    return
                while not self.lost:
                    await self.poll()
                    if failures:
                        failures = 0
                        await self._tell("")
            except TelegramTokenRefused as error:
                await self._tell(str(error))
                await asyncio.sleep(_DEAD_S)
            except (TelegramFailed, TelegramRefused, TelegramUnsure) as error:
                failures += 1
                if failures > _TOLERATED or isinstance(error, TelegramRefused):
                    await self._tell(str(error))
                await asyncio.sleep(error.retry_after_s or min(_PAUSE_S * 2**failures, _LONGEST_S))
            except Exception:
                failures += 1
                _log.exception("telegram.line_failed", channel_id=self.desk.channel.id)
                await asyncio.sleep(min(_PAUSE_S * 2**failures, _LONGEST_S))

    async def _prepare(self) -> None:
        """Learn the bot's name, and say to Telegram how updates come: it refuses to be asked while it calls in itself."""
        me = await self.desk.telegram.call("getMe")
        async with self.desk.chat.db.session() as session:
            name = str(me.get("username", "")) if isinstance(me, dict) else ""
            await service.set_username(session, self.desk.channel.id, name)
        if self.desk.channel.telegram.mode == "polling":
            await self.desk.telegram.call("deleteWebhook")
            return
        parts = self.desk.chat.db.parts
        await self.desk.telegram.call(
            "setWebhook",
            url=f"{parts.get(Settings).base_url}/talk/telegram/{self.desk.channel.id}",
            secret_token=secret_of(parts.get(Digests), self.desk.channel),
            allowed_updates=_WANTED,
        )

    async def poll(self) -> int:
        """Ask once and take what came; answers how many updates. Telegram forgets them at the next question."""
        began = asyncio.get_running_loop().time()
        found = await self.desk.telegram.call(
            "getUpdates",
            timeout_s=POLL_S + 10,
            offset=self.update_id,
            timeout=POLL_S,
            allowed_updates=_WANTED,
        )
        updates: list[Mapping[str, Any]] = [one for one in found or [] if isinstance(one, dict)]
        if updates:
            await self._take(updates)
            await self._move(max(int(one.get("update_id", 0)) for one in updates) + 1)
        elif asyncio.get_running_loop().time() - began < _IDLE_S:
            await asyncio.sleep(_IDLE_S)
        return len(updates)

    async def _take(self, updates: Sequence[Mapping[str, Any]]) -> None:
        """Take updates, those of one chat in their order; return when each is stored, whatever its answer takes."""
        chats: dict[str, list[Incoming]] = {}
        for incoming in filter(None, map(telegram_updates.read, updates)):
            chats.setdefault(incoming.chat_id, []).append(incoming)
        running = {asyncio.create_task(self._take_chat(each)): each for each in chats.values()}
        for task in running:
            self._taking.add(task)
            task.add_done_callback(self._taking.discard)
        waiting = set(running)
        while waiting:
            done, waiting = await asyncio.wait(waiting, timeout=_PATIENCE_S)
            for task in done:
                task.result()
            left = [incoming for task in waiting for incoming in running[task]]
            if all([await telegram_updates.stored(self.desk, incoming) for incoming in left]):
                return

    async def _take_chat(self, updates: Sequence[Incoming]) -> None:
        for incoming in updates:
            try:
                await telegram_updates.take(self.desk, incoming)
            except BotyardError as error:
                if error.status >= 500 and self._again(incoming):
                    raise
                _log.warning(
                    "telegram.update_passed_over", channel_id=self.desk.channel.id, reason=str(error)
                )
            except Exception:
                if self._again(incoming):
                    raise
                _log.exception("telegram.update_passed_over", channel_id=self.desk.channel.id)

    def _again(self, incoming: Incoming) -> bool:
        """Whether an update that could not be taken is asked for again; one must not hold up all others for good."""
        tries = self._failed[incoming.update_id] = self._failed.get(incoming.update_id, 0) + 1
        return tries < _TRIES

    async def _move(self, update_id: int) -> None:
        self.update_id = update_id
        self._failed.clear()
        async with self.desk.chat.db.session() as session:
            mine = update(Channel).where(Channel.id == self.desk.channel.id)
            await session.execute(mine.values(update_id=update_id))

    async def _tell(self, problem: str) -> None:
        async with self.desk.chat.db.session() as session:
            await service.set_problem(session, self.desk.channel.id, problem)


def secret_of(digests: Digests, channel: service.ChannelInfo) -> str:
    """What Telegram sends along, so that nobody else can bring updates."""
    return digests.digest("telegram-webhook", f"{channel.id}:{channel.key}")
