"""The manager document's hot calls beside what a user would otherwise write, in one run.

    python -m bench.fleet --peers FOLDER --peer-python VENV/bin [--seconds 4] [--connections 32]

Needs Debian's `wrk`. Each round runs every server once, one after the other; printed are the medians of the
rounds: requests per second, 99th percentile, and CPU microseconds of the server per request, which is the
steadier figure on a shared machine. Botyard runs as `botyard up` does: authentication, request log, live
events, presence, SQLite with synchronous=FULL. The peers are Flask with gunicorn (WAL, synchronous=NORMAL) and
bare frameworks that parse a body and store nothing.
"""

import argparse
import asyncio
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from bench.wrk import Figures, measure, middle, read, wait_for
from botyard.app import Yard
from botyard.core.accounts.types import Principal
from botyard.core.bots import service as bots
from botyard.core.bots.models import BotKind
from botyard.core.ingest.writer import Tx
from botyard.kit import ids
from botyard.settings import Settings

BOTS = 100
COMMANDS_PER_SECOND = 9_000  # more than one process acknowledges, so that none is acknowledged twice
PORT = 5061
ONE = {"type": "info", "message": "hello from the bot, message number 12345", "metadata": {"thread": "t1"}}
CALLS = ("post1", "post50", "poll", "ack")


async def seed(settings: Settings, commands: int) -> dict[str, list[str]]:
    """A yard with bots, five open commands each, and `commands` more to acknowledge; tokens and command ids."""
    yard = Yard(settings, works=False, serves=False)
    await yard.start()
    try:
        tokens, bot_ids = [], []
        async with yard.db.session() as session:
            for number in range(BOTS):
                bot = await bots.create(session, owner_id=1, kind=BotKind.fleet, name=f"Bot {number}")
                tokens.append(await bots.issue_token(session, bot, actor=Principal(user_id=1)))
                bot_ids.append(bot.id)
        made = [(ids.new("cmd"), bot_ids[number % BOTS]) for number in range(commands)]
        for start in range(0, commands, 2_000):
            rows = [command_row(*one) for one in made[start : start + 2_000]]
            await yard.writer.run(lambda tx, rows=rows: insert(tx, rows), rows=len(rows))
        return {"tokens": tokens, "bots": bot_ids, "commands": [one for one, _ in made]}
    finally:
        await yard.stop()


def command_row(command_id: str, bot_id: str) -> dict[str, object]:
    """An open command."""
    return {"id": command_id, "bot_id": bot_id}


def insert(tx: Tx, rows: list[dict[str, object]]) -> None:
    """Queue commands without telling anybody."""
    for row in rows:
        tx.execute(
            "INSERT INTO commands (id, bot_id, owner_id, created_by, type, payload, state, priority, attempt, "
            "max_attempts, created_us, available_us) VALUES (:id, :bot_id, 1, 1, 'noop', '{}', 'queued', 0, 0, 5, 1, 1)",
            row,
        )


def scripts(folder: Path, seeded: dict[str, list[str]]) -> None:
    """The requests for wrk, the same as the peers'."""
    names, keys = (",".join(f'"{one}"' for one in seeded[kind]) for kind in ("bots", "tokens"))
    table = f"local B={{{names}}}\nlocal K={{{keys}}}\n"
    head = '{["Content-Type"]="application/json",["X-Bot-Token"]=K[i]}'
    turn = f"local i=0\nrequest=function() i=i%{BOTS}+1\n"
    one = json.dumps(ONE, separators=(",", ":"))
    many = "[" + ",".join([one] * 50) + "]"
    for name, body in (("post1", one), ("post50", many)):
        call = f"""return wrk.format("POST","/manager/api/bot/"..B[i].."/logs",{head},body) end"""
        (folder / f"{name}.lua").write_text(f"{table}local body='{body}'\n{turn}{call}\n")
    poll = f"""return wrk.format("GET","/manager/api/bot/"..B[i].."/commands?limit=5",{head}) end"""
    (folder / "poll.lua").write_text(f"{table}{turn}{poll}\n")
    (folder / "commands.txt").write_text("\n".join(seeded["commands"]) + "\n")
    ack = f"""local C={{}} for l in io.lines("{folder}/commands.txt") do C[#C+1]=l end
local t=0
function setup(thread) thread:set("id",t) t=t+1 end
local n=0
request=function() local c=n*2+id n=n+1 local i=c%{BOTS}+1
return wrk.format("POST","/manager/api/commands/"..C[c+1].."/ack",{head},'{{"status":"completed","result":{{"ok":true}}}}') end"""
    (folder / "ack.lua").write_text(f"{table}{ack}\n")


