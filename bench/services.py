"""The ViveSphere document's hot calls beside what they are measured against, in one run.

    python -m bench.services [--seconds 4] [--connections 32] [--rounds 3] [--records 100000]

Needs Debian's `wrk`. In each round, one after the other: a bare FastAPI route that answers what
`auth/validate` answers; Botyard as `botyard up` runs it; Botyard with encryption replaced by a copy (the same
program, sealing and opening taken out), for what the vault costs. Then, once: secrets of 100,000 records are
sealed anew while stores and reads go on. Printed are medians; CPU is the server's per request.
"""

import argparse
import asyncio
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.wrk import Figures, measure, middle, wait_for
from botyard.app import Yard
from botyard.core.accounts import api_keys, sessions
from botyard.core.accounts.types import ALL_SCOPES, Principal, Role
from botyard.core.bots import service as bots
from botyard.core.bots.models import BotKind
from botyard.core.vault.keyring import Keyring
from botyard.core.vault.models import VaultRecord
from botyard.core.vault.service import seal_into
from botyard.kit import clock
from botyard.settings import Settings

PORT = 5071
BOTS = 50
FLEET_LOG = {"type": "info", "message": "hello from the service, number 12345", "metadata": {"thread": "t1"}}
SERVICE_LOG = {
    "log_type": "debug",
    "log_data": {"message": "hello from the service, number 12345", "thread": "t1"},
}
DATA = {"api_key": "k" * 40, "api_secret": "s" * 60, "notes": ["a", "b", "c"], "limits": {"posts": 50}}
CALLS = ("validate", "fleet_log", "service_log", "store", "retrieve")

_BARE = """
import uvicorn
from fastapi import FastAPI
app = FastAPI()
@app.get("/api/v1/auth/validate")
async def validate(token: str = "") -> dict[str, str]:
    return {"status": "valid", "user_id": "1"}
uvicorn.run(app, host="127.0.0.1", port=%d, log_level="error")
"""
_COPYING = """
from botyard.kit import crypto
real = crypto.open_sealed  # for what was sealed before this process
def seal(key, plain, aad): return crypto.Sealed(bytes(12), bytes(plain) + bytes(16))
def open_sealed(key, sealed, aad):
    return real(key, sealed, aad) if any(sealed.nonce) else sealed.ciphertext[:-16]
crypto.seal, crypto.open_sealed = seal, open_sealed
from botyard.cli import main
main()
"""


async def seed(settings: Settings) -> dict[str, list[str] | str]:
    """An account with bots of both kinds, a token, a service key."""
    yard = Yard(settings, works=False, serves=False)
    await yard.start()
    try:
        async with yard.db.session() as session:
            pair = await sessions.open_token(session, 1, address="127.0.0.1")
            _, key = await api_keys.create(
                session, user_id=1, name="bench", scopes=ALL_SCOPES, role=Role.service
            )
            tokens, fleet, secretive = [], [], []
            for number in range(BOTS):
                bot = await bots.create(session, owner_id=1, kind=BotKind.fleet, name=f"Bot {number}")
                tokens.append(await bots.issue_token(session, bot, actor=Principal(user_id=1)))
                fleet.append(bot.id)
                kept = await bots.create(session, owner_id=1, kind=BotKind.x, name=f"X {number}")
                secretive.append(kept.id)
        return {"access": pair.access, "key": key, "tokens": tokens, "fleet": fleet, "x": secretive}
    finally:
        await yard.stop()


