"""A small server that speaks the bot's half of the manager document, strictly, and fails when told to.

It keeps everything in memory. Its lease clock is its own, so that a lease runs out when a test says so.
"""

import hashlib
import json
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

BOT = "bot_01hzy8echo"
TOKEN = "by_bot_01hzy8echo_" + "S3cr3tS3cr3tS3cr3tS3cr3tS3cr3tS3cr3tS3cr3t1" + "abc123"
PREFIX = "/manager"
Reply = tuple[int, dict[str, Any]]


@dataclass
class Fault:
    """What goes wrong with the next `times` calls whose path ends in `where`."""

    where: str
    status: int = 0
    retry_after: str | None = None
    # the call is carried out, then the connection ends without an answer
    lose_answer: bool = False
    # the answer is held back until this is set
    hold: threading.Event | None = None
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    times: int = 1


@dataclass
class Call:
    """One call as it came in."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    at: float
    gone: Callable[[], bool] = lambda: False

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Refused(Exception):
    def __init__(self, status: int, error: str) -> None:
        super().__init__(error)
        self.status = status


class FakeServer:
    """Use as a context manager; `url` is what an agent is given."""

    def __init__(self) -> None:
        self.token = TOKEN
        self.settings: dict[str, Any] = {"greeting": "hello"}
        self.logs: list[dict[str, Any]] = []
        self.messages: list[dict[str, Any]] = []
        self.synced: list[dict[str, Any]] = []
        self.commands: dict[str, dict[str, Any]] = {}
        self.acks: list[tuple[str, dict[str, Any]]] = []
        self.calls: list[Call] = []
        self.faults: list[Fault] = []
        self.refuse: Callable[[dict[str, Any]], str | None] = lambda _row: None
        self.refused_status = 400
        self.online = False
        self.clock_offset = 0.0
        self.changed = threading.Condition()
        self._keys: dict[tuple[str, str], tuple[str, Reply]] = {}
        self._connections: set[socket.socket] = set()
        self._port = 0
        self._http: ThreadingHTTPServer | None = None
        self._life = 0

    # -- life

    def __enter__(self) -> "FakeServer":
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        self.down()

    def up(self) -> None:
        """Listen; after `down`, on the same port, with everything kept."""
        self._http = _Http(("127.0.0.1", self._port), _handler(self))
        self._port = self._http.server_port
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()

    def down(self) -> None:
        """Stop listening and cut every connection, as a killed server does."""
        if self._http is None:
            return
        with self.changed:
            self._life += 1
            self.changed.notify_all()
            connections = list(self._connections)
        self._http.shutdown()
        self._http.server_close()
        self._http = None
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def secure(self, context: ssl.SSLContext) -> None:
        """Speak TLS with callers that come from now on."""
        assert self._http is not None
        self._http.socket = context.wrap_socket(
            self._http.socket, server_side=True, do_handshake_on_connect=False
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}{PREFIX}"

    # -- what a test does

    def send(self, type_: str, payload: dict[str, Any] | None = None, **extra: Any) -> str:
        """Queue a command; answers its id."""
        with self.changed:
            command_id = f"cmd_{len(self.commands) + 1}"
            self.commands[command_id] = {
                "id": command_id, "bot_id": BOT, "type": type_, "payload": payload or {}, "status": "pending",
                "state": "queued", "attempt": 0, "lease_id": None, "lease_until": 0.0, "result": None, **extra,
            }  # fmt: skip
            self.changed.notify_all()
            return command_id

    def cancel(self, command_id: str) -> None:
        """Take a command back, as its owner may."""
        with self.changed:
            self.commands[command_id].update(status="failed", state="cancelled", lease_id=None)
            self.changed.notify_all()

    def hand_over(self, command_id: str, *, lease_s: float) -> None:
        """Lease a command to another process of the bot, as if its first lease had run out."""
        with self.changed:
            command = self.commands[command_id]
            command["attempt"] += 1
            command.update(lease_id="lease_of_another", lease_until=self.now() + lease_s)
            self.changed.notify_all()

    def fail(self, where: str, **how: Any) -> Fault:
        """Let the next call whose path ends in `where` fail; answers the fault."""
        fault = Fault(where, **how)
        with self.changed:
            self.faults.append(fault)
        return fault

    def advance(self, seconds: float) -> None:
        """Move the clock of the leases."""
        with self.changed:
            self.clock_offset += seconds
            self.changed.notify_all()

    def wait_for(self, condition: Callable[[], Any], timeout_s: float = 15.0) -> None:
        """Wait until a condition on this server holds. Raises AssertionError when it does not come true."""
        with self.changed:
            assert self.changed.wait_for(condition, timeout_s), f"in vain; {self.summary()}"

    def wait_done(self, command_id: str, timeout_s: float = 15.0) -> dict[str, Any]:
        """The command once it was acknowledged."""
        self.wait_for(lambda: self.commands[command_id]["status"] != "pending", timeout_s)
        return self.commands[command_id]

    def calls_to(self, ending: str) -> list[Call]:
        with self.changed:
            return [call for call in self.calls if call.path.endswith(ending)]

    def texts(self) -> list[str]:
        with self.changed:
            return [row["message"] for row in self.logs]

    def summary(self) -> str:
        return f"{len(self.calls)} calls, {len(self.logs)} logs, {len(self.messages)} messages, {len(self.commands)} commands"

    def now(self) -> float:
        return time.monotonic() + self.clock_offset

    # -- the protocol

    def answer(self, call: Call) -> Reply:
        """Carry a call out. Raises Refused."""
        if call.headers.get("authorization") != f"Bearer {self.token}":
            raise Refused(401, "unknown token")
        parts = call.path.removeprefix(PREFIX).strip("/").split("/")
        match call.method, parts:
            case "POST", ["api", "bot", bot, what] if what in _POSTS:
                self._check_bot(bot)
                return _POSTS[what](self, call)
            case "GET", ["api", "bot", bot, "settings"]:
                self._check_bot(bot)
                return 200, {"settings": self.settings}
            case "GET", ["api", "bot", bot, "commands"]:
                self._check_bot(bot)
                return self._lease(call.query, call.gone)
            case "POST", ["api", "commands", command_id, "ack" | "renew" | "release" as verb]:
                if command_id not in self.commands:
                    raise Refused(404, "no such command")
                command = self.commands[command_id]
                return {"ack": self._ack, "renew": self._renew, "release": self._release}[verb](
                    command, _object(call)
                )
        raise Refused(404, "no such path")

    def _check_bot(self, bot: str) -> None:
        if bot != BOT:
            raise Refused(404, "no such bot")
        self.online = True

    def hello(self, call: Call) -> Reply:
        body = _object(call)
        if not isinstance(body.get("version"), str) or not isinstance(body.get("capabilities"), list):
            raise Refused(400, "version and capabilities are needed")
        now = datetime.now().astimezone().isoformat()
        return 200, {
            "status": "ok",
            "bot": {"id": BOT, "name": "Echo"},
            "settings": self.settings,
            "server_time": now,
        }

    def heartbeat(self, _call: Call) -> Reply:
        return 200, {"status": "ok"}

    def bye(self, _call: Call) -> Reply:
        self.online = False
        return 200, {"status": "ok"}

    def post_logs(self, call: Call) -> Reply:
        return self._store(call, self.logs, _check_log)

    def post_messages(self, call: Call) -> Reply:
        return self._store(call, self.messages, _check_message)

    def sync(self, call: Call) -> Reply:
        body = _object(call)
        if not isinstance(body.get("groups"), list) or not isinstance(body.get("friends"), list):
            raise Refused(400, "groups and friends are needed")
        if reason := self.refuse(body):
            raise Refused(self.refused_status, reason)
        self.synced.append(body)
        return 200, {"status": "ok"}

    def _store(self, call: Call, into: list[dict[str, Any]], check: Callable[[Any], None]) -> Reply:
        """All or nothing; the same key again answers the same without storing."""
        key = call.headers.get("idempotency-key")
        digest = hashlib.sha256(call.body).hexdigest()
        if key and (known := self._keys.get((call.path, key))):
            if known[0] != digest:
                raise Refused(422, "the same key with another payload")
            return known[1]
        rows = call.json if isinstance(call.json, list) else [call.json]
        for row in rows:
            check(row)
            if reason := self.refuse(row):
                raise Refused(self.refused_status, reason)
        into.extend(rows)
        reply: Reply = (200, {"status": "ok", "received": len(rows)})
        if key:
            self._keys[call.path, key] = (digest, reply)
        return reply

    def _open(self) -> list[dict[str, Any]]:
        """Commands that may be leased, oldest first."""
        return [
            c for c in self.commands.values()
            if c["status"] == "pending" and (c["lease_id"] is None or c["lease_until"] <= self.now())
        ]  # fmt: skip

    def _lease(self, query: dict[str, str], gone: Callable[[], bool]) -> Reply:
        limit, wait_s, lease_s = int(query.get("limit", 10)), float(query.get("wait", 0)), query.get("lease")
        if not 1 <= limit <= 100:
            raise Refused(400, "limit")
        life = self._life
        self.changed.wait_for(lambda: self._open() or self._life != life, wait_s)
        if self._life != life or gone():  # nothing is leased to a caller that is no longer there
            raise ConnectionAbortedError
        found = self._open()[:limit]
        for command in found if lease_s else ():
            command["attempt"] += 1
            command.update(
                state="leased", lease_id=f"lease_{command['id']}_{command['attempt']}",
                lease_until=self.now() + float(lease_s or 0),
            )  # fmt: skip
        self.changed.notify_all()
        return 200, {"commands": [_shown(c) for c in found], "count": len(found)}

    def _ack(self, command: dict[str, Any], body: dict[str, Any]) -> Reply:
        if body.get("status") not in ("completed", "failed") or not isinstance(body.get("result", {}), dict):
            raise Refused(400, "status or result")
        if reason := self.refuse(body):
            raise Refused(self.refused_status, reason)
        self.acks.append((command["id"], body))
        if command["status"] != "pending":
            if (command["status"], command["result"]) != (body["status"], body.get("result")):
                raise Refused(409, "acknowledged otherwise")
        elif body.get("lease_id") and self._with_another(command, body["lease_id"]):
            raise Refused(409, "handed out again")
        else:
            command.update(
                status=body["status"], state=body["status"], result=body.get("result"), lease_id=None
            )
        return 200, {"status": "ok", "command": _shown(command)}

    def _with_another(self, command: dict[str, Any], lease_id: str) -> bool:
        live = command["lease_id"] is not None and command["lease_until"] > self.now()
        return live and command["lease_id"] != lease_id

    def _renew(self, command: dict[str, Any], body: dict[str, Any]) -> Reply:
        self._check_lease(command, body)
        command["lease_until"] = self.now() + float(body["lease"])
        return 200, {"status": "ok", "lease_until": datetime.now().astimezone().isoformat()}

    def _release(self, command: dict[str, Any], body: dict[str, Any]) -> Reply:
        self._check_lease(command, body)
        command.update(state="queued", lease_id=None)
        return 200, {"status": "ok"}

    def _check_lease(self, command: dict[str, Any], body: dict[str, Any]) -> None:
        current = command["lease_id"] == body.get("lease_id") and command["lease_until"] > self.now()
        if command["status"] != "pending" or not current:
            raise Refused(409, "the lease is lost")


_POSTS: dict[str, Callable[[FakeServer, Call], Reply]] = {
    "hello": FakeServer.hello,
    "heartbeat": FakeServer.heartbeat,
    "bye": FakeServer.bye,
    "logs": FakeServer.post_logs,
    "messages": FakeServer.post_messages,
    "sync": FakeServer.sync,
}


def _shown(command: dict[str, Any]) -> dict[str, Any]:
    return {**command, "lease_until": "2026-06-01T12:00:00.000000Z"}


def _object(call: Call) -> dict[str, Any]:
    body = call.json if call.body else {}
    if not isinstance(body, dict):
        raise Refused(400, "an object is needed")
    return body


def _check_log(row: Any) -> None:
    ok = (
        isinstance(row, dict)
        and row.get("type") in ("info", "warning", "error")
        and isinstance(row.get("message"), str)
    )
    if (
        not ok
        or not row["message"]
        or "\x00" in row["message"]
        or not isinstance(row.get("metadata", {}), dict)
    ):
        raise Refused(400, "not a log")
    datetime.fromisoformat(row["timestamp"].replace("Z", "+00:00"))


def _check_message(row: Any) -> None:
    texts = ("message", "author_id", "author_name", "thread_id")
    ok = isinstance(row, dict) and all(isinstance(row.get(name), str) for name in texts)
    if not ok or not row["message"] or row.get("thread_type") not in ("GROUP", "USER"):
        raise Refused(400, "not a message")
    datetime.fromisoformat(row["timestamp"].replace("Z", "+00:00"))


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def handle_error(self, _request: Any, _client: Any) -> None:
        """Agents cut connections when they stop; that is no news."""


def _handler(server: FakeServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            with server.changed:
                server._connections.add(self.request)

        def finish(self) -> None:
            with server.changed:
                server._connections.discard(self.request)
            super().finish()

        def log_message(self, *_: Any) -> None:
            """Quiet."""

        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            call = Call(
                self.command, parts.path, {k: v[0] for k, v in parse_qs(parts.query).items()},
                {k.lower(): v for k, v in self.headers.items()},
                self.rfile.read(int(self.headers.get("Content-Length", 0))), time.monotonic(), self._gone,
            )  # fmt: skip
            fault = self._fault(call)
            if fault and fault.status:
                return self._say(fault.status, {"error": "told to fail"}, fault)
            with server.changed:
                try:
                    status, body = server.answer(call)
                except Refused as refused:
                    status, body = refused.status, {"error": str(refused)}
                except ConnectionAbortedError:
                    self.close_connection = True
                    return None
                server.changed.notify_all()
            if fault and fault.hold:
                fault.hold.wait(30)
            if fault and fault.lose_answer:
                self.close_connection = True
                return None
            return self._say(status, body, fault)

        def _gone(self) -> bool:
            try:
                readable, _, _ = select.select([self.request], [], [], 0)
                return bool(readable) and self.request.recv(1, socket.MSG_PEEK) == b""
            except (OSError, ValueError):  # reset, or closed here
                return True

        def _fault(self, call: Call) -> Fault | None:
            with server.changed:
                server.calls.append(call)
                server.changed.notify_all()
                fault = next((f for f in server.faults if call.path.endswith(f.where) and f.times > 0), None)
                if fault:
                    fault.times -= 1
                return fault

        def _say(self, status: int, body: dict[str, Any], fault: Fault | None) -> None:
            content = fault.body if fault and fault.body is not None else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            if fault and fault.retry_after:
                self.send_header("Retry-After", fault.retry_after)
            for name, value in (fault.headers if fault else {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

    return Handler
