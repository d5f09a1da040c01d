"""Talking to a trained chatbot, and training one, over HTTP, beside a bare FastAPI route with scikit-learn.

    python -m bench.chatbots [--seconds 5] [--rounds 3] [--data folder] [--pause 0] [--quick]

Needs Debian's `wrk`. Botyard runs as `botyard up` runs it: a message is understood, answered and on disk when its
answer comes. The peer holds a fitted TF-IDF and LinearSVC and stores nothing. Both learn from the same examples and
get the same messages. With `banking77_train.csv.gz` and `banking77_test.csv.gz` in the folder (by default
`shared/data/intents` beside the checkout) they are those, and the whole set is tried as well; else made up ones.
CPU is the server's; of trainings it is that of its children from the order on. `--pause` lets seconds go by between
writing the examples and the first order, in which the server gets ready to train.
"""

import argparse
import json
import os
import secrets
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from bench.intents import DATA, Rows, by_intent, draw, read
from bench.services import running
from bench.wrk import Figures, cpu_ticks, measure, middle

PORT = 5072
BASE = f"http://127.0.0.1:{PORT}"
API = "/chatbots/api/v1"
INTENTS, EXAMPLES = 20, 15
CONVERSATIONS, MESSAGES = 96, 200
CLIENTS = (16, 1)

# Botyard, told to learn from words alone although the encoder is installed.
_WORDS = """
from botyard.features.chatbots.nlu import process
real = process.Trainer.train
async def train(self, examples, options, **rest):
    options.use_encoder = False
    return await real(self, examples, options, **rest)
process.Trainer.train = train
from botyard.cli import main
main()
"""
_PEER = """
import json, sys
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC
rows = json.load(open(sys.argv[1]))
pipeline = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LinearSVC(random_state=0))
pipeline.fit([text for text, _ in rows], [intent for _, intent in rows])
app = FastAPI()
class Message(BaseModel):
    text: str
@app.get("/health/ready")
async def ready() -> dict[str, str]:
    return {}
@app.post("/messages", status_code=201)
async def answer(message: Message) -> dict[str, str]:
    intent = str(pipeline.predict([message.text])[0])
    return {"intent": intent, "reply": f"About {intent}."}
uvicorn.run(app, host="127.0.0.1", port=%d, log_level="error")
"""
_THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Material:
    """What is learned, and what is said then."""

    name: str
    rows: Rows
    said: list[str]
    trainings: tuple[str, ...] = ("first", "again", "once more")


@dataclass(frozen=True)
class Training:
    """A training from its order to its end."""

    what: str
    wall_s: float
    cpu_s: float  # of the children
    learning_s: float  # as the report says


