"""Logs, messages and the synced picture: each arrives once, in order, whatever happens on the way."""

import threading
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from botyard_agent import Agent, AgentError, Options
from tests.agents.fake_server import FakeServer


def say(agent: Agent, text: str, **fields: Any) -> None:
    agent.message(
        text, **{"author_id": "u1", "author_name": "Ann", "thread_id": "t1", "thread_type": "GROUP"} | fields
    )


def test_a_log_arrives_as_it_was_said(server: FakeServer, agent: Agent) -> None:
    at = datetime(2026, 6, 1, 12, 30, tzinfo=UTC)

    agent.log("grüße 🐟", "warning", {"count": 3, "when": at}, at=at)
    assert agent.flush()

    assert server.logs == [
        {
            "type": "warning",
            "message": "grüße 🐟",
            "timestamp": "2026-06-01T12:30:00.000000Z",
            "metadata": {"count": 3, "when": str(at)},
        }
    ]


def test_a_message_arrives_as_it_was_said(server: FakeServer, agent: Agent) -> None:
    say(agent, "hi, my password=hunter2", metadata={"reply_to": 4})
    assert agent.flush()

    [message] = server.messages
    del message["timestamp"]
    assert message == {
        "message": "hi, my password=hunter2",
        "author_id": "u1",
        "author_name": "Ann",
        "thread_id": "t1",
        "thread_type": "GROUP",
        "metadata": {"reply_to": 4},
    }


def test_unknown_types_are_refused_where_they_are_said(agent: Agent) -> None:
    with pytest.raises(ValueError, match="info, warning, error"):
        agent.log("x", "fatal")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="USER or GROUP"):
        say(agent, "x", thread_type="CHANNEL")


def test_an_empty_message_is_refused_where_it_is_said(server: FakeServer, agent: Agent) -> None:
    """The server would refuse it, and every other message of its batch with it."""
    say(agent, "before")
    with pytest.raises(ValueError, match="at least one character"):
        say(agent, "")
    say(agent, "after")
    assert agent.flush()

    assert [row["message"] for row in server.messages] == ["before", "after"]


@pytest.mark.parametrize(
    ("text", "arrives"),
    [
        ("\x00ab\x00", "\ufffdab\ufffd"),
        ("half \ud83d", "half ?"),
        ("x" * 40_000, "x" * 32_728 + "… [7272 more characters]"),
        ("", "(empty)"),
    ],
)
def test_texts_that_a_store_cannot_keep_are_made_to_fit(
    server: FakeServer, agent: Agent, text: str, arrives: str
) -> None:
    agent.log(text)
    assert agent.flush()

    assert server.texts() == [arrives]


def test_metadata_that_json_cannot_say_does_not_lose_the_log(server: FakeServer, agent: Agent) -> None:
    circle: dict[str, Any] = {}
    circle["self"] = circle["again"] = circle
    agent.log("one", metadata={"x": float("inf"), "big": 2**64, "set": {1}, "deep": [[[]]]})
    agent.log("two", metadata={"x": "y" * 100_000})
    agent.log("three", metadata={"a\x00": ["\x00"]})
    agent.log("four", metadata=circle)
    assert agent.flush()

    assert server.texts() == ["one", "two", "three", "four"]
    assert server.logs[0]["metadata"] == {"x": "inf", "big": str(2**64), "set": [1], "deep": [[[]]]}
    assert server.logs[1]["metadata"]["x"].endswith("[67272 more characters]")
    assert server.logs[2]["metadata"] == {"a\ufffd": ["\ufffd"]}
    assert "more than 10000 values" in server.logs[3]["metadata"]["metadata_left_out"]


def test_rows_travel_in_batches_of_two_hundred(server: FakeServer, make_agent: Callable[..., Agent]) -> None:
    agent = make_agent()
    for number in range(450):
        agent.log(str(number))

    agent.start()
    server.wait_for(lambda: len(server.logs) == 450)

    sizes = [len(call.json) for call in server.calls_to("/logs")]
    assert sizes == [200, 200, 50]
    assert len({call.headers["idempotency-key"] for call in server.calls_to("/logs")}) == 3


def test_a_batch_is_cut_by_bytes_too(server: FakeServer, make_agent: Callable[..., Agent]) -> None:
    agent = make_agent(options=Options(batch_s=0.02, batch_bytes=10_000))
    for _ in range(10):
        agent.log("x" * 3000)

    agent.start()
    server.wait_for(lambda: len(server.logs) == 10)

    assert max(len(call.body) for call in server.calls_to("/logs")) < 10_000


