"""A server in a process of its own, as its operator starts it, and bots that call it."""

import os
import signal
import socket
import time
from pathlib import Path
from typing import Any

import httpx

from tests import loopback
from tests.prepared import Command

ADMIN_PASSWORD = "the first administrator's"
PASSWORD = "correct horse battery"
_STOP_S = 15


def free_port() -> int:
    """A port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Yard:
    """`botyard up` on a data folder; the same folder can be started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.settings: dict[str, str] = {}  # BOTYARD_* variables besides its usual ones
        self._process: Command | None = None
        self._clients: list[httpx.Client] = []

    def start(self) -> None:
        """Return once it is ready."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("BOTYARD_")}
        environment |= {
            "BOTYARD_DATA_DIR": str(self.folder / "data"),
            "BOTYARD_PORT": str(self.port),
            "BOTYARD_ADMIN_PASSWORD": ADMIN_PASSWORD,
            "BOTYARD_LOG_LEVEL": "warning",
            "BOTYARD_PRESENCE_TIMEOUT_S": "30",
            **self.settings,
        }
        self._process = Command("up", environment=environment, folder=self.folder, output=self.folder / "log")
        deadline = time.monotonic() + 60
        while not self._ready():
            assert self._process.returncode is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline, "the server did not become ready"
            time.sleep(0.05)

    def _ready(self) -> bool:
        try:
            with loopback.blocking_client(base_url=self.url, timeout=5) as http:
                return http.get("/health/ready").status_code == 200
        except httpx.TransportError:
            return False

    def stop(self) -> None:
        """Stop as an operator does; the open streams of browsers must not hold it up."""
        for client in self._clients:
            client.close()
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            status = self._process.wait_blocking(_STOP_S)
        except TimeoutError:
            self._process.send_signal(signal.SIGKILL)
            raise
        self._process = None
        # uvicorn ends by the signal itself once everything is closed
        assert status in (0, -signal.SIGTERM), (self.folder / "log").read_text()[-2000:]

    def client(self, token: str = "") -> httpx.Client:
        """A client of the manager document."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        made = loopback.blocking_client(base_url=f"{self.url}/manager/api", headers=headers)
        self._clients.append(made)
        return made


class BotCalls:
    """A bot that a test speaks for."""

    def __init__(self, yard: Yard, bot_id: str, token: str) -> None:
        self.id = bot_id
        self.token = token
        self.http = yard.client(token)

    def call(self, method: str, path: str, **options: Any) -> Any:
        """Call the bot's own part of the API."""
        reply = self.http.request(method, f"/bot/{self.id}/{path}", **options)
        assert reply.status_code == 200, (path, reply.text)
        return reply.json()

    def log(self, *messages: str, level: str = "info") -> None:
        """Send log lines."""
        self.call("POST", "logs", json=[{"type": level, "message": message} for message in messages])

    def say(self, message: str, thread: str = "family") -> None:
        """Report a chat message."""
        said = {"author_id": "7", "author_name": "Thandi", "thread_id": thread, "thread_type": "GROUP"}
        self.call("POST", "messages", json={"message": message, **said})

    def take(self) -> dict[str, Any]:
        """Take the next command."""
        (command,) = self.call("GET", "commands?lease=60&limit=1&wait=10")["commands"]
        return dict(command)

    def finish(self, command_id: str, result: Any, *, status: str = "completed") -> None:
        """Acknowledge a command."""
        reply = self.http.post(f"/commands/{command_id}/ack", json={"status": status, "result": result})
        assert reply.status_code == 200, reply.text


def make_account(yard: Yard, name: str) -> None:
    """Register somebody."""
    with yard.client() as http:
        reply = http.post(
            "/auth/register", json={"username": name, "email": f"{name}@example.org", "password": PASSWORD}
        )
        assert reply.status_code == 200, reply.text


def make_bot(yard: Yard, name: str, *, owner: str = "admin", password: str = ADMIN_PASSWORD) -> BotCalls:
    """Make a bot of an account."""
    with yard.client() as http:
        signed_in = http.post("/auth/login", json={"username": owner, "password": password})
        assert signed_in.status_code == 200, signed_in.text
        made = http.post("/my-bots", json={"name": name}).json()
    return BotCalls(yard, made["bot_id"], made["token"])