def scripts(folder: Path, seeded: dict[str, list[str] | str]) -> None:
    """The requests for wrk."""
    lists = {name: ",".join(f'"{one}"' for one in seeded[name]) for name in ("tokens", "fleet", "x")}
    tables = "".join(f"local {name}={{{items}}}\n" for name, items in lists.items())
    turn = f"local i=0\nrequest=function() i=i%{BOTS}+1\n"
    bearer = f'["Authorization"]="Bearer {seeded["access"]}"'
    typed = '["Content-Type"]="application/json"'
    base = "/vivesphere/api/v1"
    texts = {
        "validate": f"""return wrk.format("GET","{base}/auth/validate",{{{bearer}}}) end""",
        "fleet_log": f"""return wrk.format("POST","/manager/api/bot/"..fleet[i].."/logs",
{{{typed},["X-Bot-Token"]=tokens[i]}},'{json.dumps(FLEET_LOG)}') end""",
        "service_log": f"""return wrk.format("POST","{base}/logs/submit",
{{{typed},["X-API-KEY"]="{seeded["key"]}"}},'{json.dumps(SERVICE_LOG)}') end""",
        "store": f"""return wrk.format("POST","{base}/botdata/store",{{{typed},{bearer}}},
'{{"bot_id":"'..x[i]..'","data":{json.dumps(DATA)}}}') end""",
        "retrieve": f"""return wrk.format("GET","{base}/botdata/retrieve?bot_id="..x[i],{{{bearer}}}) end""",
    }
    for name, text in texts.items():
        (folder / f"{name}.lua").write_text(f"{tables}{turn}{text}\n")
    (folder / "bare.lua").write_text('wrk.path="/api/v1/auth/validate"\n')


@contextmanager
def running(command: list[str], url: str, environment: dict[str, str] | None = None) -> Iterator[int]:
    """A server of its own until the block ends; its process id."""
    with tempfile.TemporaryFile("w+") as output:
        server = subprocess.Popen(
            command, env={**os.environ, **(environment or {})}, stdout=output, stderr=output
        )
        try:
            wait_for(url)
            yield server.pid
        except RuntimeError:
            output.seek(0)
            print(output.read()[-4000:], file=sys.stderr)
            raise
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(20)


@contextmanager
def yard(folder: Path, *, copying: bool = False) -> Iterator[tuple[int, dict[str, list[str] | str]]]:
    """Botyard on fresh data; with `copying` nothing is sealed."""
    password = secrets.token_hex(8)
    environment = {
        "BOTYARD_DATA_DIR": str(folder / "data"),
        "BOTYARD_ADMIN_PASSWORD": password,
        "BOTYARD_PORT": str(PORT),
        "BOTYARD_RATE_LIMITS": "off",
    }
    seeded = asyncio.run(seed(Settings(_env_file=None, data_dir=folder / "data", admin_password=password)))
    scripts(folder, seeded)
    command = [sys.executable, *(["-c", _COPYING, "up"] if copying else ["-m", "botyard", "up"])]
    with running(command, f"http://127.0.0.1:{PORT}/health/ready", environment) as pid:
        yield pid, seeded


def load(pid: int, folder: Path, calls: tuple[str, ...], options: argparse.Namespace) -> dict[str, Figures]:
    """Each call once."""
    return {
        call: measure(
            pid,
            folder / f"{call}.lua",
            f"http://127.0.0.1:{PORT}",
            seconds=options.seconds,
            connections=options.connections,
        )
        for call in calls
    }


def round_of_all(options: argparse.Namespace) -> dict[str, dict[str, Figures]]:
    """One round: the bare route, Botyard, Botyard that copies."""
    figures: dict[str, dict[str, Figures]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "bare.lua").write_text('wrk.path="/api/v1/auth/validate"\n')
        url = f"http://127.0.0.1:{PORT}/api/v1/auth/validate"
        with running([sys.executable, "-c", _BARE % PORT], url) as pid:
            figures["FastAPI"] = {"validate": load(pid, folder, ("bare",), options)["bare"]}
    for name, copying, calls in (("Botyard", False, CALLS), ("copying", True, ("store", "retrieve"))):
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            with yard(folder, copying=copying) as (pid, _):
                figures[name] = load(pid, folder, ("store", *calls), options)
    return figures


