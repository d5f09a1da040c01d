"""A server that answers as it is told and keeps what it was asked."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass
class Asked:
    """One request as it came in."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    json: Any


@dataclass
class Given:
    """An answer. Of `chunks` each is sent by itself; `cut` ends the connection after them without an end."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    chunks: list[bytes] | None = None
    cut: bool = False


def ok(data: Any, status: int = 200, **headers: str) -> Given:
    """A success in the envelope."""
    return Given(status, json.dumps({"status": "success", "data": data}).encode(), headers)


def refused(code: int, message: str, *, details: Any = None, **headers: str) -> Given:
    """A refusal in the envelope; `Retry_After="1"` is the header Retry-After."""
    error = {"code": code, "message": message, "details": details or []}
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return Given(code, json.dumps({"status": "error", "error": error}).encode(), told)


LOST = Given(cut=True)  # the connection ends without an answer


class FakeServer:
    """Use as a context manager; `answer` is called with each request and its number, from 1."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.answer: Callable[[Asked, int], Given] = lambda _asked, _number: ok([])
        self._lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}/api"

    def __enter__(self) -> "FakeServer":
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def take(self, asked: Asked) -> Given:
        """Keep the request and answer it."""
        with self._lock:
            self.asked.append(asked)
            number = len(self.asked)
        return self.answer(asked, number)


def _handler(server: FakeServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            parts = urlsplit(self.path)
            asked = Asked(
                self.command,
                parts.path,
                dict(parse_qsl(parts.query)),
                {name.lower(): value for name, value in self.headers.items()},
                json.loads(body) if body else None,
            )
            self.write(server.take(asked))

        do_GET = do_POST = do_PUT = do_DELETE = handle_any

        def write(self, given: Given) -> None:
            self.close_connection = True
            if given.cut and given.chunks is None:
                return
            self.send_response(given.status)
            headers = {"Content-Type": "application/json"} | given.headers
            if given.chunks is None:
                headers["Content-Length"] = str(len(given.body))
            elif given.cut:
                headers["Content-Length"] = "1000000"
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            for chunk in given.chunks if given.chunks is not None else [given.body]:
                self.wfile.write(chunk)
                self.wfile.flush()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