def test_a_lost_answer_stores_nothing_twice(server: FakeServer, agent: Agent) -> None:
    server.fail("/logs", lose_answer=True, times=7)
    server.fail("/messages", lose_answer=True, times=3)

    for number in range(300):
        agent.log(str(number))
        say(agent, str(number))
    assert agent.flush(20)

    assert server.texts() == [str(number) for number in range(300)]
    assert [message["message"] for message in server.messages] == [str(number) for number in range(300)]


def test_a_retry_carries_the_same_key_and_the_same_bytes(server: FakeServer, agent: Agent) -> None:
    server.fail("/logs", status=503)
    server.fail("/logs", lose_answer=True, times=4)

    agent.log("first")
    server.wait_for(lambda: server.logs)
    agent.log("meanwhile")
    assert agent.flush()

    first = [call for call in server.calls_to("/logs") if b"first" in call.body]
    assert len(first) >= 5
    assert len({(call.headers["idempotency-key"], call.body) for call in first}) == 1
    assert server.texts() == ["first", "meanwhile"]


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 507])
def test_a_server_that_cannot_store_now_is_asked_again(server: FakeServer, agent: Agent, status: int) -> None:
    server.fail("/logs", status=status, times=3)

    agent.log("kept")
    assert agent.flush()

    assert server.texts() == ["kept"]


def test_retry_after_is_honoured(server: FakeServer, agent: Agent) -> None:
    server.fail("/logs", status=429, retry_after="0.4")

    agent.log("kept")
    assert agent.flush()

    first, second = server.calls_to("/logs")
    assert second.at - first.at >= 0.4


def test_messages_do_not_wait_for_logs_that_are_held_up(server: FakeServer, agent: Agent) -> None:
    server.fail("/logs", status=507, retry_after="600")

    agent.log("held up")
    server.wait_for(lambda: [c for c in server.calls if c.path.endswith("/logs")])
    say(agent, "goes through")

    server.wait_for(lambda: server.messages)
    assert server.logs == []


def test_a_page_in_place_of_the_answer_does_not_count_as_stored(server: FakeServer, agent: Agent) -> None:
    server.fail("/logs", status=200, body=b"<html>Sign in to the hotel's network</html>", times=2)

    agent.log("kept")
    assert agent.flush()

    assert server.texts() == ["kept"]


def test_one_bad_row_is_found_dropped_and_told(server: FakeServer, agent: Agent) -> None:
    server.refuse = lambda row: "no fish" if "fish" in row["message"] and row.get("type") == "info" else None

    for number in range(200):
        agent.log("fish" if number == 137 else str(number))
    assert agent.flush(20)

    expected = [str(number) for number in range(200) if number != 137]
    assert [row["message"] for row in server.logs if row["type"] == "info"] == expected
    [report] = [row for row in server.logs if row["type"] == "warning"]
    assert report["message"] == "The server refused a log; it was dropped: no fish"
    assert '"fish"' in report["metadata"]["begins"]


def test_a_server_that_refuses_everything_ends_the_attempts(server: FakeServer, agent: Agent) -> None:
    server.refuse = lambda _row: "never"

    for number in range(20):
        agent.log(str(number))
    assert agent.flush(20)

    # 20 rows, their halves, and one report for each, refused as well and not reported again
    assert server.logs == []
    assert len(server.calls_to("/logs")) < 120


def test_a_batch_too_large_for_the_server_is_halved(server: FakeServer, agent: Agent) -> None:
    server.fail("/logs", status=413)

    for number in range(10):
        agent.log(str(number))
    assert agent.flush()

    assert server.texts() == [str(number) for number in range(10)]


def test_a_row_that_breaks_the_server_is_found_in_the_end(server: FakeServer, agent: Agent) -> None:
    """A 500 is the server's fault and asked again; not for ever while everything else works."""

    def breaks(row: dict[str, Any]) -> str | None:
        return "told to fail" if row.get("message") == "breaks it" else None

    server.refuse = breaks
    server.refused_status = 500
    for text in ("before", "breaks it", "after"):
        agent.log(text)
    # calls that succeed meanwhile say that the server itself is well
    while not any("refused a log" in text for text in server.texts()):
        server.wait_done(server.send("ping"))
    assert server.texts() == ["before", "after", "The server refused a log; it was dropped: told to fail"]


def test_sync_sends_the_newest_picture(server: FakeServer, agent: Agent) -> None:
    held = threading.Event()
    server.fail("/sync", hold=held)

    agent.sync(groups=[{"id": "g1"}])
    server.wait_for(lambda: server.synced)
    for number in range(5):
        agent.sync(friends=[{"id": number}], metadata={"n": number})
    held.set()
    assert agent.flush()

    assert server.synced == [
        {"groups": [{"id": "g1"}], "friends": []},
        {"groups": [{"id": "g1"}], "friends": [{"id": 4}], "metadata": {"n": 4}},
    ]


