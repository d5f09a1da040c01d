"""Two servers on one database, people with tokens, and a service that a gateway protects."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from botyard import server as door
from botyard.core.accounts import sessions
from botyard.kit import keypairs
from botyard.settings import Settings
from tests import loopback
from tests.contracts.running import Running, Server, run
from tests.stores import Templates

ADMIN_PASSWORD = "the first administrator's"


@dataclass
class Yards:
    """Servers on one database: `one` is asked, at `other` things change. On SQLite both are the same."""

    one: Running
    other: Running

    async def sign_in(self) -> str:
        """A token of the administrator."""
        async with loopback.client(base_url=self.one.url) as http:
            login = {"username": "admin", "password": ADMIN_PASSWORD}
            reply = await http.post("/vivesphere/api/v1/auth/login", json=login)
        assert reply.status_code == 200, reply.text
        return str(reply.json()["token"])

    async def sign_out(self) -> None:
        """End every session of the administrator, at the other server."""
        async with self.other.db.session() as session:
            await sessions.end_all(session, 1)


@pytest.fixture(scope="module")
async def yards(store_templates: Templates, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Yards]:
    """Servers that sign with a key pair, on each store."""
    folder: Path = tmp_path_factory.mktemp("yards")
    keypairs.make(folder / "token.pem")
    async with AsyncExitStack() as stack:
        stores = stack.enter_context(store_templates.fresh(folder / "data"))
        settings = Settings(
            _env_file=None,
            data_dir=folder / "data",
            database_url="" if stores.embedded else stores.main.render_as_string(hide_password=False),
            token_key_file=[folder / "token.pem"],
            admin_password=ADMIN_PASSWORD,
            log_level="error",
        )
        one = await stack.enter_async_context(run(settings))
        other = one if stores.embedded else await stack.enter_async_context(run(settings, works=False))
        yield Yards(one, other)


@dataclass
class Service:
    """Somebody's service; keeps the requests that reach it."""

    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)

    async def answer(self, request: Request) -> JSONResponse:
        """Keep it, and say what came."""
        body = (await request.body()).decode()
        came = {"method": request.method, "headers": request.headers.items(), "body": body}
        self.requests.append(came)
        return JSONResponse(came)


@pytest.fixture(scope="module")
async def _serving() -> AsyncIterator[Service]:
    service = Service()
    route = Route("/{path:path}", service.answer, methods=["GET", "POST", "PUT", "DELETE"])
    listener = door.bind("127.0.0.1", 0)
    service.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    server = Server(uvicorn.Config(Starlette(routes=[route]), log_config=None, timeout_graceful_shutdown=2))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    await server.up.wait()
    yield service
    server.should_exit = True
    await task


@pytest.fixture
def service(_serving: Service) -> Service:
    """The service, asked nothing yet."""
    _serving.requests.clear()
    return _serving
