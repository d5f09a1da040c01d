"""A database with what accounts need to run, and people to sign in."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from botyard.core import audit, vault
from botyard.core.accounts import passwords, registration
from botyard.core.accounts.authentication import Authenticator
from botyard.core.accounts.models import User
from botyard.core.accounts.token_keys import TokenKeys
from botyard.core.accounts.types import Role
from botyard.core.jobs.dispatch import Dispatch
from botyard.core.jobs.models import JobRow
from botyard.core.jobs.registry import find
from botyard.core.mail.mailer import FolderMailer, Mailer
from botyard.kit.clock import FrozenClock
from botyard.kit.db import Database, Session
from botyard.kit.keys import KeyFiles
from tests.core.accounts.people import PASSWORD, MakeUser

HASHES: list[passwords.PasswordHash] = []  # of PASSWORD, computed once


class Queue:
    """Where jobs would be queued: keeps their rows, so that a test runs them when it wants."""

    def __init__(self) -> None:
        self.rows: list[JobRow] = []

    async def carry(self, session: Session, row: JobRow) -> None:
        """Keep the row."""
        self.rows.append(row)

    async def run(self, db: Database) -> list[object]:
        """Run all that was enqueued, and all that this enqueues in turn, in order."""
        results = []
        while self.rows:
            row = self.rows.pop(0)
            job = find(row.name)
            assert job is not None
            results.append(await job.run_inline(db, **row.args))
        return results


@pytest.fixture
def real_cost() -> Iterator[None]:
    """Passwords are hashed as on a server."""
    with passwords.use(passwords.COST):
        yield


@pytest.fixture
def queue(house: Database) -> Queue:
    """The jobs that this test has enqueued."""
    queue = Queue()
    house.parts.add(queue, kind=Dispatch)
    return queue


@pytest.fixture
def outbox(house: Database, tmp_path: Path) -> Path:
    """The folder that mails go to."""
    house.parts.add(FolderMailer(tmp_path / "mail"), kind=Mailer)
    return tmp_path / "mail"


@pytest.fixture
async def house(db: Database, clock: FrozenClock, tmp_path: Path) -> AsyncIterator[Database]:
    """The database with key ring, token keys, audit key and authenticator as parts, at a clock that stands."""
    await vault.open_keyring(db, data_dir=tmp_path / "data")
    await audit.open_key(db)
    keys = TokenKeys([KeyFiles(tmp_path / "data").signing_key()])
    db.parts.add(keys)
    authenticator = Authenticator(db, keys)
    db.parts.add(authenticator)
    yield db
    await authenticator.close()


@pytest.fixture
def authenticator(house: Database) -> Authenticator:
    return house.parts.get(Authenticator)


@pytest.fixture
def make_user(house: Database) -> MakeUser:
    """make_user("alice", role=Role.admin) stores an account with `PASSWORD` and returns it."""

    async def make(name: str = "alice", *, role: Role = Role.user, email: str = "") -> User:
        if not HASHES:
            HASHES.append(await passwords.hash(PASSWORD))
        password_hash = HASHES[0]
        async with house.session() as session:
            return await registration.create(
                session,
                username=name,
                email=email or f"{name}@example.org",
                password_hash=password_hash,
                role=role,
            )

    return make


@pytest.fixture
async def alice(make_user: MakeUser) -> User:
    return await make_user("alice")


@pytest.fixture
async def root(make_user: MakeUser) -> User:
    return await make_user("root", role=Role.admin)
