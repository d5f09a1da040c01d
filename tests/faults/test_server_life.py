"""The whole server starts, stops, refuses to start, and runs out of disk, in good order."""

import asyncio
import contextlib
import os
import sqlite3
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
import socketio

from botyard.kit.db import Stores
from tests import loopback
from tests.faults.server import Server

pytestmark = [pytest.mark.faults]

LOG = {"type": "info", "message": "up"}


@pytest.fixture
async def server(stores: Stores, tmp_path: Path) -> AsyncIterator[Server]:
    """On each store."""
    url = "" if stores.embedded else stores.main.render_as_string(hide_password=False)
    server = Server(tmp_path, {"BOTYARD_DATABASE_URL": url})
    yield server
    if server.process is not None:
        await server.kill()


@pytest.fixture
async def alone(tmp_path: Path) -> AsyncIterator[Server]:
    """On a data folder that does not exist yet."""
    server = Server(tmp_path / "alone")
    yield server
    if server.process is not None:
        await server.kill()


# --- restart ------------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_after_a_restart_everything_goes_on_where_it_was(server: Server) -> None:
    server.prepared = False  # once from nothing, as at an operator's
    await server.start()
    owner = await server.owner()
    made = (await owner.post("/api/my-bots", json={"name": "Ada"})).json()
    bot, base = server.client(made["token"]), f"/api/bot/{made['bot_id']}"

    async def queue(**fields: Any) -> str:
        reply = await owner.post(f"{base}/send-command", json={"type": "ping", **fields})
        return str(reply.json()["command"]["id"])

    taken = await queue()
    [leased] = (await bot.get(f"{base}/commands", params={"lease": 600})).json()["commands"]
    waiting, later = await queue(), await queue(delay=1)
    await bot.post(f"{base}/logs", json=[LOG, LOG], headers={"idempotency-key": "batch"})
    await server.kill()
    await server.start()

    assert (await owner.get("/api/auth/me")).status_code == 200
    assert (await owner.get(f"/api/my-bots/{made['bot_id']}/token")).json() == {"token": made["token"]}
    query = {"lease": 60, "wait": 10}
    first = (await bot.get(f"{base}/commands", params={**query, "limit": 1})).json()["commands"]
    second = (await bot.get(f"{base}/commands", params={**query, "limit": 1})).json()["commands"]
    assert {first[0]["id"], second[0]["id"]} == {waiting, later}
    renew = {"lease_id": leased["lease_id"], "lease": 60}
    assert (await bot.post(f"/api/commands/{taken}/renew", json=renew)).status_code == 200
    ack = await bot.post(f"/api/commands/{taken}/ack", json={"status": "completed", "result": {"n": 1}})
    assert ack.status_code == 200
    again = await bot.post(f"{base}/logs", json=[LOG, LOG], headers={"idempotency-key": "batch"})
    assert again.json() == {"status": "ok", "received": 2}
    assert (await owner.get(f"/api/stats/bot/{made['bot_id']}")).json()["total_logs"] == 2
    for client in (owner, bot):
        await client.aclose()


@pytest.mark.slow
async def test_stopping_answers_who_waits_and_closes_who_listens(
    store: str, server: Server, note: Callable[[str], None]
) -> None:
    await server.start()
    owner = await server.owner()
    made = (await owner.post("/api/my-bots", json={"name": "Ada"})).json()
    bot, path = server.client(made["token"]), f"/api/bot/{made['bot_id']}/commands"
    polls = [asyncio.create_task(bot.get(path, params={"wait": 25, "lease": 60})) for _ in range(20)]
    cookie = {"cookie": f"session_token={owner.cookies['session_token']}"}
    sockets = [socketio.AsyncClient(reconnection=False) for _ in range(2)]
    for client, transport in zip(sockets, ("polling", "websocket"), strict=True):
        await client.connect(
            server.url,
            headers=dict(cookie),
            transports=[transport],
            socketio_path="/manager/socket.io",
            wait_timeout=20,
        )
    async with (
        loopback.client(base_url=server.url, headers=cookie) as http,
        http.stream("GET", "/events") as stream,
    ):
        frames = stream.aiter_text()
        assert "id: " in await anext(frames)
        await bot.post(f"/api/bot/{made['bot_id']}/heartbeat")
        code, seconds = await server.terminate()
        assert code == 0, server.output
        with contextlib.suppress(httpx.RemoteProtocolError):
            async for _ in frames:
                pass
    answers = await asyncio.gather(*polls)
    assert [(answer.status_code, answer.json()) for answer in answers] == [
        (200, {"commands": [], "count": 0})
    ] * 20
    async with asyncio.timeout(20):
        await asyncio.gather(*(client.wait() for client in sockets))
    for client in sockets:
        await client.disconnect()
        if client.eio.http is not None:
            await client.eio.http.close()
    note(f"{store}: stopped in {seconds:.1f} s with 20 long-polls, an event stream and two sockets open")
    assert seconds < 10
    assert "Traceback" not in server.output
    for one in (owner, bot):
        await one.aclose()


