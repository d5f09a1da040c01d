"""The log: one format for our code and for libraries, the request id on every line, no secrets."""

import asyncio
import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from botyard.kit import logging as own_logging
from botyard.kit.clock import FrozenClock
from botyard.kit.redaction import HIDDEN

SECRET = "hunter2hunter2"


@pytest.fixture(autouse=True)
def _restored(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Logging is one for the process: give the other tests theirs back."""
    for name in ("_json_out", "_lines"):  # where requests are written by the short way
        monkeypatch.setattr(own_logging, name, getattr(own_logging, name))
    # A logger keeps the configuration of its first use: these tests use one of their own.
    monkeypatch.setattr(own_logging, "_access", structlog.get_logger("botyard.access"))
    names = ["", "dbos", *own_logging._QUIET, "uvicorn", "uvicorn.error"]
    loggers = [logging.getLogger(name) for name in names]
    before = [(x, list(x.handlers), x.level, x.propagate) for x in loggers]
    configured = structlog.get_config() | {"cache_logger_on_first_use": False}
    yield
    logging.captureWarnings(capture=False)
    structlog.configure(**configured)
    for logger, handlers, level, propagate in before:
        logger.handlers[:] = handlers
        logger.setLevel(level)
        logger.propagate = propagate


@pytest.fixture
def lines(clock: FrozenClock) -> Callable[[], list[dict[str, Any]]]:
    """lines() parses what was logged so far, as JSON at level info."""
    out = io.StringIO()
    own_logging.setup("info", "json", stream=out)
    return lambda: [json.loads(line) for line in out.getvalue().splitlines()]


Lines = Callable[[], list[dict[str, Any]]]


def test_a_line_says_when_who_and_what(lines: Lines) -> None:
    structlog.get_logger("botyard.test").info("Bot %s joined.", "Alpha", bot_id="bot_1")
    assert lines() == [
        {
            "timestamp": "2026-06-01T12:00:00.000000Z",
            "level": "info",
            "logger": "botyard.test",
            "event": "Bot Alpha joined.",
            "bot_id": "bot_1",
        }
    ]


@pytest.mark.parametrize("name", ["uvicorn.error", "dbos", "sqlalchemy.engine", "somebody.else"])
def test_libraries_write_the_same_lines(lines: Lines, name: str) -> None:
    with own_logging.request_context("req_1"):
        logging.getLogger(name).warning("pool of %d", 5)
    assert lines()[0] == {
        "timestamp": "2026-06-01T12:00:00.000000Z",
        "level": "warning",
        "logger": name,
        "event": "pool of 5",
        "request_id": "req_1",
    }


def test_dbos_starting_after_us_adds_no_second_line(lines: Lines) -> None:
    from dbos._logger import init_logger

    init_logger()
    logging.getLogger("dbos").error("once")
    assert [line["event"] for line in lines()] == ["once"]
    assert not [h for h in logging.getLogger("dbos").handlers if h.name == "__dbos_console_log_handler__"]


@pytest.mark.parametrize(
    "name", ["httpx", "aiosqlite", "engineio.server", "uvicorn.access", "sqlalchemy.engine.Engine"]
)
def test_what_writes_parameters_and_addresses_is_quiet_below_warning(lines: Lines, name: str) -> None:
    logging.getLogger(name).info("SELECT 1")
    assert lines() == []


def test_secrets_are_hidden_in_fields_texts_arguments_and_libraries(lines: Lines) -> None:
    structlog.get_logger().info(f"login password={SECRET}", token=SECRET, nested={"apiKey": SECRET})
    logging.getLogger("library").warning("GET %s", f"/ws?token={SECRET}")
    with own_logging.request_context("req_1", path=f"/ws?token={SECRET}"):
        structlog.get_logger().info("request")
    assert SECRET not in repr(lines())
    assert lines()[0]["token"] == HIDDEN


@pytest.mark.parametrize("style", ["json", "text"])
def test_a_traceback_shows_neither_variables_nor_secrets(style: Any) -> None:
    out = io.StringIO()
    own_logging.setup("info", style, stream=out)

    def fail(value: str) -> None:
        kept = value * 2  # a variable that a rich traceback would print
        raise ValueError(f"password={value} of {len(kept)}")

    try:
        fail(SECRET)
    except ValueError:
        structlog.get_logger().exception("It failed.")
        logging.getLogger("library").exception("It failed there.")
    assert out.getvalue().count("ValueError: password=") == 2
    assert SECRET not in out.getvalue()


@pytest.mark.parametrize("style", ["json", "text"])
def test_a_value_cannot_start_a_line_or_steer_the_terminal(style: Any) -> None:
    out = io.StringIO()
    own_logging.setup("info", style, stream=out)
    structlog.get_logger().info("said\r\n2026 [error] forged", name="\x1b[2J\x9b31mred\u2028x")
    assert len(out.getvalue().splitlines()) == 1
    assert not set(out.getvalue()) & {"\x1b", "\x9b", "\r"}


def test_text_is_for_terminals_and_json_for_the_rest() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stream, is_json in ((Terminal(), False), (io.StringIO(), True)):
        own_logging.setup("info", "auto", stream=stream)
        structlog.get_logger("x").info("hello")
        assert stream.getvalue().startswith("{") is is_json


def test_the_level_can_change_while_everything_runs(lines: Lines) -> None:
    log = structlog.get_logger("botyard.test")
    own_logging.set_level("error")
    log.warning("hidden")
    own_logging.access(method="GET", path="/hidden")
    own_logging.set_level("debug")
    log.debug("shown")
    logging.getLogger("sqlalchemy.engine").info("hidden")
    own_logging.access(method="GET", path="/")
    assert [line["event"] for line in lines()] == ["shown", "request"]


def test_lines_below_the_level_are_not_written(lines: Lines) -> None:
    structlog.get_logger("botyard.test").debug("hidden")
    structlog.get_logger("botyard.test").info("shown")
    assert [line["event"] for line in lines()] == ["shown"]


def test_setting_up_twice_writes_each_line_once() -> None:
    out = io.StringIO()
    own_logging.setup("info", "json", stream=out)
    own_logging.setup("info", "json", stream=out)
    logging.getLogger("library").warning("once")
    assert len(out.getvalue().splitlines()) == 1


def test_warnings_become_lines(lines: Lines) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("old thing", stacklevel=1)
        logging.captureWarnings(capture=False)
    assert "old thing" in lines()[0]["event"]


async def test_the_request_id_follows_into_tasks_and_ends_with_the_request(lines: Lines) -> None:
    async def work() -> str:
        structlog.get_logger().info("working")
        return own_logging.current_request_id()

    with own_logging.request_context("req_1", route="/x"):
        assert await asyncio.create_task(work()) == "req_1"
    assert own_logging.current_request_id() == ""
    assert (lines()[0]["request_id"], lines()[0]["route"]) == ("req_1", "/x")


async def test_requests_that_run_together_keep_their_own_ids(lines: Lines) -> None:
    async def request(name: str) -> None:
        with own_logging.request_context(name):
            await asyncio.sleep(0)
            structlog.get_logger().info(name)

    await asyncio.gather(*(request(f"req_{n}") for n in range(5)))
    assert all(line["event"] == line["request_id"] for line in lines())


@pytest.mark.parametrize("given", ["abc-1.2_3", "0af7651916cd43dd8448eb211c80319c"])
def test_a_tame_request_id_is_kept(given: str) -> None:
    assert own_logging.clean_request_id(given) == given


@pytest.mark.parametrize("given", [None, "", "a b", "x\r\ny", "-x", "a" * 65, "é", "<script>"])
def test_any_other_request_id_is_replaced(given: str | None) -> None:
    assert own_logging.clean_request_id(given).startswith("req_")
