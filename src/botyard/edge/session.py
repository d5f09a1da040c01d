"""The unit of work of a request: one transaction, committed before the answer leaves."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Annotated

from fastapi import Depends, Request

from botyard.edge import idempotency
from botyard.kit.db import Database
from botyard.kit.db import Session as UnitOfWork

Opening = Callable[[], Awaitable[UnitOfWork]]


async def database(request: Request) -> Database:
    """The stores that this document or dashboard was created with."""
    db: Database = request.app.state.db
    return db


async def _session(request: Request) -> AsyncIterator[UnitOfWork]:
    async with request.app.state.db.session() as session:
        await idempotency.begin(request, session)
        yield session


async def _later(request: Request) -> AsyncIterator[Opening]:
    db: Database = request.app.state.db
    async with db.reader() as session:
        await idempotency.look(request, session)
    async with AsyncExitStack() as stack:

        async def begin() -> UnitOfWork:
            session = await stack.enter_async_context(db.session())
            await idempotency.begin(request, session)
            return session

        yield begin


async def _reader(request: Request) -> AsyncIterator[UnitOfWork]:
    async with request.app.state.db.reader() as session:
        yield session


# The scope matters: with FastAPI's default one the commit happens after the answer was sent, and a
# failed commit still answers 200 (tests/edge/test_session.py).
Session = Annotated[UnitOfWork, Depends(_session, scope="function")]
# For what takes long before it writes: call it to begin, once. On SQLite a writer that waits holds up everybody.
Later = Annotated[Opening, Depends(_later, scope="function")]
Reader = Annotated[UnitOfWork, Depends(_reader, scope="function")]
Stores = Annotated[Database, Depends(database)]
