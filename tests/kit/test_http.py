"""Requests to addresses of users: where they go, how much and how long they take."""

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpcore
import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from botyard.kit import clock, http
from botyard.kit.http import GuardedTransport, check_address, guarded_client

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
PUBLIC = "93.184.215.14"


def resolving(**names: str | list[str]) -> http.Resolver:
    """A resolver that knows only these names, dots written as underscores."""
    known = {name.replace("_", "."): found for name, found in names.items()}

    async def resolve(host: str, port: int) -> list[str]:
        if host not in known:
            raise OSError("unknown")
        found = known[host]
        return [found] if isinstance(found, str) else found

    return resolve


class Loopback(httpcore.AnyIOBackend):
    """A network in which every address is this machine; remembers which ones were asked for."""

    def __init__(self, *, dead: Iterable[str] = ()) -> None:
        self.connected: list[str] = []
        self.dead = set(dead)

    async def connect_tcp(
        self, host: str, port: int, *args: Any, **kwargs: Any
    ) -> httpcore.AsyncNetworkStream:
        self.connected.append(host)
        if host in self.dead:
            raise httpcore.ConnectError("refused")
        return await super().connect_tcp("127.0.0.1", port, *args, **kwargs)


@asynccontextmanager
async def serving(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server on a free port of loopback; gives the port."""
    tasks: set[asyncio.Task[Any]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await handler(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    yield server.sockets[0].getsockname()[1]
    server.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def answering(body: bytes, *headers: str, status: str = "200 OK") -> Handler:
    """A server that gives the same answer to every request of a connection."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
            writer.write("\r\n".join(lines).encode() + body)
            await writer.drain()

    return handle


def client_of(transport: GuardedTransport) -> httpx.AsyncClient:
    return guarded_client(transport=transport)


# --- where it goes ----------------------------------------------------------------------------------


async def test_a_public_name_is_called_at_the_address_that_was_checked() -> None:
    network = Loopback()
    async with serving(answering(b"hello")) as port:
        transport = GuardedTransport(network=network, resolve=resolving(hooks_test=PUBLIC))
        async with client_of(transport) as client:
            reply = await client.get(f"http://hooks.test:{port}/x")
    assert (reply.status_code, reply.text, network.connected) == (200, "hello", [PUBLIC])


async def test_the_other_side_sees_the_name() -> None:
    seen: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    async with serving(handle) as port:
        transport = GuardedTransport(network=Loopback(), resolve=resolving(hooks_test=PUBLIC))
        async with client_of(transport) as client:
            await client.get(f"http://hooks.test:{port}/x")
    assert f"Host: hooks.test:{port}".encode() in seen[0]
    assert b"User-Agent: Botyard/" in seen[0]


@pytest.mark.parametrize(
    "found",
    [
        "127.0.0.1",
        "169.254.169.254",
        "10.0.0.1",
        "::1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        [PUBLIC, "10.0.0.1"],
    ],
)
async def test_a_name_with_one_forbidden_address_is_not_called_at_all(found: str | list[str]) -> None:
    network = Loopback()
    transport = GuardedTransport(network=network, resolve=resolving(hooks_test=found))
    async with client_of(transport) as client:
        with pytest.raises(http.AddressRefused, match="may not be called"):
            await client.get("http://hooks.test/")
    assert network.connected == []


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "0x7f.1", "2130706433", "127.1", "017700000001", "[::1]", "0", "localhost"]
)
async def test_loopback_is_refused_in_every_spelling(host: str) -> None:
    async with guarded_client() as client:
        with pytest.raises(http.AddressRefused):
            await client.get(f"http://{host}:9/")


