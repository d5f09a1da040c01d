"""A worker dies or freezes in the middle of a job: another finishes it, nothing finished is repeated."""

import asyncio
import json
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path

import pytest

from botyard.core.jobs import EffectState, JobEngine, JobState, Timing, effects
from botyard.kit.db import Database, Stores
from tests.faults import jobs_worker

pytestmark = [pytest.mark.faults, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
QUICK = Timing(heartbeat_s=0.5, fence_s=4.0, silent_s=6.0, poll_s=0.1)
PATIENCE_S = 90.0  # a busy machine, and a frozen process whose locks PostgreSQL takes away after 25 s


class Worker:
    """A worker process and what it has said."""

    def __init__(self, process: Process) -> None:
        self.process = process

    async def until(self, line: str) -> str:
        """Wait for a line that begins so."""
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            while said := (await self.process.stdout.readline()).decode().strip():
                if said.startswith(line):
                    return said
        raise AssertionError(f"the worker ended without saying {line}")

    async def kill(self) -> None:
        """End it as a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    async def thaw(self) -> None:
        """Let it go on, past the point where it waits."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"go on\n")
        await self.process.stdin.drain()
        self.process.send_signal(signal.SIGCONT)


class Yard:
    """The place where workers do their work."""

    def __init__(self, stores: Stores, folder: Path) -> None:
        self.stores = stores
        self.folder = folder
        self.workers: list[Worker] = []
        (folder / "posts").mkdir()

    async def work(self, *, hang: str = "", timing: Timing = QUICK) -> Worker:
        """Start a worker and wait until it works."""
        url = self.stores.main.render_as_string(hide_password=False)
        told = {
            "database_url": url,
            "data_dir": str(self.folder),
            "folder": str(self.folder),
            "hang": hang,
            "timing": asdict(timing),
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", jobs_worker.__name__, json.dumps(told), stdin=PIPE, stdout=PIPE, cwd=ROOT
        )
        worker = Worker(process)
        self.workers.append(worker)
        await worker.until("ready")
        return worker

    @property
    def posts(self) -> list[str]:
        """What is on the platform."""
        return [path.name for path in (self.folder / "posts").iterdir()]

    @property
    def trace(self) -> Counter[str]:
        """How often each piece of work was done."""
        lines = (self.folder / "trace").read_text().splitlines()
        return Counter(line.split(" ", 1)[1] for line in lines)

    @property
    def pids(self) -> set[str]:
        """Who did any of it."""
        return {line.split(" ", 1)[0] for line in (self.folder / "trace").read_text().splitlines()}


@pytest.fixture
async def yard(stores: Stores, tmp_path: Path) -> AsyncIterator[Yard]:
    """Workers of this test, all gone at its end."""
    yard = Yard(stores, tmp_path)
    yield yard
    for worker in yard.workers:
        if worker.process.returncode is None:
            await worker.kill()


@pytest.fixture
async def desk(db: Database) -> AsyncIterator[JobEngine]:
    """Takes requests."""
    engine = JobEngine(db, work=False)
    await engine.start()
    yield engine
    await engine.stop()


async def _ask(db: Database) -> str:
    async with db.session() as session:
        return await jobs_worker.publish.enqueue(session, post_id="p1")


async def _check_done_once(yard: Yard, db: Database, desk: JobEngine, job_id: str) -> None:
    info = await desk.get(job_id)
    assert (info.state, info.error) == (JobState.done, "")
    assert yard.posts == [info.result]
    assert yard.trace["announce"] == 1
    async with db.reader() as session:
        (effect,) = await effects.list_effects(session)
    assert (effect.state, effect.external_id) == (EffectState.done, info.result)


async def _take_over(yard: Yard, hang: str, timing: Timing = QUICK) -> tuple[Worker, float]:
    """Kill a worker at a point of its job; returns the one that finished it, and how long that took."""
    embedded = yard.stores.embedded
    first = await yard.work(hang=hang, timing=timing)
    await first.until(f"at {hang}")
    # A second process may share PostgreSQL, but on SQLite it starts when the first is gone.
    second = None if embedded else await yard.work(timing=timing)
    died_at = time.monotonic()
    await first.kill()
    second = second or await yard.work(timing=timing)
    await second.until("done")
    return second, time.monotonic() - died_at


@pytest.mark.parametrize("hang", ["before post", "after post"])
async def test_job_of_a_killed_worker_is_finished_by_another(
    yard: Yard, db: Database, desk: JobEngine, hang: str
) -> None:
    job_id = await _ask(db)

    await _take_over(yard, hang)

    await _check_done_once(yard, db, desk, job_id)
    assert yard.trace == {"write": 1, "reconcile": 1, "announce": 1}
    assert (await desk.get(job_id)).attempt == 2


async def test_step_that_was_interrupted_runs_again(yard: Yard, db: Database, desk: JobEngine) -> None:
    job_id = await _ask(db)

    await _take_over(yard, "write")

    await _check_done_once(yard, db, desk, job_id)
    assert yard.trace == {"write": 2, "announce": 1}


async def test_default_timing_takes_over_within_45_seconds(yard: Yard, db: Database, desk: JobEngine) -> None:
    job_id = await _ask(db)

    _, took_s = await _take_over(yard, "after post", Timing())

    await _check_done_once(yard, db, desk, job_id)
    assert took_s < 45


@pytest.fixture
def _shared(stores: Stores) -> None:
    if stores.embedded:
        pytest.skip("two workers at once: SQLite serves one process, a second one is refused")


@pytest.mark.usefixtures("_shared")
@pytest.mark.parametrize("hang", ["write", "after post"])
async def test_frozen_worker_that_wakes_does_nothing_twice(
    yard: Yard, db: Database, desk: JobEngine, hang: str
) -> None:
    job_id = await _ask(db)
    frozen = await yard.work(hang=hang)
    await frozen.until(f"at {hang}")
    second = await yard.work()

    frozen.freeze()
    await second.until("done")
    await frozen.thaw()
    await frozen.until("left")

    await _check_done_once(yard, db, desk, job_id)


@pytest.mark.usefixtures("_shared")
async def test_frozen_worker_that_wakes_works_again_under_a_new_name(
    yard: Yard, db: Database, desk: JobEngine
) -> None:
    await _ask(db)
    frozen = await yard.work(hang="write")
    await frozen.until("at write")
    second = await yard.work()
    before = {worker.id for worker in await desk.list_workers()}
    frozen.freeze()
    await second.until("done")
    await second.kill()

    await frozen.thaw()
    async with db.session() as session:
        job_id = await jobs_worker.tick.enqueue(session, number=1)
    await frozen.until(f"done {job_id}")

    assert not before & {
        worker.id for worker in await desk.list_workers() if worker.pid == frozen.process.pid
    }


@pytest.mark.usefixtures("_shared")
async def test_two_workers_share_the_work_and_do_each_job_once(
    yard: Yard, db: Database, desk: JobEngine
) -> None:
    workers = [await yard.work(), await yard.work()]
    async with db.session() as session:
        job_ids = {await jobs_worker.tick.enqueue(session, number=number) for number in range(40)}

    async def hear(worker: Worker) -> None:
        while True:
            job_ids.discard((await worker.until("done")).split()[1])
            if not job_ids:
                return

    hearing = [asyncio.create_task(hear(worker)) for worker in workers]
    _, pending = await asyncio.wait(hearing, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.wait(hearing)

    assert yard.trace == {f"tick {number}": 1 for number in range(40)}
    assert yard.pids == {str(worker.process.pid) for worker in workers}
