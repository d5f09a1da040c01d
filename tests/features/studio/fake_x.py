"""X on loopback, made from a description of its API: strict with requests, and ready to fail in every way."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

from botyard.kit import clock
from tests.features.studio.description import Description
from tests.features.studio.fake_x_auth import Auth

USER = {
    "id": "42",
    "username": "harbour_bot",
    "name": "Harbour",
    "public_metrics": {"followers_count": 7, "following_count": 1, "post_count": 3, "listed_count": 0},
}
DUPLICATE = "You are not allowed to create a Tweet with duplicate content."
FAULTS = ("limited", "broken", "hang", "cut", "made_then_cut", "made_then_broken", "suspended", "garbled")
Answer = tuple[int, dict[str, Any]]


@dataclass
class FakeX:
    """The server: what it was asked, what it holds, and how it misbehaves next."""

    description: Description
    auth: Auth = field(default_factory=Auth)
    url: str = ""
    posts: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    limited_s: int = 900
    hidden: bool = False  # posts do not show on the timeline yet
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def fail(self, *faults: str) -> None:
        """Misbehave like this at the next calls of the API, one after the other."""
        assert set(faults) <= {*FAULTS, ""}
        self.faults += faults

    def made(self) -> list[str]:
        """Texts of every post that there is, in order."""
        return [post["text"] for post in self.posts.values()]

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["FakeX"]:
        """Listen on a free port until the block ends; then nothing may have broken the description."""
        tasks: set[asyncio.Task[Any]] = set()

        async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            try:
                with suppress(ConnectionError, asyncio.IncompleteReadError):
                    await self._serve(reader, writer)
            finally:
                writer.close()

        server = await asyncio.start_server(take, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        assert self.description.broken == []

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        self.calls.append(f"{method} {urlsplit(target).path}")
        fault = self.faults.pop(0) if self.faults else ""
        self.arrived.set()
        if fault == "hang":
            await asyncio.Event().wait()
        if fault == "cut":
            return
        status, reply = self._answer(fault, method, target, headers, body)
        if fault == "made_then_cut":
            return
        writer.write(self._written(status, reply, garbled=fault == "garbled"))
        await writer.drain()

    def _answer(self, fault: str, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
        if fault == "limited":
            return 429, {
                "title": "Too Many Requests",
                "detail": "Too Many Requests",
                "type": "about:blank",
                "status": 429,
            }
        if fault == "broken":
            return 503, {"title": "Service Unavailable", "detail": "Service Unavailable", "status": 503}
        if urlsplit(target).path == "/2/oauth2/token":
            return self.auth.exchange(headers, body)
        if not self.auth.admits(method, f"{self.url}{target}", headers):
            return 401, {
                "title": "Unauthorized",
                "detail": "Unauthorized",
                "type": "about:blank",
                "status": 401,
            }
        if fault == "suspended":
            return 403, {"detail": "Your account is suspended.", "type": "about:blank", "status": 403}
        if wrong := self.description.check_request(method, target, headers.get("content-type", ""), body):
            return 400, {"title": "Invalid Request", "detail": wrong, "status": 400}
        status, reply = self._perform(method, target, body)
        if status < 400:
            self.description.check_answer(method, target, status, reply)
        return (
            (500, {"title": "Internal Server Error", "status": 500})
            if fault == "made_then_broken"
            else (status, reply)
        )

    def _perform(self, method: str, target: str, body: bytes) -> Answer:
        path, query = urlsplit(target).path, parse_qs(urlsplit(target).query)
        if path == "/2/users/me":
            return 200, {"data": USER}
        if path == "/2/users/42/tweets":
            return self._timeline(query)
        if method == "POST":
            return self._create(json.loads(body))
        if method == "DELETE":
            gone = self.posts.pop(path.rpartition("/")[2], None)
            return (200, {"data": {"deleted": True}}) if gone else (404, _not_found(path.rpartition("/")[2]))
        ids = query["ids"][0].split(",")
        found = [_shown(self.posts[each]) for each in ids if each in self.posts]
        reply: dict[str, Any] = {"data": found} if found else {}
        if missing := [_not_found(each) for each in ids if each not in self.posts]:
            reply["errors"] = missing
        return 200, reply

    def _create(self, asked: dict[str, Any]) -> Answer:
        self.bodies.append(asked)
        if asked["text"] in self.made():
            return 403, {"detail": DUPLICATE, "type": "about:blank", "title": "Forbidden", "status": 403}
        number = str(1_900_000_000_000_000_000 + len(self.posts))
        self.posts[number] = {"id": number, "text": asked["text"], "at": clock.now()}
        return 201, {"data": {"id": number, "text": asked["text"]}}

    def _timeline(self, query: dict[str, list[str]]) -> Answer:
        since = query["start_time"][0].removesuffix("Z")
        found = [p for p in self.posts.values() if p["at"].strftime("%Y-%m-%dT%H:%M:%S") >= since]
        shown = (
            [] if self.hidden else [_shown(post) for post in reversed(found)][: int(query["max_results"][0])]
        )
        return 200, {"data": shown, "meta": {"result_count": len(shown)}} if shown else {
            "meta": {"result_count": 0}
        }

    def _written(self, status: int, reply: dict[str, Any], *, garbled: bool) -> bytes:
        content = b"<html>not today</html>" if garbled else json.dumps(reply).encode()
        lines = [
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
            "Content-Type: application/json",
            f"Content-Length: {len(content)}",
            "Connection: close",
        ]
        if status == 429:
            lines.append(f"x-rate-limit-reset: {int(clock.now().timestamp()) + self.limited_s}")
        return "\r\n".join([*lines, "", ""]).encode() + content


def _shown(post: dict[str, Any]) -> dict[str, Any]:
    """As X writes it: signs of HTML as entities, addresses shortened."""
    text = post["text"].replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    urls = []
    for number, word in enumerate(word for word in text.split() if word.startswith("https://")):
        short = f"https://t.co/{number}"
        text = text.replace(word, short)
        urls.append(
            {"url": short, "expanded_url": word, "display_url": word[8:], "start": 0, "end": len(short)}
        )
    metrics = {name: number for number, name in enumerate(_METRICS)}
    return {"id": post["id"], "text": text, "public_metrics": metrics} | (
        {"entities": {"urls": urls}} if urls else {}
    )


_METRICS = ("like_count", "reply_count", "repost_count", "quote_count", "bookmark_count", "impression_count")


def _not_found(post_id: str) -> dict[str, Any]:
    return {
        "type": "https://api.x.com/2/problems/resource-not-found",
        "title": "Not Found Error",
        "detail": f"Could not find tweet with id: [{post_id}].",
        "resource_type": "tweet",
        "status": 404,
    }
