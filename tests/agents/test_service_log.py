"""The handler for services: into the real server's log, over outages, without harm to the program."""

import asyncio
import io
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from botyard.core.accounts import api_keys
from botyard.core.accounts.types import Role
from botyard.core.ingest.reader import Row, StreamReader
from botyard.core.logs import service as logs
from botyard_agent import ServiceLogHandler, service_log
from botyard_agent.otlp import MAX_RECORD
from tests.contracts.conftest import running  # noqa: F401 - a fixture
from tests.contracts.running import Running

KEY = "by_key_01hzy8shop_" + "S3cr3t" * 8
FAST: dict[str, Any] = {"batch_s": 0.01, "backoff_s": (0.01, 0.05)}
Make = Callable[..., ServiceLogHandler]


@pytest.fixture
def logger() -> logging.Logger:
    """A logger apart from all others."""
    return logging.Logger("shop", logging.DEBUG)  # noqa: LOG001 - outside the hierarchy on purpose


@pytest.fixture
def make() -> Iterator[Make]:
    """make(url, key, …) builds a handler; all are closed at the end."""
    made: list[ServiceLogHandler] = []

    def build(url: str, key: str = KEY, **how: Any) -> ServiceLogHandler:
        made.append(ServiceLogHandler(url, key, **(FAST | how)))
        return made[-1]

    yield build
    for handler in made:
        handler.close()


class Receiver:
    """Takes requests and answers with what was scripted, then with success."""

    def __init__(self) -> None:
        self.script: list[tuple[int, dict[str, str], bytes]] = []
        self.calls: list[tuple[dict[str, str], Any]] = []
        self.hold = threading.Event()
        self.hold.set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                pass

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.calls.append(({name.lower(): value for name, value in self.headers.items()}, body))
                outer.hold.wait(20)
                status, headers, content = outer.script.pop(0) if outer.script else (200, {}, b"{}")
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_port}"

    def answer(self, status: int, content: Any = None, **headers: str) -> None:
        self.script.append((status, headers, json.dumps(content or {}).encode()))

    def records(self, call: Any) -> list[Any]:
        """The records of a call."""
        return list(call[1]["resourceLogs"][0]["scopeLogs"][0]["logRecords"])

    def texts(self) -> list[str]:
        return [one["body"]["stringValue"] for call in self.calls for one in self.records(call)]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.hold.set()
    receiver.http.shutdown()
    receiver.http.server_close()


@pytest.fixture(scope="module")
async def key(running: Running) -> str:  # noqa: F811
    """The API key of a service of the real server."""
    async with running.db.session() as session:
        _, text = await api_keys.create(
            session, user_id=1, name="shop", scopes=["logs:write"], role=Role.service
        )
    return text


@pytest.fixture
async def found(running: Running) -> Any:  # noqa: F811
    """await found(source) answers what the server has of a source, in order."""

    async def find(source: str) -> list[Row]:
        rows = await logs.search(running.db.parts.get(StreamReader), source=source, limit=5_000)
        return rows[::-1]

    return find


async def test_records_arrive_with_all_they_say(
    running: Running,  # noqa: F811
    key: str,
    make: Make,
    logger: logging.Logger,
    found: Any,
) -> None:
    handler = make(running.url, key, source="shop", log_type="console")
    logger.addHandler(handler)

    logger.debug("d")
    logger.info("sold %d", 3, extra={"correlation_id": "order-7", "basket": {"items": [1, 2.5, None, True]}})
    logger.warning("")
    try:
        {}["missing"]
    except KeyError:
        logger.exception("broken with password=hunter22")
    logger.critical("c", extra={"api_key": "abc", "note": key, "big": 2**70, "odd": object})
    assert await asyncio.to_thread(handler.drain, 20)

    rows = await found("shop")
    assert [row["level"] for row in rows] == ["debug", "info", "warning", "error", "critical"]
    assert {row["type"] for row in rows} == {"console"}
    assert (rows[1]["message"], rows[1]["correlation_id"]) == ("sold 3", "order-7")
    assert rows[1]["data"]["attributes"]["basket"] == {"items": [1, 2.5, None, True]}
    assert rows[1]["data"]["attributes"]["line"].startswith("test_service_log.py:")
    assert rows[2]["message"] == "(empty)"
    assert "KeyError: 'missing'" in rows[3]["message"]
    assert "hunter22" not in str(rows)
    assert key[-40:] not in str(rows)
    assert rows[4]["data"]["attributes"]["api_key"] == "[redacted]"


async def test_many_threads_log_at_once_and_nothing_is_lost(
    running: Running,  # noqa: F811
    key: str,
    make: Make,
    logger: logging.Logger,
    found: Any,
) -> None:
    handler = make(running.url, key, source="threads")
    logger.addHandler(handler)

    def work(name: int) -> None:
        for number in range(200):
            logger.info("%d/%d", name, number)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert await asyncio.to_thread(handler.drain, 30)

    rows = [row["message"] for row in await found("threads")]
    assert sorted(rows) == sorted(f"{name}/{number}" for name in range(8) for number in range(200))
    for name in range(8):
        own = [text for text in rows if text.startswith(f"{name}/")]
        assert own == [f"{name}/{number}" for number in range(200)]


async def test_large_records_are_made_to_fit(
    running: Running,  # noqa: F811
    key: str,
    make: Make,
    logger: logging.Logger,
    found: Any,
) -> None:
    handler = make(running.url, key, source="large")
    logger.addHandler(handler)

    logger.info("ü" * 200_000)
    logger.info("attributes", extra={"much": ["x" * 1000] * 100})
    logger.info("values", extra={"many": list(range(20_000))})
    assert await asyncio.to_thread(handler.drain, 20)

    first, second, third = await found("large")
    assert first["message"].startswith("ü" * 1000)
    assert "more characters" in first["message"]
    assert str(MAX_RECORD) in second["data"]["attributes"]["attributes_left_out"]
    assert "more than" in third["data"]["attributes"]["attributes_left_out"]


