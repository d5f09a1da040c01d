"""The same conversation over a WebSocket, and by voice."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from starlette.requests import HTTPConnection

from botyard.edge.talk import door
from botyard.edge.talk.door import MAX_LISTENERS, MESSAGES, MESSAGES_OF_ADDRESS
from botyard.features.chatbots.channels import visiting
from botyard.features.chatbots.channels.visiting import Visit
from botyard.features.chatbots.voice.port import Cap, Sound, Transcript, Voice
from botyard.features.chatbots.voice.registry import Speech
from botyard.kit.clock import FrozenClock
from botyard.kit.errors import TooMany
from tests.features.chatbots.channels.booth import SHOP, Booth


class Socket:
    """A WebSocket straight to the app."""

    def __init__(self) -> None:
        self.to_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.from_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def send(self, **data: Any) -> None:
        await self.to_app.put({"type": "websocket.receive", "text": json.dumps(data)})

    async def next(self, name: str) -> Any:
        """The data of the next event of a name; the code of a close."""
        async with asyncio.timeout(10):
            while True:
                message = await self.from_app.get()
                if message["type"] == "websocket.close":
                    return message["code"]
                if (
                    message["type"] == "websocket.send"
                    and (told := json.loads(message["text"]))["event"] == name
                ):
                    return told["data"]


@asynccontextmanager
async def socket(booth: Booth, origin: str = SHOP) -> AsyncIterator[Socket]:
    made = Socket()
    await made.to_app.put({"type": "websocket.connect"})
    scope = {
        "type": "websocket", "scheme": "ws", "path": "/talk/socket", "raw_path": b"/talk/socket", "query_string": b"",
        "root_path": "", "headers": [(b"host", b"yard.test"), (b"origin", origin.encode())],
        "client": ("127.0.0.1", 5000), "server": ("yard.test", 80), "subprotocols": [],
    }  # fmt: skip
    serving = asyncio.create_task(booth.app(scope, made.to_app.get, made.from_app.put))
    yield made
    await made.to_app.put({"type": "websocket.disconnect", "code": 1000})
    await serving


async def test_a_socket_brings_messages_in_and_events_out(booth: Booth) -> None:
    channel = await booth.channel(origins=[SHOP])
    async with booth.page(channel) as page:
        begun = await page.begin()
    async with socket(booth) as line:
        await line.send(token=begun["token"])
        greeting, stands = await line.next("message"), await line.next("state")
        await line.send(text="open", key="first-key")
        sent = await line.next("sent")
        await line.send(text=" ")
        refused = await line.next("error")

    assert (greeting["text"], stands["status"]) == ("Welcome.", "open")
    assert (sent["message"]["key"], [one["text"] for one in sent["replies"]]) == ("first-key", ["Till ten."])
    assert refused["code"] == "invalid"


async def test_a_socket_without_a_right_ends(booth: Booth) -> None:
    channel = await booth.channel(origins=[SHOP])
    async with booth.page(channel) as page:
        token = (await page.begin())["token"]
    for origin, given in ((SHOP, "a.b.1.d"), ("https://evil.example", token)):
        async with socket(booth, origin) as line:
            await line.send(token=given)

            assert await line.next("message") == 1008


async def test_a_busy_socket_ends_with_the_right_to_talk(booth: Booth) -> None:
    channel = await booth.channel(origins=[SHOP])
    async with booth.page(channel) as page:
        token = (await page.begin())["token"]
    async with socket(booth) as line:
        await line.send(token=token)
        await line.next("state")
        await booth.change(channel, enabled=False)
        await line.send(text="open")
        refused = await line.next("error")

    assert refused["code"] == "channel_not_found"


async def test_a_socket_that_can_hear_no_more_is_closed(
    booth: Booth, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that stayed open would bring nothing more, and its page would never open another."""
    channel = await booth.channel(origins=[SHOP])
    async with booth.page(channel) as page:
        token = (await page.begin())["token"]
    async with socket(booth) as line:
        await line.send(token=token)
        await line.next("state")

        async def away(*_arguments: Any, **_options: Any) -> None:
            raise OperationalError("select", {}, OSError("gone"), connection_invalidated=True)

        monkeypatch.setattr(visiting, "read", away)
        await line.send(text="open")

        assert await line.next("nothing more") == 1011


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OperationalError("insert", {}, OSError("gone"), connection_invalidated=True), "unavailable"),
        (ZeroDivisionError(), "internal_error"),
    ],
)
async def test_a_message_that_fails_is_answered_on_the_socket_as_in_a_stream(
    booth: Booth, monkeypatch: pytest.MonkeyPatch, error: Exception, code: str
) -> None:
    channel = await booth.channel(origins=[SHOP])

    async def fails(*_arguments: Any, on_token: Callable[[str], None], **_options: Any) -> None:
        on_token("Till")
        raise error

    async with booth.page(channel) as page, socket(booth) as line:
        token = (await page.begin())["token"]
        await line.send(token=token)
        await line.next("state")
        monkeypatch.setattr(visiting, "send", fails)
        await line.send(text="open", key="first-key")
        answered = await line.next("error")
        reply = await page.http.post(
            "/messages", json={"text": "open"}, headers={"Accept": "text/event-stream"}
        )

    assert (answered["code"], answered["key"]) == (code, "first-key")
    assert "event: error" in reply.text
    assert f'"code":"{code}"' in reply.text


