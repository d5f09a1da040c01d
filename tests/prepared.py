"""The `botyard` command in a process of its own that need not import everything first.

A process that has imported the application forks one that runs the command: with the environment, the folder and the
output that it is given, to be killed, frozen and starved like any other. Only the two seconds are gone that Python
needs to read the code.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from importlib.metadata import entry_points
from multiprocessing import get_context
from pathlib import Path

# What a start reads later than the application itself.
_LATER = (
    *(entry.module for entry in entry_points(group="botyard.documents")),
    "botyard.core.jobs.transact",
    "uvloop",
    "aiosqlite",
    "alembic.command",
    "sqlalchemy.dialects.sqlite.aiosqlite",
    "sqlalchemy.dialects.postgresql.psycopg",
)
_FORKS = get_context("forkserver")
_FORKS.set_forkserver_preload(["pytest", "botyard.cli", "botyard.server", "botyard.app", *_LATER, __name__])


class Command:
    """A command that runs; has what tests use of `asyncio.subprocess.Process` and of `subprocess.Popen`."""

    def __init__(self, *words: str, environment: Mapping[str, str], folder: Path, output: Path) -> None:
        """Start it in a folder; what it says is added to the file `output`."""
        told = (words, dict(environment), str(folder), str(output))
        self._process = _FORKS.Process(target=_run, args=told, daemon=True)
        self._process.start()

    @property
    def pid(self) -> int:
        """Its number."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """None while it runs; negative where a signal ended it."""
        return self._process.exitcode

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal, unless it has ended."""
        if self.returncode is None:
            os.kill(self.pid, number)

    async def wait(self) -> int:
        """Its code, once it has ended."""
        if self.returncode is None:
            loop, ended = asyncio.get_running_loop(), asyncio.Event()
            loop.add_reader(self._process.sentinel, ended.set)
            try:
                await ended.wait()
            finally:
                loop.remove_reader(self._process.sentinel)
        return self.wait_blocking()

    def wait_blocking(self, timeout_s: float | None = None) -> int:
        """The same for code beside no event loop. Raises TimeoutError."""
        self._process.join(timeout_s)
        if self.returncode is None:
            raise TimeoutError(f"the command runs on after {timeout_s} s")
        return self.returncode


def _run(words: tuple[str, ...], environment: dict[str, str], folder: str, output: str) -> None:
    """In the new process: become the command."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    said = os.open(output, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(said, 1)
    os.dup2(said, 2)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = ["botyard", *words]
    from botyard import cli

    cli.main()