def materials(folder: Path) -> list[Material]:
    """A small chatbot, and the whole set where it is."""
    if not (folder / "banking77_train.csv.gz").exists():
        rows = [(f"{verb} my {thing} {how}", f"{verb} {thing}") for verb in ("cancel", "find", "change", "pay", "return")
                for thing in ("order", "booking", "ticket", "invoice") for how in made_up()]  # fmt: skip
        return [Material("20 x 15, made up", rows, [f"could you {text}" for text, _ in rows][:MESSAGES])]
    whole, test = read(folder / "banking77_train.csv.gz"), read(folder / "banking77_test.csv.gz")
    some = set(sorted(by_intent(whole))[:INTENTS])
    small = draw([row for row in whole if row[1] in some], EXAMPLES, 0)
    said = [text for text, intent in test if intent in some]
    return [
        Material("20 x 15", small, said[:: max(1, len(said) // MESSAGES)][:MESSAGES]),
        Material(
            "BANKING77", whole, [text for text, _ in test[:: len(test) // MESSAGES]][:MESSAGES], ("first",)
        ),
    ]


def made_up() -> list[str]:
    """Endings of sentences."""
    ends = ("today", "now", "for me", "as soon as you can", "from last week")
    return [f"{start} {end}".strip() for start in ("", "please", "if possible") for end in ends]


class Server:
    """Botyard, asked over HTTP."""

    def __init__(self, pid: int, password: str) -> None:
        self.pid = pid
        self.client = httpx.Client(base_url=BASE + API, timeout=120)
        credentials = {"username": "admin", "password": password}
        self.token = str(self.ask("POST", "/auth/login", credentials)["accessToken"])
        self.client.headers["Authorization"] = f"Bearer {self.token}"

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """What the call answers as its data."""
        reply = self.client.request(method, path, json=body)
        if reply.is_error:
            raise RuntimeError(f"{method} {path}: {reply.text}")
        return reply.json()["data"]

    def chatbot(self, material: Material) -> tuple[str, str]:
        """A chatbot and its dataset, which answers each intent with a sentence."""
        examples = [{"text": text, "intent": intent} for text, intent in material.rows]
        replies = {intent: f"About {intent}." for _, intent in material.rows}
        dataset = {"name": material.name, "examples": examples, "responses": replies}
        made = self.ask("POST", "/training/datasets", dataset)
        chatbot = self.ask("POST", "/chatbots", {"name": material.name, "type": "ai"})
        return chatbot["id"], made["id"]

    def train(self, chatbot: str, dataset: str, what: str) -> Training:
        """From the order to the answer that it is completed, asked for every 20 ms."""
        cpu, began = children_s(self.pid), time.perf_counter()
        job = self.ask("POST", f"/chatbots/{chatbot}/train", {"datasetId": dataset})
        while job["status"] in ("queued", "running"):
            time.sleep(0.02)
            job = self.ask("GET", f"/training/jobs/{job['id']}")
        took = time.perf_counter() - began
        if job["status"] != "completed":
            raise RuntimeError(job["error"])
        report = self.ask("GET", f"/training/jobs/{job['id']}/report")
        return Training(what, took, children_s(self.pid) - cpu, report["seconds"])

    def conversations(self, chatbot: str) -> list[str]:
        """So many that clients rarely meet in one."""
        return [
            self.ask("POST", "/conversations", {"chatbotId": chatbot})["id"] for _ in range(CONVERSATIONS)
        ]


def children_s(pid: int) -> float:
    """Processor seconds of a process's children and theirs, living and ended."""
    living, ended = 0.0, 0.0
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            living += cpu_ticks(int(child)) / os.sysconf("SC_CLK_TCK") + children_s(int(child))
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    ended = (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")
    return living + ended


def memory_mb(pid: int) -> int:
    """What a process keeps in memory."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS:")).split()[1]) // 1024


@contextmanager
def botyard(folder: Path, *, encoder: bool = True, env: dict[str, str] | None = None) -> Iterator[Server]:
    """Botyard on the data of a folder."""
    password = folder / "password"
    if not password.exists():
        password.write_text(secrets.token_hex(8))
    environment = {
        "BOTYARD_DATA_DIR": str(folder / "data"),
        "BOTYARD_ADMIN_USERNAME": "admin",
        "BOTYARD_ADMIN_PASSWORD": password.read_text(),
        "BOTYARD_PORT": str(PORT),
        "BOTYARD_RATE_LIMITS": "off",
        **(env or {}),
    }
    command = [sys.executable, *(["-m", "botyard", "up"] if encoder else ["-c", _WORDS, "up"])]
    with running(command, f"{BASE}/health/ready", environment) as pid:
        yield Server(pid, password.read_text())


def script(path: Path, said: list[str], where: list[str], token: str = "") -> Path:
    """The messages for wrk, one conversation after the other."""
    bodies = ",".join(json.dumps(json.dumps({"text": text}), ensure_ascii=False) for text in said)
    paths = ",".join(f'"{one}"' for one in where)
    headers = f'{{["Content-Type"]="application/json",["Authorization"]="Bearer {token}"}}'
    path.write_text(
        f"local bodies={{{bodies}}}\nlocal paths={{{paths}}}\nlocal headers={headers}\nlocal i=0\n"
        "request=function() i=i+1 return "
        'wrk.format("POST",paths[i%#paths+1],headers,bodies[i%#bodies+1]) end\n',
        encoding="utf-8",
    )
    return path


def talk(pid: int, path: Path, options: argparse.Namespace) -> dict[str, Figures]:
    """By many clients and by one."""
    measure(pid, path, BASE, seconds=1, connections=CLIENTS[0])  # what is loaded first is not measured
    return {
        f"{count} clients": measure(pid, path, BASE, seconds=options.seconds, connections=count)
        for count in CLIENTS
    }


def of_botyard(
    material: Material, options: argparse.Namespace, *, encoder: bool
) -> tuple[dict[str, Figures], list[Training]]:
    """Train, deploy, talk."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with botyard(folder, encoder=encoder) as server:
            idle_mb = memory_mb(server.pid)
            chatbot, dataset = server.chatbot(material)
            time.sleep(options.pause)
            trainings = [server.train(chatbot, dataset, what) for what in material.trainings]
            server.ask("POST", f"/chatbots/{chatbot}/deploy")
            places = [f"{API}/conversations/{one}/messages" for one in server.conversations(chatbot)]
            path = script(folder / "talk.lua", material.said, places, server.token)
            figures = talk(server.pid, path, options)
            print(f"  memory: {idle_mb} MB at first, {memory_mb(server.pid)} MB now", file=sys.stderr)
    return figures, trainings


def of_peer(material: Material, options: argparse.Namespace) -> dict[str, Figures]:
    """The bare route."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "rows.json").write_text(json.dumps(material.rows))
        command = [sys.executable, "-c", _PEER.replace("%d", str(PORT)), str(folder / "rows.json")]
        with running(command, f"{BASE}/health/ready", _THREADS) as pid:
            return talk(pid, script(folder / "talk.lua", material.said, ["/messages"]), options)


def report(talks: dict[str, list[dict[str, Figures]]], trainings: dict[str, list[Training]]) -> None:
    """Medians over the rounds."""
    print(f"\n{'message to reply':34}{'per second':>11}{'p50 ms':>8}{'p99 ms':>8}{'CPU ms':>8}")
    for name, runs in talks.items():
        for call in runs[0]:
            one = middle(runs, call)
            print(
                f"{name + ', ' + call:34}{one.per_second:>11.0f}{one.p50_ms:>8.1f}{one.p99_ms:>8.1f}"
                f"{one.cpu_us / 1000:>8.2f} {one.errors}"
            )
    print(f"\n{'order to completed':34}{'wall s':>11}{'least':>8}{'CPU s':>8}{'learning':>9}")
    for name, found in trainings.items():
        wall = [one.wall_s for one in found]
        cpu, learning = (
            statistics.median(getattr(one, what) for one in found) for what in ("cpu_s", "learning_s")
        )
        print(f"{name:34}{statistics.median(wall):>11.2f}{min(wall):>8.2f}{cpu:>8.2f}{learning:>9.2f}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--pause", type=float, default=0)
    parser.add_argument("--quick", action="store_true", help="without the whole set")
    options = parser.parse_args()
    talks: dict[str, list[dict[str, Figures]]] = defaultdict(list)
    trainings: dict[str, list[Training]] = defaultdict(list)
    for number in range(options.rounds):
        load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
        print(f"round {number + 1} of {options.rounds}, load {load}", file=sys.stderr)
        for material in materials(options.data)[: 1 if options.quick else None]:
            talks[f"{material.name}, FastAPI"].append(of_peer(material, options))
            for way, encoder in (("encoder", True), ("words", False)):
                figures, found = of_botyard(material, options, encoder=encoder)
                talks[f"{material.name}, {way}"].append(figures)
                for training in found:
                    trainings[f"{material.name}, {way}, {training.what}"].append(training)
    report(talks, trainings)


if __name__ == "__main__":
    main()
