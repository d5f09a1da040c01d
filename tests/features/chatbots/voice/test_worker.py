"""Worker processes: engines may die, hang, swallow memory or be left alone; the server goes on."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from botyard.features.chatbots.voice.errors import EngineBusy, EngineFailed, TextRefused
from botyard.features.chatbots.voice.wire import Ask
from botyard.features.chatbots.voice.worker import Job, Worker

BACKEND = "tests.features.chatbots.voice.echo_engine:Echo"
ROOT = Path(__file__).parents[4]


def job(notes: Path, *, timeout_s: float = 20, max_waiting: int = 4) -> Job:
    return Job(BACKEND, 1024, timeout_s, {"notes": str(notes)}, max_waiting)


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    return tmp_path / "notes"


@pytest.fixture
async def worker(notes: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Worker]:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # where a worker finds the engine of these tests
    monkeypatch.setenv("BOTYARD_MASTER_KEY", "not for engines")
    made = Worker("Echo", job(notes))
    yield made
    await made.close()


def say(text: str) -> Ask:
    return Ask(number=0, what="say", text=text)


def hear(steps: int) -> Ask:
    return Ask(number=0, what="hear", audio=str(steps).encode())


async def test_process_starts_when_first_needed_and_serves_again(worker: Worker) -> None:
    assert worker.pid is None
    first = await worker.ask(say("hi"))
    pid = worker.pid
    again = await worker.ask(say("print"))
    assert (first.sound and first.sound.data.decode("utf-16-le")) == "hi"
    assert (again.sound and again.sound.data.decode("utf-16-le")) == "print"
    assert worker.pid == pid != os.getpid()


async def test_process_knows_nothing_of_the_servers_environment(worker: Worker) -> None:
    answer = await worker.ask(Ask(number=0, what="voices"))
    assert "BOTYARD_MASTER_KEY" not in answer.voices[0].name
    assert "PATH" in answer.voices[0].name.split(",")


async def test_engine_that_dies_fails_that_request_only(worker: Worker) -> None:
    with pytest.raises(EngineFailed, match="Echo broke off"):
        await worker.ask(say("die"))
    assert (await worker.ask(say("hi"))).sound is not None


async def test_process_that_was_killed_while_idle_is_replaced_unnoticed(worker: Worker) -> None:
    await worker.ask(say("hi"))
    pid = worker.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    async with asyncio.timeout(10):
        while worker.pid is not None:
            await asyncio.sleep(0.01)
    assert (await worker.ask(say("hi"))).sound is not None
    assert worker.pid != pid


async def test_engine_that_wants_too_much_memory_is_refused_it_and_goes_on(worker: Worker) -> None:
    await worker.ask(say("hi"))
    pid = worker.pid
    with pytest.raises(EngineFailed, match="MemoryError"):
        await worker.ask(say("eat"))
    await worker.ask(say("hi"))
    assert worker.pid == pid


async def test_what_the_engine_refuses_is_the_callers_fault(worker: Worker) -> None:
    with pytest.raises(TextRefused, match="Echo does not say that"):
        await worker.ask(say("refuse"))


async def test_engine_that_hangs_is_ended_after_its_time(
    notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    worker = Worker("Echo", job(notes, timeout_s=0.5))
    with pytest.raises(EngineFailed, match="longer than"):
        await worker.ask(say("hang"))
    assert worker.pid is None
    await worker.close()


async def test_more_than_may_wait_are_sent_away_at_once(worker: Worker) -> None:
    await worker.ask(say("hi"))
    waiting = [asyncio.create_task(worker.ask(hear(20))) for _ in range(4)]
    await asyncio.sleep(0)
    with pytest.raises(EngineBusy):
        await worker.ask(say("hi"))
    assert (
        len({answer.transcript and answer.transcript.text for answer in await asyncio.gather(*waiting)}) == 1
    )


async def test_work_for_a_caller_who_left_stops_and_the_process_stays(worker: Worker, notes: Path) -> None:
    await worker.ask(say("hi"))
    pid = worker.pid
    leaving, waiting = (asyncio.create_task(worker.ask(hear(steps))) for steps in (1000, 1000))
    await asyncio.sleep(0.1)
    waiting.cancel()
    leaving.cancel()
    async with asyncio.timeout(5):  # far less than the ten seconds of each
        await worker.ask(say("hi"))
    assert notes.read_text().startswith("stopped at")
    assert worker.pid == pid


async def test_engine_that_does_not_notice_that_its_caller_left_is_ended(worker: Worker) -> None:
    await worker.ask(say("hi"))
    pid = worker.pid
    hanging = asyncio.create_task(worker.ask(say("hang")))
    await asyncio.sleep(0.05)
    hanging.cancel()
    async with asyncio.timeout(10):
        await worker.ask(say("hi"))
    assert worker.pid != pid


def test_process_ends_with_the_server_even_while_it_works(notes: Path) -> None:
    server = (
        "import asyncio, os, sys\n"
        "from botyard.features.chatbots.voice.wire import Ask\n"
        "from botyard.features.chatbots.voice.worker import Job, Worker\n"
        "async def main():\n"
        f"    worker = Worker('Echo', Job({BACKEND!r}, 1024, 60.0, {{'notes': {str(notes)!r}}}))\n"
        "    await worker.ask(Ask(number=0, what='say', text='hi'))\n"
        "    busy = asyncio.create_task(worker.ask(Ask(number=0, what='say', text='hang')))\n"
        "    await asyncio.sleep(0.1)\n"
        "    print(worker.pid, flush=True)\n"
        "    os._exit(9)\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", server],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=30,
    )
    pid = int(done.stdout)
    for _ in range(1000):
        if not Path(f"/proc/{pid}/cmdline").exists() or not Path(f"/proc/{pid}/cmdline").read_bytes():
            return
        os.sched_yield()
        subprocess.run(["sleep", "0.02"], check=True)
    pytest.fail(f"{pid} is still there")