async def test_a_name_that_changes_its_mind_is_refused_at_its_next_connection() -> None:
    answers = [[PUBLIC], ["127.0.0.1"]]

    async def rebinding(host: str, port: int) -> list[str]:
        return answers.pop(0)

    network = Loopback()
    async with (
        serving(answering(b"first", "Connection: close")) as port,
        client_of(GuardedTransport(network=network, resolve=rebinding)) as client,
    ):
        assert (await client.get(f"http://hooks.test:{port}/")).text == "first"
        assert (network.connected, len(answers)) == ([PUBLIC], 1), "resolved once, connected there"
        with pytest.raises(http.AddressRefused):
            await client.get(f"http://hooks.test:{port}/")
    assert network.connected == [PUBLIC]


async def test_a_redirect_is_handed_back_not_followed() -> None:
    async with serving(answering(b"", "Location: http://127.0.0.1:9/", status="302 Found")) as port:
        transport = GuardedTransport(network=Loopback(), resolve=resolving(hooks_test=PUBLIC))
        async with client_of(transport) as client:
            assert (await client.get(f"http://hooks.test:{port}/")).status_code == 302


@pytest.mark.parametrize(
    "target", ["http://127.0.0.1:9/", "http://inner.test/", "ftp://hooks.test/", "http://u:p@hooks.test/"]
)
async def test_a_redirect_that_a_caller_follows_is_checked_again(target: str) -> None:
    network = Loopback()
    async with serving(answering(b"", f"Location: {target}", status="307 Temporary Redirect")) as port:
        names = resolving(hooks_test=PUBLIC, inner_test="10.0.0.1", **{"127_0_0_1": "127.0.0.1"})
        async with client_of(GuardedTransport(network=network, resolve=names)) as client:
            with pytest.raises((http.AddressRefused, httpx.UnsupportedProtocol)):
                await client.get(f"http://hooks.test:{port}/", follow_redirects=True)
    assert network.connected == [PUBLIC]


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://example.org/", "file:///etc/passwd", "gopher://example.org/", "unix:///run/x"),
        *(
            "http://user:password@example.org/",
            "http://user@example.org/",
            "http:///path",
            "http://example.org:70000/",
        ),
        "http://example.org/" + "x" * 3000,
    ],
)
async def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(http.AddressRefused):
        await check_address(url, allow_private=True, resolve=resolving(example_org=PUBLIC))
    async with client_of(
        GuardedTransport(resolve=resolving(example_org=PUBLIC), network=Loopback())
    ) as client:
        with pytest.raises((http.AddressRefused, httpx.UnsupportedProtocol)):
            await client.get(url)


@pytest.mark.parametrize(
    "url", ["http://example.org:99999999/", "http://example.org:0/", "\x00", "example.org"]
)
async def test_what_is_no_address_is_refused_while_it_is_typed(url: str) -> None:
    with pytest.raises(http.AddressRefused):
        await check_address(url, allow_private=False, resolve=resolving(example_org=PUBLIC))


async def test_an_address_is_checked_while_it_is_typed() -> None:
    names = resolving(good_test=PUBLIC, bad_test="10.0.0.1")
    await check_address("https://good.test/hook", allow_private=False, resolve=names)
    await check_address("https://bad.test/hook", allow_private=True, resolve=names)
    with pytest.raises(http.AddressRefused, match=r"bad\.test leads to a private network"):
        await check_address("https://bad.test/hook", allow_private=False, resolve=names)
    with pytest.raises(http.NameUnknown):
        await check_address("https://none.test/hook", allow_private=False, resolve=names)


async def test_an_error_does_not_tell_which_inner_address_a_name_has() -> None:
    with pytest.raises(http.AddressRefused) as caught:
        await check_address("http://x.test", allow_private=False, resolve=resolving(x_test="10.1.2.3"))
    assert "10.1.2.3" not in str(caught.value)


async def test_an_operator_can_allow_private_networks() -> None:
    async with serving(answering(b"inner")) as port, guarded_client(allow_private=True) as client:
        assert (await client.get(f"http://127.0.0.1:{port}/")).text == "inner"


