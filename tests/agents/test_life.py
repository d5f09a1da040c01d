"""Bots in processes of their own: killed, stopped, restarted."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.agents.fake_server import FakeServer

ROOT = Path(__file__).parents[2]
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(server: FakeServer, tmp_path: Path) -> Iterator[Start]:
    """start("no-acks") runs the bot as a process that has joined."""
    started: list[subprocess.Popen[str]] = []
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'agents/python/src'}"}

    def start(*words: str) -> subprocess.Popen[str]:
        before = len(server.calls_to("/hello"))
        process = subprocess.Popen(
            [
                sys.executable,
                "-W",
                "error",
                str(ROOT / "tests/agents/bot_process.py"),
                server.url,
                str(tmp_path),
                *words,
            ],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        server.wait_for(lambda: len([c for c in server.calls if c.path.endswith("/hello")]) > before)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()


def runs(folder: Path) -> list[str]:
    return (folder / "runs").read_text().splitlines()


def test_a_command_done_but_not_acknowledged_before_a_kill_does_not_run_again(
    server: FakeServer, start: Start, tmp_path: Path
) -> None:
    fault = server.fail("/ack", status=503, times=1000)
    process = start("no-acks")
    command_id = server.send("count")
    server.wait_for(lambda: fault.times < 1000)
    kill(process)
    server.faults.clear()

    start()

    done = server.wait_done(command_id)
    assert (done["status"], done["result"]) == ("completed", {"runs": 1})
    assert runs(tmp_path) == [f"count {command_id}"]


def test_a_command_killed_in_its_middle_is_reported_interrupted_at_once(
    server: FakeServer, start: Start, tmp_path: Path
) -> None:
    process = start()
    command_id = server.send("hang")
    server.wait_for(lambda: "hanging" in [row["message"] for row in server.logs])
    kill(process)

    start()

    done = server.wait_done(command_id)  # its lease has most of a minute left
    assert done["status"] == "failed"
    assert "interrupted" in done["result"]["error"]
    assert runs(tmp_path) == [f"hang {command_id}"]


def test_an_idempotent_command_killed_in_its_middle_runs_again_at_once(
    server: FakeServer, start: Start, tmp_path: Path
) -> None:
    process = start()
    command_id = server.send("hang-again")
    server.wait_for(lambda: "hanging" in [row["message"] for row in server.logs])
    kill(process)

    start()

    done = server.wait_done(command_id)
    assert (done["status"], done["attempt"]) == ("completed", 2)
    assert runs(tmp_path) == [f"hang-again {command_id}"] * 2


def test_what_a_command_logged_survives_a_kill_right_after_its_acknowledgement(
    server: FakeServer, start: Start
) -> None:
    process = start("slow-batches")
    server.wait_done(server.send("tell", {"lines": 150}))
    kill(process)
    assert server.logs == []

    start()

    server.wait_for(lambda: server.texts() == [f"line {number}" for number in range(150)])


def test_kills_at_any_moment_lose_and_double_nothing(
    server: FakeServer, start: Start, tmp_path: Path
) -> None:
    """Twelve commands, a kill after every few calls; each command ends once, each run is noted once."""
    ids = [server.send("count") for _ in range(12)]
    process = start()
    for _ in range(5):
        seen = len(server.calls)
        server.wait_for(lambda seen=seen: len(server.calls) > seen + 2 or all_ended(server, ids))
        kill(process)
        server.advance(3600)
        process = start()

    for command_id in ids:
        server.wait_done(command_id)
    assert len(runs(tmp_path)) == len(set(runs(tmp_path)))
    completed = [id_ for id_ in ids if server.commands[id_]["status"] == "completed"]
    assert {f"count {id_}" for id_ in completed} <= set(runs(tmp_path))
    for id_ in set(ids) - set(completed):
        assert "interrupted" in server.commands[id_]["result"]["error"]


def all_ended(server: FakeServer, ids: list[str]) -> bool:
    return all(server.commands[id_]["status"] != "pending" for id_ in ids)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_the_running_command_end_and_sends_everything(
    server: FakeServer, start: Start, number: signal.Signals
) -> None:
    process = start()
    command_id = server.send("finish", {"seconds": 0.3})
    server.wait_for(lambda: "finishing" in server.texts())

    process.send_signal(number)
    output, _ = process.communicate(timeout=15)

    assert process.returncode == 0, output
    assert output == "ended\n"
    assert server.commands[command_id]["result"] == {"value": "done"}
    assert server.calls[-1].path.endswith("/bye")


def test_a_signal_ends_commands_that_do_not_end_within_the_grace(server: FakeServer, start: Start) -> None:
    process = start()
    hanging, again = server.send("hang"), server.send("hang-again")
    server.wait_for(lambda: server.texts().count("hanging") == 2)

    process.terminate()
    output, _ = process.communicate(timeout=15)

    assert process.returncode == 0, output
    assert "interrupted" in server.commands[hanging]["result"]["error"]
    assert (server.commands[again]["status"], server.commands[again]["state"]) == ("pending", "queued")
    assert not server.online


def test_a_signal_ends_a_bot_whose_server_is_away(server: FakeServer, start: Start) -> None:
    process = start()
    server.down()

    process.terminate()
    process.communicate(timeout=15)

    assert process.returncode == 0


def test_restart_starts_the_program_anew_and_only_once(
    server: FakeServer, start: Start, tmp_path: Path
) -> None:
    process = start()
    first = server.wait_done(server.send("ping"))["result"]

    done = server.wait_done(server.send("restart"))
    second = server.wait_done(server.send("ping"))["result"]

    assert done["result"] == {"restarting": True}
    assert second["process"] == first["process"] == process.pid
    assert len(server.calls_to("/hello")) == 2
    assert second["up_s"] < first["up_s"] + 60
    server.wait_done(server.send("stop"))
    process.communicate(timeout=15)
    assert process.returncode == 0


def test_a_rejected_token_ends_the_process_with_the_reason(server: FakeServer, start: Start) -> None:
    process = start()
    server.token = "another one"
    server.down()
    server.up()

    output, _ = process.communicate(timeout=15)

    assert process.returncode == 1
    assert "take the current token from the bot's page" in output