async def test_sockets_count_among_the_places_where_a_conversation_is_open(booth: Booth) -> None:
    channel = await booth.channel(origins=[SHOP])
    async with booth.page(channel) as page, AsyncExitStack() as lines:
        token = (await page.begin())["token"]
        for _ in range(MAX_LISTENERS):
            line = await lines.enter_async_context(socket(booth))
            await line.send(token=token)
            await line.next("state")
        one_more = await lines.enter_async_context(socket(booth))
        await one_more.send(token=token)
        assert await one_more.next("state") == 1008
        assert (await page.http.get("/events")).status_code == 429


async def test_an_address_sends_so_much_a_minute_in_however_many_conversations(
    booth: Booth, clock: FrozenClock
) -> None:
    channel = await booth.channel()
    app = SimpleNamespace(state=SimpleNamespace(db=booth.db))
    line = HTTPConnection({"type": "websocket", "app": app, "client": ("192.0.2.7", 5000), "headers": []})
    for number in range(MESSAGES_OF_ADDRESS.limit):
        await door.messages(line, Visit(channel, f"conv_{number // MESSAGES.limit}"))
    with pytest.raises(TooMany):
        await door.messages(line, Visit(channel, "conv_fresh"))
    clock.advance(60)
    await door.messages(line, Visit(channel, "conv_fresh"))


class Echo:
    """An engine that hears one sentence and speaks silence."""

    name = label = "echo"
    version = "1"
    caps = frozenset(Cap)
    formats = frozenset({"wav"})
    languages = frozenset[str]()
    said: list[str]

    def __init__(self) -> None:
        self.said = []

    def refusal(self) -> str:
        return ""

    async def voices(self) -> list[Voice]:
        return [Voice(id="echo:en", name="Echo", language="en", engine="echo")]

    async def synthesize(self, text: str, voice: Voice, *, speed: float) -> Sound:
        self.said.append(text)
        return Sound(8000, b"\0\0" * 80)

    async def transcribe(self, audio: bytes, *, kind: str, language: str) -> Transcript:
        return Transcript(text="Are you open?", engine="echo")

    async def close(self) -> None:
        return None


async def test_answers_are_read_out_and_recordings_are_written_down_where_voice_is_on(booth: Booth) -> None:
    engine = Echo()
    booth.db.parts.add(Speech(booth.db, {"echo": engine}))
    silent, channel = await booth.channel(), await booth.channel(settings={"voice": True})
    async with booth.page(silent) as page:
        begun = await page.begin()
        refused = await page.http.post("/speech", json={"message": begun["messages"][0]["id"]})
    async with booth.page(channel) as page:
        offered = (await page.look()).json()
        begun = await page.begin()
        sound = await page.http.post("/speech", json={"message": begun["messages"][0]["id"]})
        foreign = await page.http.post("/speech", json={"message": "msg_of_somebody_else"})
        wav = sound.content
        heard = await page.http.post("/recordings", content=wav, headers={"Content-Type": "audio/wav"})

    assert (offered["speaks"], offered["hears"], refused.status_code) == (True, True, 403)
    assert (sound.headers["content-type"], foreign.status_code) == ("audio/wav", 404)
    assert (engine.said, heard.json()) == (["Welcome."], {"text": "Are you open?"})