async def test_the_next_address_is_tried_when_one_is_dead() -> None:
    network = Loopback(dead=["1.1.1.1"])
    async with serving(answering(b"hello")) as port:
        transport = GuardedTransport(network=network, resolve=resolving(hooks_test=["1.1.1.1", "8.8.8.8"]))
        async with client_of(transport) as client:
            assert (await client.get(f"http://hooks.test:{port}/")).text == "hello"
    assert network.connected == ["1.1.1.1", "8.8.8.8"]


async def test_a_refused_connection_is_told() -> None:
    transport = GuardedTransport(network=Loopback(dead=[PUBLIC]), resolve=resolving(hooks_test=PUBLIC))
    async with client_of(transport) as client:
        with pytest.raises(http.PeerUnreachable):
            await client.get("http://hooks.test/")


async def test_an_unknown_name_is_told() -> None:
    async with client_of(GuardedTransport(resolve=resolving())) as client:
        with pytest.raises(http.NameUnknown, match=r"nowhere\.test"):
            await client.get("http://nowhere.test/")


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    async with serving(answering(b"direct")) as port:
        transport = GuardedTransport(network=Loopback(), resolve=resolving(hooks_test=PUBLIC))
        async with client_of(transport) as client:
            assert (await client.get(f"http://hooks.test:{port}/")).text == "direct"


async def test_cookies_are_not_kept_between_requests() -> None:
    seen: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            seen.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(b"HTTP/1.1 200 OK\r\nSet-Cookie: user=1\r\nContent-Length: 0\r\n\r\n")

    async with serving(handle) as port, guarded_client(allow_private=True) as client:
        for _ in range(2):
            await client.get(f"http://127.0.0.1:{port}/")
    assert len(seen) == 2
    assert b"cookie" not in seen[1].lower()


# --- certificates -----------------------------------------------------------------------------------


def certificate(name: str, folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server context with a certificate for `name`, and a client context that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = clock.now()
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    client = ssl.create_default_context(cafile=str(path))
    return server, client


async def test_the_certificate_is_checked_against_the_name_not_the_address(tmp_path: Path) -> None:
    server, trusting = certificate("hooks.test", tmp_path)
    names = resolving(hooks_test=PUBLIC, other_test=PUBLIC)
    async with (
        serving(answering(b"secure"), server) as port,
        client_of(GuardedTransport(network=Loopback(), resolve=names, tls=trusting)) as client,
    ):
        assert (await client.get(f"https://hooks.test:{port}/")).text == "secure"
        with pytest.raises(http.PeerUnreachable, match=r"(?i)certificate"):
            await client.get(f"https://other.test:{port}/")
        with pytest.raises(http.PeerUnreachable, match=r"(?i)certificate"):
            await client.get(f"https://other.test:{port}/", extensions={"sni_hostname": "hooks.test"})


# --- how much and how long --------------------------------------------------------------------------


async def test_a_body_that_announces_too_much_is_refused_unread() -> None:
    async with (
        serving(answering(b"x" * 2000)) as port,
        guarded_client(allow_private=True, max_bytes=1000) as client,
    ):
        with pytest.raises(http.ReplyTooLarge):
            await client.get(f"http://127.0.0.1:{port}/")


async def test_a_body_without_end_is_cut() -> None:
    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"400\r\n" + b"x" * 1024 + b"\r\n")
            await writer.drain()

    async with serving(pour) as port, guarded_client(allow_private=True, max_bytes=50_000) as client:
        with pytest.raises(http.ReplyTooLarge):
            await client.get(f"http://127.0.0.1:{port}/")


async def test_a_body_of_exactly_the_limit_is_read() -> None:
    async with (
        serving(answering(b"x" * 1000)) as port,
        guarded_client(allow_private=True, max_bytes=1000) as client,
    ):
        assert len((await client.get(f"http://127.0.0.1:{port}/")).content) == 1000


async def test_a_packed_reply_is_refused_since_it_could_grow() -> None:
    async with (
        serving(answering(gzip.compress(b"x" * 10_000_000), "Content-Encoding: gzip")) as port,
        guarded_client(allow_private=True) as client,
    ):
        with pytest.raises(http.ReplyUnreadable):
            await client.get(f"http://127.0.0.1:{port}/")


