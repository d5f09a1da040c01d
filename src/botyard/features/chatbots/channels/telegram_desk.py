"""Every Telegram bot of this server: which process has which, and what is said to whom.

On PostgreSQL a bot belongs to the worker that holds its lease, and every part that is sent renews it first.
"""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import httpx
import structlog
from sqlalchemy import select

from botyard.core.jobs import JobEngine
from botyard.core.jobs.liveness import lead
from botyard.core.realtime.hub import Hub
from botyard.core.realtime.listening import listen
from botyard.core.realtime.subscription import Delivery
from botyard.features.chatbots.channels import service, telegram_updates
from botyard.features.chatbots.channels.errors import NoSuchChannel
from botyard.features.chatbots.channels.events import ChannelChanged
from botyard.features.chatbots.channels.service import ChannelInfo
from botyard.features.chatbots.channels.telegram_line import Line, secret_of
from botyard.features.chatbots.channels.telegram_updates import Desk, Incoming
from botyard.features.chatbots.channels.telegram_wire import Telegram, new_client
from botyard.features.chatbots.chat_runtime import ChatRuntime
from botyard.features.chatbots.events import MessageSent
from botyard.features.chatbots.models import Channel
from botyard.kit import clock, crypto
from botyard.kit.crypto import Digests
from botyard.kit.db import Database, Session
from botyard.kit.errors import BotyardError, Unavailable
from botyard.settings import Settings

_log = structlog.get_logger(__name__)

LOOK_S = 10.0
_LEASE_S = 3 * LOOK_S
_RETRY_S = 60.0  # what could not be sent is tried again
_CALLED_IN_S = 8.0  # how long Telegram is kept waiting when it calls in
_NAMES = frozenset({ChannelChanged.name, MessageSent.name})
_received: set[asyncio.Task[None]] = set()  # an update is taken also when Telegram hangs up


class TelegramDesk:
    """A piece of the processes that work."""

    def __init__(
        self,
        db: Database,
        hub: Hub,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        look_s: float = LOOK_S,
    ) -> None:
        self._db = db
        self._hub = hub
        self._transport = transport
        self._look_s = look_s
        self._http: httpx.AsyncClient | None = None
        self.lines: dict[str, Line] = {}
        self._known: dict[str, Any] = {}  # as each line was begun
        self._looked_at = self._retried_at = 0.0
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Look which bots there are, from now on."""
        self._http = new_client(self._transport)
        following = listen(
            self._hub, owner_id=None, names=_NAMES, begin=self._begin, hear=self._hear, look_s=self._look_s
        )
        self._task = asyncio.create_task(following, name="telegram-desk")

    async def stop(self) -> None:
        """End every line."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.gather(*(line.stop() for line in self.lines.values()))
        self.lines.clear()
        if self._http is not None:
            await self._http.aclose()

    async def _begin(self) -> None:
        await self.look()
        for line in self.lines.values():
            await line.outbox.sweep()

    async def _hear(self, news: Sequence[Delivery]) -> None:
        changed = any(isinstance(delivery.event, ChannelChanged) for delivery in news)
        if changed or clock.monotonic() - self._looked_at >= self._look_s:
            await self.look()
        if clock.monotonic() - self._retried_at >= _RETRY_S:
            self._retried_at = clock.monotonic()
            for line in self.lines.values():
                line.outbox.retry()
        for delivery in news:
            if isinstance(delivery.event, MessageSent):
                self._stir(delivery.event)

    def _stir(self, event: MessageSent) -> None:
        for line in self.lines.values():
            if line.desk.channel.chatbot_id == event.chatbot_id:
                line.outbox.stir(event.conversation_id)

    async def look(self) -> None:
        """Renew leases; begin and end lines as channels are opened, changed and closed."""
        self._looked_at = clock.monotonic()
        try:
            async with self._db.reader() as session:
                channels = {channel.id: channel for channel in await service.list_open(session, "telegram")}
            mine = {each.id: each for each in channels.values() if await self._keep(each.id)}
            for channel_id in list(self.lines):
                if channel_id not in mine or self.lines[channel_id].lost or self._is_other(mine[channel_id]):
                    await self.lines.pop(channel_id).stop()
            for channel in mine.values():
                if channel.id not in self.lines:
                    await self._try_open(channel)
        except Exception:  # the next look tries again
            _log.exception("telegram.look_failed")

    def _is_other(self, channel: ChannelInfo) -> bool:
        return bool(self._known.get(channel.id) != _settled(channel))

    async def _try_open(self, channel: ChannelInfo) -> None:
        try:
            await self._open(channel)
        except BotyardError as error:  # its token does not open; the other bots go on
            _log.warning("telegram.line_not_opened", channel_id=channel.id, reason=str(error))

    async def _open(self, channel: ChannelInfo) -> None:
        assert self._http is not None, "the desk is not started"
        desk, update_id = await _desk_of(self._db, channel, self._http)
        line = Line(desk, partial(self._keeps, channel.id), update_id=update_id)
        self.lines[channel.id] = line
        self._known[channel.id] = _settled(channel)
        line.start()
        await line.outbox.sweep()

    async def _keep(self, channel_id: str) -> bool:
        if self._db.embedded:
            return True
        async with self._db.session() as session:
            return await self._keeps(channel_id, session)

    async def _keeps(self, channel_id: str, session: Session) -> bool:
        """Whether this process has the channel, which it then keeps for a while. On SQLite there is no other."""
        worker_id = self._db.parts.get(JobEngine).worker_id if not self._db.embedded else ""
        if worker_id is None:
            return False
        return self._db.embedded or await lead(session, f"tg:{channel_id}", worker_id, lease_s=_LEASE_S)


