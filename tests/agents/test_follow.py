"""Following a log file to the server: types, secrets, restarts, full spools, ten thousand lines."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from botyard_agent import Agent, Options
from botyard_agent.level import classify
from tests.agents.fake_server import FakeServer


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


@pytest.fixture
def follow(make_agent: Callable[..., Agent], log: Path) -> Callable[..., Agent]:
    """follow() starts an agent that follows the log; arguments go to `Agent.follow`."""

    def follow(options: Options | None = None, **how: Any) -> Agent:
        agent = make_agent(**({"options": options} if options else {}))
        agent.follow(log, poll_s=0.01, **how)
        return agent.start()

    return follow


def append(path: Path, text: str | bytes) -> None:
    with path.open("ab") as file:
        file.write(text.encode() if isinstance(text, str) else text)


def test_lines_arrive_with_their_types(server: FakeServer, follow: Callable[..., Agent], log: Path) -> None:
    append(
        log,
        "INFO started\nWARN low on fuel\n\nERROR lost\n  at line 3\r\npassword=abc\nb\xc3\xa4d \xff\x00 bytes\n".encode(
            "latin-1"
        ),
    )

    follow()

    server.wait_for(lambda: len(server.logs) == 6)
    assert [(row["type"], row["message"]) for row in server.logs] == [
        ("info", "INFO started"),
        ("warning", "WARN low on fuel"),
        ("error", "ERROR lost"),
        ("error", "  at line 3"),
        ("info", "password=[redacted]"),
        ("info", "bäd \ufffd\ufffd bytes"),
    ]
    assert server.logs[0]["metadata"] == {"file": "app.log"}


def test_a_classifier_decides_and_may_leave_out(
    server: FakeServer, follow: Callable[..., Agent], log: Path
) -> None:
    append(log, "keep\nskip\nkeep too\n")

    follow(classify=lambda line, _previous: None if line == "skip" else "warning")

    server.wait_for(lambda: server.texts() == ["keep", "keep too"])
    assert {row["type"] for row in server.logs} == {"warning"}


def test_each_line_arrives_once_over_restarts_and_rotation(
    server: FakeServer, follow: Callable[..., Agent], log: Path
) -> None:
    append(log, "1\n2\n")
    first = follow()
    server.wait_for(lambda: server.texts() == ["1", "2"])
    first.stop()
    append(log, "3\n")
    log.rename(log.with_name("app.log.1"))
    append(log, "4\n")

    follow()

    server.wait_for(lambda: server.texts() == ["1", "2", "3", "4"])


def test_following_may_begin_after_the_start(server: FakeServer, agent: Agent, log: Path) -> None:
    append(log, "old\n")
    agent.follow(log, from_end=True, poll_s=0.01)
    server.wait_done(server.send("ping"))
    agent.follow(log.with_name("other.log"), poll_s=0.01)
    append(log.with_name("other.log"), "new\n")

    server.wait_for(lambda: server.texts() == ["new"])


def test_truncation_is_told_as_a_warning(server: FakeServer, follow: Callable[..., Agent], log: Path) -> None:
    append(log, "one\ntwo\n")
    follow()
    server.wait_for(lambda: len(server.logs) == 2)
    log.write_bytes(b"new\n")

    server.wait_for(lambda: len(server.logs) == 4)
    assert [(row["type"], row["message"]) for row in server.logs[2:]] == [
        ("warning", "app.log was truncated; it is read again from its beginning."),
        ("info", "new"),
    ]


def test_ten_thousand_lines_arrive_once_and_in_order_although_answers_are_lost(
    server: FakeServer, follow: Callable[..., Agent], log: Path
) -> None:
    lines = [f"2026-06-01T12:00:00 INFO order {number} was shipped" for number in range(10_000)]
    append(log, "\n".join(lines) + "\n")
    for _ in range(5):
        server.fail("/logs", lose_answer=True, times=3)
        server.fail("/logs", status=429, retry_after="0.01")

    follow()

    server.wait_for(lambda: len(server.logs) >= 10_000, 60)
    assert server.texts() == lines
    assert max(len(call.json) for call in server.calls_to("/logs")) <= 200


def test_a_file_larger_than_the_spool_waits_in_itself(
    server: FakeServer, follow: Callable[..., Agent], log: Path
) -> None:
    """While the server is away the file is not pushed through the spool: nothing is dropped."""
    server.down()
    lines = [f"{number} " + "x" * 500 for number in range(4000)]
    append(log, "\n".join(lines) + "\n")
    agent = follow(Options(batch_s=0.02, backoff_s=(0.01, 0.05), spool_bytes=1_200_000))
    agent.log("said meanwhile")

    server.up()

    server.wait_for(lambda: len(server.logs) >= 4001, 60)
    assert [text for text in server.texts() if text != "said meanwhile"] == lines
    assert not any("gap" in row.get("metadata", {}) for row in server.logs)


@pytest.mark.parametrize(
    ("line", "type_"),
    [
        ("2026-06-01 12:00:00,123 ERROR root: no", "error"),
        ("[2026-06-01 12:00] CRITICAL no", "error"),
        ("Jun  1 12:00:00 host app[3]: WARNING: low", "warning"),
        ("2026/06/01 12:00:00 [error] 12#12: *1 open() failed", "error"),
        ("2026/06/01 12:00:00 [notice] 1#1: start", "info"),
        ("error: cannot open", "error"),
        ("Warning: deprecated", "warning"),
        (json.dumps({"time": "x", "level": "warn", "msg": "an ERROR in text"}), "warning"),
        ('ts=1 level=error msg="x"', "error"),
        ('{"severity":"INFO","message":"no errors"}', "info"),
        ("Traceback (most recent call last):", "error"),
        ("ValueError: no", "error"),
        ("0 errors, 3 warnings", "info"),
        ("GET /error.html 200", "info"),
        ("plain", "info"),
        ("x" * 400 + " ERROR", "info"),
    ],
)
def test_a_line_says_its_level(line: str, type_: str) -> None:
    assert classify(line, None) == type_


def test_indented_lines_belong_to_the_line_before() -> None:
    assert classify("    at main.py:3", "error") == "error"
    assert classify("\tat Main.java:3", "warning") == "warning"
    assert classify("  first line of all", None) == "info"