async def test_what_waits_is_sent_when_the_program_ends(
    running: Running,  # noqa: F811
    key: str,
    found: Any,
) -> None:
    program = (
        "import logging, sys\n"
        "from botyard_agent import ServiceLogHandler\n"
        "handler = ServiceLogHandler(sys.argv[1], sys.argv[2], source='program', batch_s=60, grace_s=15)\n"
        "logging.basicConfig(level='INFO', format='%(message)s', handlers=[handler])\n"
        "logging.info('last words')\n"
    )
    source = Path(service_log.__file__).parents[1]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, running.url, key,
        env={**os.environ, "PYTHONPATH": str(source)},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()
    assert (process.returncode, output) == (0, b"")
    assert [row["message"] for row in await found("program")] == ["last words"]


def test_a_server_that_is_busy_or_away_is_asked_again_with_the_same_key(
    receiver: Receiver, make: Make, logger: logging.Logger
) -> None:
    receiver.answer(503)
    receiver.answer(429, **{"Retry-After": "0"})
    receiver.answer(500)
    receiver.answer(401)
    handler = make(receiver.url)
    logger.addHandler(handler)

    logger.info("patience")
    assert handler.drain(20)

    assert receiver.texts() == ["patience"] * 5
    assert len({headers["idempotency-key"] for headers, _ in receiver.calls}) == 1
    assert {headers["x-api-key"] for headers, _ in receiver.calls} == {KEY}


def test_retry_after_is_kept(receiver: Receiver, make: Make, logger: logging.Logger) -> None:
    receiver.answer(429, **{"Retry-After": "3600"})
    handler = make(receiver.url)
    logger.addHandler(handler)

    logger.info("later")
    deadline = threading.Event()
    while not receiver.calls:
        deadline.wait(0.01)
    while handler._not_before < 0:
        deadline.wait(0.01)

    assert handler._not_before - handler._timing.monotonic() > 800
    assert len(receiver.calls) == 1


def test_what_is_dropped_and_refused_is_told(receiver: Receiver, make: Make, logger: logging.Logger) -> None:
    receiver.answer(503)
    receiver.answer(200, {"partialSuccess": {"rejectedLogRecords": "2", "errorMessage": "too large"}})
    receiver.answer(400, {"code": 3, "message": "no"})
    handler = make(receiver.url, queue_records=5, batch_records=5, batch_s=60.0, grace_s=0.1)
    logger.addHandler(handler)
    receiver.hold.clear()
    for number in range(5):
        logger.info("%d", number)
    waiting = threading.Event()
    while not receiver.calls:
        waiting.wait(0.01)
    for number in range(5, 30):
        logger.info("%d", number)
    receiver.hold.set()
    assert handler.drain(20)
    logger.info("after")
    assert handler.drain(20)

    told = [text for text in receiver.texts() if "record" in text]
    assert told[0] == (
        "20 records were dropped here for want of room while the server was away; 2 records were refused by the server."
    )
    assert told[1] == "4 records were refused by the server."
    kept = [text for text in receiver.texts() if text.isdecimal()]
    assert kept[-5:] == ["25", "26", "27", "28", "29"]


def test_too_large_a_batch_is_sent_in_halves(receiver: Receiver, make: Make, logger: logging.Logger) -> None:
    receiver.answer(413)
    receiver.answer(413)
    handler = make(receiver.url, batch_records=4, batch_s=60.0)
    logger.addHandler(handler)

    for number in range(4):
        logger.info("%d", number)
    assert handler.drain(20)

    assert [len(receiver.records(call)) for call in receiver.calls] == [4, 2, 1, 1, 2]
    assert receiver.texts()[-4:] == ["0", "1", "2", "3"]


def test_the_program_never_waits_and_never_hears_of_trouble(
    make: Make, logger: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Unprintable:
        def __str__(self) -> str:
            raise RuntimeError("no words")

    complaints = io.StringIO()
    monkeypatch.setattr("sys.stderr", complaints)
    handler = make("http://127.0.0.1:9", grace_s=0.05)
    logger.addHandler(handler)

    logger.info("value: %s", Unprintable())
    for number in range(20_000):
        logger.info("%d", number)

    assert "no words" in complaints.getvalue()
    assert handler.pending <= 10_200
    assert not handler.drain(0.05)
    handler.close()
    logger.info("after the end")
    handler.close()


def test_what_it_says_about_itself_does_not_feed_it(receiver: Receiver, make: Make) -> None:
    root = logging.getLogger()
    level = root.level
    handler = make(receiver.url)
    receiver.answer(503)
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        logging.getLogger("botyard_agent.x").info("inside")
        logging.getLogger("shop").info("only this")
        assert handler.drain(20)
    finally:
        root.removeHandler(handler)
        root.setLevel(level)

    assert set(receiver.texts()) == {"only this"}


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_a_forked_child_sends_its_own_and_not_what_waits_in_its_parent(
    receiver: Receiver, make: Make, logger: logging.Logger
) -> None:
    handler = make(receiver.url, batch_s=60.0)
    logger.addHandler(handler)
    logger.info("from the parent")
    child = os.fork()
    if child == 0:
        logger.info("from the child")
        os._exit(0 if handler.drain(10) else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert receiver.texts() == ["from the child"]
    assert handler.drain(10)
    assert receiver.texts() == ["from the child", "from the parent"]


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="not an http"):
        ServiceLogHandler("ftp://example.org", KEY)
