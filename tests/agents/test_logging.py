"""The handler of the logging module: many threads, no recursion, no harm to the program."""

import io
import logging
import os
import threading
from collections.abc import Callable, Iterator

import pytest

from botyard_agent import Agent, AgentHandler, Options
from botyard_agent.store import Store
from tests.agents.fake_server import TOKEN, FakeServer


@pytest.fixture
def logger() -> logging.Logger:
    """A logger apart from all others, so that only the agent's handler hears it."""
    return logging.Logger("shop", logging.DEBUG)  # noqa: LOG001 - outside the hierarchy on purpose


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger, its handlers put back afterwards."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    root.setLevel(logging.DEBUG)
    yield root
    root.handlers[:] = before
    root.setLevel(level)


def store_of(agent: Agent) -> Store:
    """The agent's database, to be held up or filled."""
    assert agent._engine is not None
    return agent._engine.store


def test_records_arrive_with_type_and_origin(
    server: FakeServer, agent: Agent, logger: logging.Logger
) -> None:
    logger.addHandler(AgentHandler(agent))

    logger.debug("d")
    logger.info("sold %d", 3)
    logger.warning("w")
    logger.critical("c")
    assert agent.flush()

    assert [(row["type"], row["message"]) for row in server.logs] == [
        ("info", "d"), ("info", "sold 3"), ("warning", "w"), ("error", "c"),
    ]  # fmt: skip
    origin = server.logs[1]["metadata"]
    assert (origin["logger"], origin["level"]) == ("shop", "info")
    assert origin["line"].startswith("test_logging.py:")


def test_a_traceback_is_part_of_the_message(server: FakeServer, agent: Agent, logger: logging.Logger) -> None:
    logger.addHandler(AgentHandler(agent))
    try:
        {}["missing"]
    except KeyError:
        logger.exception("broken")
    assert agent.flush()

    assert "KeyError: 'missing'" in server.logs[0]["message"]


def test_secrets_are_hidden(server: FakeServer, agent: Agent, logger: logging.Logger) -> None:
    logger.addHandler(AgentHandler(agent))

    logger.info("joined with %s and api_key=abc123def", TOKEN)
    assert agent.flush()

    assert server.texts() == ["joined with [redacted] and api_key=[redacted]"]
    assert TOKEN not in str([call.body for call in server.calls])


def test_many_threads_log_at_once_and_nothing_is_lost(
    server: FakeServer, agent: Agent, logger: logging.Logger
) -> None:
    logger.addHandler(AgentHandler(agent))
    together = threading.Barrier(16)

    def work(name: int) -> None:
        together.wait()
        for number in range(100):
            logger.info("%d/%d", name, number)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert agent.flush(30)

    assert sorted(server.texts()) == sorted(f"{name}/{number}" for name in range(16) for number in range(100))
    for name in range(16):
        own = [text for text in server.texts() if text.startswith(f"{name}/")]
        assert own == [f"{name}/{number}" for number in range(100)]


def test_what_the_agent_logs_about_itself_does_not_feed_it(
    server: FakeServer, make_agent: Callable[..., Agent], root: logging.Logger
) -> None:
    agent = make_agent()
    root.addHandler(AgentHandler(agent))
    server.fail("/logs", status=503, times=5)
    server.fail("/logs", lose_answer=True, times=5)
    agent.start()
    assert agent.wait_joined(10)

    logging.getLogger("shop").info("only this")
    assert agent.flush()

    assert server.texts() == ["only this"]


def test_what_a_command_handler_logs_is_sent(
    server: FakeServer, agent: Agent, logger: logging.Logger
) -> None:
    logger.addHandler(AgentHandler(agent))
    agent.command("sell")(lambda command: logger.info("selling in %s", command.type))

    server.wait_done(server.send("sell"))
    assert agent.flush()

    assert server.texts() == ["selling in sell"]
    assert server.logs[0]["metadata"]["thread"].startswith("botyard-worker")


def test_logging_never_raises_into_the_program(
    agent: Agent, logger: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Unprintable:
        def __str__(self) -> str:
            raise RuntimeError("no words")

    complaints = io.StringIO()
    monkeypatch.setattr("sys.stderr", complaints)
    logger.addHandler(AgentHandler(agent))

    logger.info("value: %s", Unprintable())
    logger.info("too few: %d %d", 1)

    assert "no words" in complaints.getvalue()
    assert "not enough arguments" in complaints.getvalue()


def test_logging_does_not_wait_for_a_stuck_disk(
    server: FakeServer, make_agent: Callable[..., Agent], logger: logging.Logger
) -> None:
    agent = make_agent(options=Options(batch_s=0.02, queue_rows=50)).start()
    assert agent.wait_joined(10)
    logger.addHandler(AgentHandler(agent))
    stuck, release = threading.Event(), threading.Event()

    def hold() -> None:
        with store_of(agent).read():
            stuck.set()
            release.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    assert stuck.wait(10)
    for number in range(500):
        logger.info("%d", number)  # would hang here
    release.set()
    thread.join()
    assert agent.flush()

    gap = next(row["metadata"]["gap"]["logs"] for row in server.logs if "gap" in row.get("metadata", {}))
    assert len(server.logs) - 1 + gap == 500
    assert server.texts()[-1] == "499"


def test_logging_goes_on_in_memory_while_the_disk_is_full(
    server: FakeServer, agent: Agent, logger: logging.Logger
) -> None:
    logger.addHandler(AgentHandler(agent))
    with store_of(agent).read() as connection:
        connection.execute("PRAGMA max_page_count = 1")
        pages = connection.execute("PRAGMA max_page_count").fetchone()[0]
    assert pages < 200
    for _ in range(300):
        logger.info("x" * 5000)
    with store_of(agent).read() as connection:
        connection.execute("PRAGMA max_page_count = 100000")
    assert agent.flush(20)

    assert len(server.logs) == 300


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_a_forked_child_leaves_the_parents_agent_alone(
    server: FakeServer, agent: Agent, logger: logging.Logger
) -> None:
    logger.addHandler(AgentHandler(agent))
    child = os.fork()
    if child == 0:
        logger.info("from the child")
        os._exit(0 if agent.pending == 0 else 1)
    _, status = os.waitpid(child, 0)
    logger.info("from the parent")
    assert agent.flush()

    assert os.waitstatus_to_exitcode(status) == 0
    assert server.texts() == ["from the parent"]