async def test_a_caller_for_whom_the_status_counts_may_leave_a_packed_body_unread() -> None:
    bomb = gzip.compress(b"x" * 10_000_000)
    async with (
        serving(answering(bomb, "Content-Encoding: gzip")) as port,
        guarded_client(allow_private=True) as client,
    ):
        for _ in range(3):
            url = f"http://127.0.0.1:{port}/"
            async with client.stream("GET", url, extensions=http.MAY_BE_PACKED) as reply:
                assert (reply.status_code, http.is_packed(reply)) == (200, True)
            assert reply.num_bytes_downloaded == 0
    async with serving(answering(b"plain")) as port, guarded_client(allow_private=True) as client:
        assert not http.is_packed(await client.get(f"http://127.0.0.1:{port}/"))


async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(-1)


async def dripping_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    await drip(writer, b"X-More: 1\r\n")


async def dripping_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    await drip(writer, b"x")


async def drip(writer: asyncio.StreamWriter, piece: bytes) -> None:
    """One piece each 20 ms: every single read is quick, the whole never ends."""
    loop = asyncio.get_running_loop()
    while True:
        writer.write(piece)
        await writer.drain()
        waited = asyncio.Event()
        loop.call_later(0.02, waited.set)
        await waited.wait()


@pytest.mark.parametrize("handler", [silence, dripping_head, dripping_body])
async def test_the_whole_exchange_ends_in_time(handler: Handler) -> None:
    loop = asyncio.get_running_loop()
    async with serving(handler) as port, guarded_client(allow_private=True, timeout_s=0.3) as client:
        started = loop.time()
        with pytest.raises(http.PeerTooSlow):
            await client.get(f"http://127.0.0.1:{port}/")
    assert loop.time() - started < 3


async def test_a_connection_that_never_comes_is_told_apart_from_an_answer_that_never_comes() -> None:
    class Silent(httpcore.AnyIOBackend):
        async def connect_tcp(self, *args: Any, **kwargs: Any) -> httpcore.AsyncNetworkStream:
            raise httpcore.ConnectTimeout

    transport = GuardedTransport(network=Silent(), resolve=resolving(hooks_test=PUBLIC))
    async with client_of(transport) as client:
        with pytest.raises(http.PeerUnreachable):
            await client.get("http://hooks.test/")


async def test_a_name_that_resolves_forever_ends_in_time() -> None:
    async def never(host: str, port: int) -> list[str]:
        await asyncio.Event().wait()
        raise AssertionError

    transport = GuardedTransport(timeout_s=0.1, resolve=never)
    async with client_of(transport) as client:
        with pytest.raises(http.PeerTooSlow):
            await client.get("http://hooks.test/")


@pytest.mark.parametrize(
    "answer", [b"", b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nxx"]
)
async def test_what_is_no_whole_http_reply_is_told(answer: bytes) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)

    async with serving(handle) as port, guarded_client(allow_private=True) as client:
        with pytest.raises(http.ReplyUnreadable):
            await client.get(f"http://127.0.0.1:{port}/")


async def test_the_client_goes_on_working_after_every_kind_of_failure() -> None:
    async with (
        serving(answering(b"x" * 2000)) as port,
        guarded_client(allow_private=True, max_bytes=1000) as client,
    ):
        for _ in range(120):  # more than the pool has connections
            with pytest.raises(http.ReplyTooLarge):
                await client.get(f"http://127.0.0.1:{port}/")


async def test_a_reply_can_be_streamed_within_its_bounds() -> None:
    async with (
        serving(answering(b"x" * 3000)) as port,
        guarded_client(allow_private=True, max_bytes=4000) as client,
        client.stream("GET", f"http://127.0.0.1:{port}/") as reply,
    ):
        assert sum([len(chunk) async for chunk in reply.aiter_raw()]) == 3000
