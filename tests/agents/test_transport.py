"""One connection: kept alive, replaced, cut; TLS and proxies; answers that are too much."""

import datetime
import ipaddress
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from botyard_agent import Agent, Unreachable
from botyard_agent.errors import CutHere
from botyard_agent.transport import Line, Target
from tests.agents.fake_server import TOKEN, FakeServer

HEADERS = {"Authorization": f"Bearer {TOKEN}"}
HEARTBEAT = "/api/bot/bot_01hzy8echo/heartbeat"


@pytest.fixture
def line(server: FakeServer) -> Iterator[Line]:
    line = Line(Target.parse(server.url), HEADERS, None)
    yield line
    line.close()


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://localhost:8000/manager", (False, "localhost", 8000, "/manager")),
        ("https://bots.example/manager/", (True, "bots.example", 443, "/manager")),
        ("http://[::1]:5000", (False, "::1", 5000, "")),
        ("bots.example:5000", (False, "bots.example", 5000, "")),
    ],
)
def test_addresses_are_read_as_people_write_them(
    url: str, target: tuple[object, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    parsed = Target.parse(url)

    assert (parsed.secure, parsed.host, parsed.port, parsed.path) == target
    assert parsed.proxy is None


def test_a_connection_is_kept_and_replaced_when_the_server_was_restarted(
    server: FakeServer, line: Line
) -> None:
    assert line.request("POST", HEARTBEAT, body=b"").ok
    assert line.request("POST", HEARTBEAT, body=b"").ok
    server.down()
    server.up()

    assert line.request("POST", HEARTBEAT, body=b"").ok


def test_a_server_that_is_away_is_unreachable(server: FakeServer, line: Line) -> None:
    server.down()

    with pytest.raises(Unreachable, match="Connection"):
        line.request("POST", HEARTBEAT, body=b"")
    server.up()
    assert line.request("POST", HEARTBEAT, body=b"").ok


def test_a_call_in_progress_can_be_cut_from_another_thread(server: FakeServer, line: Line) -> None:
    held = threading.Event()
    server.fail("/heartbeat", hold=held)
    failures: list[Exception] = []

    def call() -> None:
        try:
            line.request("POST", HEARTBEAT, body=b"")
        except Unreachable as failure:
            failures.append(failure)

    thread = threading.Thread(target=call)
    thread.start()
    server.wait_for(lambda: server.calls)
    line.cut()
    thread.join(10)
    held.set()

    assert isinstance(failures[0], CutHere)
    with pytest.raises(CutHere):
        line.request("POST", HEARTBEAT, body=b"")


def test_an_answer_that_does_not_come_is_given_up(server: FakeServer, line: Line) -> None:
    held = threading.Event()
    server.fail("/heartbeat", hold=held)

    with pytest.raises(Unreachable, match="timed out"):
        line.request("POST", HEARTBEAT, body=b"", timeout_s=0.1)
    held.set()


OVER = threading.Event()


class Odd(BaseHTTPRequestHandler):
    """Answers that no server should give: endless, dripping, cut off."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.close_connection = True
        self.send_response(200)
        if self.path == "/short":
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"{}")
            return
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"x" * (65536 if self.path == "/flood" else 1))
                if self.path == "/drip" and OVER.wait(0.005):
                    return
        except OSError:
            return

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def odd() -> Iterator[Line]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Odd) as http:
        threading.Thread(target=http.serve_forever, args=(0.01,)).start()
        line = Line(Target.parse(f"http://127.0.0.1:{http.server_port}"), {}, None)
        yield line
        line.close()
        OVER.set()
        http.shutdown()
    OVER.clear()


@pytest.mark.parametrize(
    ("path", "words"), [("/flood", "longer than"), ("/drip", "took too long"), ("/short", "IncompleteRead")]
)
def test_answers_without_measure_are_given_up(odd: Line, path: str, words: str) -> None:
    with pytest.raises(Unreachable, match=words):
        odd.request("GET", path, timeout_s=0.3 if path == "/drip" else 10)


def test_a_proxy_of_the_environment_is_used_but_not_for_this_machine(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = server.url.removeprefix("http://").partition("/")[0]
    monkeypatch.setenv("http_proxy", f"http://ann:s%40t@{address}")
    monkeypatch.setenv("no_proxy", "inside.example")

    line = Line(Target.parse("http://bots.example/manager"), HEADERS, None)
    assert line.request("POST", HEARTBEAT, body=b"").ok
    line.close()

    assert server.calls[0].headers["host"] == "bots.example:80"
    assert server.calls[0].headers["proxy-authorization"] == "Basic YW5uOnNAdA=="
    assert Target.parse("http://inside.example/manager").proxy is None
    assert Target.parse(server.url).proxy is None


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 that nobody vouches for, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(
            name, name, key.public_key(), x509.random_serial_number(), now, now + datetime.timedelta(1)
        )
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "both.pem"
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    path.write_bytes(
        made.public_bytes(encoding) + key.private_bytes(encoding, form, serialization.NoEncryption())
    )
    return path


def test_https_is_checked_and_a_context_of_ones_own_is_used(
    server: FakeServer, certificate: Path, make_agent: Callable[..., Agent]
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.secure(context)
    url = server.url.replace("http:", "https:")
    untrusting = Line(Target.parse(url), HEADERS, ssl.create_default_context())
    with pytest.raises(Unreachable, match="CERTIFICATE_VERIFY_FAILED"):
        untrusting.request("POST", HEARTBEAT, body=b"")

    with make_agent(url=url, ssl_context=ssl.create_default_context(cafile=certificate)) as agent:
        assert agent.wait_joined(10)
        agent.log("over TLS")

    assert server.texts() == ["over TLS"]
