"""Training beside the server: in a process of its own, which yields to it, is bounded, and ends with it.

So the server never imports scikit-learn, is not held up, and outlives whatever becomes of the training.
"""

import asyncio
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import structlog

from botyard.features.chatbots.nlu import wire
from botyard.features.chatbots.nlu.errors import (
    LearningMissing,
    NotTrainable,
    TrainingCancelled,
    TrainingDied,
)
from botyard.features.chatbots.nlu.types import Example, Options
from botyard.features.chatbots.nlu.wire import AHEAD, Order, Word
from botyard.kit import child_process, memory
from botyard.kit.child_process import ChildProcess
from botyard.kit.db import Session

log = structlog.get_logger(__name__)

MEMORY_MB, CPU_S = 8192, 1800
IDLE_S = 300.0  # so long a process is kept for the next training
ROOM_MB = 1024  # memory that must be left for a process that nobody asked for yet; it takes about 300
_MODULE = "botyard.features.chatbots.nlu.worker"
_LOOK_S = 0.2  # how often `cancelled` is asked

OnProgress = Callable[[float, str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class TrainedApart:
    """What a training gives: the model as a file, and the report as JSON values (see `report.Report`)."""

    model: bytes
    report: dict[str, Any]


class Trainer:
    """Processes that train for this server. A part of `Database.parts`, of the event loop that uses it.

    The last one is kept for some minutes with what it has imported and loaded: most of a small training is that.
    With `ready`, `expect` begins one before there is anything to train. `encoder` names one of `encoders.installed()`
    for the trainings that name none; empty is the preferred one.
    """

    def __init__(
        self, *, idle_s: float = IDLE_S, memory_mb: int = MEMORY_MB, ready: bool = False, room_mb: int = ROOM_MB,
        encoder: str = "",
    ) -> None:  # fmt: skip
        self._encoder = encoder
        self._idle_s, self._memory_mb, self._ready, self._room_mb = idle_s, memory_mb, ready, room_mb
        self._kept: _Child | None = None
        self._at_work = 0
        self._beginning: asyncio.Task[None] | None = None
        self._ending: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Nothing runs until somebody trains."""

    async def stop(self) -> None:
        """End the process that was kept."""
        self._ready = False
        await self._begun()
        if self._kept is not None:
            self._kept.timer.cancel()
            self._let_go()
        await asyncio.gather(*self._ending)

    def expect(self) -> None:
        """Somebody will train soon: let a process load what that takes. One at a time, and only where there is room."""
        if self._kept is not None:
            self._kept.timer.cancel()
            self._keep(self._kept)  # for as long again
        elif (
            self._ready
            and not self._at_work
            and self._beginning is None
            and memory.available_mb() >= self._room_mb
        ):
            self._beginning = asyncio.create_task(self._begin_ahead())

    async def train(
        self, examples: Sequence[Example], options: Options, *, on_progress: OnProgress | None = None,
        cancelled: Callable[[], bool] | None = None, encoder: str = "", cache: Path | None = None,
    ) -> TrainedApart:  # fmt: skip
        """Train in a process of its own. `on_progress` hears shares from 0 to 1; cancelling the task ends the process.

        `cache` is a folder that keeps the encoder's vectors, so that training again costs little. Raises NotTrainable,
        LearningMissing, TrainingCancelled, TrainingDied.
        """
        named = encoder or self._encoder
        order = Order(examples=list(examples), options=options, encoder=named, cache=str(cache or ""))
        await self._begun()
        self._at_work += 1
        try:
            return await self._train(order, on_progress, cancelled)
        finally:
            self._at_work -= 1

    async def _train(
        self, order: Order, on_progress: OnProgress | None, cancelled: Callable[[], bool] | None
    ) -> TrainedApart:
        if (kept := self._taken()) is not None:
            try:
                return await self._train_in(kept, order, on_progress, cancelled)
            except TrainingDied:
                if kept.heard:
                    raise  # else it had ended before it was asked
        return await self._train_in(await self._begin(), order, on_progress, cancelled)

    async def _train_in(
        self, child: "_Child", order: Order, on_progress: OnProgress | None, cancelled: Callable[[], bool] | None
    ) -> TrainedApart:  # fmt: skip
        try:
            word = await _hear(child, order, on_progress, cancelled)
        except (EOFError, OSError, ValueError):
            printed = await child.close()  # ended by us, it would look as if the system had ended it
            log.warning("training_died", status=child.process.returncode, printed=printed)
            raise TrainingDied.of(child.process.returncode, printed) from None
        except BaseException:
            await child.end()
            raise
        if word.stays and self._kept is None:
            self._keep(child)
        else:
            await child.end()
        return _result(word)

    async def _begin(self, *what: str) -> "_Child":
        return _Child(await child_process.begin(_MODULE, str(self._memory_mb), str(CPU_S), *what))

    async def _begin_ahead(self) -> None:
        try:
            self._keep(await self._begin(AHEAD, self._encoder))
        except OSError as error:  # the next training meets it again, and says so to whom it concerns
            log.warning("training_not_ready", error=str(error))
        finally:
            self._beginning = None

    async def _begun(self) -> None:
        """Wait for a process that is just being started, not for what it loads."""
        if self._beginning is not None:
            await asyncio.shield(self._beginning)

    def _taken(self) -> "_Child | None":
        child, self._kept = self._kept, None
        if child is None:
            return None
        child.timer.cancel()
        if child.process.returncode is None:
            return child
        self._end_later(child)  # it was ended from outside
        return None

    def _keep(self, child: "_Child") -> None:
        self._kept = child
        child.timer = asyncio.get_running_loop().call_later(self._idle_s, self._let_go)

    def _let_go(self) -> None:
        child, self._kept = self._kept, None
        if child is not None:
            self._end_later(child)

    def _end_later(self, child: "_Child") -> None:
        task = asyncio.create_task(child.ended())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


def expect(session: Session) -> None:
    """Somebody of this server will train soon; see `Trainer.expect`."""
    trainer = session.find_part(Trainer)
    if trainer is not None:
        trainer.expect()


class _Child(ChildProcess):
    """A process that takes orders."""

    timer: asyncio.TimerHandle

    def __init__(self, process: Process) -> None:
        super().__init__(process)
        self.heard = False  # of the present order

    async def ended(self) -> None:
        """The same for whom nobody waits."""
        await self.end()


async def train_apart(
    examples: Sequence[Example], options: Options, *, on_progress: OnProgress | None = None,
    cancelled: Callable[[], bool] | None = None, encoder: str = "", cache: Path | None = None,
    memory_mb: int = MEMORY_MB,
) -> TrainedApart:  # fmt: skip
    """Train once, as a Trainer does, and keep no process."""
    trainer = Trainer(memory_mb=memory_mb)
    try:
        return await trainer.train(
            examples, options, on_progress=on_progress, cancelled=cancelled, encoder=encoder, cache=cache
        )
    finally:
        await trainer.stop()


async def _hear(
    child: _Child, order: Order, on_progress: OnProgress | None, cancelled: Callable[[], bool] | None
) -> Word:
    """The last word of the process about this order."""
    child.heard = False
    await child.send(wire.packed(order))
    while True:
        word = await _next(child, cancelled)
        child.heard = True
        if word.what != "progress":
            return word
        if on_progress is not None:
            await on_progress(word.share, word.note)


async def _next(child: _Child, cancelled: Callable[[], bool] | None) -> Word:
    reading = asyncio.ensure_future(child.receive())
    try:
        while not (await asyncio.wait({reading}, timeout=_LOOK_S if cancelled else None))[0]:
            if cancelled is not None and cancelled():
                raise TrainingCancelled
        return wire.read_word(reading.result())
    finally:
        reading.cancel()


def _result(word: Word) -> TrainedApart:
    if word.what == "refused":
        raise NotTrainable(word.note)
    if word.what == "missing":
        raise LearningMissing(word.note)
    if word.what == "failed":
        raise TrainingDied(word.note)
    return TrainedApart(word.model, msgspec.json.decode(word.report))
