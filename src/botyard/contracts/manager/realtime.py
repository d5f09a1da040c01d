"""Document section "Socket.IO Events": one hub subscription of the process, fanned out to rooms.

A room per user; administrators hear everything (M-16). Every process serves its own sockets from its own
hub, which the bus keeps complete, so Socket.IO needs no broker of its own.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec
import socketio
import structlog
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send

from botyard.contracts.manager.engine import Engine
from botyard.contracts.manager.schemas import Json, at, wire_status
from botyard.core.accounts.authentication import Authenticator
from botyard.core.accounts.types import Kind, Principal
from botyard.core.bots import service as bots
from botyard.core.bots.events import BotCreated
from botyard.core.bots.models import BotKind
from botyard.core.ingest.writer import Writer
from botyard.core.realtime.events import Event
from botyard.core.realtime.hub import Hub, SlowConsumer
from botyard.edge import body as bodies
from botyard.edge import endings
from botyard.edge.caller import by_token, resolve
from botyard.features.fleet import commands
from botyard.features.fleet.events import (
    CommandChanged,
    DataSynced,
    LogReceived,
    MessageReceived,
    PresenceChanged,
)
from botyard.features.fleet.types import CommandState
from botyard.kit import clock
from botyard.kit.db import Database
from botyard.kit.errors import BotyardError, Unauthenticated

log = structlog.get_logger(__name__)

ADMINS = "administrators"
_READ_AGAIN_S = 1.0
_LEAST_S = 0.5
_LOOK_S = 5.0  # how often it is looked for sockets whose session or key has reached its end
_Filled = Annotated[str, msgspec.Meta(min_length=1)]


def room(user_id: int) -> str:
    """The room of one account."""
    return f"user:{user_id}"


def _new_log(event: LogReceived) -> Json:
    return {
        "type": event.type,
        "message": event.message,
        "timestamp": at(event.at_us),
        "metadata": event.metadata,
        "bot_id": event.bot_id,
    }


def _new_message(event: MessageReceived) -> Json:
    return {
        "bot_id": event.bot_id,
        "message": event.message,
        "author_id": event.author_id,
        "author_name": event.author_name,
        "thread_id": event.thread_id,
        "thread_type": event.thread_type,
        "timestamp": at(event.at_us),
        "metadata": event.metadata,
    }


def _registered(event: BotCreated) -> Json | None:
    if event.kind != BotKind.fleet:
        return None
    return {
        "action": "register",
        "bot_id": event.bot_id,
        "status": "offline",
        "data": {"name": event.bot_name},
    }


def _presence(event: PresenceChanged) -> Json:
    return {
        "action": "status_update",
        "bot_id": event.bot_id,
        "status": "online" if event.online else "offline",
        "data": {"last_active": at(event.seen_us), "reason": event.reason},
    }


def _command(event: CommandChanged) -> Json:
    return {
        "id": event.command_id,
        "bot_id": event.bot_id,
        "type": event.type,
        "status": wire_status(CommandState(event.state)),
        "state": event.state,
        "attempt": event.attempt,
        "result": event.result,
        "completed_at": at(event.completed_us),
    }


def _synced(event: DataSynced) -> Json:
    return {"bot_id": event.bot_id, "data": event.data}


# Our event → the document's name and payload; a payload of None is not sent.
EVENTS: Mapping[type[Event], tuple[str, Callable[[Any], Json | None]]] = {
    LogReceived: ("new_log", _new_log),
    MessageReceived: ("new_message", _new_message),
    BotCreated: ("bot_update", _registered),
    PresenceChanged: ("bot_update", _presence),
    CommandChanged: ("command_update", _command),
    DataSynced: ("bot_data_sync", _synced),
}
HEARD = frozenset(kind.name for kind in EVENTS) | endings.NAMES


class SendMessage(msgspec.Struct):
    """What the client event `send_message` carries."""

    bot_id: _Filled
    thread_id: _Filled
    thread_type: Literal["GROUP", "USER"]
    message: _Filled
    attachments: list[Any] | None = None
    metadata: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class _Client:
    caller: Principal


class Sockets:
    """The Socket.IO server of the document."""

    def __init__(self, db: Database, hub: Hub, *, allowed_origins: list[str]) -> None:
        self._db = db
        self._hub = hub
        self._clients: dict[str, _Client] = {}
        self._allowed = allowed_origins
        self._entering = 0  # handshakes in progress
        self._hearing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.server = Engine(origin_allowed=self._origin_allowed)
        self.server.on("connect", self._connect)
        self.server.on("disconnect", self._disconnect)
        self.server.on("send_message", self._send_message)
        self._asgi = socketio.ASGIApp(self.server, socketio_path="socket.io")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request below `/socket.io`, whatever prefix the document is mounted at."""
        if scope["type"] in ("http", "websocket"):
            scope = {**scope, "path": "/socket.io/", "root_path": ""}
        await self._asgi(scope, receive, send)

    async def start(self) -> None:
        """Nothing yet: the hub is heard while there are sockets, so that without any its events cost nothing."""

    async def stop(self) -> None:
        """Close every socket."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._close_all()
        await self.server.shutdown()

    def connected(self, owner_id: int | None) -> int:
        """How many sockets are open: of one account, or of all."""
        if owner_id is None:
            return len(self._clients)
        return sum(client.caller.user_id == owner_id for client in self._clients.values())

    # --- from clients -----------------------------------------------------------------------------

    def _origin_allowed(self, origin: str | None, environ: Mapping[str, Any]) -> bool:
        return not origin or urlsplit(origin).netloc == environ.get("HTTP_HOST") or origin in self._allowed

    async def _connect(self, sid: str, environ: dict[str, Any], auth: Any = None) -> None:
        self._entering += 1
        try:
            await self._hear()  # first, so that the end of the session is not missed while it is checked
            caller = await self._caller(environ["asgi.scope"], auth)
            self._clients[sid] = _Client(caller)
        except BotyardError as error:
            raise socketio.exceptions.ConnectionRefusedError(str(error)) from None
        finally:
            self._entering -= 1
            self._rest()
        await self.server.enter_room(sid, room(caller.user_id))
        if caller.is_admin:
            await self.server.enter_room(sid, ADMINS)
        hello = {"status": "connected", "client_id": sid, "timestamp": clock.rfc3339(clock.now())}
        await self.server.emit("connection_established", hello, to=sid)

    async def _caller(self, scope: Scope, auth: Any) -> Principal:
        token = auth.get("token") if isinstance(auth, dict) else None
        if isinstance(token, str) and token:
            caller = await by_token(self._db, token)
        else:
            caller = await resolve(HTTPConnection(_as_http(scope)), self._db, cookie=True)
        if caller.kind is Kind.bot or not caller.known:
            raise Unauthenticated("Sign in first: with the session cookie, or with auth: {token}.")
        if caller.kind is Kind.api_key and "events:read" not in caller.scopes:
            raise Unauthenticated("This API key lacks the scope events:read.")
        return caller

    async def _disconnect(self, sid: str, _reason: Any = None) -> None:
        self._clients.pop(sid, None)
        self._rest()

    async def _hear(self) -> None:
        """Hear the hub from now on; returns when nothing that happens afterwards can be missed."""
        if self._task is None:
            self._hearing.clear()
            self._task = asyncio.create_task(self._listen(), name="socketio")
        await self._hearing.wait()

    @property
    def _idle(self) -> bool:
        return not self._clients and not self._entering

    def _rest(self) -> None:
        """Hear the hub no more when the last socket has gone."""
        # The listening task may be what closed the last one: it ends by itself, not in the middle of that.
        if self._idle and self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()
            self._task = None

    async def _send_message(self, sid: str, data: Any = None, *_further: Any) -> Json:
        """Queue the command that lets a bot send a message (M-22, M-23); answers the sender, as an ack too."""
        client = self._clients.get(sid)
        try:
            if client is None:
                raise Unauthenticated
            caller = await self._db.parts.get(Authenticator).renew(client.caller)
            answer = await self._queue_message(caller, data)
        except (BotyardError, msgspec.ValidationError) as error:
            answer = _not_sent(str(error))
        except Exception:  # the sender waits for an answer, whatever happened
            log.exception("message_not_queued")
            answer = _not_sent(str(BotyardError()))
        await self.server.emit("message_sent", answer, to=sid)
        return answer

    async def _queue_message(self, caller: Principal, data: Any) -> Json:
        if caller.kind is Kind.api_key and "commands:write" not in caller.scopes:
            raise Unauthenticated("This API key lacks the scope commands:write.")
        bodies.storable(data)
        message = msgspec.convert(data, SendMessage)
        async with self._db.reader() as session:
            bot = await bots.get_for(session, message.bot_id, kind=BotKind.fleet, caller=caller)
        payload = {
            "thread_id": message.thread_id,
            "thread_type": message.thread_type,
            "message": message.message,
            "attachments": message.attachments or [],
            "metadata": message.metadata or {},
        }
        command = await commands.create(
            self._db.parts.get(Writer),
            bot_id=bot.id,
            owner_id=bot.owner_id,
            created_by=caller.user_id,
            type="send_message",
            payload=payload,
        )
        return {"status": "queued", "command_id": command.id, "timestamp": at(command.created_us)}

    # --- to clients -------------------------------------------------------------------------------

    async def _listen(self) -> None:
        while True:
            try:
                async with self._hub.subscribe(owner_id=None, names=HEARD) as events:
                    self._hearing.set()
                    while not events.closed:
                        for delivery in await events.take(timeout_s=self._left_s()):
                            await self._deliver(delivery.event)
                        await self._end_what_is_over()
                        if self._idle:
                            self._task = None
                            return
                await self._close_all()  # the hub closed: the server stops
                return
            except SlowConsumer:
                log.warning("socketio_fell_behind")  # clients that need every event read the log afterwards
            except Exception:  # sockets that are open must not fall silent for good
                log.exception("socketio_reads_again")
                await clock.sleep(_READ_AGAIN_S)

    def _left_s(self) -> float:
        left_s = min((endings.left_s(client.caller) for client in self._clients.values()), default=_LOOK_S)
        return min(max(left_s, _LEAST_S), _LOOK_S)

    async def _end_what_is_over(self) -> None:
        """Close the sockets of sessions and keys that have reached their end, which no event tells."""
        for sid, client in list(self._clients.items()):
            if endings.left_s(client.caller) > 0:
                continue
            try:
                self._clients[sid] = _Client(await self._db.parts.get(Authenticator).renew(client.caller))
            except Unauthenticated:
                await self.server.shut(sid)
            except (SQLAlchemyError, OSError) as error:  # looked at again soon; others go on hearing
                log.warning("socket_not_looked_at", error=str(error))

    async def _close_all(self) -> None:
        for sid in list(self._clients):
            await self.server.shut(sid)

    async def _deliver(self, event: Event) -> None:
        if isinstance(event, endings.ENDINGS):
            for sid, client in list(self._clients.items()):
                if endings.ends(event, client.caller):
                    await self.server.shut(sid)
            return
        if not self._clients:
            return
        name, payload_of = EVENTS[type(event)]
        payload = payload_of(event)
        if payload is not None:
            # A list of rooms reaches each socket once, also an administrator in both.
            await self.server.emit(name, payload, to=[room(event.owner_id), ADMINS])


def _not_sent(reason: str) -> Json:
    now = clock.rfc3339(clock.now())
    return {"status": "error", "command_id": None, "timestamp": now, "error": reason}


def _as_http(scope: Scope) -> Scope:
    return {**scope, "type": "http"} if scope["type"] == "websocket" else scope
