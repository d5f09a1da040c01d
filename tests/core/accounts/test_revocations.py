"""A credential that one process revokes is refused by the others as soon as the bus has told them.

The clock stands still here, so no cached credential is looked up again because time has passed.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from botyard.core.accounts import administration, api_keys, deletion, password_change, passwords, sessions
from botyard.core.accounts.authentication import Authenticator
from botyard.core.accounts.models import User
from botyard.core.accounts.revocations import Revocations
from botyard.core.accounts.token_keys import TokenKeys
from botyard.core.accounts.types import Principal
from botyard.core.realtime.hub import Hub
from botyard.core.realtime.postgres_bus import PostgresBus
from botyard.kit.db import Database, Session, Stores
from botyard.kit.errors import Unauthenticated
from tests.core.accounts.people import ADDRESS, PASSWORD

Act = Callable[[Session, User, str], Awaitable[Any]]


@pytest.fixture
def stores(postgres_stores: Stores) -> Stores:
    """Several processes share a database only on PostgreSQL."""
    return postgres_stores


@pytest.fixture
async def here(house: Database, stores: Stores) -> AsyncIterator[Hub]:
    """The hub of the process that revokes."""
    hub = Hub(house, bus=PostgresBus(stores.main), look_s=3600)
    await hub.start()
    yield hub
    await hub.stop()


@pytest.fixture
async def other_db(house: Database, stores: Stores) -> AsyncIterator[Database]:
    """The database as another process has it."""
    db = Database(stores)
    db.parts.add(house.parts.get(TokenKeys))
    yield db
    await db.close()


@pytest.fixture
async def there(other_db: Database, stores: Stores) -> AsyncIterator[Hub]:
    """The hub of another process, with room for two events only."""
    hub = Hub(other_db, bus=PostgresBus(stores.main), look_s=3600, queue_limit=2)
    await hub.start()
    yield hub
    await hub.stop()


@pytest.fixture
async def elsewhere(other_db: Database, here: Hub, there: Hub) -> AsyncIterator[Authenticator]:
    """Checks credentials in the other process."""
    authenticator = Authenticator(other_db)
    revocations = Revocations(there, authenticator)
    await revocations.start()
    await until(lambda: there.connected == 1 and not (there.degraded or here.degraded))
    yield authenticator
    await revocations.stop()
    await authenticator.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(15):
        while not condition():
            await asyncio.sleep(0.005)


async def refused(resolve: Callable[[str], Awaitable[Principal]], credential: str) -> None:
    """Wait until the credential is refused."""
    async with asyncio.timeout(15):
        while True:
            try:
                await resolve(credential)
            except Unauthenticated:
                return
            await asyncio.sleep(0.005)


async def logout(session: Session, user: User, session_id: str) -> None:
    await sessions.end(session, session_id)


async def new_password(session: Session, user: User, _session_id: str) -> None:
    user = await session.get_one(User, user.id)
    await password_change.set_password(session, user, await passwords.hash("another " + PASSWORD))


async def disable(session: Session, user: User, _session_id: str) -> None:
    await administration.disable(session, user.id, actor=Principal())


async def delete(session: Session, user: User, _session_id: str) -> None:
    await deletion.delete_account(session, user.id)


@pytest.mark.usefixtures("root", "queue")
@pytest.mark.parametrize("act", [logout, new_password, disable, delete], ids=lambda act: act.__name__)
async def test_an_access_token_that_ends_here_is_refused_there(
    act: Act, house: Database, alice: User, elsewhere: Authenticator
) -> None:
    async with house.session() as session:
        pair = await sessions.open_token(session, alice.id, address=ADDRESS)
    assert (await elsewhere.resolve_bearer(pair.access)).user_id == alice.id

    async with house.session() as session:
        await act(session, alice, pair.session_id)

    await refused(elsewhere.resolve_bearer, pair.access)


async def test_an_api_key_that_is_withdrawn_here_is_refused_there(
    house: Database, alice: User, elsewhere: Authenticator
) -> None:
    async with house.session() as session:
        key, text = await api_keys.create(session, user_id=alice.id, name="probe")
    await elsewhere.resolve_api_key(text)

    async with house.session() as session:
        await api_keys.revoke(session, key.id, user_id=alice.id)

    await refused(elsewhere.resolve_api_key, text)


async def test_more_revocations_than_fit_are_all_seen_and_so_are_later_ones(
    house: Database, alice: User, elsewhere: Authenticator
) -> None:
    async def open_one() -> Any:
        async with house.session() as session:
            pair = await sessions.open_token(session, alice.id, address=ADDRESS)
        await elsewhere.resolve_bearer(pair.access)
        return pair

    pairs = [await open_one() for _ in range(10)]
    async with house.session() as session:
        await sessions.end_all(session, alice.id)
    for pair in pairs:
        await refused(elsewhere.resolve_bearer, pair.access)

    later = await open_one()
    async with house.session() as session:
        await sessions.end(session, later.session_id)
    await refused(elsewhere.resolve_bearer, later.access)
