"""Jobs that tests run, what these left behind, and a watcher who waits for what jobs tell."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

from botyard.core.jobs import JobChanged, JobContext, JobEngine, JobInfo, JobState, Unrecoverable, job
from botyard.core.realtime.types import Committed, Outlet
from botyard.kit.db import Database

PATIENCE_S = 20.0  # longer than any of these takes on a busy machine


class Scene:
    """What the jobs of one test share with it."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.began = asyncio.Event()
        self.gate = asyncio.Event()
        self.left = asyncio.Event()
        self.running = 0
        self.most_running = 0
        self.loop: asyncio.AbstractEventLoop | None = None

    async def passage(self) -> None:
        """Say that somebody is here, and wait at the gate."""
        self.began.set()
        try:
            await self.gate.wait()
        finally:
            self.left.set()


scene = Scene()


def new_scene() -> None:
    """Forget what earlier tests left."""
    global scene
    scene = Scene()


class Watch:
    """Hears every JobChanged that a commit made true."""

    def __init__(self, db: Database) -> None:
        self.events: list[JobChanged] = []
        self._news = asyncio.Event()
        db.parts.add(Outlet(self._hear))

    def _hear(self, committed: Committed) -> None:
        for appended in committed.appended:
            self.events += [row["event"] for row in appended.rows if isinstance(row["event"], JobChanged)]
        self._news.set()

    async def until(self, heard: Callable[[JobChanged], bool]) -> JobChanged:
        """Wait for an event that fits, or has come already."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for event in self.events:
                    if heard(event):
                        return event
                self._news.clear()
                await self._news.wait()

    async def ended(self, engine: JobEngine, job_id: str) -> JobInfo:
        """Wait until the job has ended, and return it."""
        await self.until(lambda event: event.job_id == job_id and JobState(event.state).finished)
        return await engine.get(job_id)

    def states(self, job_id: str) -> list[str]:
        """The states that the job went through, as they were told."""
        return [event.state for event in self.events if event.job_id == job_id]


@job("test.add", retries=0)
async def add(ctx: JobContext, *, first: int, second: int = 0) -> int:
    scene.calls["add"] += 1
    scene.loop = asyncio.get_running_loop()
    return first + second


@job("test.wait", retries=0)
async def wait(ctx: JobContext) -> str:
    scene.calls["wait"] += 1
    await scene.passage()
    return "through"


@job("test.break", retries=2)
async def break_down(ctx: JobContext, *, times: int = 99, hopeless: bool = False) -> int:
    scene.calls["break"] += 1
    if hopeless:
        raise Unrecoverable("The page is gone.")
    if scene.calls["break"] <= times:
        raise ValueError("the page was\x00 empty")
    return ctx.attempt


@job("test.stepwise", retries=1)
async def stepwise(ctx: JobContext) -> list[Any]:
    first = await ctx.step("draw", _count, "draw")
    again = await ctx.step("draw", _count, "draw again")
    await ctx.step("pass", _pass_second_time)
    return [first, again, scene.calls["draw"], scene.calls["draw again"]]


async def _count(what: str) -> tuple[str, int]:
    scene.calls[what] += 1
    return what, scene.calls[what]


async def _pass_second_time() -> None:
    scene.calls["pass"] += 1
    if scene.calls["pass"] == 1:
        raise ConnectionError("the line was cut")


@job("test.pause", retries=0)
async def pause(ctx: JobContext) -> int:
    await ctx.step("before", _count, "before")
    scene.calls["pause"] += 1
    await scene.passage()
    return scene.calls["before"]


@job("test.deaf", retries=0)
async def deaf(ctx: JobContext) -> None:
    """Goes on when it is cancelled, until the gate opens."""
    while not scene.gate.is_set():
        try:
            await scene.passage()
        except asyncio.CancelledError:
            scene.calls["deaf"] += 1


@job("test.count", retries=0)
async def count(ctx: JobContext, *, up_to: int) -> None:
    for number in range(up_to + 1):
        await ctx.progress(number, up_to, f"counted {number}")


@job("test.sleepy", retries=0, timeout_s=0.05)
async def sleepy(ctx: JobContext) -> None:
    await asyncio.Event().wait()


@job("test.unstorable", retries=0)
async def unstorable(ctx: JobContext) -> object:
    return object()


@job("test.give_up", retries=0)
async def give_up(ctx: JobContext) -> None:
    raise asyncio.CancelledError


@job("test.alone", queue="train", retries=0)
async def alone(ctx: JobContext) -> None:
    await _be_counted()


@job("test.post", queue="publish", retries=0)
async def post(ctx: JobContext) -> None:
    await _be_counted()


@job("test.refused", queue="publish", retries=0)
async def refused(ctx: JobContext) -> None:
    raise Unrecoverable("The platform said no.")


@job("test.cancel_itself", queue="publish", retries=0)
async def cancel_itself(ctx: JobContext) -> None:
    """Leaves a cancellation behind the first time, as a library might that forgets to take it back."""
    scene.calls["cancel itself"] += 1
    if scene.calls["cancel itself"] == 1:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)


class Panic(BaseException):
    """What some libraries raise that are not written in Python."""


@job("test.panic", queue="publish", retries=0)
async def panic(ctx: JobContext) -> None:
    raise Panic("index out of bounds")


async def _be_counted() -> None:
    scene.running += 1
    scene.most_running = max(scene.most_running, scene.running)
    for _ in range(20):
        await asyncio.sleep(0)  # lets a neighbour in, if one may come in
    scene.running -= 1
