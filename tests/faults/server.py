"""A real `botyard` process that tests start, kill, starve and ask."""

import asyncio
import os
import signal
import socket
import sys
import time
from asyncio.subprocess import Process
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests import loopback
from tests.prepared import Command

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0  # to start on a machine that does other things as well
ADMIN_PASSWORD = "the first administrator's"


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@dataclass
class Server:
    """`botyard up` on a data folder; started again it is on the same port."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ("up",)
    port: int = field(default_factory=free_port)
    process: Process | Command | None = None
    prepared: bool = True  # or executed as its operator does it, which takes two seconds more

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def output(self) -> str:
        """All that it has said so far, on both ways out."""
        return (self.folder / "output").read_text(errors="replace")

    async def launch(self) -> Process | Command:
        """Start the process and do not wait for it."""
        known = {name: value for name, value in os.environ.items() if not name.startswith("BOTYARD_")}
        settings = {
            "BOTYARD_DATA_DIR": str(self.folder / "data"),
            "BOTYARD_PORT": str(self.port),
            "BOTYARD_ADMIN_PASSWORD": ADMIN_PASSWORD,
            "BOTYARD_LOG_LEVEL": "warning",
            **self.settings,
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        output = self.folder / "output"
        output.touch()
        if self.prepared:
            self.process = Command(
                *self.command, environment=known | settings, folder=self.folder, output=output
            )
        else:
            self.process = await self._execute(known | settings, output)
        return self.process

    async def _execute(self, environment: dict[str, str], output: Path) -> Process:
        with output.open("ab") as target:
            return await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "botyard",
                *self.command,
                env=environment,
                cwd=self.folder,  # no .env file there
                stdin=asyncio.subprocess.DEVNULL,
                stdout=target,
                stderr=target,
            )

    async def start(self) -> float:
        """Return when it is ready; answers after how many seconds."""
        began = time.monotonic()
        process = await self.launch()
        async with loopback.client(base_url=self.url, timeout=PATIENCE_S) as http:
            while process.returncode is None and time.monotonic() - began < PATIENCE_S:
                try:
                    reply = await http.get("/health/ready")
                except httpx.TransportError:
                    await asyncio.sleep(0.01)
                else:
                    assert reply.status_code == 200, reply.text
                    return time.monotonic() - began
        raise AssertionError(f"the server did not start: {self.output}")

    async def kill(self) -> None:
        """End it as a power cut would."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGKILL)
        await self.process.wait()

    async def terminate(self) -> tuple[int, float]:
        """Ask it to stop; answers its exit code, and after how many seconds it ended."""
        assert self.process is not None
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_S):
            return await self.process.wait(), time.monotonic() - began

    async def refusal(self) -> tuple[int, str]:
        """Start it where it should refuse; answers its exit code and what it said."""
        (self.folder / "output").unlink(missing_ok=True)
        process = await self.launch()
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await process.wait(), " ".join(self.output.split())
        finally:
            await self.kill()

    def client(self, token: str = "") -> httpx.AsyncClient:
        """A client of the manager document."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return loopback.client(base_url=f"{self.url}/manager", headers=headers)

    async def owner(self) -> httpx.AsyncClient:
        """The first administrator, signed in by cookie."""
        http = self.client()
        login = {"username": "admin", "password": ADMIN_PASSWORD}
        reply = await http.post("/api/auth/login", json=login)
        assert reply.status_code == 200, reply.text
        return http
