"""Accounts, bots and credentials of the manager document, made the way its users make them."""

import asyncio
import email
import email.policy
import re
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any

import httpx

from botyard.core.jobs import transact
from botyard.edge.caller import COOKIE
from botyard.settings import Settings
from tests import loopback
from tests.contracts import people
from tests.contracts.running import Running

PREFIX = "/manager"
PASSWORD = people.PASSWORD


@dataclass(frozen=True)
class Account:
    """Somebody who is signed in; `http` carries the session cookie."""

    id: int
    username: str
    email: str
    password: str
    http: httpx.AsyncClient


@dataclass(frozen=True)
class Bot:
    """A bot; `http` carries its token."""

    id: str
    token: str
    http: httpx.AsyncClient


class World:
    """What exists on the server while a test module runs."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.anonymous = self.client()
        # it stays anonymous even when it signs in
        self.anonymous.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._clients: list[httpx.AsyncClient] = [self.anonymous]

    def client(self, **headers: str) -> httpx.AsyncClient:
        """A client of this document that keeps its own cookies."""
        return loopback.client(base_url=self.running.url + PREFIX, headers=headers)

    async def close(self) -> None:
        """Close every client."""
        for client in self._clients:
            await client.aclose()

    async def sign_in(self, username: str, password: str) -> Account:
        """Sign in with a cookie."""
        http = self.keep(self.client())
        reply = await http.post("/api/auth/login", json={"username": username, "password": password})
        assert reply.status_code == 200, reply.text
        user = reply.json()["user"]
        return Account(user["id"], user["username"], user["email"], password, http)

    async def make_account(self) -> Account:
        """A fresh account, signed in with a cookie."""
        details, db = people.fresh(), self.running.db
        user_id = await people.add(db, details)
        http = self.keep(self.client())
        http.cookies.set(COOKIE, await people.cookie(db, user_id), domain="127.0.0.1")
        return Account(user_id, details.username, details.email, details.password, http)

    async def make_bot(self, owner: Account, **fields: Any) -> Bot:
        """A fresh bot of an account."""
        reply = await owner.http.post("/api/my-bots", json={"name": "Ada", **fields})
        assert reply.status_code == 200, reply.text
        made = reply.json()
        return Bot(made["bot_id"], made["token"], self.with_token(made["token"]))

    async def reset_token(self, account: Account) -> str:
        """The token of the link that a forgotten password brings by mail."""
        outbox = self.running.db.parts.get(Settings).outbox
        before = set(outbox.glob("*.eml"))
        reply = await self.anonymous.post("/api/auth/forgot-password", json={"email": account.email})
        assert reply.status_code == 200, reply.text
        found = re.search(r"token=([\w.~-]+)", await self._mail_to(account.email, outbox, before))
        assert found is not None
        return found[1]

    async def _mail_to(self, address: str, outbox: Path, before: set[Path]) -> str:
        async with asyncio.timeout(20):
            while True:
                for path in set(outbox.glob("*.eml")) - before:
                    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
                    body = message.get_body(("plain",))
                    if address in str(message["to"]) and body is not None:
                        return str(body.get_content())
                await asyncio.sleep(0.05)  # the mail is a job of the server's own engine

    async def rest(self) -> None:
        """Wait until the server's own jobs, such as mails, are through, and their records are written."""
        engine = self.running.yard.engine
        async with asyncio.timeout(20):
            while (
                not all(job.state.finished for job in await engine.list_jobs()) or await self._records_open()
            ):
                await asyncio.sleep(0.02)  # the jobs are those of the server's own engine

    async def _records_open(self) -> bool:
        """Whether DBOS has still to write down that a run ended, which it does after we have."""
        works = self.running.yard.engine.worker_id is not None
        return works and bool(await asyncio.to_thread(transact.owners_of_running))

    def with_token(self, token: str) -> httpx.AsyncClient:
        """A client that sends a token of any kind as Bearer."""
        return self.keep(self.client(authorization=f"Bearer {token}"))

    def with_key(self, key: str) -> httpx.AsyncClient:
        """A client that sends an API key in the header that every document knows."""
        return self.keep(self.client(**{"x-api-key": key}))

    def keep(self, client: httpx.AsyncClient) -> httpx.AsyncClient:
        """Close the client with the world."""
        self._clients.append(client)
        return client

    def fresh_details(self) -> dict[str, str]:
        """What nobody has registered with yet."""
        return dict(vars(people.fresh()))


async def make_command(owner: Account, bot: Bot, **fields: Any) -> str:
    """A pending command; answers its id."""
    reply = await owner.http.post(f"/api/bot/{bot.id}/send-command", json={"type": "ping", **fields})
    assert reply.status_code == 200, reply.text
    return str(reply.json()["command"]["id"])


async def fill(owner: Account, bot: Bot) -> None:
    """Give a bot some of everything, so that no list of it is empty."""
    base = f"/api/bot/{bot.id}"
    message = {
        "author_id": "7",
        "author_name": "Bo",
        "thread_id": "1",
        "thread_type": "USER",
        "message": "hi",
    }
    replies = [
        await bot.http.post(f"{base}/logs", json={"type": "info", "message": "up", "metadata": {"n": 1}}),
        await bot.http.post(f"{base}/messages", json=message),
        await bot.http.post(f"{base}/sync", json={"groups": [{"id": "g"}], "friends": []}),
        await owner.http.put(f"{base}/settings", json={"language": "en"}),
    ]
    done = await make_command(owner, bot)
    replies.append(
        await bot.http.post(f"/api/commands/{done}/ack", json={"status": "completed", "result": {}})
    )
    await make_command(owner, bot)
    assert [reply.status_code for reply in replies] == [200] * len(replies), [reply.text for reply in replies]
