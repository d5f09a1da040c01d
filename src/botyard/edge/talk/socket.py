"""The same conversation over a WebSocket: the token first, then messages in and events out, each a JSON text."""

import asyncio
from contextlib import suppress
from typing import Any

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect

from botyard.edge import body as bodies
from botyard.edge.errors import amid
from botyard.edge.talk import calls, door, streams
from botyard.features.chatbots.channels import visiting
from botyard.features.chatbots.channels.bell import ConversationBell
from botyard.features.chatbots.channels.errors import OriginRefused
from botyard.features.chatbots.channels.visiting import Visit
from botyard.features.chatbots.chat_runtime import ChatRuntime
from botyard.kit.errors import BotyardError

HELLO_S = 10.0
MAX_FRAME = 20_000
_IN_FLIGHT = 4


class Hello(msgspec.Struct):
    """The first frame: whose conversation, and behind which `seq`."""

    token: str
    after: int = 0


_hello, _say = msgspec.json.Decoder(Hello), msgspec.json.Decoder(calls.Say)


async def talk(websocket: WebSocket) -> None:
    """Serve one socket."""
    await websocket.accept()
    try:
        async with asyncio.timeout(HELLO_S):
            hello = bodies.decode(await _frame(websocket), _hello)
        visit = await _enter(websocket, hello.token)
    except (BotyardError, TimeoutError) as error:
        await _refuse(websocket, error)
        return
    except WebSocketDisconnect:
        return
    await _Line(websocket, visit, hello).serve()


async def _enter(websocket: WebSocket, token: str) -> Visit:
    await door.knock(websocket)
    visit = await visiting.enter(door.database(websocket), token)
    if not door.allows(visit.channel, websocket.headers.get("origin"), needed=True):
        raise OriginRefused
    await door.listener(websocket, visit)
    return visit


async def _refuse(websocket: WebSocket, error: Exception) -> None:
    known = isinstance(error, BotyardError)
    reason = str(error) if known else "Send the conversation token first."
    with suppress(RuntimeError, WebSocketDisconnect):
        await websocket.close(1008, reason[:120])


async def _frame(websocket: WebSocket) -> bytes:
    """The next text. Raises WebSocketDisconnect, and Malformed for what is none or too long."""
    message = await websocket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect
    text = (message.get("text") or "").encode()
    if len(text) > MAX_FRAME:
        await websocket.close(1009, "This frame is too long.")
        raise WebSocketDisconnect
    return text


class _Line:
    """One socket whose visitor is known."""

    def __init__(self, websocket: WebSocket, visit: Visit, hello: Hello) -> None:
        self._socket = websocket
        self._visit = visit
        self._hello = hello
        self._chat = door.database(websocket).parts.get(ChatRuntime)
        self._answers: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        """Both directions at once, until either side ends it."""
        telling = asyncio.create_task(self._tell(), name="talk-socket")
        try:
            while True:
                await self._heard(await _frame(self._socket))
        except (WebSocketDisconnect, RuntimeError):  # gone, or closed by our side
            pass
        finally:
            tasks = [telling, *self._answers]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _heard(self, text: bytes) -> None:
        key = None
        try:
            say = bodies.decode(text, _say)
            key = say.key
            await visiting.enter(self._chat.db, self._hello.token)  # the right may have ended meanwhile
            await door.messages(self._socket, self._visit)
            order = {"text": say.text, "choice": say.choice, "language": say.language, "key": key}
            while len(self._answers) >= _IN_FLIGHT:
                await asyncio.wait(self._answers, return_when=asyncio.FIRST_COMPLETED)
            task = asyncio.create_task(self._answer(order))
            self._answers.add(task)
            task.add_done_callback(self._answers.discard)
        except Exception as error:
            known = amid(error, what="a visitor's message")
            await self._send("error", {"code": known.code, "error": str(known), "key": key})

    async def _answer(self, order: streams.Order) -> None:
        reply = streams.begin(self._chat, self._visit, order)
        async for words in reply.words():
            if words:
                await self._send("token", {"text": words, "key": order["key"]})
        await self._send(*streams.outcome(reply, order["key"]))

    async def _tell(self) -> None:
        bell, hello = self._chat.db.parts.get(ConversationBell), self._hello
        code, reason = 1001, "the server stops"
        try:
            async for told in streams.happenings(
                self._chat, bell, self._visit, after=max(hello.after, 0), token=hello.token
            ):
                await self._send(*(told or ("beat", {})))
        except BotyardError as error:
            code, reason = 1008, str(error)[:120]
        except Exception as error:  # a socket that stays open and silent would never be opened anew
            code, reason = 1011, str(amid(error, what="a visitor's socket"))[:120]
        with suppress(RuntimeError):
            await self._socket.close(code, reason)

    async def _send(self, name: str, data: dict[str, Any]) -> None:
        text = msgspec.json.encode({"event": name, "data": data}).decode()
        with suppress(RuntimeError, WebSocketDisconnect):  # the client may have closed first
            await self._socket.send_text(text)
