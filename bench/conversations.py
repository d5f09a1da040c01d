"""Reading and sending with many stored messages against few, over HTTP and in the dashboard's services.

    python -m bench.conversations [--few 10000] [--many 1000000] [--rounds 3] [--database-url postgresql://…/{name}]

Both stores hold the same chatbots, days, versions and intents; one has a hundred times the conversations, ten
messages in each. They are asked in turn, each call some tens of times, so that both see the same load of the machine.
With a PostgreSQL address `{name}` becomes `bench_few` and `bench_many`, which must be there and empty.
"""

import argparse
import asyncio
import itertools
import os
import random
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from botyard.app import Yard, create_app
from botyard.core.accounts import sessions
from botyard.core.accounts.types import Principal
from botyard.core.ingest.reader import StreamReader
from botyard.core.ingest.writer import Tx
from botyard.features.chatbots import analytics, attention, counting, deployments, inbox
from botyard.features.chatbots import conversations as talks
from botyard.features.chatbots import service as chatbots
from botyard.features.chatbots.chat_runtime import ChatRuntime
from botyard.features.chatbots.counting import Counts
from botyard.kit import clock, ids, logging
from botyard.settings import Settings

CHATBOTS, DAYS, MESSAGES = 5, 90, 10
AT_ONCE = 200  # conversations in a transaction
API = "/chatbots/api/v1"
STATUSES = ("closed",) * 90 + ("open",) * 8 + ("waiting", "attended")
INTENTS = tuple(f"intent_{number}" for number in range(20))
TEXTS = (
    "Where is my order 12345?",
    "It should have come on Tuesday, as you told me.",
    "Thank you, that was all.",
)
PAYLOAD = '{"source":"response","trace":[{"type":"understood","intent":"intent_7","confidence":0.91}]}'

CONTENT = {
    "responses": {"greet": [{"text": "Hello! What can I do for you?"}]},
    "rules": [{"phrase": "hello there", "response": "greet"}],
}

Ask = Callable[[], Awaitable[Any]]


@dataclass
class Side:
    """A running server with so many messages."""

    yard: Yard
    client: httpx.AsyncClient
    chatbot: str
    known: list[str]  # conversations to look at
    fresh: list[str]  # conversations to write in

    def calls(self) -> dict[str, Ask]:
        """What is asked, by name."""
        parts, mine = self.yard.db.parts, {"owner_id": 1}
        reader, chat = parts.get(StreamReader), parts.get(ChatRuntime)
        known, fresh = itertools.cycle(self.known), itertools.cycle(self.fresh)
        since, until = clock.now().date() - timedelta(days=30), clock.now().date()

        def get(path: Callable[[], str] | str) -> Ask:
            return lambda: self._get(path if isinstance(path, str) else path())

        return {
            "GET conversations": get("/conversations"),
            "GET conversations?chatbotId": get(f"/conversations?chatbotId={self.chatbot}"),
            "GET conversations?status=open": get("/conversations?status=open"),
            "GET conversations?chatbotId&status=waiting": get(f"/conversations?chatbotId={self.chatbot}&status=waiting"),
            "GET one's messages": get(lambda: f"/conversations/{next(known)}/messages"),
            "GET analytics": get(f"/chatbots/{self.chatbot}/analytics"),
            "POST a message": lambda: self._post(f"/conversations/{next(fresh)}/messages", {"text": "hello there"}),
            "POST into an old one": lambda: self._post(f"/conversations/{next(known)}/messages", {"text": "hello there"}),
            "send, without HTTP": lambda: talks.send(chat, next(fresh), text="hello there", **mine),
            "inbox": lambda: inbox.list_open(reader, self.chatbot, **mine),
            "inbox, counted": lambda: inbox.count_open(reader, self.chatbot, **mine),
            "overview, series": lambda: analytics.series(reader, self.chatbot, since=since, until=until),
            "overview, compared": lambda: analytics.compare_periods(reader, self.chatbot, since=since, until=until),
            "overview, of all": lambda: analytics.of_owner(reader, **mine),
            "tabs": lambda: attention.to_do(reader, self.chatbot),
            "conversations, page 20": lambda: talks.list_page(chat, **mine, limit=20, offset=400),
        }  # fmt: skip

    async def _get(self, path: str) -> None:
        (await self.client.get(API + path)).raise_for_status()

    async def _post(self, path: str, body: dict[str, Any]) -> None:
        (await self.client.post(API + path, json=body)).raise_for_status()


