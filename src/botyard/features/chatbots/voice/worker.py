"""The server's side of a worker process: started when first needed, replaced when it dies or hangs."""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from botyard.features.chatbots.voice import wire
from botyard.features.chatbots.voice.errors import AudioRefused, EngineBusy, EngineFailed, TextRefused
from botyard.features.chatbots.voice.wire import Answer, Ask

log = structlog.get_logger(__name__)

_CHILD = "botyard.features.chatbots.voice.child"
_SOURCES = str(Path(__file__).parents[4])
_GRACE_S = 2.0  # how long a worker may take to notice that nobody waits any more, before it is ended
# Nothing else of the server's environment reaches it: there are keys in there.
_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "SYSTEMROOT")


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker process runs, and within which bounds. `backend` is `module:name`."""

    backend: str
    memory_mb: int
    timeout_s: float
    options: Mapping[str, Any] = field(default_factory=dict)
    max_waiting: int = 32


class Worker:
    """One process, one request at a time; the others wait in line."""

    def __init__(self, name: str, job: Job) -> None:
        self._name = name
        self._job = job
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._number = 0
        self._settling: set[asyncio.Task[Answer]] = set()

    @property
    def pid(self) -> int | None:
        """The process that runs now, if any."""
        alive = self._process is not None and self._process.returncode is None
        return self._process.pid if self._process is not None and alive else None

    async def ask(self, ask: Ask) -> Answer:
        """What came of a request. Raises EngineBusy where too many wait, AudioRefused or TextRefused for what the
        engine cannot take, EngineFailed when it broke, and ends the work when the caller is cancelled."""
        if self._waiting >= self._job.max_waiting:
            raise EngineBusy(retry_after_s=2)
        self._waiting += 1
        try:
            task = asyncio.create_task(self._in_turn(ask))
            try:
                answer = await asyncio.shield(task)
            except asyncio.CancelledError:
                self._abandon(task, ask)
                raise
        finally:
            self._waiting -= 1
        if answer.whose == "input":
            raise (AudioRefused if ask.what == "hear" else TextRefused)(answer.problem)
        if answer.whose == "engine":
            log.warning("speech_engine_failed", engine=self._name, problem=answer.problem, trace=answer.trace)
            raise EngineFailed(f"{self._name} failed: {answer.problem}")
        return answer

    async def close(self) -> None:
        """End the process."""
        for task in list(self._settling):
            task.cancel()
        await self._end()

    async def _in_turn(self, ask: Ask) -> Answer:
        async with self._turn:
            self._number += 1
            ask.number = self._number
            try:
                async with asyncio.timeout(self._job.timeout_s):
                    return await self._exchange(ask)
            except TimeoutError:
                await self._end()
                raise EngineFailed(
                    f"{self._name} took longer than {self._job.timeout_s:g} s; send less at once."
                ) from None
            except (OSError, ValueError, EOFError):
                await self._end()
                log.warning("speech_worker_died", engine=self._name)
                raise EngineFailed(
                    f"{self._name} broke off at this; the next request starts it again."
                ) from None
            except asyncio.CancelledError:
                await self._end()
                raise

    async def _exchange(self, ask: Ask) -> Answer:
        process = await self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(wire.frame(ask))
        await process.stdin.drain()
        head = await process.stdout.readexactly(wire.LENGTH.size)
        return wire.read_answer(await process.stdout.readexactly(wire.size(head)))

    async def _running(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            job = self._job
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-P", "-m", _CHILD, job.backend, str(job.memory_mb), json.dumps(dict(job.options))),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env=_environment(),
                start_new_session=True,  # Ctrl-C at the server is the server's business
            )
        return self._process

    def _abandon(self, task: asyncio.Task[Answer], ask: Ask) -> None:
        """Nobody waits for this any more: in line it leaves; under way it is told to stop, or else ended."""
        if ask.number == 0:
            task.cancel()
        else:
            if self._process is not None and self._process.stdin is not None:
                self._process.stdin.write(wire.frame(Ask(number=ask.number, what="stop")))
            asyncio.get_running_loop().call_later(_GRACE_S, task.cancel)
        self._settling.add(task)
        task.add_done_callback(self._settled)

    def _settled(self, task: asyncio.Task[Answer]) -> None:
        self._settling.discard(task)
        if not task.cancelled():
            task.exception()  # nobody is left to hear of it

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            process.kill()
        await process.communicate()  # what is left in the pipe would keep it from ending


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    path = os.pathsep.join([_SOURCES, *filter(None, [os.environ.get("PYTHONPATH")])])
    # two threads: a busy engine must leave the server room
    return kept | {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": path, "PYTHONUTF8": "1"}
