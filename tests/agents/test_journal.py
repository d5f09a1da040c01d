"""The notes about commands, and the store below them."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from botyard_agent import Agent, Command, Options, StateUnusable
from botyard_agent.journal import KEPT_ENTRIES, KEPT_RESULT, KEPT_S, Journal
from botyard_agent.store import Store
from tests.agents.conftest import HandTiming
from tests.agents.fake_server import FakeServer


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Store]:
    disk = Store(tmp_path)
    yield disk
    disk.close()


@pytest.fixture
def journal(disk: Store, timing: HandTiming) -> Journal:
    return Journal(disk, timing)


def test_the_first_end_of_a_command_stands(journal: Journal) -> None:
    journal.start("c1", "say", "l1")

    assert journal.finish("c1", "say", "completed", '{"n":1}') is True
    assert journal.finish("c1", "say", "failed", "{}") is False

    entry = journal.find("c1")
    assert entry is not None
    assert (entry.state, entry.status, entry.result, entry.lease_id) == ("done", "completed", '{"n":1}', "l1")


def test_a_command_that_is_done_is_not_started_again(journal: Journal) -> None:
    journal.finish("c1", "say", "failed", "{}")
    journal.start("c1", "say", "l2")

    assert [entry.id for entry in journal.interrupted()] == []


def test_what_is_open_is_listed_oldest_first(journal: Journal, timing: HandTiming) -> None:
    for number in (1, 2, 3, 4):
        journal.start(f"c{number}", "say", None)
        timing.advance(1)
    for number in (4, 2):
        journal.finish(f"c{number}", "say", "completed", "{}")
        timing.advance(1)

    assert [entry.id for entry in journal.interrupted()] == ["c1", "c3"]
    assert [entry.id for entry in journal.unsettled()] == ["c4", "c2"]
    journal.settle("c4")
    assert [entry.id for entry in journal.unsettled()] == ["c2"]


def test_long_results_go_when_the_server_has_them(journal: Journal) -> None:
    for command_id, size in (("short", KEPT_RESULT), ("long", KEPT_RESULT + 1)):
        journal.finish(command_id, "say", "completed", "x" * size)
        journal.settle(command_id)

    kept = {command_id: journal.find(command_id) for command_id in ("short", "long")}
    assert {name: entry is not None and entry.result is not None for name, entry in kept.items()} == {
        "short": True,
        "long": False,
    }


def test_a_long_result_that_the_server_lacks_stays(journal: Journal) -> None:
    journal.finish("c1", "say", "completed", "x" * (KEPT_RESULT + 1))
    journal.settle("c1", known=False)

    entry = journal.find("c1")
    assert entry is not None
    assert (entry.result is not None, entry.settled) == (True, True)


def test_old_notes_go_but_never_open_ones(disk: Store, timing: HandTiming) -> None:
    journal = Journal(disk, timing)
    for name in ("settled", "unsettled", "started"):
        journal.start(name, "say", None)
    journal.finish("settled", "say", "completed", "{}")
    journal.settle("settled")
    journal.finish("unsettled", "say", "completed", "{}")
    timing.advance(KEPT_S + 1)

    journal = Journal(disk, timing)

    assert [name for name in ("settled", "unsettled", "started") if journal.find(name)] == [
        "unsettled",
        "started",
    ]


def test_notes_are_bounded_in_number(disk: Store, timing: HandTiming) -> None:
    with disk.write() as connection:
        connection.executemany(
            "INSERT INTO commands (id, type, state, status, settled, at) VALUES (?, 'x', 'done', 'failed', 1, ?)",
            [(str(number), timing.now().timestamp() + number / 1000) for number in range(KEPT_ENTRIES + 50)],
        )

    journal = Journal(disk, timing)

    assert journal.find("49") is None
    assert journal.find("50") is not None


def test_a_failed_transaction_leaves_nothing(disk: Store) -> None:
    def fail() -> None:
        with disk.write() as connection:
            connection.execute("INSERT INTO memory VALUES ('a', 'b')")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert disk.recall("a") is None
    disk.remember("a", "c")
    assert disk.recall("a") == "c"


def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(StateUnusable, match="name another state folder"):
        Store(tmp_path / "file" / "state")


def test_state_is_for_its_owner_only(tmp_path: Path) -> None:
    Store(tmp_path / "state").close()

    assert (tmp_path / "state").stat().st_mode & 0o077 == 0


@pytest.fixture
def runs() -> list[str]:
    """Commands that ran."""
    return []


@pytest.fixture
def broken(server: FakeServer, make_agent: Callable[..., Agent], runs: list[str]) -> tuple[Agent, str]:
    """An agent whose disk takes no notes, and a command that it was given."""
    agent = make_agent(options=Options(lease_s=0.1, wait_s=5.0, backoff_s=(0.01, 0.05), grace_s=2.0))
    agent.command("count")(lambda command: runs.append(command.id))
    agent.start()
    assert agent.wait_joined(10)
    writable(agent, "OFF")
    command_id = server.send("count")
    server.wait_for(lambda: [c for c in server.calls if c.path.endswith("/renew")])
    return agent, command_id


def writable(agent: Agent, word: str) -> None:
    assert agent._engine is not None
    with agent._engine.store.read() as connection:
        connection.execute(f"PRAGMA query_only = {'ON' if word == 'OFF' else 'OFF'}")


def test_a_command_that_cannot_be_noted_waits_under_its_lease(
    server: FakeServer, broken: tuple[Agent, str], runs: list[str]
) -> None:
    agent, command_id = broken
    assert runs == []

    writable(agent, "ON")

    done = server.wait_done(command_id)
    assert (done["status"], done["attempt"], runs) == ("completed", 1, [command_id])


def test_a_command_that_could_not_be_noted_is_given_back_at_the_end(
    server: FakeServer, broken: tuple[Agent, str], runs: list[str]
) -> None:
    agent, command_id = broken

    agent.stop()

    assert (server.commands[command_id]["state"], runs) == ("queued", [])


def test_an_end_that_cannot_be_noted_is_noted_later(server: FakeServer, agent: Agent) -> None:
    started, finish = threading.Event(), threading.Event()

    @agent.command("work")
    def work(_command: Command) -> str:
        started.set()
        finish.wait(10)
        return "done"

    command_id = server.send("work")
    assert started.wait(10)
    writable(agent, "OFF")
    finish.set()
    assert not server.acks

    writable(agent, "ON")

    assert server.wait_done(command_id)["result"] == {"value": "done"}
