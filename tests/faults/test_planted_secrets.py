"""Whoever gets hold of the data folder, the logs or a dump of the database finds no secret in clear."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from botyard.kit.db import Stores
from tests import loopback, planted
from tests.faults.server import ADMIN_PASSWORD, Server
from tests.planted import secret

pytestmark = [pytest.mark.faults]

USER = {"username": "ada", "email": "ada@example.org", "password": secret("password")}


@pytest.fixture
async def server(stores: Stores, tmp_path: Path) -> AsyncIterator[Server]:
    """Says as much as it can say, on each store."""
    url = "" if stores.embedded else stores.main.render_as_string(hide_password=False)
    server = Server(tmp_path, {"BOTYARD_DATABASE_URL": url, "BOTYARD_LOG_LEVEL": "debug"})
    await server.start()
    yield server
    await server.kill()


async def token(server: Server, username: str, password: str) -> httpx.AsyncClient:
    url = f"{server.url}/vivesphere/api/v1"
    async with loopback.client(base_url=url) as http:
        reply = await http.post("/auth/login", json={"username": username, "password": password})
        assert reply.status_code == 200, reply.text
        found: str = reply.json()["token"]
    headers = {"authorization": f"Bearer {found}"}
    return loopback.client(base_url=url, headers=headers)


@pytest.mark.slow
async def test_planted_secrets_are_nowhere_in_clear(server: Server, stores: Stores, tmp_path: Path) -> None:
    async with server.client() as people:
        assert (await people.post("/api/auth/register", json=USER)).status_code == 200
        wrong = {"username": "ada", "password": secret("wrong-password")}
        assert (await people.post("/api/auth/login", json=wrong)).status_code == 401
        mistaken = {"username": secret("typed-into-the-wrong-field"), "password": "x"}
        assert (await people.post("/api/auth/login", json=mistaken)).status_code == 401
    ada, boss = await token(server, "ada", USER["password"]), await token(server, "admin", ADMIN_PASSWORD)

    credentials = {"api_key": secret("key"), "nested": {"api_secret": secret("nested")}}
    made = await ada.post("/bots/create", json={"bot_name": "Ada", "credentials": credentials})
    assert made.status_code == 201, made.text
    bot_id = made.json()["bot_id"]
    for number in range(3):
        data = {"note": secret(f"data-{number}"), "list": [secret("in-a-list")]}
        stored = await ada.post("/botdata/store", json={"bot_id": bot_id, "data": data})
        assert stored.status_code == 201
    read = await ada.get("/botdata/retrieve", params={"bot_id": bot_id})
    assert read.json()["data"]["note"] == secret("data-2")
    settings = {"smtp_password": {"$secret": secret("setting")}, "plain": 1}
    changed = await boss.post("/config/update", json={"settings_data": {"settings": settings}})
    assert changed.status_code == 200
    assert planted.MARK not in changed.text
    log = {
        "message": f"sent with Bearer {secret('bearer')}",
        "password": secret("log-password"),
        "deep": {"Authorization": f"Basic {secret('basic')}", "apiKey": secret("log-key")},
    }
    logged = await boss.post("/logs/submit", json={"log_type": "debug", "log_data": log})
    assert logged.status_code == 201
    asked = await ada.get("/auth/validate", params={"token": secret("token-in-an-address")})
    assert asked.status_code == 401
    too_much = await ada.post("/botdata/store", json={"bot_id": bot_id, "data": secret("of-a-wrong-type")})
    assert too_much.status_code == 400
    for client in (ada, boss):
        await client.aclose()
    code, _ = await server.terminate()

    assert code == 0
    assert "request" in server.output  # it did say something
    assert planted.found(stores, tmp_path) == []
