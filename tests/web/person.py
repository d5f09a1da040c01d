"""People at the dashboard: an HTTP client that behaves like a browser with htmx in it."""

import re
from dataclasses import dataclass
from html import unescape
from html.parser import HTMLParser
from types import TracebackType
from typing import Any, Self

import httpx

from botyard.core.accounts import profiles
from botyard.edge.caller import COOKIE
from tests import loopback
from tests.contracts import people
from tests.contracts.running import Running

ADMIN_PASSWORD = "the first administrator's"
PASSWORD = people.PASSWORD


class Html(HTMLParser):
    """A page taken apart: its elements with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.source = text
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._inside: list[str] = []
        self.scripts: list[str] = []
        self.feed(text.replace("<wbr>", ""))  # a place to break a word at is within it

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._inside and self._inside[-1] == tag:
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.scripts.append(data.strip())
        elif data.strip():
            self.words.append(data.strip())

    @property
    def text(self) -> str:
        """What a reader sees, in one line."""
        return re.sub(r"\s+", " ", " ".join(self.words))

    def of(self, tag: str) -> list[dict[str, str | None]]:
        """Attributes of every element of a kind."""
        return [attributes for name, attributes in self.elements if name == tag]

    def value(self, element_id: str) -> str:
        """The value of a field."""
        found = [a for _, a in self.elements if a.get("id") == element_id]
        assert found, f"no element {element_id}"
        return unescape(found[0].get("value") or "")


@dataclass
class Person:
    """Somebody with a browser."""

    http: httpx.AsyncClient
    url: str
    id: int = 0
    username: str = ""
    password: str = ""

    async def look(self, path: str, status: int = 200) -> Html:
        """Open a page."""
        reply = await self.http.get(path)
        assert reply.status_code == status, (path, reply.status_code, reply.text[:500])
        return Html(reply.text)

    async def send(self, path: str, form: str = "form", **fields: Any) -> httpx.Response:
        """Send a form as htmx does."""
        headers = {"HX-Request": "true", "HX-Source": f"form#{form}", "Origin": self.url}
        return await self.http.post(path, data=fields, headers=headers)

    async def do(self, path: str, **fields: Any) -> httpx.Response:
        """Send a form that must succeed."""
        reply = await self.send(path, **fields)
        assert reply.status_code == 200, (path, reply.status_code, reply.text[:500])
        return reply

    async def make_bot(self, name: str = "Front desk") -> tuple[str, str]:
        """A bot's id and token."""
        page = Html((await self.do("/fleet", name=name)).text)
        (arrival,) = page.of("bot-arrival")
        return str(arrival["bot"]), page.value("token")

    def live(self, path: str, **headers: str) -> "Stream":
        """Open a live stream."""
        return Stream(self.http, path, headers)


class Stream:
    """Server-sent events as (name, data, id)."""

    def __init__(self, http: httpx.AsyncClient, path: str, headers: dict[str, str]) -> None:
        self._context = http.stream("GET", path, headers=headers, timeout=20)
        self._lines: Any = None
        self.status = 0

    async def __aenter__(self) -> Self:
        reply = await self._context.__aenter__()
        self.status = reply.status_code
        self._lines = reply.aiter_lines()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._context.__aexit__(kind, error, trace)

    async def open(self) -> None:
        """Return when the stream has begun: what happens from now on is in it."""
        async for line in self._lines:
            if line == "":
                return

    async def next(self) -> tuple[str, str, str]:
        """The next event that says something; StopAsyncIteration at the end of the stream."""
        name, data, cursor = "", [], ""
        async for line in self._lines:
            if line == "" and (data or name):
                return name, "\n".join(data), cursor
            field, _, value = line.partition(": ")
            if field == "data":
                data.append(value)
            elif field == "event":
                name = value
            elif field == "id":
                cursor = value
        raise StopAsyncIteration

    async def until(self, text: str, *, name: str = "") -> str:
        """The data of the first event of that name that holds the text."""
        while True:
            found, data, _ = await self.next()
            if found == name and text in data:
                return data


class People:
    """Makes people on a running server."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self._clients: list[httpx.AsyncClient] = []

    def nobody(self) -> Person:
        """Somebody who is not signed in."""
        http = loopback.client(base_url=self.running.url)
        self._clients.append(http)
        return Person(http, self.running.url)

    async def join(self) -> Person:
        """A fresh account, signed in without the door and its slow hashes."""
        details, db = people.fresh(), self.running.db
        user_id = await people.add(db, details)
        person = self.nobody()
        person.http.cookies.set(COOKIE, await people.cookie(db, user_id), domain="127.0.0.1")
        person.id, person.username, person.password = user_id, details.username, details.password
        return person

    async def sign_in(self, username: str, password: str) -> Person:
        """Somebody with an account."""
        person = self.nobody()
        await person.do("/sign-in", identity=username, password=password, next="/fleet")
        async with self.running.db.reader() as session:
            user = await profiles.find(session, username)
        assert user is not None
        person.id, person.username, person.password = user.id, username, password
        return person

    def bot(self, token: str) -> httpx.AsyncClient:
        """A client that a bot with this token calls with."""
        http = loopback.client(
            base_url=f"{self.running.url}/manager/api",
            headers={"Authorization": f"Bearer {token}"},
        )
        self._clients.append(http)
        return http

    async def close(self) -> None:
        """Close every client."""
        for http in self._clients:
            await http.aclose()