def fill(bot: BotCalls, http: httpx.Client) -> None:
    """Give a bot some of everything."""
    bot.call("POST", "hello", json={"version": "0.1.0", "host": "pier", "capabilities": ["say", "ping"]})
    bot.log(*(f"Polled {number} threads, nothing new" for number in range(40)))
    bot.log("Rate limit near: 38 of 40 calls used", level="warning")
    bot.call(
        "POST",
        "logs",
        json={"type": "error", "message": "GET /orders answered 503", "metadata": {"attempt": 2}},
    )
    for text in ("Good morning!", "Is the shop open on Saturday?", "Yes, from 9 to 13."):
        bot.say(text)
    bot.call(
        "POST",
        "sync",
        json={
            "groups": [{"id": "family", "members": 7}],
            "friends": [{"id": "u1"}],
            "metadata": {"client": "1.2"},
        },
    )
    for kind in ("ping", "say", "report"):
        http.post(f"/bot/{bot.id}/send-command", json={"type": kind, "payload": {"text": "hi"}})
    bot.finish(bot.take()["id"], {"pong": True})
    bot.finish(bot.take()["id"], {"error": "tide"}, status="failed")
    http.put(f"/bot/{bot.id}/settings", json={"every": 30, "greeting": "Good day"})


def make_chatbot(yard: Yard, name: str) -> str:
    """Make a chatbot of the administrator's that has learned and is deployed; answers the path of its pages."""
    with loopback.blocking_client(base_url=yard.url) as http:
        headers = {"HX-Request": "true", "Origin": yard.url}

        def send(path: str, **fields: str) -> str:
            reply = http.post(path, data=fields, headers=headers)
            assert reply.status_code == 200, (path, reply.text)
            return reply.headers.get("hx-redirect", "")

        send("/sign-in", identity="admin", password=ADMIN_PASSWORD, next="/about")
        path = send("/chat", name=name, template="")
        dataset = send(f"{path}/examples/datasets", name=name).rpartition("=")[2]
        for intent, lines in SAYINGS.items():
            send(f"{path}/examples/add", dataset=dataset, intent=intent, lines="\n".join(lines))
        training = send(f"{path}/training", dataset=dataset, point="balanced")
        deadline = time.monotonic() + 60
        while "What is taken for what" not in (page := http.get(training).text):
            assert "Train again" not in page, page
            assert time.monotonic() < deadline, "the chatbot was not trained in time"
            time.sleep(0.2)
        review = send(f"{path}/versions/freeze", note="The first one")
        send(review, note="The first one")
        for text in ("Thank you", "I want to talk to a human"):
            send(f"{path}/try", text=text)
        _visit(http, path, "xyzzy plugh", "frobnicate the plugh", "I want to talk to a human")
    return path


def _visit(http: httpx.Client, path: str, *said: str) -> None:
    """Talk with a chatbot as somebody who does not try it out."""
    who = {"username": "admin", "password": ADMIN_PASSWORD}
    token = http.post("/chatbots/api/auth/login", json=who).json()["data"]["accessToken"]
    headers, calls = {"Authorization": f"Bearer {token}"}, "/chatbots/api/conversations"
    begun = http.post(calls, json={"chatbotId": path.rpartition("/")[2]}, headers=headers)
    for text in said:
        sent = http.post(
            f"{calls}/{begun.json()['data']['id']}/messages", json={"text": text}, headers=headers
        )
        assert sent.status_code == 201, sent.text


SAYINGS = {
    "hours": (
        "When are you open?",
        "Are you open on [Saturday](day)?",
        "Opening times",
        "till when is it open",
    ),
    "price": ("How much is it?", "What does a ticket cost", "price of two tickets", "how much for children"),
    "thanks": ("Thank you", "thanks a lot", "many thanks", "cheers, that helped"),
    "place": ("Where are you?", "Where is the pier", "how do I get there", "what is your address"),
}
