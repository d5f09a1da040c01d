"""The frame of the tests keeps its promises: fresh stores, both kinds, no way out of the machine."""

import socket
from datetime import timedelta

import httpx
import pytest
import redis
from sqlalchemy import text

from botyard.kit import clock as clock_module
from botyard.kit.clock import FrozenClock
from botyard.kit.db import Database, Stores
from tests.guard import NetworkUsed


async def test_db_is_on_the_store_that_the_test_runs_on(db: Database, store: str) -> None:
    assert db.embedded is (store == "sqlite")
    async with db.reader() as session:
        assert (await session.execute(text("SELECT 1"))).scalar_one() == 1


@pytest.mark.parametrize("_round", [1, 2])
async def test_each_test_has_stores_of_its_own(db: Database, _round: int) -> None:
    async with db.session() as session:
        await session.execute(text("CREATE TABLE left_behind (id INTEGER PRIMARY KEY)"))


async def test_stream_store_can_be_read(db: Database, stores: Stores) -> None:
    assert stores.embedded or stores.main == stores.stream
    async with db.stream() as session:
        assert (await session.execute(text("SELECT 1"))).scalar_one() == 1


def test_clock_moves_only_when_told(clock: FrozenClock) -> None:
    before = clock_module.now()
    clock.advance(5)
    assert clock_module.now() - before == timedelta(seconds=5)


@pytest.mark.parametrize("_round", [1, 2])
def test_redis_is_empty_at_the_start_of_each_test(redis_url: str, _round: int) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("left", "behind")


def test_connecting_outside_loopback_fails() -> None:
    with socket.socket() as outgoing, pytest.raises(NetworkUsed):
        outgoing.connect(("192.0.2.1", 80))


async def test_asking_for_a_name_outside_fails() -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises(NetworkUsed):
            await client.get("http://example.org/")


def test_loopback_is_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        connection, _ = server.accept()
        connection.close()
