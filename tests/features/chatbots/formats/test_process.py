"""Files are read beside the server: what a stranger's file does, it does to a process of its own."""

import asyncio
import gc
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from botyard.features.chatbots import formats
from botyard.features.chatbots.examples import NewExample
from botyard.features.chatbots.formats import Project, process, wire
from botyard.features.chatbots.formats.process import Files, ReadingBroke
from botyard.kit import child_process, frames
from botyard.kit.child_process import ChildProcess
from botyard.kit.errors import Invalid

SMALL = b"text,intent\nhello,greet\nbye,leave\n"
MANY = b"text,intent\n" + b"".join(b"example %d,intent %d\n" % (each, each % 7) for each in range(2_500))


def slow_yaml(replies: int) -> bytes:
    """A project within every bound whose values are tens of thousands of small objects and repeat by aliases."""
    rows = ["x: &a [" + ",".join(["{k: v}"] * 1000) + "]", "y: &b [" + ",".join(["*a"] * 100) + "]", "nlu:"]
    rows += ["- {intent: a, examples: [*b]}", "responses:"]
    rows += [f"  utter_{at}: [" + ",".join(f"{{text: t{one}}}" for one in range(20)) + "]" for at in range(replies)]  # fmt: skip
    return "\n".join(rows).encode()


async def test_what_is_read_apart_is_what_the_file_holds() -> None:
    read = await Files().read(MANY, owner_id=1)
    assert [example for piece in read.examples() for example in piece] == formats.read(MANY).examples
    assert [len(piece) for piece in read.examples(1_200)] == [800, 500]
    assert (read.count, read.intents, read.imported.format) == (2_500, 7, "csv")


async def test_what_is_written_apart_is_what_the_project_holds() -> None:
    read = formats.read(MANY)

    async def pieces() -> AsyncIterator[Sequence[NewExample]]:
        for piece in wire.pieces(read.examples):
            yield piece

    made = await Files().write("rasa", Project(name="Shop"), pieces(), owner_id=1)
    assert made == formats.write("rasa", Project(name="Shop", examples=read.examples))
    with pytest.raises(Invalid, match="Exports know"):
        await Files().write("docx", Project(), pieces(), owner_id=1)


async def test_a_hostile_file_does_not_hold_the_loop() -> None:
    """Measured as processor time of this thread, so that others who work on the machine do not count."""
    held = [0.0]

    async def tick() -> None:
        before = time.thread_time()
        while True:
            await asyncio.sleep(0)
            now = time.thread_time()
            held.append(now - before)
            before = now

    gc.collect()
    gc.freeze()  # as the server does at its start; what other tests left is not this one's
    ticking = asyncio.create_task(tick())
    read = await Files().read(slow_yaml(700), owner_id=1)
    ticking.cancel()
    gc.unfreeze()
    assert read.imported.content is not None
    assert len(read.imported.content.responses) == 700
    assert max(held) < 0.1


@pytest.mark.parametrize("limits", [{"cpu_s": 1}, {"memory_mb": 80}], ids=["time", "memory"])
async def test_a_file_that_takes_too_much_is_refused_in_words(limits: dict[str, int]) -> None:
    with pytest.raises(Invalid, match="more time or memory than an import has"):
        await Files(**limits).read(slow_yaml(3_000), owner_id=1)


async def test_each_account_has_one_turn_at_a_time_and_others_do_not_wait_for_it() -> None:
    begun: dict[int, ChildProcess | None] = {}
    alive: list[int] = []

    async def begin() -> ChildProcess:
        alive.append(sum(one is None or one.process.returncode is None for one in begun.values()))
        number = len(begun)
        begun[number] = None
        child = begun[number] = ChildProcess(await child_process.begin(process._MODULE, "1024", "30"))
        return child

    files = Files(begin=begin)
    await asyncio.gather(*(files.read(SMALL, owner_id=1) for _ in range(3)))
    assert alive == [0, 0, 0]
    await asyncio.gather(*(files.read(SMALL, owner_id=owner) for owner in (1, 1, 2)))
    assert max(alive[3:]) == 1


async def test_a_process_that_is_ended_from_outside_is_no_fault_of_the_file() -> None:
    async def begin() -> ChildProcess:
        child = ChildProcess(await child_process.begin(process._MODULE, "1024", "30"))
        os.kill(child.process.pid, 9)
        return child

    with pytest.raises(ReadingBroke, match="do it again"):
        await Files(begin=begin).read(SMALL, owner_id=1)


def test_the_process_ends_with_the_server() -> None:
    command = [sys.executable, "-P", "-m", process._MODULE, "2048", "60"]
    worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=child_process.environment(os.environ))  # fmt: skip
    assert worker.stdin is not None
    with worker:
        worker.stdin.write(
            frames.frame(wire.packed(wire.Order(what="read"))) + frames.frame(slow_yaml(4_000))
        )
        worker.stdin.close()
        assert worker.wait(timeout=30) == 0
        assert worker.stdout is not None
        assert worker.stdout.read() == b""


def test_reading_needs_no_store_and_no_web_framework() -> None:
    code = (
        "import sys, botyard.features.chatbots.formats.worker;"
        "print([n for n in ('sqlalchemy', 'fastapi', 'numpy') if n in sys.modules])"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path.cwd()
    )
    assert said.stdout == "[]\n"
