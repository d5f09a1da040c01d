"""The agent and the real server together."""

import asyncio
import json
import os
import shutil
import subprocess
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from botyard_agent import Agent, Command, Options, TokenRejected
from tests.agents.conftest import HASTE
from tests.contracts.conftest import running  # noqa: F401 - a fixture
from tests.contracts.manager.world import Account, Bot, World, make_command
from tests.contracts.running import Running


@pytest.fixture(scope="module")
async def world(running: Running) -> AsyncIterator[World]:  # noqa: F811
    world = World(running)
    yield world
    await world.close()


@pytest.fixture
async def owner(world: World) -> Account:
    return await world.make_account()


@pytest.fixture
async def bot(world: World, owner: Account) -> Bot:
    return await world.make_bot(owner)


@pytest.fixture
async def join(world: World, bot: Bot, tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    """await join(handlers) starts an agent of the bot and waits until it joined."""
    joined: list[Agent] = []

    async def join(prepare: Callable[[Agent], object] = lambda _agent: None, **how: Any) -> Agent:
        url = f"{world.running.url}/manager"
        agent = Agent(url, bot.token, **{"state_dir": tmp_path / "agent", "options": HASTE} | how)
        prepare(agent)
        joined.append(agent)
        await asyncio.to_thread(agent.start)
        assert await asyncio.to_thread(agent.wait_joined, 10)
        return agent

    yield join
    for agent in joined:
        await asyncio.to_thread(agent.stop, 3.0)


async def done(owner: Account, bot: Bot, type_: str, **payload: Any) -> dict[str, Any]:
    """Send a command and wait for its end."""
    body = {"type": type_, "payload": payload}
    reply = await owner.http.post(f"/api/bot/{bot.id}/send-command", json=body)
    command_id = reply.json()["command"]["id"]
    async with asyncio.timeout(20):
        while True:
            history = (await owner.http.get(f"/api/bot/{bot.id}/commands-history")).json()["commands"]
            [command] = [entry for entry in history if entry["id"] == command_id]
            if command["status"] != "pending":
                return dict(command)
            await asyncio.sleep(0.02)  # the server has no other way to ask for one command


async def online(owner: Account, bot: Bot) -> bool:
    return bool((await owner.http.get(f"/api/bot/{bot.id}/info")).json()["online"])


async def test_a_bot_joins_works_and_leaves(owner: Account, bot: Bot, join: Callable[..., Any]) -> None:
    def prepare(agent: Agent) -> None:
        @agent.command("say")
        async def say(command: Command) -> dict[str, Any]:
            agent.message(command.payload["text"], author_id="a", author_name="Ann", thread_id="t")
            agent.log("said it", "warning", {"n": 1})
            return {"said": command.payload["text"]}

    agent = await join(prepare)

    said = await done(owner, bot, "say", text="grüße")
    agent.sync(groups=[{"id": "g"}])
    assert await asyncio.to_thread(agent.flush)

    assert (said["status"], said["result"]) == ("completed", {"said": "grüße"})
    assert await online(owner, bot)
    [message] = (await owner.http.get("/api/messages")).json()["messages"]
    assert (message["message"], message["author_name"], message["thread_type"]) == ("grüße", "Ann", "USER")
    [log] = (await owner.http.get("/api/logs")).json()["logs"]
    assert (log["message"], log["type"], log["metadata"]) == ("said it", "warning", {"n": 1})
    data = (await owner.http.get(f"/api/bot/{bot.id}/data")).json()["data"]
    assert data == {"groups": [{"id": "g"}], "friends": []}
    await asyncio.to_thread(agent.stop)
    assert not await online(owner, bot)


async def test_failures_are_told(owner: Account, bot: Bot, join: Callable[..., Any]) -> None:
    await join(lambda agent: agent.command("big")(lambda _command: {"n": 2**70}))

    assert "no command 'nope'" in (await done(owner, bot, "nope"))["result"]["error"]
    assert "refused the result" in (await done(owner, bot, "big"))["result"]["error"]


async def test_settings_reach_the_bot(owner: Account, bot: Bot, join: Callable[..., Any]) -> None:
    agent = await join()
    await owner.http.put(f"/api/bot/{bot.id}/settings", json={"language": "en"})

    reloaded = await done(owner, bot, "reload-settings")

    assert reloaded["result"] == {"settings": {"language": "en"}}
    assert agent.settings == {"language": "en"}


async def test_a_lease_shorter_than_its_command_is_renewed(
    owner: Account, bot: Bot, join: Callable[..., Any]
) -> None:
    started, finish = threading.Event(), threading.Event()
    runs: list[int] = []

    def work(command: Command) -> str:
        runs.append(command.attempt)
        started.set()
        finish.wait(10)
        return "done"

    await join(lambda agent: agent.command("work")(work), options=Options(lease_s=1.0, wait_s=5.0))
    asyncio.get_running_loop().call_later(2.5, finish.set)  # two leases and a half

    worked = await done(owner, bot, "work")

    assert (worked["result"], runs) == ({"value": "done"}, [1])


async def test_a_log_file_of_ten_thousand_lines_arrives_once(
    owner: Account, bot: Bot, join: Callable[..., Any], tmp_path: Path
) -> None:
    log = tmp_path / "app.log"
    log.write_text("".join(f"INFO request {number}\n" for number in range(10_000)))

    agent = await join(lambda agent: agent.follow(log, poll_s=0.01))

    async with asyncio.timeout(60):
        while (await owner.http.get(f"/api/stats/bot/{bot.id}")).json()["total_logs"] < 10_000:
            await asyncio.to_thread(agent.flush, 5.0)
    exported = (await owner.http.get(f"/api/export/logs?bot_id={bot.id}&limit=10000")).json()["logs"]
    assert sorted(row["message"] for row in exported) == sorted(f"INFO request {n}" for n in range(10_000))


async def test_a_new_bot_waits_for_no_command_that_was_meant_for_the_old_one(
    owner: Account, bot: Bot, join: Callable[..., Any]
) -> None:
    """The call of an agent that is gone gets no command, or that would be late by a whole lease."""
    for _ in range(3):
        agent = await join()
        await done(owner, bot, "ping")
        await asyncio.to_thread(agent.stop)
    await join()

    async with asyncio.timeout(15):
        assert (await done(owner, bot, "ping"))["status"] == "completed"


async def test_a_replaced_token_stops_the_bot(owner: Account, bot: Bot, join: Callable[..., Any]) -> None:
    agent = await join()

    await owner.http.post(f"/api/my-bots/{bot.id}/regenerate-token")

    assert await asyncio.to_thread(agent.wait_stopped, 20)
    assert isinstance(agent.error, TokenRejected)


PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "join-with-http.md"
# Each call of the page must succeed; the page itself is for people and does not say so.
STRICT = 'set -eu\ncurl() { command curl --silent --show-error --fail-with-body "$@"; echo; }\n'


async def test_the_calls_of_the_page_on_plain_http_work(world: World, owner: Account, bot: Bot) -> None:
    if shutil.which("curl") is None or shutil.which("bash") is None:
        pytest.skip("this machine has no curl or no bash")
    first = await make_command(owner, bot)
    leased = (await bot.http.get(f"/api/bot/{bot.id}/commands?lease=60")).json()["commands"][0]
    await make_command(owner, bot)
    block = PAGE.read_text("utf-8").partition("```sh\n")[2].partition("```")[0]
    script = STRICT + block.replace("http://localhost:8000", world.running.url)

    process = await asyncio.create_subprocess_exec(
        "bash", "-c", script,
        env={**os.environ, "BOTYARD_BOT_TOKEN": bot.token, "COMMAND": first, "LEASE": leased["lease_id"]},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()

    assert process.returncode == 0, output.decode()
    answers = [json.loads(line) for line in output.splitlines()]
    assert len(answers) == block.count("curl ")
    assert answers[0]["bot"]["id"] == bot.id
    assert answers[3]["command"]["result"] == {"greeting": "Hello"}
    assert answers[4]["received"] == 2
    assert not await online(owner, bot)
