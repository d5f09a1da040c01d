"""A credential in use costs a look into the store twice a second, however many calls carry it."""

import asyncio
from collections.abc import Iterator

import pytest
from sqlalchemy import event

from botyard.core.accounts import sessions
from botyard.core.accounts.authentication import TTL_S, Authenticator
from botyard.core.accounts.errors import SessionOver
from botyard.core.accounts.models import User
from botyard.kit.clock import FrozenClock
from botyard.kit.db import Database
from tests.core.accounts.people import ADDRESS


@pytest.fixture
async def token(house: Database, alice: User) -> str:
    """Alice's access token."""
    async with house.session() as session:
        return (await sessions.open_token(session, alice.id, address=ADDRESS)).access


@pytest.fixture
def looks(house: Database) -> Iterator[list[str]]:
    """Statements that ask for sessions."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if "FROM user_sessions" in statement:
            seen.append(statement)

    event.listen(house.readers.sync_engine, "before_cursor_execute", note)
    yield seen
    event.remove(house.readers.sync_engine, "before_cursor_execute", note)


async def end_elsewhere(house: Database, user: User) -> None:
    """End every session as another process would: nobody tells this one."""
    async with house.session() as session:
        for opened in await sessions.list_open(session, user.id):
            opened.ended_at = opened.created_at


async def settled(authenticator: Authenticator) -> None:
    """Let the look-ups that nobody waits for come to their end."""
    while authenticator.looking:
        await asyncio.sleep(0)


async def test_many_calls_at_once_look_once(
    authenticator: Authenticator, token: str, looks: list[str]
) -> None:
    callers = await asyncio.gather(*(authenticator.resolve_bearer(token) for _ in range(50)))

    assert len({caller.session_id for caller in callers}) == 1
    assert len(looks) == 1


async def test_in_use_it_is_looked_up_again_before_anybody_must_wait(
    authenticator: Authenticator, token: str, looks: list[str], clock: FrozenClock
) -> None:
    await authenticator.resolve_bearer(token)
    for _ in range(10):
        clock.advance(0.6 * TTL_S)
        before = len(looks)
        await authenticator.resolve_bearer(token)
        assert len(looks) == before  # answered from memory
        await settled(authenticator)
        assert len(looks) == before + 1  # and looked up meanwhile


async def test_what_another_process_ended_is_refused_within_the_time(
    authenticator: Authenticator, house: Database, alice: User, token: str, clock: FrozenClock
) -> None:
    await authenticator.resolve_bearer(token)
    await end_elsewhere(house, alice)
    clock.advance(0.6 * TTL_S)
    await authenticator.resolve_bearer(token)
    await settled(authenticator)

    with pytest.raises(SessionOver):
        await authenticator.resolve_bearer(token)


async def test_nobody_joins_a_look_that_began_before_a_revocation(
    authenticator: Authenticator, house: Database, alice: User, token: str
) -> None:
    early = asyncio.create_task(authenticator.resolve_bearer(token))
    await asyncio.sleep(0)  # it looks now
    await end_elsewhere(house, alice)
    authenticator.forget()

    with pytest.raises(SessionOver):
        await authenticator.resolve_bearer(token)
    await asyncio.gather(early, return_exceptions=True)
    with pytest.raises(SessionOver):  # nor does the early look's answer stay
        await authenticator.resolve_bearer(token)
