"""The Socket.IO server itself: python-socketio, with what it leaves open to clients and to time."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import msgspec
import socketio

# What one socket may have waiting; who takes it so slowly is dropped, since nobody is waited for.
MOST_WAITING = 5_000
_TIME_TO_GO_S = 1.0
# Names of the library's own events: a client that sends one would call the handlers in its place.
_RESERVED = frozenset({"connect", "connect_error", "disconnect"})

OriginAllowed = Callable[[str | None, Mapping[str, Any]], bool]


class Engine(socketio.AsyncServer):  # type: ignore[misc]  # the library has no types
    """A Socket.IO server whose sockets are bounded, and really closed when they are."""

    def __init__(self, *, origin_allowed: OriginAllowed) -> None:
        super().__init__(
            async_mode="asgi",
            cors_allowed_origins=origin_allowed,
            max_http_buffer_size=1_000_000,
            json=_Json,
            logger=False,
            engineio_logger=False,
        )
        self.eio.create_queue = lambda: _Outbox(self._drop)
        self._closing: set[asyncio.Task[None]] = set()

    async def shut(self, sid: str) -> None:
        """Tell a client that it is disconnected; soon after, close the connection below if it has not."""
        connection = self.eio.sockets.get(self.manager.eio_sid_from_sid(sid, "/"))
        await self.disconnect(sid)
        if connection is not None:
            self._later(self._close(connection))

    async def _close(self, connection: Any) -> None:
        # A client that learns of both at once takes it for a lost connection, and comes back.
        await asyncio.sleep(_TIME_TO_GO_S)
        await connection.close(wait=False)
        await connection.queue.put(None)  # after it the writer closes a WebSocket

    async def _handle_event(self, eio_sid: str, namespace: str | None, id: Any, data: Any) -> None:  # noqa: A002
        if isinstance(data, list) and data and isinstance(data[0], str) and data[0] not in _RESERVED:
            await super()._handle_event(eio_sid, namespace, id, data)

    async def _handle_eio_disconnect(self, eio_sid: str, reason: Any = None) -> None:
        await super()._handle_eio_disconnect(eio_sid, reason)
        connection = self.eio.sockets.get(eio_sid)
        if connection is not None:
            # A poll that still waits would otherwise wait on, for as long as the library waits for a ping. Not
            # before what is sent as the last thing.
            asyncio.get_running_loop().call_soon(connection.queue.put_nowait, None)

    def _drop(self, outbox: "_Outbox") -> None:
        for connection in list(self.eio.sockets.values()):
            if connection.queue is outbox:
                self._later(connection.close(wait=False, abort=True))

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


class _Outbox(asyncio.Queue[Any]):
    """What waits to be sent to one client."""

    def __init__(self, overflow: Callable[["_Outbox"], None]) -> None:
        super().__init__()
        self._overflow = overflow
        self._given_up = False

    def put_nowait(self, item: Any) -> None:
        if self.qsize() >= MOST_WAITING and not self._given_up:
            self._given_up = True
            while not self.empty():
                self.get_nowait()
                self.task_done()
            super().put_nowait(None)  # ends the writer
            self._overflow(self)
        if not self._given_up:
            super().put_nowait(item)


class _Json:
    """What python-socketio needs of a JSON module, by msgspec: strict UTF-8, no NaN."""

    JSONDecodeError = msgspec.DecodeError

    @staticmethod
    def dumps(value: Any, **_: Any) -> str:
        return msgspec.json.encode(value).decode()

    @staticmethod
    def loads(text: str | bytes, **_: Any) -> Any:
        try:
            return msgspec.json.decode(text)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise ValueError(str(error)) from None
