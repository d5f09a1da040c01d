"""The server is killed while chatbots learn, are deployed, talk and are told of: what was acknowledged is there, once."""

import asyncio
import itertools
import json
import os
import random
import sqlite3
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from sqlalchemy import URL

from botyard.kit.db import Stores
from tests import loopback
from tests.core.webhooks.receiver import HANG, Receiver, Reply, receiving
from tests.faults.server import ADMIN_PASSWORD, Server

pytestmark = [pytest.mark.faults, pytest.mark.slow]

MORE = int(os.environ.get("BOTYARD_TEST_KILLS", "0"))  # kills on each store instead of these
ROUNDS = {"sqlite": MORE or 3, "postgres": MORE or 1}
TIME_S = 240 + 60 * MORE  # on a machine that does other things as well; alone it takes a twentieth
# On PostgreSQL other processes may be at work, so what a dead one held is free only after a minute.
PATIENT = {"sqlite": True, "postgres": MORE > 0}
TALKERS = 3
MESSAGES = 3  # of a conversation
EVENTS = {
    "conversation.created": lambda data: data["conversationId"],
    "message.received": lambda data: data["message"]["id"],
    "message.sent": lambda data: data["message"]["id"],
    "chatbot.deployed": lambda data: data["deploymentId"],
    "training.completed": lambda data: data["jobId"],
    "training.failed": lambda data: data["jobId"],
}


def ask(url: URL, sql: str) -> list[tuple[Any, ...]]:
    """Ask a store over a connection of its own."""
    if url.drivername.startswith("sqlite"):
        with closing(sqlite3.connect(str(url.database))) as connection:
            return connection.execute(sql).fetchall()
    with psycopg.connect(url.render_as_string(hide_password=False)) as server:
        return server.execute(sql).fetchall()  # type: ignore[arg-type]


@pytest.fixture
async def server(stores: Stores, tmp_path: Path) -> AsyncIterator[Server]:
    url = "" if stores.embedded else stores.main.render_as_string(hide_password=False)
    settings = {"BOTYARD_DATABASE_URL": url, "BOTYARD_RATE_LIMITS": "off"}
    server = Server(tmp_path, settings | {"BOTYARD_ALLOW_PRIVATE_NETWORKS": "true"})
    yield server
    await server.kill()