def ours(options: argparse.Namespace) -> dict[str, Figures]:
    """One round of Botyard on a fresh yard."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        password = secrets.token_hex(8)
        environment = {
            "BOTYARD_DATA_DIR": str(folder / "data"),
            "BOTYARD_ADMIN_PASSWORD": password,
            "BOTYARD_PORT": str(PORT),
        }
        settings = Settings(_env_file=None, data_dir=folder / "data", admin_password=password)
        seeded = asyncio.run(seed(settings, COMMANDS_PER_SECOND * options.seconds))
        scripts(folder, seeded)
        with (folder / "log").open("w") as log:
            server = subprocess.Popen(
                [sys.executable, "-m", "botyard", "up"],
                env={**os.environ, **environment},
                stdout=log,
                stderr=log,
            )
            try:
                wait_for(f"http://127.0.0.1:{PORT}/health/ready")
                url = f"http://127.0.0.1:{PORT}"
                return {
                    name: measure(
                        server.pid,
                        folder / f"{name}.lua",
                        url,
                        seconds=options.seconds,
                        connections=options.connections,
                    )
                    for name in CALLS
                }
            finally:
                server.send_signal(signal.SIGTERM)
                server.wait(20)


def peer(kind: str, options: argparse.Namespace) -> dict[str, Figures]:
    """One round of a peer, by its own script."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "fleet"
        shutil.copytree(options.peers, folder, copy_function=shutil.copyfile)
        done = subprocess.run(
            ["bash", "run.sh", kind, str(options.seconds), str(options.connections)],
            cwd=folder,
            env={**os.environ, "PYBIN": str(options.peer_python), "PORT": str(PORT + 1)},
            capture_output=True,
            text=True,
            check=True,
        )
    figures = {}
    if "Requests/sec" not in done.stdout:
        raise RuntimeError(f"the peer {kind} did not run:\n{done.stdout}\n{done.stderr}")
    for line in done.stdout.splitlines():
        if found := re.match(rf"{kind} (\w+): (.*) cpu_us/req=(\d+)", line):
            one = read(found[2] + "\n", None)
            figures[found[1]] = replace(one, cpu_us=float(found[3]))
    return figures


def report(rounds: dict[str, list[dict[str, Figures]]], reference: str) -> None:
    """Print medians, and ratios to the reference."""
    for call in CALLS:
        print(f"\n{call:8} {'req/s':>9} {'p99 ms':>9} {'CPU us':>8}   against {reference}")
        base = middle(rounds[reference], call) if reference in rounds else None
        for name, runs in rounds.items():
            if not any(call in run for run in runs):
                continue
            now = middle(runs, call)
            ratio = (
                f"{now.per_second / base.per_second:5.2f}x req/s, {now.cpu_us / base.cpu_us:4.2f}x CPU"
                if base
                else ""
            )
            print(
                f"{name:8} {now.per_second:9.0f} {now.p99_ms:9.1f} {now.cpu_us:8.0f}   {ratio} {now.errors}"
            )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--peers", type=Path, help="Folder with the peers' run.sh; without it only Botyard runs."
    )
    parser.add_argument(
        "--peer-python", type=Path, help="The bin folder of a virtual environment with Flask and the like."
    )
    parser.add_argument("--kinds", default="gevent,gthread,starlette,fastapi")
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    rounds: dict[str, list[dict[str, Figures]]] = defaultdict(list)
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
        rounds["botyard"].append(ours(options))
        for kind in options.kinds.split(",") if options.peers else ():
            rounds[kind].append(peer(kind, options))
    report(rounds, "gevent")


if __name__ == "__main__":
    main()
