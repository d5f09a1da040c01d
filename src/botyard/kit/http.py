"""Requests to addresses that users gave (webhooks, pictures, their own servers), safe to make from inside.

A name is resolved once, every address it has is checked, and the connection goes to one of exactly those; the
certificate is still checked against the name. Redirects are not followed, and if a caller asks for it each hop is
checked the same way. Size and time of the whole exchange are bounded. Proxies of the environment are not used.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpcore
import httpx

from botyard import __version__
from botyard.kit.addresses import refusal
from botyard.kit.errors import BotyardError, Invalid
from botyard.kit.metrics import OUTGOING

MAX_URL = 2048
TIMEOUT_S = 10.0
MAX_BYTES = 1_048_576
# As `extensions` of a call for whom the status counts: a reply whose body is packed is then no error. Whoever says so
# streams, asks `is_packed`, and leaves such a body unread.
MAY_BE_PACKED = {"may_be_packed": True}
_MAX_ADDRESSES = 4  # of one name; the rest is not worth the wait

Resolver = Callable[[str, int], Awaitable[list[str]]]


class AddressRefused(Invalid):
    """This address may not be called from this server."""

    code = "address_refused"


class OutgoingFailed(BotyardError):
    """The other side could not be asked; check the address and try again later."""

    code, status = "outgoing_failed", 502


class NameUnknown(OutgoingFailed):
    """No such name is known; check how the address is spelled."""

    code = "outgoing_name_unknown"


class PeerUnreachable(OutgoingFailed):
    """No connection to the other side; check that it runs, its port and its certificate."""

    code = "outgoing_unreachable"


class PeerTooSlow(OutgoingFailed):
    """The other side took too long; make it answer first and work afterwards."""

    code, status = "outgoing_too_slow", 504


class ReplyTooLarge(OutgoingFailed):
    """The other side answered with more than is accepted here; make it answer with less."""

    code = "outgoing_reply_too_large"


class ReplyUnreadable(OutgoingFailed):
    """The other side did not answer in plain HTTP; check the address and its port."""

    code = "outgoing_reply_unreadable"


def guarded_client(
    *,
    allow_private: bool = False,
    timeout_s: float = TIMEOUT_S,
    max_bytes: int = MAX_BYTES,
    transport: httpx.AsyncBaseTransport | None = None,
) -> httpx.AsyncClient:
    """A client for addresses that users gave; close it, or use it with `async with`.

    `timeout_s` bounds the whole exchange, `max_bytes` the body of the reply. Calls raise AddressRefused or a kind
    of OutgoingFailed, never httpx's own errors; the status of a reply is the caller's business.
    """
    return httpx.AsyncClient(
        transport=transport
        or GuardedTransport(allow_private=allow_private, timeout_s=timeout_s, max_bytes=max_bytes),
        timeout=timeout_s,
        follow_redirects=False,
        trust_env=False,
        # One client serves many users: what a host sets for one of them is not sent for another.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        # A packed reply could grow a thousandfold after it was measured.
        headers={"User-Agent": f"Botyard/{__version__}", "Accept-Encoding": "identity"},
    )


def is_packed(reply: httpx.Response) -> bool:
    """Whether the body of a reply is packed, although none was asked for."""
    return _packed(reply.headers.get("content-encoding", ""))


async def check_address(url: str, *, allow_private: bool, resolve: Resolver | None = None) -> None:
    """Say now, while a user types it, what a request to this address would say: AddressRefused, NameUnknown.

    The request itself checks again; a name may lead elsewhere by then.
    """
    try:
        target = httpx.URL(url)
    except httpx.InvalidURL:
        raise AddressRefused("This is not an address; write it like https://example.org/path.") from None
    _check_url(target)
    port = target.port or (443 if target.scheme == "https" else 80)
    await _checked_addresses(
        target.host, port, allow_private=allow_private, resolve=resolve or system_resolver
    )


async def system_resolver(host: str, port: int) -> list[str]:
    """Every address of a name, as this machine resolves it. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


