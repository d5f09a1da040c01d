"""Plain blocking HTTP/1.1 over one kept-alive connection, which another thread can cut.

The standard library's client is enough for small JSON calls to one server, and it leaves the bot's own
choice of HTTP library (and its version) alone.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from botyard_agent.errors import CutHere, Unreachable

CONNECT_TIMEOUT_S = 10.0
MAX_ANSWER = 16 * 1024 * 1024
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class Proxy:
    """An HTTP proxy of this machine's environment."""

    host: str
    port: int
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Target:
    """Where the server is: its address cut into what a connection needs."""

    secure: bool
    host: str
    port: int
    path: str
    proxy: Proxy | None

    @classmethod
    def parse(cls, url: str) -> Target:
        """Raises ValueError for what is not an http or https address."""
        parts = urlsplit(url if "://" in url else f"http://{url}")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is not an http or https address.")
        secure = parts.scheme == "https"
        port = parts.port or (443 if secure else 80)
        return cls(secure, parts.hostname, port, parts.path.rstrip("/"), _proxy(parts.scheme, parts.hostname))

    @property
    def local(self) -> bool:
        """Whether the server is on this machine."""
        return self.host in _LOOPBACK


@dataclass(frozen=True)
class Answer:
    """What the server said; `body` is the JSON value, or None where it is not JSON."""

    status: int
    body: Any
    retry_after: str | None
    location: str | None

    @property
    def ok(self) -> bool:
        """Whether it is a success in JSON; a page of a captive portal is a 200 and not one of these."""
        return 200 <= self.status < 300 and isinstance(self.body, dict)

    @property
    def error(self) -> str:
        """The server's own words for a refusal, cut to one line."""
        said = self.body if isinstance(self.body, dict) else {}
        text = said.get("error") or said.get("message")
        return str(text or f"status {self.status}")[:300]


class Line:
    """One connection, for one thread at a time; it opens by itself and again after every failure."""

    def __init__(self, target: Target, headers: Mapping[str, str], context: ssl.SSLContext | None) -> None:
        self._target = target
        self._headers = dict(headers)
        if target.proxy and not target.secure:
            self._headers.update(target.proxy.headers)
        self._context = context
        self._connection: http.client.HTTPConnection | None = None
        self._socket: socket.socket | None = None
        self._cut = threading.Event()
        self._busy = threading.Lock()
        self.closed = False

    def request(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 30.0,
    ) -> Answer:
        """Raises Unreachable. A kept-alive connection that turns out to be dead is replaced once, at once:
        every call of the protocol may be repeated."""
        with self._busy:
            return self._request(method, path, body, headers or {}, timeout_s)

    def _request(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], timeout_s: float
    ) -> Answer:
        reused = self._connection is not None
        try:
            return self._exchange(method, path, body, headers, timeout_s)
        except _FAILURES as failure:
            self._drop()
            if self._cut.is_set():
                raise CutHere("The connection was closed by this side.") from failure
            if not (reused and isinstance(failure, _STALE)):
                raise Unreachable(_words(failure)) from failure
        try:
            return self._exchange(method, path, body, headers, timeout_s)
        except _FAILURES as failure:
            self._drop()
            raise Unreachable(_words(failure)) from failure

    def _exchange(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], timeout_s: float
    ) -> Answer:
        deadline = time.monotonic() + timeout_s
        connection = self._open()
        assert self._socket is not None
        self._socket.settimeout(timeout_s)
        connection.request(method, self._address(path), body=body, headers={**self._headers, **headers})
        response = connection.getresponse()
        content = self._read(response, deadline)
        answer = Answer(
            response.status,
            _json(content),
            response.getheader("Retry-After"),
            response.getheader("Location"),
        )
        if response.will_close:
            self._drop()
        return answer

    def _read(self, response: http.client.HTTPResponse, deadline: float) -> bytes:
        """The whole body. A server that drips is given up at the deadline, one that floods at the limit."""
        parts, size = [], 0
        while part := response.read1(64 * 1024):
            parts.append(part)
            size += len(part)
            if size > MAX_ANSWER:
                raise http.client.HTTPException(f"the answer is longer than {MAX_ANSWER} bytes")
            if time.monotonic() > deadline:
                raise TimeoutError("the answer took too long")
        if response.length:  # announced, but the connection ended before
            raise http.client.IncompleteRead(b"", response.length)
        response.close()  # read1 does not do it at the end, and the connection waits for that
        return b"".join(parts)

    def _open(self) -> http.client.HTTPConnection:
        if self._connection is None and not self._cut.is_set():
            connection = self._new()
            connection.connect()
            self._connection, self._socket = connection, connection.sock
        if self._connection is None or self._cut.is_set():
            raise ConnectionAbortedError("cut")
        return self._connection

    def _new(self) -> http.client.HTTPConnection:
        target, proxy = self._target, self._target.proxy
        host, port = (proxy.host, proxy.port) if proxy else (target.host, target.port)
        if not target.secure:
            return http.client.HTTPConnection(host, port, timeout=CONNECT_TIMEOUT_S)
        connection = http.client.HTTPSConnection(host, port, timeout=CONNECT_TIMEOUT_S, context=self._context)
        if proxy:
            connection.set_tunnel(target.host, target.port, headers=dict(proxy.headers))
        return connection

    def _address(self, path: str) -> str:
        target = self._target
        if target.proxy is None or target.secure:
            return target.path + path
        host = f"[{target.host}]" if ":" in target.host else target.host
        return f"http://{host}:{target.port}{target.path}{path}"

    def cut(self) -> None:
        """End the call in progress, from any thread, and refuse later ones."""
        self._cut.set()
        if (sock := self._socket) is not None:
            with contextlib.suppress(OSError):
                # not SSLSocket.shutdown: that drops the TLS state under the thread that is reading
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def close(self) -> None:
        """Cut, and let go of the connection once the call in progress has noticed."""
        self.cut()
        if self._busy.acquire(timeout=1.0):
            self._drop()
            self.closed = True
            self._busy.release()

    def _drop(self) -> None:
        connection, self._connection, self._socket = self._connection, None, None
        if connection is not None:
            connection.close()


_FAILURES = (OSError, http.client.HTTPException)
# what a connection that the server closed while idle looks like at the next use
_STALE = (ConnectionError, http.client.BadStatusLine, http.client.CannotSendRequest)


def _words(failure: BaseException) -> str:
    return f"{type(failure).__name__}: {failure}" if str(failure) else type(failure).__name__


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _proxy(scheme: str, host: str) -> Proxy | None:
    """The proxy that the environment names for this host; none for this machine itself."""
    url = getproxies().get(scheme)
    if not url or host in _LOOPBACK or proxy_bypass(host):
        return None
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if not parts.hostname:
        return None
    headers = {}
    if parts.username:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Proxy-Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    return Proxy(parts.hostname, parts.port or 80, headers)
