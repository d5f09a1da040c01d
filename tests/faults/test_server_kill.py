"""The whole server is killed under load, again and again: what it acknowledged is there, and nothing twice."""

import asyncio
import itertools
import json
import random
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from botyard.kit.db import Stores
from tests.faults.server import Server

pytestmark = [pytest.mark.faults, pytest.mark.slow]

ROUNDS = {"sqlite": 20, "postgres": 5}
BOTS = 3
TIME_S = 240  # for all rounds on a machine that does other things as well; alone it takes a fifth


@pytest.fixture
async def server(stores: Stores, tmp_path: Path) -> AsyncIterator[Server]:
    url = "" if stores.embedded else stores.main.render_as_string(hide_password=False)
    server = Server(tmp_path, {"BOTYARD_DATABASE_URL": url})
    yield server
    await server.kill()


def rows(stores: Stores, sql: str) -> list[tuple[Any, ...]]:
    """Ask the stream store over a connection of its own."""
    if stores.embedded:
        with closing(sqlite3.connect(str(stores.stream.database))) as connection:
            return connection.execute(sql).fetchall()
    with psycopg.connect(stores.stream.render_as_string(hide_password=False)) as server:
        return server.execute(sql).fetchall()


@dataclass
class Load:
    """Clients that never give up: what fails is sent again, with the same key, until it is answered."""

    server: Server
    owner: httpx.AsyncClient
    bots: dict[str, httpx.AsyncClient]
    stopping: bool = False
    numbers: Iterator[int] = field(default_factory=itertools.count)
    logs: set[str] = field(default_factory=set)
    messages: set[str] = field(default_factory=set)
    commands: dict[str, str] = field(default_factory=dict)  # dedup key to id
    acks: dict[str, Any] = field(default_factory=dict)  # command to result
    repeated: int = 0

    async def until_answered(self, send: Callable[[], Any]) -> Any:
        """The body of the first success. What is no success and no failure of the server is a bug."""
        while True:
            try:
                reply = await send()
            except httpx.TransportError:
                self.repeated += 1
                await asyncio.sleep(0.02)
                continue
            assert reply.status_code in (200, 429, 503), reply.text
            if reply.status_code == 200:
                return reply.json()

    async def say(self, kind: str, acknowledged: set[str]) -> None:
        """One bot sends batches of logs or messages after another."""
        while not self.stopping:
            number = next(self.numbers)
            bot_id, http = random.choice(list(self.bots.items()))
            texts = [f"{kind} {number}.{line}" for line in range(random.randint(1, 20))]
            body = [self._row(kind, text) for text in texts]
            path, headers = f"/api/bot/{bot_id}/{kind}", {"idempotency-key": f"{kind}-{number}"}
            await self.until_answered(lambda: http.post(path, json=body, headers=headers))  # noqa: B023 - awaited
            acknowledged.update(texts)

    @staticmethod
    def _row(kind: str, text: str) -> dict[str, Any]:
        if kind == "logs":
            return {"type": "info", "message": text}
        about = {"author_id": "1", "author_name": "Bo", "thread_id": "t", "thread_type": "USER"}
        return {"message": text, **about}

    async def order(self) -> None:
        """The owner queues one command after another."""
        while not self.stopping:
            key = f"key-{next(self.numbers)}"
            path = f"/api/bot/{random.choice(list(self.bots))}/send-command"
            body = {"type": "ping", "payload": {"key": key}, "dedup_key": key}
            answer = await self.until_answered(lambda: self.owner.post(path, json=body))  # noqa: B023 - awaited
            self.commands[key] = answer["command"]["id"]

    async def obey(self, bot_id: str, http: httpx.AsyncClient) -> None:
        """A bot takes commands and acknowledges each."""
        path = f"/api/bot/{bot_id}/commands"
        while not self.stopping:
            query = {"lease": 1, "wait": 0.2, "limit": 5}
            answer = await self.until_answered(lambda: http.get(path, params=query))  # noqa: B023 - awaited
            for command in answer["commands"]:
                result = {"did": command["payload"]["key"]}
                body = {"status": "completed", "result": result}
                ack = f"/api/commands/{command['id']}/ack"
                await self.until_answered(lambda: http.post(ack, json=body))  # noqa: B023 - awaited
                self.acks[command["id"]] = result

    def begin(self) -> list["asyncio.Task[None]"]:
        """Everybody at once."""
        work = [self.order(), self.order()]
        work += [self.say("logs", self.logs) for _ in range(4)]
        work += [self.say("messages", self.messages) for _ in range(2)]
        work += [self.obey(bot_id, http) for bot_id, http in self.bots.items()]
        return [asyncio.create_task(one) for one in work]


async def begin(server: Server) -> Load:
    owner = await server.owner()
    bots = {}
    for number in range(BOTS):
        made = (await owner.post("/api/my-bots", json={"name": f"bot {number}"})).json()
        bots[made["bot_id"]] = server.client(made["token"])
    return Load(server, owner, bots)


def check(load: Load, stores: Stores) -> None:
    """Everything acknowledged is stored, and nothing is stored twice, acknowledged or not."""
    for kind, acknowledged in (("logs", load.logs), ("messages", load.messages)):
        stored = Counter(text for (text,) in rows(stores, f"SELECT message FROM {kind}"))
        assert acknowledged - stored.keys() == set(), kind
        assert [text for text, times in stored.items() if times > 1] == [], kind
        [(counted,)] = rows(stores, f"SELECT SUM(value) FROM tallies WHERE name = '{kind}'")
        assert counted == stored.total(), f"the counter of {kind}"
    found = rows(stores, "SELECT id, dedup_key, state, result FROM commands")
    by_key = {key: command_id for command_id, key, _, _ in found}
    assert len(by_key) == len(found)
    assert {key: by_key.get(key) for key in load.commands} == load.commands
    ends = {command_id: (state, result) for command_id, _, state, result in found}
    for command_id, result in load.acks.items():
        state, stored_result = ends[command_id]
        assert (state, json.loads(stored_result)) == ("completed", result)


async def test_what_was_acknowledged_survives_every_kill(
    store: str, server: Server, stores: Stores, note: Callable[[str], None]
) -> None:
    starts = [await server.start()]
    load = await begin(server)
    work = load.begin()
    async with asyncio.timeout(TIME_S):
        for _ in range(ROUNDS[store]):
            await asyncio.sleep(random.uniform(0.05, 0.4))
            await server.kill()
            assert not any(task.done() for task in work), [task for task in work if task.done()]
            starts.append(await server.start())
        load.stopping = True
        await asyncio.gather(*work)
    check(load, stores)
    assert load.repeated > ROUNDS[store], "the kills hit nobody"
    assert min(len(load.logs), len(load.messages), len(load.commands), len(load.acks)) > ROUNDS[store]
    await server.terminate()
    check(load, stores)
    note(
        f"{store}: killed {ROUNDS[store]} times under load; {len(load.logs)} logs, {len(load.messages)} messages, "
        f"{len(load.commands)} commands, {len(load.acks)} acknowledgements, none lost, none twice; "
        f"ready again after {sorted(starts)[len(starts) // 2]:.1f} s in the middle"
    )
    for client in (load.owner, *load.bots.values()):
        await client.aclose()