async def test_a_request_that_runs_is_answered_before_the_end(alone: Server) -> None:
    await alone.start()
    owner = await alone.owner()
    made = (await owner.post("/api/my-bots", json={"name": "Ada"})).json()
    bot = alone.client(made["token"])
    path = f"/api/bot/{made['bot_id']}/logs"
    running = [asyncio.create_task(bot.post(path, json=[LOG] * 5000)) for _ in range(3)]
    await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    assert (await alone.terminate())[0] == 0
    answered = [task.result().status_code for task in running if task.exception() is None]
    assert set(answered) <= {200, 503}
    await alone.start()
    total = (await owner.get(f"/api/stats/bot/{made['bot_id']}")).json()["total_logs"]
    assert total >= 5000 * answered.count(200)
    for client in (owner, bot):
        await client.aclose()


# --- refusals -----------------------------------------------------------------------------------------


async def refuses(server: Server, *words: str) -> None:
    code, said = await server.refusal()
    assert code == 2, said
    assert "Traceback" not in said
    assert [word for word in words if word not in said] == [], said


async def test_a_second_server_on_the_same_folder_is_refused(alone: Server) -> None:
    await alone.start()
    second = Server(alone.folder.with_name("second"), {"BOTYARD_DATA_DIR": str(alone.folder / "data")})
    assert alone.process is not None
    await refuses(second, f"process {alone.process.pid}", "BOTYARD_DATA_DIR", "BOTYARD_DATABASE_URL")
    async with alone.client() as http:
        assert (await http.get("/openapi.json")).status_code == 200


async def test_a_busy_port_is_refused(alone: Server) -> None:
    await alone.start()
    second = Server(alone.folder.with_name("second"), port=alone.port)
    await refuses(second, str(alone.port), "taken", "BOTYARD_PORT")


async def test_data_without_their_master_key_are_not_touched(alone: Server) -> None:
    await alone.start()
    owner = await alone.owner()
    made = (await owner.post("/api/my-bots", json={"name": "Ada"})).json()
    await alone.terminate()
    [key] = [path for path in (alone.folder / "data").rglob("*") if "master" in path.name]
    away = key.rename(alone.folder / "away")
    await refuses(alone, "master key", str(key))
    assert not key.exists(), "no new key was put in its place"
    away.rename(key)
    await alone.start()
    assert (await owner.get(f"/api/my-bots/{made['bot_id']}/token")).json() == {"token": made["token"]}
    await owner.aclose()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"BOTYARD_SECRET_KEY": "too short"}, ("BOTYARD_SECRET_KEY", "32")),
        ({"BOTYARD_MASTER_KEY": "bm90IGxvbmcgZW5vdWdo"}, ("BOTYARD_MASTER_KEY", "32")),
        ({"BOTYARD_PORT": "many"}, ("BOTYARD_PORT",)),
        ({"BOTYARD_PORT": "70000"}, ("BOTYARD_PORT",)),
        ({"BOTYARD_HOST": "203.0.113.7"}, ("203.0.113.7",)),
        ({"BOTYARD_HOST": "no such host"}, ("no such host", "BOTYARD_HOST")),
        ({"BOTYARD_DATABASE_URL": "mysql://localhost/x"}, ("BOTYARD_DATABASE_URL", "mysql")),
        ({"BOTYARD_DATABASE_URL": "nonsense"}, ("BOTYARD_DATABASE_URL",)),
        ({"BOTYARD_DATABASE_URL": "postgresql://me:s3cret@127.0.0.1:1/x"}, ("BOTYARD_DATABASE_URL", "127.0.0.1")),
        ({"BOTYARD_DATA_DIR": "/dev/null/data"}, ("/dev/null/data", "BOTYARD_DATA_DIR")),
        ({"BOTYARD_ADMIN_PASSWORD": "short"}, ("BOTYARD_ADMIN_PASSWORD", "8")),
        ({"BOTYARD_ADMIN_EMAIL": "nobody"}, ("BOTYARD_ADMIN_EMAIL",)),
        ({"BOTYARD_REGISTRATION": "maybe"}, ("BOTYARD_REGISTRATION", "invite")),
    ],
    ids=lambda value: str(value)[:50],
)  # fmt: skip
async def test_wrong_settings_are_named(
    settings: dict[str, str], words: tuple[str, ...], alone: Server
) -> None:
    alone.settings |= settings
    await refuses(alone, *words)
    assert "s3cret" not in alone.output