@dataclass
class Load:
    """Clients that never give up: what fails is sent again, with the same key, until it is answered."""

    http: httpx.AsyncClient
    receiver: Receiver
    bot_id: str = ""
    dataset_id: str = ""
    stopping: bool = False
    numbers: Iterator[int] = field(default_factory=itertools.count)
    under_way: Counter[str] = field(default_factory=Counter)
    cut: Counter[str] = field(default_factory=Counter)
    conversations: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    deployments: set[str] = field(default_factory=set)
    trainings: set[str] = field(default_factory=set)

    async def post(self, kind: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The data of the first success. What is no success and no failure of the server is a bug."""
        headers = {"idempotency-key": f"{kind}-{next(self.numbers)}"}
        while True:
            self.under_way[kind] += 1
            try:
                reply = await self.http.post(path, json=body, headers=headers)
            except httpx.TransportError:
                self.cut[kind] += 1
                await asyncio.sleep(0.02)
                continue
            finally:
                self.under_way[kind] -= 1
            assert reply.status_code in (200, 201, 202, 409, 503), reply.text
            if reply.is_success:
                return dict(reply.json()["data"])
            await asyncio.sleep(0.05)  # 409: the first one is still being worked on

    async def get(self, path: str) -> Any:
        """The data of an answer; what the server cannot answer now is asked again."""
        while True:
            try:
                reply = await self.http.get(path)
            except httpx.TransportError:
                await asyncio.sleep(0.02)
                continue
            if reply.status_code == 200:
                return reply.json()["data"]
            assert reply.status_code == 503, reply.text

    async def talk(self) -> None:
        """One conversation after another."""
        while not self.stopping:
            begun = await self.post("begin", "/conversations", {"chatbotId": self.bot_id})
            said = self.conversations[begun["id"]]
            for _ in range(MESSAGES):
                text = f"Hello, it is me, number {next(self.numbers)}"
                said.append(await self.post("talk", f"/conversations/{begun['id']}/messages", {"text": text}))

    async def deploy(self) -> None:
        """One deployment after another."""
        while not self.stopping:
            made = await self.post("deploy", f"/chatbots/{self.bot_id}/deploy", {"note": "again"})
            self.deployments.add(made["deploymentId"])
            await asyncio.sleep(0.1)

    async def train(self) -> None:
        """One training after another."""
        while not self.stopping:
            order = {"chatbotId": self.bot_id, "datasetId": self.dataset_id}
            job = await self.post("train", "/training/jobs", order)
            self.trainings.add(job["id"])
            while job["status"] in ("queued", "running") and not self.stopping:
                await asyncio.sleep(0.05)
                job = await self.get(f"/training/jobs/{job['id']}")

    def begin(self) -> list["asyncio.Task[None]"]:
        """Everybody at once."""
        work = [self.deploy(), self.train(), *(self.talk() for _ in range(TALKERS))]
        return [asyncio.create_task(one) for one in work]


async def begin(http: httpx.AsyncClient, receiver: Receiver) -> Load:
    """A chatbot that has learned, and a webhook that hears of everything."""
    login = {"username": "admin", "password": ADMIN_PASSWORD}
    reply = await http.post("/auth/login", json=login)
    http.headers["authorization"] = f"Bearer {reply.json()['data']['accessToken']}"
    load = Load(http, receiver)
    hook = {"url": receiver.url, "events": list(EVENTS), "secret": "a secret of sixteen or more"}
    await load.post("hook", "/webhooks", hook)
    bot = await load.post("make", "/chatbots", {"name": "Desk", "templateId": "support-faq"})
    load.bot_id, load.dataset_id = bot["id"], bot["datasetId"]
    await until(lambda: trained(load))
    return load


async def trained(load: Load) -> bool:
    """Whether no training waits or runs."""
    jobs = (await load.get("/training/jobs?pageSize=100"))["items"]
    return all(job["status"] in ("completed", "failed") for job in jobs)


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    """Wait for it."""
    while not await true():
        await asyncio.sleep(0.02)


# --- moments to die at --------------------------------------------------------------------------------


async def in_a_delivery(load: Load) -> None:
    """While the receiver has a message and has not answered."""
    load.receiver.released = asyncio.Event()
    load.receiver.answer = lambda got: HANG

    async def held() -> bool:
        return load.receiver.at_once > 0

    await until(held)


async def in_a_training(load: Load) -> None:
    """While a model is learned."""

    async def running() -> bool:
        jobs = (await load.get("/training/jobs"))["items"]
        return any(job["status"] == "running" and job["progress"] > 0 for job in jobs)

    await until(running)


def in_a(kind: str) -> Callable[[Load], Awaitable[None]]:
    """While such a request is under way."""

    async def moment(load: Load) -> None:
        async def asked() -> bool:
            return load.under_way[kind] > 0

        await asyncio.sleep(random.uniform(0.2, 0.6))
        await until(asked)
        await asyncio.sleep(random.uniform(0, 0.01))

    return moment


# Everybody works all the time: each kill hits all of it, and one thing for certain.
MOMENTS = (in_a_training, in_a_delivery, in_a("deploy"), in_a("talk"))
FIRST = {"sqlite": 0, "postgres": 3}


# --- what must be true afterwards -----------------------------------------------------------------------


async def check_talk(load: Load) -> None:
    """Every acknowledged message is there once, with the replies it was acknowledged with."""
    for conversation_id, said in load.conversations.items():
        items = (await load.get(f"/conversations/{conversation_id}/messages?pageSize=100"))["items"]
        stored = {one["id"]: one for one in items}
        for answer in said:
            assert stored[answer["message"]["id"]]["text"] == answer["message"]["text"]
            assert answer["replies"], "the template answers a greeting"
            assert {reply["id"] for reply in answer["replies"]} <= stored.keys()
        texts = Counter(one["text"] for one in items if one["sender"] == "user")
        assert set(texts.values()) <= {1}, "a message was stored twice"
        for one, following in itertools.pairwise([*items, {"sender": "user"}]):
            assert not one["sender"] == following["sender"] == "user", "a message without an answer"


async def check_training(load: Load, *, patient: bool) -> None:
    """Every acknowledged training goes on: it brought a model, or says why not."""
    for training_id in load.trainings:
        job = await load.get(f"/training/jobs/{training_id}")
        if job["status"] == "completed":
            assert job["modelId"]
        elif job["status"] == "failed":
            assert job["error"]
        else:
            assert not patient, job


def check_deployments(load: Load, stores: Stores) -> int:
    """Every acknowledged deployment is in the log, and none of one key twice; answers how many there are."""
    stored = {str(number) for (number,) in ask(stores.main, "SELECT id FROM chatbot_deployments")}
    assert load.deployments <= stored
    assert len(stored) == len(load.deployments)
    return len(stored)


def told(stores: Stores) -> dict[tuple[str, str], list[str]]:
    """Ids of messages by what they tell of."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for message_id, text in ask(stores.main, "SELECT id, text FROM webhook_messages"):
        event = json.loads(text)
        found[event["event"], EVENTS[event["event"]](event["data"])].append(message_id)
    return found


async def all_told(load: Load, stores: Stores) -> bool:
    """Whether there is a message of all that was acknowledged."""
    said = list(itertools.chain.from_iterable(load.conversations.values()))
    wanted = {("conversation.created", conversation_id) for conversation_id in load.conversations}
    wanted |= {("message.received", answer["message"]["id"]) for answer in said}
    wanted |= {("message.sent", reply["id"]) for answer in said for reply in answer["replies"]}
    wanted |= {("chatbot.deployed", number) for number in load.deployments}
    return wanted <= told(stores).keys()


def check_hooks(load: Load, stores: Stores) -> int:
    """Each event is one message with one id, and that went out with one body only; answers how many arrived."""
    messages = told(stores)
    assert [ids for ids in messages.values() if len(ids) > 1] == []
    states = {state for (state,) in ask(stores.main, "SELECT DISTINCT state FROM webhook_deliveries")}
    assert states <= {"delivered", "pending"}, "what happened last may still wait"
    bodies: dict[str, set[str]] = defaultdict(set)
    for got in load.receiver.got:
        bodies[got.headers["webhook-id"]].add(got.body)
    assert {message_id for message_id, sent in bodies.items() if len(sent) > 1} == set()
    assert bodies.keys() <= set(itertools.chain.from_iterable(messages.values()))
    return len(bodies)


async def all_sent(stores: Stores) -> bool:
    """Whether nothing waits to be sent."""
    [(waiting,)] = ask(stores.main, "SELECT COUNT(*) FROM webhook_deliveries WHERE state = 'pending'")
    return bool(waiting == 0)


async def test_a_chatbot_that_is_killed_in_the_middle_goes_on_where_it_was(
    store: str, server: Server, stores: Stores, note: Callable[[str], None]
) -> None:
    await server.start()
    base = f"{server.url}/chatbots/api/v1"
    async with (
        receiving() as receiver,
        loopback.client(base_url=base) as http,
        asyncio.timeout(TIME_S),
    ):
        load = await begin(http, receiver)
        work = load.begin()
        for moment in itertools.islice(itertools.cycle(MOMENTS), FIRST[store], FIRST[store] + ROUNDS[store]):
            await moment(load)
            held = {
                got.headers["webhook-id"] for got in receiver.got[-receiver.at_once :] if receiver.at_once
            }
            await server.kill()
            receiver.answer = lambda got: Reply()
            receiver.release()
            assert not any(task.done() for task in work), [task for task in work if task.done()]
            before = len(receiver.got)
            await server.start()
            if held and store == "sqlite":
                await until(lambda: sent_again(receiver, before, held))  # noqa: B023 - awaited
        load.stopping = True
        await asyncio.gather(*work)
        if PATIENT[store]:
            await until(lambda: trained(load))
        await until(lambda: all_told(load, stores))
        if PATIENT[store]:
            await until(lambda: all_sent(stores))
        await check_talk(load)
        await check_training(load, patient=PATIENT[store])
        deployed = check_deployments(load, stores)
        arrived = check_hooks(load, stores)
    assert load.cut.total() > 0, "the kills hit nobody"
    messages = sum(map(len, load.conversations.values()))
    note(
        f"{store}: killed {ROUNDS[store]} times while chatbots worked; {messages} messages with their answers, "
        f"{deployed} deployments, {len(load.trainings)} trainings, {arrived} webhook messages, none lost, none twice"
    )


async def sent_again(receiver: Receiver, before: int, held: set[str]) -> bool:
    """Whether what was held when the server died came again, under its old id."""
    return held <= {got.headers["webhook-id"] for got in receiver.got[before:]}
