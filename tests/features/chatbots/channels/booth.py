"""A process that serves channels: the pieces it takes, the app of visitors, and short words for what they do."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.routing import Mount

from botyard.core import audit
from botyard.core.accounts.types import Kind, Principal
from botyard.core.jobs import JobEngine
from botyard.core.realtime.hub import Hub
from botyard.core.realtime.types import Committed
from botyard.core.vault import open_keyring
from botyard.edge import talk
from botyard.features.chatbots.channels import service
from botyard.features.chatbots.channels.bell import ConversationBell
from botyard.features.chatbots.channels.service import ChannelInfo
from botyard.kit import ids
from botyard.kit.crypto import Digests
from botyard.kit.db import Stores
from botyard.kit.limits import Limiter
from botyard.settings import Settings
from tests.features.chatbots.conversations.room import Room

SHOP = "https://shop.example"
VISITOR = "a-visitor-made-this-up"


class Booth(Room):
    """A room with a door for visitors."""

    def __init__(self, stores: Stores, settings: Settings) -> None:
        super().__init__(stores)
        self.settings = settings
        self.hub = Hub(self.db)
        self.bell = ConversationBell(self.hub)
        parts = self.db.parts
        for part in (settings, self.hub, self.bell, Digests(b"0" * 32)):
            parts.add(part)
        parts.add(Limiter(), kind=Limiter)
        parts.add(SimpleNamespace(worker_id=ids.ulid()), kind=JobEngine)  # all that leases ask of it
        self.app = Starlette(routes=[Mount(talk.PREFIX, app=talk.create(self.db, settings))])

    async def open(self, content: dict[str, Any] | None = None) -> None:
        await open_keyring(self.db, data_dir=self.settings.data_dir, master_key="A" * 43 + "=")
        await audit.open_key(self.db)
        await self.hub.start()
        await self.bell.start()
        await self.start(content)

    async def stop(self) -> None:
        await self.bell.stop()
        await self.hub.stop()
        await super().stop()

    def _committed(self, what: Committed) -> None:
        super()._committed(what)
        self.hub.committed(what)

    @property
    def token(self) -> str:
        """Of a Telegram bot that no other test has."""
        return f"{100_000 + self.owner_id}:AAtest-token-of-a-bot-that-is-none"

    @property
    def owner(self) -> Principal:
        return Principal(kind=Kind.token, user_id=self.owner_id)

    async def channel(self, kind: str = "widget", **fields: Any) -> ChannelInfo:
        """Open a channel of the chatbot."""
        if kind == "telegram":
            fields = {"token": self.token} | fields
        async with self.db.session() as session:
            return await service.create(
                session,
                self.chatbot_id,
                owner_id=self.owner_id,
                kind=kind,
                name="Shop",
                actor=self.owner,
                **fields,
            )

    async def change(self, channel: ChannelInfo, **fields: Any) -> ChannelInfo:
        async with self.db.session() as session:
            return await service.update(
                session, channel.id, owner_id=self.owner_id, actor=self.owner, **fields
            )

    async def look(self, channel: ChannelInfo) -> ChannelInfo:
        async with self.db.reader() as session:
            return await service.get(session, channel.id, owner_id=self.owner_id)

    @asynccontextmanager
    async def page(self, channel: ChannelInfo, *, origin: str | None = SHOP) -> AsyncIterator["VisitorPage"]:
        """A page of some origin that shows the widget."""
        headers = {"Origin": origin} if origin else {}
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        base = f"http://yard.test{talk.PREFIX}/{channel.key}"
        async with httpx.AsyncClient(transport=transport, base_url=base, headers=headers) as http:
            yield VisitorPage(http)


class VisitorPage:
    """What the widget does, without its looks."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def look(self) -> httpx.Response:
        """Ask how the widget looks."""
        return await self.http.get(str(self.http.base_url).rstrip("/"))

    async def begin(self, visitor: str = VISITOR, language: str = "") -> dict[str, Any]:
        """Begin the conversation and keep its token."""
        reply = await self.http.post("/conversations", json={"visitor": visitor, "language": language})
        assert reply.status_code == 201, reply.text
        body: dict[str, Any] = reply.json()
        self.http.headers["Authorization"] = f"Bearer {body['token']}"
        return body

    async def say(self, text: str = "", **fields: Any) -> list[str]:
        """Send a message; the texts that were answered."""
        reply = await self.http.post("/messages", json={"text": text, **fields})
        assert reply.status_code == 201, reply.text
        return [one["text"] for one in reply.json()["replies"]]


def events_of(text: str) -> list[tuple[str, Any]]:
    """Names and data of server-sent events."""
    found = []
    for block in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line and line[0] != ":")
        if "event" in lines:
            found.append((lines["event"], json.loads(lines["data"])))
    return found
