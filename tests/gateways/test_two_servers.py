"""A token that ends at one server is refused by the other within a second, whatever ended it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from botyard.core.accounts import administration, deletion, password_change, passwords, profiles, sessions
from botyard.core.accounts.token_keys import TokenKeys
from botyard.core.accounts.types import Principal
from botyard.kit.db import Session
from tests import loopback
from tests.gateways.conftest import Yards

SEEN_S = 1.0
VALIDATE = "/vivesphere/api/v1/auth/validate"


async def logout(session: Session, _user_id: int, session_id: str) -> None:
    await sessions.end(session, session_id)


async def new_password(session: Session, user_id: int, _session_id: str) -> None:
    user = await profiles.get(session, user_id)
    await password_change.set_password(session, user, await passwords.hash("another battery"))


async def disable(session: Session, user_id: int, _session_id: str) -> None:
    await administration.disable(session, user_id, actor=Principal())


async def delete(session: Session, user_id: int, _session_id: str) -> None:
    await deletion.delete_account(session, user_id)


@pytest.mark.parametrize("act", [logout, new_password, disable, delete], ids=lambda act: act.__name__)
async def test_what_ends_at_one_server_is_over_at_the_other(
    act: Callable[[Session, int, str], Awaitable[Any]],
    yards: Yards,
    store: str,
    note: Callable[[str], None],
) -> None:
    name = f"somebody-{act.__name__}"
    registration = {"username": name, "email": f"{name}@example.org", "password": "correct horse"}
    async with loopback.client(base_url=yards.one.url) as http:
        made = await http.post("/manager/api/auth/register", json=registration)
        assert made.status_code == 200, made.text
        login = {"username": name, "password": registration["password"]}
        token = (await http.post("/vivesphere/api/v1/auth/login", json=login)).json()["token"]
        headers = {"authorization": f"Bearer {token}"}
        reply = await http.get(VALIDATE, headers=headers)
        assert reply.json()["status"] == "valid"
        session_id = yards.one.db.parts.get(TokenKeys).read(token).session_id

        async with yards.other.db.session() as session:
            await act(session, int(reply.json()["user_id"]), session_id)
        began = time.monotonic()
        async with asyncio.timeout(10):
            while (await http.get(VALIDATE, headers=headers)).status_code == 200:
                await asyncio.sleep(0.002)
        took_s = time.monotonic() - began

    assert took_s < SEEN_S
    note(f"{act.__name__} at one server was seen by the other after {took_s * 1000:.0f} ms ({store})")