@asynccontextmanager
async def side(settings: Settings, messages: int) -> AsyncIterator[Side]:
    """A filled store behind a server in this process: what differs between two is the store alone."""
    app = create_app(settings, works=False)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(app.router.lifespan_context(app))
        yard: Yard = app.state.yard
        async with yard.db.session() as session:
            token = (await sessions.open_token(session, 1, address="127.0.0.1")).access
            made = [
                await chatbots.create(session, owner_id=1, name=f"Chatbot {n}", type="rule", content=CONTENT)
                for n in range(CHATBOTS)
            ]
        versions = []
        for one in made:
            async with yard.db.session() as session:
                row = await deployments.deploy(
                    session, one.id, owner_id=1, actor=Principal(user_id=1), version_id=None
                )
                versions.append((one.id, str(row.shares[0][0])))
        began = time.perf_counter()
        known = await fill(yard, versions, messages // MESSAGES)
        print(f"{messages:,} messages stored in {time.perf_counter() - began:.0f} s", file=sys.stderr)
        chat = yard.db.parts.get(ChatRuntime)
        fresh = [(await talks.start(chat, versions[0][0], owner_id=1)).id for _ in range(20)]
        headers = {"Authorization": f"Bearer {token}"}
        transport = httpx.ASGITransport(app=app)
        client = httpx.AsyncClient(transport=transport, base_url="http://bench", headers=headers)
        await stack.enter_async_context(client)
        yield Side(yard, client, versions[0][0], known, fresh)


async def fill(yard: Yard, versions: list[tuple[str, str]], count: int) -> list[str]:
    """So many conversations, oldest first, with their messages and counters; some that are open still."""
    chance = random.Random(0)
    now, step = clock.now_us(), DAYS * 86_400_000_000 // count
    known: list[str] = []
    for first in range(0, count, AT_ONCE):
        rows: list[dict[str, Any]] = []
        events: list[dict[str, Any]] = []
        totals: list[Counts] = []
        for number in range(first, min(first + AT_ONCE, count)):
            at = now - (count - number) * step
            chatbot, version = versions[number % CHATBOTS]
            row = conversation(at, chatbot, version, chance.choice(STATUSES), number, count)
            said = messages_of(row, chance)
            totals.append(counted(row, said))
            rows.append(row)
            events += said
        known += [row["id"] for row in rows if row["status"] == "open"][:1]
        await yard.writer.run(lambda tx, a=rows, b=events, c=totals: write(tx, a, b, c), rows=len(events))
    return chance.sample(known, min(200, len(known)))


def conversation(at: int, chatbot: str, version: str, status: str, number: int, count: int) -> dict[str, Any]:
    """A row; ids sort by age, as real ones do."""
    return {
        "id": f"conv_{number:012d}{ids.ulid()[-14:]}", "owner_id": 1, "chatbot_id": chatbot,
        "environment": "production", "version_id": version, "channel": "api", "external_id": None, "status": status,
        "state": f'{{"status":"{status}","channel":"api"}}', "seq": MESSAGES, "messages": MESSAGES, "created_us": at,
        "updated_us": at, "waiting_us": at if status == "waiting" else None, "pending_us": None,
        "attended_by": 1 if status == "attended" else None, "rating": None,
    }  # fmt: skip


def messages_of(row: dict[str, Any], chance: random.Random) -> list[dict[str, Any]]:
    """Its messages, of which three in a hundred wait in the inbox."""
    found = []
    for seq in range(1, MESSAGES + 1):
        user = seq % 2 == 1
        found.append({
            "event_id": ids.new("msg"), "conversation_id": row["id"], "chatbot_id": row["chatbot_id"], "owner_id": 1,
            "seq": seq, "at_us": row["created_us"] + seq * 1_000_000, "kind": "user" if user else "bot",
            "text": chance.choice(TEXTS), "intent": chance.choice(INTENTS) if user else None,
            "confidence": 0.9 if user else None, "version_id": row["version_id"], "latency_us": None if user else 4000,
            "payload": PAYLOAD, "review": "open" if user and chance.random() < 0.06 else None, "client_key": None,
        })  # fmt: skip
    return found


def counted(row: dict[str, Any], said: list[dict[str, Any]]) -> Counts:
    """What counting on the way would have counted."""
    counts, at = Counts(row["chatbot_id"], 1, row["version_id"]), row["created_us"]
    for name in ("conversations", row["status"]):
        counts.total(name)
    counts.total("messages", len(said))
    counts.add("conversations", at_us=at)
    counts.add("messages", len(said), at_us=at)
    for message in said:
        counts.add("user_messages" if message["kind"] == "user" else "bot_messages", at_us=at)
        if message["intent"]:
            counts.add(f"intent:{message['intent']}", at_us=at)
        if message["review"]:
            counts.total(counting.INBOX)
            counts.add("missed", at_us=at)
    return counts


def write(tx: Tx, rows: list[dict[str, Any]], events: list[dict[str, Any]], totals: list[Counts]) -> None:
    """All of it in one commit."""
    tx.append("conversations", rows)
    tx.append("conversation_events", events)
    for counts in totals:
        tx.count(counting.TABLE, counting.KEY, counts.rows())


@dataclass
class Times:
    """What the calls of one name took, in milliseconds: of the clock, and of the processor, all threads together."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    async def add(self, ask: Ask) -> None:
        """Ask once."""
        wall, cpu = time.perf_counter(), time.process_time()
        await ask()
        self.wall.append((time.perf_counter() - wall) * 1000)
        self.cpu.append((time.process_time() - cpu) * 1000)


async def compare(sides: list[Side], rounds: int, times: int) -> dict[str, list[Times]]:
    """Each call of both sides, in turn."""
    both = [one.calls() for one in sides]
    found: dict[str, list[Times]] = defaultdict(lambda: [Times() for _ in sides])
    for number, name in itertools.product(range(rounds), both[0]):
        for time_ in range(times if number else times + 3):
            for calls, place in zip(both, found[name], strict=True):
                await (place if number or time_ > 2 else Times()).add(calls[name])
    return found


def places(options: argparse.Namespace, folder: Path) -> Iterator[tuple[Settings, int]]:
    """The settings of both sides, and how many messages each has."""
    for name, count in (("few", options.few), ("many", options.many)):
        url = options.database_url.replace("{name}", f"bench_{name}")
        settings = Settings(
            _env_file=None, data_dir=folder / name, database_url=url, admin_password="of no use here",
            rate_limits="off", log_level="warning", ingest_queue_rows=100_000,
        )  # fmt: skip
        yield settings, count


async def run(options: argparse.Namespace) -> None:
    """Fill, ask, print."""
    with tempfile.TemporaryDirectory(dir=options.folder) as temporary:
        async with AsyncExitStack() as stack:
            sides = [
                await stack.enter_async_context(side(settings, count))
                for settings, count in places(options, Path(temporary))
            ]
            print(f"load {os.getloadavg()[0]:.1f}", file=sys.stderr)
            found = await compare(sides, options.rounds, options.times)
            print(f"load {os.getloadavg()[0]:.1f}", file=sys.stderr)
    print(f"{'half within, ms':40}{options.few:>10,}{options.many:>10,}   ratio{'CPU':>9}{'':10}   ratio")
    for name, (few, many) in found.items():
        pairs = [[statistics.median(getattr(one, what)) for one in (few, many)] for what in ("wall", "cpu")]
        print(f"{name:40}" + " ".join(f"{one:>9.2f} {two:>9.2f} {two / one:>7.2f}" for one, two in pairs))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--few", type=int, default=10_000)
    parser.add_argument("--many", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--database-url", default="")
    parser.add_argument(
        "--folder", type=Path, help="Where SQLite lies; by default the system's for such files."
    )
    logging.set_level("error")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
