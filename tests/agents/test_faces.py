"""The three ways to hold an agent: in the background, inside asyncio, from the command line."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from botyard_agent import Agent, AgentError, Command, TokenRejected
from tests.agents.fake_server import TOKEN, FakeServer

ROOT = Path(__file__).parents[2]


def test_a_program_holds_an_agent_as_a_context(server: FakeServer, make_agent: Callable[..., Agent]) -> None:
    with make_agent() as agent:
        agent.log("inside")

    assert server.texts() == ["inside"]
    assert server.calls[-1].path.endswith("/bye")


def test_an_agent_is_started_once(agent: Agent) -> None:
    with pytest.raises(AgentError, match="make a new one"):
        agent.start()


def test_stopping_twice_is_stopping_once(server: FakeServer, agent: Agent) -> None:
    threads = [threading.Thread(target=agent.stop) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert len(server.calls_to("/bye")) == 1
    assert agent.wait_stopped(0)


def test_a_stopped_agent_says_so(agent: Agent) -> None:
    agent.stop()

    with pytest.raises(AgentError, match="was stopped"):
        agent.sync(groups=[])
    agent.log("into the void")  # a program that ends may still log


def test_an_agent_that_was_never_started_stops_at_once(make_agent: Callable[..., Agent]) -> None:
    make_agent().stop()


def test_a_handler_may_ask_its_own_agent_to_stop(
    server: FakeServer, make_agent: Callable[..., Agent]
) -> None:
    agent = make_agent()
    agent.command("enough")(lambda _command: agent.request_stop())
    agent.start()

    assert server.wait_done(server.send("enough"))["status"] == "completed"
    assert agent.wait_stopped(10)


async def test_coroutine_handlers_run_on_the_loop_of_the_program(
    server: FakeServer, make_agent: Callable[..., Agent]
) -> None:
    agent, loops = make_agent(), []

    @agent.command("where")
    async def where(_command: Command) -> None:
        loops.append(asyncio.get_running_loop())
        await asyncio.sleep(0)

    async with agent:
        done = await asyncio.to_thread(server.wait_done, server.send("where"))

    assert done["status"] == "completed"
    assert loops == [asyncio.get_running_loop()]
    assert server.calls[-1].path.endswith("/bye")


async def test_the_loop_stays_free_while_the_agent_works(
    server: FakeServer, make_agent: Callable[..., Agent]
) -> None:
    held = threading.Event()
    server.fail("/logs", hold=held)
    async with make_agent() as agent:
        agent.log("held up by the server")
        await asyncio.to_thread(server.wait_for, lambda: server.logs)
        before = asyncio.get_running_loop().time()
        for _ in range(100):
            agent.log("meanwhile")
        taken = asyncio.get_running_loop().time() - before
        held.set()

    assert taken < 1.0
    assert len(server.logs) == 101


async def test_a_coroutine_waits_until_the_bot_is_stopped(
    server: FakeServer, make_agent: Callable[..., Agent]
) -> None:
    async with make_agent() as agent:
        server.send("stop")
        async with asyncio.timeout(10):
            await agent.stopped()

    async with make_agent() as agent:
        server.token = "another one"
        agent.log("the next call finds out")
        with pytest.raises(TokenRejected):
            async with asyncio.timeout(10):
                await agent.stopped()


async def test_a_coroutine_handler_is_cancelled_at_the_end_of_the_grace(
    server: FakeServer, make_agent: Callable[..., Agent]
) -> None:
    agent = make_agent()
    started = threading.Event()
    ended: list[str] = []

    @agent.command("forever")
    async def forever(_command: Command) -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    await asyncio.to_thread(agent.start)
    command_id = server.send("forever")
    assert await asyncio.to_thread(started.wait, 10)
    await asyncio.to_thread(agent.stop, 0.5)

    assert ended == ["cancelled"]
    assert "interrupted" in server.commands[command_id]["result"]["error"]


def run(*arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """The agent's command line in a process of its own."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("BOTYARD_")}
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "botyard_agent", *arguments],
        env={**clean, "PYTHONPATH": str(ROOT / "agents/python/src"), **environment},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_check_says_whether_the_bot_can_join(server: FakeServer, tmp_path: Path) -> None:
    asked = run("--url", server.url, "--state-dir", str(tmp_path), "check", BOTYARD_BOT_TOKEN=TOKEN)

    assert (asked.returncode, asked.stdout) == (0, "Echo can join; it has 1 settings.\n")


def test_the_token_may_come_from_a_file(server: FakeServer, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN + "\n")

    asked = run(
        "--token-file", str(tmp_path / "token"), "--state-dir", str(tmp_path), "check", BOTYARD_URL=server.url
    )

    assert asked.returncode == 0, asked.stderr


def test_a_rejected_token_is_a_status_that_supervisors_know(server: FakeServer, tmp_path: Path) -> None:
    server.token = "another one"

    asked = run("--url", server.url, "--state-dir", str(tmp_path), "echo", BOTYARD_BOT_TOKEN=TOKEN)

    assert asked.returncode == 78
    assert "take the current token" in asked.stderr
    assert TOKEN not in asked.stderr


def test_a_missing_token_is_a_wrong_call(server: FakeServer) -> None:
    asked = run("--url", server.url, "check")

    assert asked.returncode == 2
    assert "BOTYARD_BOT_TOKEN" in asked.stderr


def test_the_command_line_follows_a_file(server: FakeServer, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("one\ntwo\n")
    stop = threading.Thread(
        target=lambda: (server.wait_for(lambda: len(server.logs) == 2), server.send("stop"))
    )
    stop.start()

    followed = run(
        "--url",
        server.url,
        "--state-dir",
        str(tmp_path / "state"),
        "follow",
        str(log),
        BOTYARD_BOT_TOKEN=TOKEN,
    )
    stop.join()

    assert followed.returncode == 0, followed.stderr
    assert server.texts() == ["one", "two"]


@pytest.mark.parametrize("example", ["echo_bot.py", "follow_log.py"])
def test_the_examples_run_as_they_are(server: FakeServer, tmp_path: Path, example: str) -> None:
    log = tmp_path / "app.log"
    log.write_text("[warn] one\n")
    ids = [
        server.send("say", {"text": "hello"}),
        server.send("send_message", {"thread_id": "t", "message": "hi"}),
    ]
    arrives = server.messages if example == "echo_bot.py" else server.logs
    ended = threading.Thread(
        target=lambda: (server.wait_done(ids[1]), server.wait_for(lambda: arrives), server.send("stop"))
    )
    ended.start()

    ran = subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "agents/python/examples" / example), str(log)],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT / "agents/python/src"),
            "BOTYARD_URL": server.url,
            "BOTYARD_BOT_TOKEN": TOKEN,
            "BOTYARD_STATE_DIR": str(tmp_path / "state"),
        },
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    ended.join()

    assert ran.returncode == 0, ran.stderr
    if example == "echo_bot.py":
        assert "hello" in ran.stdout
        assert server.commands[ids[0]]["result"] == {"said": "hello"}
        assert [message["message"] for message in server.messages] == ["hi", "You said: hi"]
    else:
        assert [(row["type"], row["message"]) for row in server.logs] == [("warning", "[warn] one")]
