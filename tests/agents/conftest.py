"""What the agent's tests share: a server that fails on demand, agents that hurry, a clock that is moved by hand."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from botyard_agent import Agent, Options
from botyard_agent.timing import Wake
from tests.agents.fake_server import TOKEN, FakeServer

# The real waits, made short: what a user waits a second for, a test waits a hundredth.
HASTE = Options(batch_s=0.02, backoff_s=(0.01, 0.05), wait_s=5.0, presence_s=30.0, grace_s=5.0)


class HandTiming:
    """Time that stands still until moved, and chance that always draws the highest number."""

    def __init__(self) -> None:
        self.at = datetime(2026, 6, 1, 12, tzinfo=UTC)
        self.counter = 1000.0
        self.keys = 0

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.counter

    def wait(self, wake: Wake, seconds: float) -> bool:
        self.advance(seconds)
        return False

    def uniform(self, low: float, high: float) -> float:
        return high

    def new_key(self) -> str:
        self.keys += 1
        return f"key-{self.keys}"

    def advance(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        self.counter += seconds


@pytest.fixture
def timing() -> HandTiming:
    return HandTiming()


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as server:
        yield server


@pytest.fixture
def make_agent(server: FakeServer, tmp_path: Path) -> Iterator[Callable[..., Agent]]:
    """make_agent(parallel=2) builds an agent of the server's bot, not started; all stop at the end."""
    made: list[Agent] = []

    def make(**how: Any) -> Agent:
        given = {"url": server.url, "token": TOKEN, "state_dir": tmp_path / "state", "options": HASTE} | how
        made.append(Agent(**given))
        return made[-1]

    yield make
    for agent in made:
        agent.stop(2.0)


@pytest.fixture
def agent(make_agent: Callable[..., Agent]) -> Agent:
    """An agent that has joined."""
    agent = make_agent().start()
    assert agent.wait_joined(10)
    return agent


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    """What an agent started ends with it."""
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        if thread.name.startswith("botyard-"):
            thread.join(10)
            assert not thread.is_alive(), f"{thread.name} still runs"
