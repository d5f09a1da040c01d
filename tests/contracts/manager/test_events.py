"""Every Socket.IO event of the document is sent, in its shape, to whoever may hear it and to nobody else."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import socketio

from tests.contracts.document import load
from tests.contracts.manager.requests import Cast, make_cast
from tests.contracts.manager.world import Account, World, make_command

DOCUMENT = load(Path(__file__).with_name("document.yaml"))
assert DOCUMENT.realtime is not None
SERVER_EVENTS = DOCUMENT.realtime.server
CLIENT_EVENTS = DOCUMENT.realtime.client
PATIENCE_S = 10
MESSAGE = {
    "thread_id": "room-1",
    "thread_type": "GROUP",
    "message": "hello",
    "attachments": [],
    "metadata": {},
}
LOG = {"type": "info", "message": "up"}
CHAT = {"message": "hi", "author_id": "7", "author_name": "Bo", "thread_id": "1", "thread_type": "USER"}


class Ear:
    """A Socket.IO client that remembers what it hears."""

    def __init__(self) -> None:
        self.client = socketio.AsyncClient(reconnection=False)
        self.heard: list[tuple[str, Any]] = []
        self._more = asyncio.Condition()
        self.client.on("*", self._hear)

    async def _hear(self, name: str, data: Any = None) -> None:
        async with self._more:
            self.heard.append((name, data))
            self._more.notify_all()

    async def wait_for(self, name: str, fits: Callable[[Any], bool] = lambda _: True) -> Any:
        """The first event of that name that fits, heard already or still to come."""
        found: list[Any] = []

        def is_there() -> bool:
            found[:] = [data for heard, data in self.heard if heard == name and fits(data)]
            return bool(found)

        await self.wait_until(is_there)
        return found[0]

    async def wait_until(self, is_there: Callable[[], bool]) -> None:
        """Return when what was heard is as wanted."""
        async with asyncio.timeout(PATIENCE_S), self._more:
            await self._more.wait_for(is_there)


@asynccontextmanager
async def listening(world: World, **how: Any) -> AsyncIterator[Ear]:
    ear = Ear()
    path = "/manager/socket.io"
    await ear.client.connect(world.running.url, socketio_path=path, wait_timeout=PATIENCE_S, **how)
    try:
        yield ear
    finally:
        await ear.client.disconnect()
        if ear.client.eio.http is not None:  # the client leaves it open when the server closed
            await ear.client.eio.http.close()


def with_cookie(account: Account) -> dict[str, Any]:
    return {"headers": {"cookie": f"session_token={account.http.cookies['session_token']}"}}


@pytest.fixture
async def cast(world: World, admin: Account) -> Cast:
    return await make_cast(world, admin)


async def cause_connection(cast: Cast, ear: Ear) -> None:
    """Connecting was enough."""


async def cause_log(cast: Cast, ear: Ear) -> None:
    await cast.bot.http.post(f"/api/bot/{cast.bot.id}/logs", json=LOG)


async def cause_message(cast: Cast, ear: Ear) -> None:
    await cast.bot.http.post(f"/api/bot/{cast.bot.id}/messages", json=CHAT)


async def cause_registration(cast: Cast, ear: Ear) -> None:
    await cast.world.make_bot(cast.account)


async def cause_command(cast: Cast, ear: Ear) -> None:
    await make_command(cast.account, cast.bot)


async def cause_sending(cast: Cast, ear: Ear) -> None:
    await ear.client.emit("send_message", {"bot_id": cast.bot.id, **MESSAGE})


async def cause_sync(cast: Cast, ear: Ear) -> None:
    await cast.bot.http.post(f"/api/bot/{cast.bot.id}/sync", json={"groups": [1], "friends": []})


CAUSES: dict[str, Callable[[Cast, Ear], Awaitable[None]]] = {
    "connection_established": cause_connection,
    "new_log": cause_log,
    "new_message": cause_message,
    "bot_update": cause_registration,
    "command_update": cause_command,
    "message_sent": cause_sending,
    "bot_data_sync": cause_sync,
}


def test_every_event_has_a_cause() -> None:
    assert set(CAUSES) == set(SERVER_EVENTS)
    assert set(CLIENT_EVENTS) == {"connect", "disconnect", "send_message"}


@pytest.mark.parametrize("name", SERVER_EVENTS)
async def test_event_is_sent_in_its_shape(name: str, cast: Cast) -> None:
    async with listening(cast.world, **with_cookie(cast.account)) as ear:
        await CAUSES[name](cast, ear)
        assert DOCUMENT.shapes.problems(await ear.wait_for(name), SERVER_EVENTS[name]) == []


async def test_presence_is_told_when_a_bot_comes_and_goes(cast: Cast) -> None:
    async with listening(cast.world, **with_cookie(cast.account)) as ear:
        for path, status in (("bye", "offline"), ("heartbeat", "online")):
            await cast.bot.http.post(f"/api/bot/{cast.bot.id}/{path}")
            told = await ear.wait_for("bot_update", lambda data, status=status: data["status"] == status)
            assert (told["action"], told["bot_id"]) == ("status_update", cast.bot.id)


async def test_an_online_bot_that_is_deleted_is_told_offline(cast: Cast) -> None:
    account = cast.account
    bot = await cast.world.make_bot(account)
    async with listening(cast.world, **with_cookie(account)) as ear:

        async def told(status: str) -> Any:
            return await ear.wait_for(
                "bot_update",
                lambda data: (
                    (data["bot_id"], data["action"], data["status"]) == (bot.id, "status_update", status)
                ),
            )

        await bot.http.post(f"/api/bot/{bot.id}/heartbeat")
        await told("online")
        assert (await account.http.delete(f"/api/my-bots/{bot.id}")).status_code == 200
        assert (await told("offline"))["data"]["reason"] == "deleted"


async def test_a_sent_message_becomes_a_command_of_the_bot(cast: Cast) -> None:
    async with listening(cast.world, **with_cookie(cast.account)) as ear:
        await ear.client.emit("send_message", {"bot_id": cast.bot.id, **MESSAGE})
        sent = await ear.wait_for("message_sent")
    pending = (await cast.bot.http.get(f"/api/bot/{cast.bot.id}/commands")).json()["commands"]
    [command] = [command for command in pending if command["id"] == sent["command_id"]]
    assert (sent["status"], command["type"], command["payload"]) == ("queued", "send_message", MESSAGE)


@pytest.mark.parametrize(
    "change", [{"bot_id": "bot_none"}, {"thread_type": "CHANNEL"}, {"message": ""}], ids=str
)
async def test_a_message_that_cannot_be_sent_is_answered_with_an_error(
    change: dict[str, str], cast: Cast
) -> None:
    async with listening(cast.world, **with_cookie(cast.account)) as ear:
        await ear.client.emit("send_message", {"bot_id": cast.bot.id, **MESSAGE, **change})
        answer = await ear.wait_for("message_sent")
    assert (answer["status"], answer["command_id"], bool(answer["error"])) == ("error", None, True)


async def test_only_the_owner_and_administrators_hear(cast: Cast, stranger: Account) -> None:
    own_bot = await cast.world.make_bot(stranger)
    async with (
        listening(cast.world, **with_cookie(cast.account)) as owner,
        listening(cast.world, **with_cookie(cast.admin)) as admin,
        listening(cast.world, **with_cookie(stranger)) as other,
    ):
        for name in ("new_log", "new_message", "bot_update", "command_update", "bot_data_sync"):
            await CAUSES[name](cast, owner)
            await owner.wait_for(name)
            await admin.wait_for(name)
        # what the stranger does hear comes after all of it, in the same order for everyone
        await own_bot.http.post(f"/api/bot/{own_bot.id}/logs", json={"type": "info", "message": "the last"})
        await other.wait_for("new_log")
        await admin.wait_for("new_log", lambda data: data["message"] == "the last")
    about = {data.get("bot_id") for name, data in other.heard if name != "connection_established"}
    assert about == {own_bot.id}


async def test_without_a_session_nobody_connects(world: World) -> None:
    with pytest.raises(socketio.exceptions.ConnectionError):
        async with listening(world):
            pass


async def test_a_bot_token_does_not_connect(cast: Cast) -> None:
    with pytest.raises(socketio.exceptions.ConnectionError):
        async with listening(cast.world, auth={"token": cast.bot.token}):
            pass


async def test_signing_out_closes_the_socket(cast: Cast) -> None:
    async with listening(cast.world, **with_cookie(cast.account)) as ear:
        await ear.wait_for("connection_established")
        await cast.account.http.post("/api/auth/logout")
        async with asyncio.timeout(PATIENCE_S):
            await ear.client.wait()
        assert not ear.client.connected
