"""Running the app on a socket: binds first, releases long-polls when told to stop."""

import asyncio
import fcntl
import gc
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import uvicorn
from starlette.types import ASGIApp

from botyard.kit.errors import BotyardError
from botyard.settings import Settings

LOCK = "botyard.lock"


class Refused(BotyardError):
    """The server cannot start like this."""

    code, status = "refused", 500


class PortTaken(Refused):
    """Another program listens on this port."""

    code = "port_taken"


class AlreadyRunning(Refused):
    """Another server works on this data folder."""

    code = "already_running"


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; with port 0 on a free port. Raises PortTaken and Refused."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named, because asyncio turns Nagle's waiting off only where it reads TCP off the socket: 40 ms an answer.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(2048)
    except OSError as error:
        sock.close()
        if isinstance(error, PermissionError) or error.errno not in (98, 48):
            raise Refused(
                f"Botyard cannot listen on {host} port {port}: {error.strerror}. Choose another address or port "
                "with BOTYARD_HOST and BOTYARD_PORT."
            ) from None
        raise PortTaken(
            f"Port {port} on {host} is taken by another program. Stop it, or choose another port with "
            f"BOTYARD_PORT, for example: BOTYARD_PORT={port + 1} make up"
        ) from None
    sock.setblocking(False)
    return sock


def lock(data_dir: Path) -> IO[str]:
    """Hold the data folder for this process until the file is closed. Raises AlreadyRunning and Refused.

    SQLite has one writing process; the lock is what makes every other worker on record dead by definition.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = (data_dir / LOCK).open("a+")
    except OSError as error:
        raise Refused(
            f"Botyard cannot use the folder {data_dir}: {error.strerror}. Choose another one with BOTYARD_DATA_DIR."
        ) from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        owner = file.read().strip()
        file.close()
        raise AlreadyRunning(
            f"Another Botyard (process {owner or 'unknown'}) is working on {data_dir.resolve()}. Stop it, choose "
            "another folder with BOTYARD_DATA_DIR, or use PostgreSQL (BOTYARD_DATABASE_URL) to run several."
        ) from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


class Server(uvicorn.Server):
    """uvicorn that says when it answers, and lets go of waiting requests before it waits for them."""

    def __init__(
        self, config: uvicorn.Config, *, ready: Callable[[], None], release: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._ready = ready
        self._release = release

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer; from here on signals end the server in good order."""
        await super().startup(sockets)
        self._ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take SIGTERM and SIGINT as a wish to stop, and no more: whoever called `serve` still has to tidy up.

        uvicorn itself would raise the signal again at the end, which kills the process at once.
        """
        with super().capture_signals():
            yield
            self._captured_signals.clear()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let long-polls and streams answer first; what is open after `timeout_graceful_shutdown` is cut."""
        self._release()
        await super().shutdown(sockets)


def configure(app: ASGIApp, settings: Settings) -> uvicorn.Config:
    """uvicorn's settings: the yard is started by the caller, log lines are ours."""
    return uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=settings.shutdown_s,
        timeout_keep_alive=75,
        ws_max_size=1024 * 1024,
        h11_max_incomplete_event_size=64 * 1024,
    )


@contextmanager
def starting() -> Iterator[None]:
    """A start-up without garbage collections; what it made is never looked at again.

    It stays until the process ends. Left to itself, the collector walks all of it several times during the
    start (0.3 s) and once a second under load, when everybody waits for it (140 ms).
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


async def until_told(release: Callable[[], None]) -> None:
    """Wait for SIGTERM or SIGINT, then call `release`."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with suppress(NotImplementedError):
            loop.add_signal_handler(number, told.set)
    await told.wait()
    release()
