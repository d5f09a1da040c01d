"""The commit comes before the answer: what was answered is stored, and what failed to be stored says so."""

from collections.abc import Callable
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends
from starlette.applications import Starlette

from botyard.core.accounts.policy import PUBLIC
from botyard.edge.guard import GuardedRoute
from botyard.edge.session import Reader, Session, _session
from botyard.kit.db import Database
from botyard.kit.db import Session as UnitOfWork
from botyard.kit.errors import Conflict
from botyard.settings import Settings
from tests.edge.yard import Exchange, client, serve

# The same dependency with FastAPI's default scope: what must not be used.
Careless = Annotated[UnitOfWork, Depends(_session)]


class Disk(Exception):
    """Something that a commit can fail with."""


def routes(failure: Exception | None, told: list[str]) -> APIRouter:
    router = APIRouter(route_class=GuardedRoute)

    async def arrange(session: UnitOfWork) -> None:
        async def fail(_: UnitOfWork) -> None:
            if failure is not None:
                raise failure

        async def after(_: UnitOfWork) -> None:
            told.append("committed")

        session.before_commit(fail)
        session.after_commit(after)

    @router.post("/right")
    async def right(session: Session) -> dict[str, bool]:
        await arrange(session)
        return {"ok": True}

    @router.post("/careless")
    async def careless(session: Careless) -> dict[str, bool]:
        await arrange(session)
        return {"ok": True}

    return router


TABLE = {"POST /right": PUBLIC, "POST /careless": PUBLIC}


@pytest.fixture
def make_app(db: Database, settings: Settings) -> Callable[..., Starlette]:
    return lambda failure, told: serve(db, settings, [routes(failure, told)], TABLE)


async def test_a_commit_that_fails_is_never_answered_with_success(
    make_app: Callable[..., Starlette],
) -> None:
    async with client(make_app(Disk("no space"), [])) as http:
        reply = await http.post("/doc/right")
        assert (reply.status_code, reply.json()["code"]) == (500, "internal_error")
        # The trap itself, so that this test is known to be able to fail.
        assert (await http.post("/doc/careless")).status_code == 200


async def test_a_refusal_at_the_commit_keeps_its_status(make_app: Callable[..., Starlette]) -> None:
    async with client(make_app(Conflict("taken meanwhile"), [])) as http:
        reply = await http.post("/doc/right")
        assert (reply.status_code, reply.json()["wrong"]) == (409, "taken meanwhile")


@pytest.mark.parametrize(
    ("path", "order"),
    [("/doc/right", ["committed", "answered"]), ("/doc/careless", ["answered", "committed"])],
)
async def test_the_answer_leaves_after_the_commit(
    path: str, order: list[str], make_app: Callable[..., Starlette]
) -> None:
    told: list[str] = []
    exchange = Exchange(make_app(None, told), path)
    await exchange.run(on_start=lambda: told.append("answered"))
    assert told == order


async def test_what_only_reads_cannot_write(db: Database, settings: Settings) -> None:
    if not db.embedded:
        pytest.skip("only on SQLite do reading connections refuse by themselves")
    router = APIRouter(route_class=GuardedRoute)

    @router.get("/peek")
    async def peek(session: Reader) -> Any:
        connection = await session.connection()
        await connection.exec_driver_sql("DELETE FROM users")

    async with client(serve(db, settings, [router], {"GET /peek": PUBLIC})) as http:
        assert (await http.get("/doc/peek")).status_code == 500
