"""Work in a process of its own: it cannot hold up the server, is bounded, and knows nothing of the server's secrets.

Here is the server's side; `bounded` is the other one.
"""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from botyard.kit import frames

_SOURCES = str(Path(__file__).parents[2])
_SLICE = 256 * 1024  # bytes that are handed to the pipe at a time
_GRACE_S = 2.0  # what a process has to end by itself
_TAIL = 4000  # bytes of what the process printed that are kept
# Nothing else of the server's environment reaches it: there are keys in there.
_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "SYSTEMROOT")


class ChildProcess:
    """A process of this program that answers messages. It belongs to the event loop that started it."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self._printed = asyncio.create_task(_tail(process))

    async def send(self, body: bytes) -> None:
        """Hand it a message, as fast as it takes it. Raises OSError when it has gone."""
        assert self.process.stdin is not None
        self.process.stdin.write(frames.LENGTH.pack(len(body)))
        view = memoryview(body)
        for start in range(0, len(view), _SLICE):
            self.process.stdin.write(view[start : start + _SLICE])
            await self.process.stdin.drain()

    async def receive(self) -> bytes:
        """Its next message. Raises EOFError when it has gone, ValueError for noise."""
        assert self.process.stdout is not None
        return await frames.receive(self.process.stdout)

    async def close(self) -> str:
        """Say that nothing more comes, and let it end by itself if it does so at once; what it printed last.

        Only then its status tells what ended it.
        """
        assert self.process.stdin is not None
        self.process.stdin.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(_GRACE_S):
                await self.process.wait()
        return await self.end()

    async def end(self) -> str:
        """End it whatever it does, and answer what it printed last."""
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        return await self._printed


async def begin(module: str, *arguments: str) -> Process:
    """Start a module of this program as a program, with pipes for what it reads, writes and prints."""
    return await asyncio.create_subprocess_exec(
        sys.executable, *("-P", "-m", module, *arguments),
        stdin=PIPE, stdout=PIPE, stderr=PIPE, env=environment(os.environ),
        start_new_session=True,  # Ctrl-C at the server is the server's business
    )  # fmt: skip


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """What a process may know of the server's environment."""
    kept = {name: given[name] for name in _ENVIRONMENT if name in given}
    path = os.pathsep.join([_SOURCES, *filter(None, [given.get("PYTHONPATH")])])
    # one thread each: matrices this small gain nothing from more, and busy cores lose a lot
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return kept | threads | {"PYTHONPATH": path, "PYTHONUTF8": "1"}


async def _tail(process: Process) -> str:
    assert process.stderr is not None
    tail = b""
    while more := await process.stderr.read(65536):
        tail = (tail + more)[-_TAIL:]
    return tail.decode(errors="replace")