def test_a_picture_that_could_not_be_sent_is_sent_by_the_next_run(
    server: FakeServer, make_agent: Callable[..., Agent], agent: Agent
) -> None:
    server.fail("/sync", status=503, retry_after="600")
    agent.sync(groups=["a"])
    server.wait_for(lambda: [c for c in server.calls if c.path.endswith("/sync")])
    server.down()
    agent.stop()

    server.up()
    make_agent().start()

    server.wait_for(lambda: server.synced == [{"groups": ["a"], "friends": []}])


def test_a_refused_picture_is_not_sent_again(server: FakeServer, agent: Agent) -> None:
    server.refuse = lambda _body: "too many groups"

    agent.sync(groups=["a"])
    assert agent.flush()

    assert len(server.calls_to("/sync")) == 1


def test_syncing_needs_a_started_agent(make_agent: Callable[..., Agent]) -> None:
    with pytest.raises(AgentError, match="not started"):
        make_agent().sync(groups=[])


def test_what_waits_survives_a_restart_in_order(
    server: FakeServer, make_agent: Callable[..., Agent], agent: Agent
) -> None:
    server.down()
    for number in range(300):
        agent.log(str(number))
    agent.stop()
    second = make_agent().start()
    for number in range(300, 400):
        second.log(str(number))
    second.stop()

    server.up()
    third = make_agent().start()
    server.wait_for(lambda: len(server.logs) == 400)
    assert third.flush()

    assert server.texts() == [str(number) for number in range(400)]


def test_a_batch_whose_answer_was_lost_before_a_restart_is_not_stored_twice(
    server: FakeServer, make_agent: Callable[..., Agent]
) -> None:
    agent = make_agent(options=Options(batch_s=0.02, backoff_s=(60.0, 60.0), grace_s=1.0)).start()
    server.fail("/logs", lose_answer=True, times=100)
    agent.log("once")
    server.wait_for(lambda: server.logs)
    agent.stop()
    server.faults.clear()

    second = make_agent().start()
    second.log("more")
    assert second.flush()

    assert server.texts() == ["once", "more"]


def test_a_full_spool_drops_the_oldest_and_tells_how_many(
    server: FakeServer, make_agent: Callable[..., Agent]
) -> None:
    server.down()
    agent = make_agent(options=Options(batch_s=0.02, backoff_s=(0.01, 0.05), spool_bytes=40_000)).start()
    for number in range(1000):
        agent.log(str(number))
        say(agent, str(number))
    agent.stop()

    server.up()
    second = make_agent().start()
    second.log("the end")
    server.wait_for(lambda: server.texts()[-1:] == ["the end"])
    assert second.flush()

    gap, *rest = server.logs
    kept_messages = len(server.messages)
    assert gap["type"] == "warning"
    assert gap["metadata"]["gap"]["logs"] == 1000 - len(rest) + 1
    assert gap["metadata"]["gap"]["messages"] == 1000 - kept_messages
    assert f"{1000 - len(rest) + 1} logs and " in gap["message"]
    assert [row["message"] for row in rest[:-1]] == [str(number) for number in range(1001 - len(rest), 1000)]
    assert [row["message"] for row in server.messages] == [str(n) for n in range(1000 - kept_messages, 1000)]
    assert 100 < kept_messages < 400


def test_ten_thousand_lines_arrive_in_order_and_memory_stays_bounded(
    server: FakeServer, agent: Agent
) -> None:
    agent.log("warm")
    assert agent.flush()
    tracemalloc.start()
    try:
        for number in range(10_000):
            agent.log(f"line {number}")
        assert agent.flush(60)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert server.texts()[1:] == [f"line {number}" for number in range(10_000)]
    # most of it is what the server of this test keeps; the agent's queue alone would be under 3 MB
    assert peak < 40_000_000


def test_memory_is_bounded_while_the_agent_is_not_even_started(
    server: FakeServer, make_agent: Callable[..., Agent]
) -> None:
    agent = make_agent(options=Options(batch_s=0.02, queue_rows=100))
    for number in range(5000):
        agent.log(str(number))
    assert agent.pending == 100

    agent.start()
    server.wait_for(lambda: len(server.logs) == 101)

    assert server.logs[0]["metadata"]["gap"]["logs"] == 4900
    assert server.texts()[1:] == [str(number) for number in range(4900, 5000)]


def test_flush_gives_up_when_its_time_is_up(server: FakeServer, agent: Agent) -> None:
    server.fail("/logs", status=503, retry_after="600")
    agent.log("held up")

    assert agent.flush(0.05) is False