async def receive(
    db: Database,
    channel_id: str,
    *,
    secret: str,
    update: Mapping[str, Any],
    transport: httpx.AsyncBaseTransport | None = None,
) -> None:
    """Take an update that Telegram brought. Raises NoSuchChannel, also for a wrong secret, and what makes it come again."""
    async with db.reader() as session:
        channel = await service.find_open(session, channel_id)
    wanted = channel.kind == "telegram" and channel.telegram.mode == "webhook"
    if not wanted or not crypto.same(secret, secret_of(db.parts.get(Digests), channel)):
        raise NoSuchChannel
    incoming = telegram_updates.read(update)
    if incoming is None:
        return
    task = asyncio.create_task(_take(db, channel, incoming, transport), name="telegram-update")
    _received.add(task)
    task.add_done_callback(_received.discard)
    done, _ = await asyncio.wait({task}, timeout=_CALLED_IN_S)
    if done:
        task.result()
        return
    async with new_client(transport) as http:  # it takes long; once it is stored, Telegram need not wait
        desk, _ = await _desk_of(db, channel, http)
        if not await telegram_updates.stored(desk, incoming):
            raise Unavailable("This takes longer than usual; send it again.", retry_after_s=5)


async def _take(
    db: Database, channel: ChannelInfo, incoming: Incoming, transport: httpx.AsyncBaseTransport | None
) -> None:
    async with new_client(transport) as http:
        desk, _ = await _desk_of(db, channel, http)
        await telegram_updates.take(desk, incoming)


async def _desk_of(db: Database, channel: ChannelInfo, http: httpx.AsyncClient) -> tuple[Desk, int]:
    """What a channel's updates and answers need, and the number of the next update."""
    async with db.reader() as session:
        token = await service.reveal_token(session, channel)
        update_id = await session.scalar(select(Channel.update_id).where(Channel.id == channel.id))
    telegram = Telegram(http, db.parts.get(Settings).telegram_url, token)
    return Desk(db.parts.get(ChatRuntime), channel, telegram), update_id or 0


def _settled(channel: ChannelInfo) -> tuple[Any, ...]:
    """What a line was begun with; another one is begun where it differs."""
    return (channel.account, channel.revision)