async def test_a_file_that_is_no_database_is_left_alone(alone: Server) -> None:
    data = alone.folder / "data"
    data.mkdir(parents=True)
    (data / "botyard.db").write_bytes(b"my holiday pictures" * 1000)
    await refuses(alone, "botyard.db")
    assert (data / "botyard.db").read_bytes() == b"my holiday pictures" * 1000


async def test_data_of_a_newer_version_are_left_alone(alone: Server) -> None:
    await alone.start()
    assert (await alone.terminate())[0] == 0
    with closing(sqlite3.connect(alone.folder / "data" / "botyard.db", isolation_level=None)) as database:
        database.execute("UPDATE schema_version_main SET version_num = '9999'")
    await refuses(alone, "botyard.db", "9999", "newer")


async def test_an_unknown_document_cannot_be_served(alone: Server) -> None:
    alone.command = ("serve", "--at-root", "nonsense")
    await refuses(alone, "nonsense", "manager")


async def test_a_worker_of_its_own_needs_postgresql(alone: Server) -> None:
    alone.command = ("worker",)
    await refuses(alone, "PostgreSQL", "BOTYARD_DATABASE_URL")


async def test_keys_and_data_are_for_the_owner_only(alone: Server) -> None:
    await alone.start()
    data = alone.folder / "data"
    assert data.stat().st_mode & 0o077 == 0
    keys = [path for path in data.rglob("*") if path.is_file() and path.suffix in ("", ".key", ".pem")]
    assert [path for path in keys if "key" in path.name and path.stat().st_mode & 0o077] == []
    assert [path for path in keys if "key" in path.name] != []


# --- disk ---------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 80 MiB: more than the probe calls full."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=80m", "tmpfs", folder],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(disk: Path) -> Path:
    """Leave not one block free."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    return filler


@pytest.mark.slow
async def test_a_full_disk_is_said_so_and_heals(small_disk: Path, alone: Server) -> None:
    alone.settings["BOTYARD_DATA_DIR"] = str(small_disk / "data")
    await alone.start()
    owner = await alone.owner()
    made = (await owner.post("/api/my-bots", json={"name": "Ada"})).json()
    bot, base = alone.client(made["token"]), f"/api/bot/{made['bot_id']}"
    filler = fill(small_disk)
    acknowledged = 0
    for _ in range(200):
        reply = await bot.post(f"{base}/logs", json=[{**LOG, "message": "x" * 500}] * 100)
        if reply.status_code != 200:
            break
        acknowledged += 100
    assert (reply.status_code, set(reply.json())) == (507, {"error"}), reply.text
    assert int(reply.headers["retry-after"]) >= 1
    statuses = {(await owner.post("/api/my-bots", json={"name": f"Bob {n}"})).status_code for n in range(20)}
    assert statuses <= {200, 507}
    for path in (f"{base}/commands", "/api/logs", "/api/my-bots"):
        assert (await owner.get(path)).status_code == 200, "what only reads goes on"
    async with loopback.client(base_url=alone.url) as http:
        assert (await http.get("/health/live")).status_code == 200
        sick = await http.get("/health/ready")
        assert sick.status_code == 503

        filler.unlink()
        began = time.monotonic()
        while (await http.get("/health/ready")).json()["checks"]["writer"] != "ok":
            assert time.monotonic() - began < 30
            await asyncio.sleep(0.1)
    assert (await bot.post(f"{base}/logs", json=LOG)).status_code == 200
    assert (await owner.post("/api/my-bots", json={"name": "Eve"})).status_code == 200
    stats = (await owner.get(f"/api/stats/bot/{made['bot_id']}")).json()
    assert stats["total_logs"] == acknowledged + 1
    assert (await alone.terminate())[0] == 0
    for client in (owner, bot):
        await client.aclose()