async def fill(settings: Settings, count: int, bot_ids: list[str]) -> None:
    """So many sealed records, spread over the bots; many to a transaction, since the filling is not measured."""
    made = Yard(settings, works=False, serves=False)
    await made.start()
    keyring, plain = made.db.parts.get(Keyring), json.dumps(DATA).encode()
    try:
        for start in range(0, count, 2_000):
            async with made.db.session() as session:
                key_row = await keyring.active(session, 1)
                key = await keyring.unwrap(key_row)
                for number in range(start, min(start + 2_000, count)):
                    record = VaultRecord(
                        account_id=1,
                        kind="bot",
                        record_id=bot_ids[number % BOTS],
                        name=f"record {number}",
                        version=1,
                        created_at=clock.now(),
                    )
                    seal_into(record, key, key_row.id, plain)
                    session.add(record)
    finally:
        await made.stop()


def rotate(options: argparse.Namespace) -> None:
    """Seal everything anew while stores and reads go on; print what went wrong, hopefully nothing."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with yard(folder) as (pid, seeded):
            pass
        settings = Settings(_env_file=None, data_dir=folder / "data")
        asyncio.run(fill(settings, options.records, list(seeded["x"])))
        environment = {
            "BOTYARD_DATA_DIR": str(folder / "data"),
            "BOTYARD_PORT": str(PORT),
            "BOTYARD_RATE_LIMITS": "off",
        }
        url = f"http://127.0.0.1:{PORT}"
        with running([sys.executable, "-m", "botyard", "up"], f"{url}/health/ready", environment) as pid:
            began = time.monotonic()
            rotating = subprocess.Popen(
                [sys.executable, "-m", "botyard", "vault", "rotate", "--reencrypt"],
                env={**os.environ, **environment},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            requests, errors = 0.0, []
            while rotating.poll() is None:
                for call in ("store", "retrieve"):
                    found = measure(pid, folder / f"{call}.lua", url, seconds=2, connections=4)
                    requests += found.per_second * 2
                    errors += [found.errors] if found.errors else []
            output = rotating.communicate()[0]
            took = time.monotonic() - began
        last = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", output).strip().splitlines()[-1:] or [""]
        print(
            f"\nrotating {options.records:,} records took {took:.0f} s, exit {rotating.returncode}: {last[0]}"
        )
        print(f"meanwhile {requests:,.0f} stores and reads, errors: {'; '.join(errors) or 'none'}")


def report(rounds: dict[str, list[dict[str, Figures]]]) -> None:
    """Print medians, and the ratios that are aimed at."""
    print(f"{'':12} {'req/s':>8} {'p50 ms':>7} {'p99 ms':>7} {'CPU us':>7}")
    for name, runs in rounds.items():
        for call in CALLS:
            if any(call in run for run in runs):
                one = middle(runs, call)
                print(
                    f"{name:8} {call:12} {one.per_second:8.0f} {one.p50_ms:7.1f} {one.p99_ms:7.1f} "
                    f"{one.cpu_us:7.0f} {one.errors}"
                )
    ours, bare, copying = (rounds[name] for name in ("Botyard", "FastAPI", "copying"))
    validate = middle(ours, "validate")
    print(
        f"\nvalidate: {validate.per_second / middle(bare, 'validate').per_second:.2f}x FastAPI's rate (aim 0.5)"
    )
    print(f"validate: p99 is {validate.p99_ms / validate.p50_ms:.1f} times p50 (aim below 5)")
    for what, name in (("req/s", "per_second"), ("CPU", "cpu_us")):
        ratio = getattr(middle(ours, "service_log"), name) / getattr(middle(ours, "fleet_log"), name)
        print(f"service log against fleet log: {ratio:.2f}x {what} (aim within 20 %)")
    for call in ("store", "retrieve"):
        ratio = middle(copying, call).per_second / middle(ours, call).per_second
        cpu = middle(ours, call).cpu_us / middle(copying, call).cpu_us
        print(
            f"{call}: {ratio:.2f} times as long as without encryption, {cpu:.2f} times the CPU (aim at most 1.25)"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--records", type=int, default=100_000, help="0 leaves the rotation out.")
    options = parser.parse_args()
    rounds: dict[str, list[dict[str, Figures]]] = defaultdict(list)
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
        for name, figures in round_of_all(options).items():
            rounds[name].append(figures)
    if rounds:
        report(rounds)
    if options.records:
        rotate(options)


if __name__ == "__main__":
    main()