class GuardedTransport(httpx.AsyncBaseTransport):
    """The transport behind `guarded_client`; `resolve`, `network` and `tls` are for tests and special networks."""

    def __init__(
        self,
        *,
        allow_private: bool = False,
        timeout_s: float = TIMEOUT_S,
        max_bytes: int = MAX_BYTES,
        resolve: Resolver | None = None,
        network: httpcore.AsyncNetworkBackend | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        # The pool knows names, not addresses: a connection made for one name never serves another.
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls or httpx.create_ssl_context(trust_env=False),
            max_connections=100,
            max_keepalive_connections=10,
            keepalive_expiry=15.0,
            network_backend=_PinnedNetwork(
                network or httpcore.AnyIOBackend(), resolve or system_resolver, allow_private=allow_private
            ),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; the body of the answer is read through the same bounds."""
        deadline = asyncio.get_running_loop().time() + self._timeout_s
        with _counted():
            _check_url(request.url)
            async with _bounded(deadline):
                reply = await self._pool.handle_async_request(_as_core(request))
            body = _Body(reply, deadline, self._max_bytes)
            try:
                _check_reply(reply, self._max_bytes, packed="may_be_packed" in request.extensions)
            except BaseException:
                await body.aclose()
                raise
        OUTGOING.labels("answered").inc()
        return httpx.Response(reply.status, headers=reply.headers, stream=body, extensions=reply.extensions)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._pool.aclose()


class _Body(httpx.AsyncByteStream):
    """The body of a reply, as far as size and time allow."""

    def __init__(self, reply: httpcore.Response, deadline: float, max_bytes: int) -> None:
        self._reply = reply
        self._deadline = deadline
        self._max_bytes = max_bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size, stream = 0, aiter(self._reply.aiter_stream())
        with _counted():
            while chunk := await self._next(stream):
                size += len(chunk)
                if size > self._max_bytes:
                    raise ReplyTooLarge
                yield chunk

    async def _next(self, stream: AsyncIterator[bytes]) -> bytes:
        # The limit stands around each read, not around what the consumer does between two of them.
        async with _bounded(self._deadline):
            while (chunk := await anext(stream, None)) is not None:
                if chunk:
                    return chunk
        return b""

    async def aclose(self) -> None:
        await self._reply.aclose()


class _PinnedNetwork(httpcore.AsyncNetworkBackend):
    """Connects to the very addresses that were checked, so that a name cannot change its mind in between."""

    def __init__(
        self, network: httpcore.AsyncNetworkBackend, resolve: Resolver, *, allow_private: bool
    ) -> None:
        self._network = network
        self._resolve = resolve
        self._allow_private = allow_private

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = await _checked_addresses(
            host, port, allow_private=self._allow_private, resolve=self._resolve
        )
        each_s = None if timeout is None else timeout / len(addresses)
        for last, address in enumerate(addresses, 1 - len(addresses)):
            try:
                return await self._network.connect_tcp(address, port, each_s, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if last == 0:
                    raise
        raise NameUnknown

    async def connect_unix_socket(self, path: str, *args: Any, **kwargs: Any) -> httpcore.AsyncNetworkStream:
        raise AddressRefused

    async def sleep(self, seconds: float) -> None:
        await self._network.sleep(seconds)


async def _checked_addresses(host: str, port: int, *, allow_private: bool, resolve: Resolver) -> list[str]:
    """The addresses of a name, when every one of them may be called."""
    try:
        addresses = await resolve(host, port)
    except (OSError, UnicodeError):
        addresses = []
    if not addresses:
        raise NameUnknown(f"The name {host} is not known; check how the address is spelled.")
    for address in addresses:
        if why := refusal(address, allow_private=allow_private):
            remedy = "" if allow_private else " An operator can allow private networks in the settings."
            raise AddressRefused(f"{host} leads to {why}, which may not be called from here.{remedy}")
    return addresses[:_MAX_ADDRESSES]


def _check_url(url: httpx.URL) -> None:
    if url.scheme not in ("http", "https"):
        raise AddressRefused("Only addresses that start with http:// or https:// can be called.")
    if url.userinfo:
        raise AddressRefused("An address may not hold a user name or password; send them in a header.")
    if not url.host:
        raise AddressRefused("The address names no host; write it like https://example.org/path.")
    if url.port is not None and not 0 < url.port < 65536:
        raise AddressRefused("The port of an address lies between 1 and 65535.")
    if len(str(url)) > MAX_URL:
        raise AddressRefused(f"The address is longer than {MAX_URL} characters.")


def _packed(encoding: str) -> bool:
    return encoding.strip().lower() not in ("", "identity")


def _check_reply(reply: httpcore.Response, max_bytes: int, *, packed: bool) -> None:
    headers = {name.lower(): value for name, value in reply.headers}
    if not packed and _packed(headers.get(b"content-encoding", b"").decode("latin-1")):
        raise ReplyUnreadable("The other side sent a packed reply although none was asked for.")
    length = headers.get(b"content-length", b"")
    if length.isdigit() and int(length) > max_bytes:
        raise ReplyTooLarge


def _as_core(request: httpx.Request) -> httpcore.Request:
    assert isinstance(request.stream, httpx.AsyncByteStream)
    return httpcore.Request(
        method=request.method,
        url=httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        ),
        headers=request.headers.raw,
        content=request.stream,
        # nothing else: `sni_hostname` would ask for the certificate of another name
        extensions={"timeout": request.extensions.get("timeout", {})},
    )


@asynccontextmanager
async def _bounded(deadline: float) -> AsyncIterator[None]:
    """Turn what may go wrong on the wire into our errors, and end it at the deadline."""
    try:
        async with asyncio.timeout_at(deadline):
            yield
    except httpcore.ConnectTimeout:  # told apart because nothing was sent yet
        raise PeerUnreachable("No connection to the other side: it did not answer in time.") from None
    except (TimeoutError, httpcore.TimeoutException):
        raise PeerTooSlow from None
    except httpcore.ConnectError as error:
        raise PeerUnreachable(f"No connection to the other side: {error or 'refused'}.") from None
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol):
        raise ReplyUnreadable from None


@contextmanager
def _counted() -> Iterator[None]:
    try:
        yield
    except (AddressRefused, OutgoingFailed) as error:
        OUTGOING.labels(error.code).inc()
        raise
