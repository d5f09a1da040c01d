"""Accounts put straight into the store, for tests that are about something else than registering and signing in.

A slow hash is computed once for a run instead of twice for each account.
"""

import itertools
from dataclasses import dataclass

from botyard.core.accounts import passwords, registration, sessions
from botyard.core.accounts.pairs import TokenPair
from botyard.core.accounts.passwords import PasswordHash
from botyard.kit.db import Database

PASSWORD = "correct horse battery"
ADDRESS = "127.0.0.1"
_numbers = itertools.count(1)
_hashed: dict[str, PasswordHash] = {}


@dataclass(frozen=True)
class Details:
    """What an account is made of."""

    username: str
    email: str
    password: str = PASSWORD
    fullname: str = "Ada Lovelace"


def fresh() -> Details:
    """What nobody has registered with yet."""
    number = next(_numbers)
    return Details(f"ada{number}", f"ada{number}@example.org")


async def add(db: Database, details: Details) -> int:
    """An account as if it had just been registered; answers its id."""
    if details.password not in _hashed:
        _hashed[details.password] = await passwords.hash(details.password)
    async with db.session() as session:
        user = await registration.register(
            session,
            username=details.username,
            email=details.email,
            password_hash=_hashed[details.password],
            fullname=details.fullname,
            address=ADDRESS,
        )
    return user.id


async def cookie(db: Database, user_id: int) -> str:
    """A session as if the account had signed in with a browser."""
    async with db.session() as session:
        return await sessions.open_cookie(session, user_id, address=ADDRESS)


async def tokens(db: Database, user_id: int) -> TokenPair:
    """A session as if the account had signed in with a program."""
    async with db.session() as session:
        return await sessions.open_token(session, user_id, address=ADDRESS)
