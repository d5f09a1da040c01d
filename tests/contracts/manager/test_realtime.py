"""Document section "Socket.IO Events": who may listen, over which way, with which client, until when."""

import asyncio
import gc
import json
import shutil
import socket
import subprocess
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import socketio

from botyard.contracts.manager import engine
from botyard.contracts.manager.realtime import Sockets
from botyard.core.accounts import administration, api_keys, sessions
from botyard.core.accounts.authentication import Authenticator
from botyard.core.accounts.errors import KeyRejected
from botyard.core.accounts.types import Principal, Role
from botyard.kit import clock
from botyard.settings import Settings
from tests import loopback
from tests.contracts.conftest import ADMIN_PASSWORD
from tests.contracts.manager.requests import Cast, make_cast
from tests.contracts.manager.test_events import (
    CAUSES,
    DOCUMENT,
    MESSAGE,
    PATIENCE_S,
    SERVER_EVENTS,
    Ear,
    listening,
    with_cookie,
)
from tests.contracts.manager.world import PASSWORD, Account, World, make_command
from tests.contracts.running import Running, run
from tests.stores import Templates

LOG = {"type": "info", "message": "up"}
CLIENT = Path(__file__).with_name("browser.mjs")
TRANSPORTS = ["polling", "websocket"]


# Python's own client drops the answer of its last poll unread, and says so when it is collected.
pytestmark = pytest.mark.filterwarnings("ignore:Unclosed connection:ResourceWarning")


@pytest.fixture(autouse=True)
def _collected_here(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let it be collected in the test that it belongs to."""
    yield
    if "polling" in request.node.name or "every_socket" in request.node.name:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()


@pytest.fixture
async def cast(world: World, admin: Account) -> Cast:
    return await make_cast(world, admin)


async def access_token(world: World, account: Account) -> str:
    async with world.running.db.session() as session:
        return (await sessions.open_token(session, account.id, address="127.0.0.1")).access


async def api_key(world: World, account: Account, *scopes: str) -> tuple[str, str]:
    """The id and the key itself."""
    async with world.running.db.session() as session:
        made, plain = await api_keys.create(session, user_id=account.id, name="k", scopes=frozenset(scopes))
    return made.id, plain


async def refused(world: World, **how: Any) -> None:
    client = socketio.AsyncClient(reconnection=False)
    try:
        with pytest.raises(socketio.exceptions.ConnectionError):
            await client.connect(
                world.running.url, socketio_path="/manager/socket.io", wait_timeout=PATIENCE_S, **how
            )
    finally:
        await client.shutdown()
        if client.eio.http is not None:  # a client that was refused leaves it open
            await client.eio.http.close()


async def closed(ear: Any) -> None:
    """Return when the server has closed the socket."""
    async with asyncio.timeout(PATIENCE_S):
        await ear.client.wait()
    assert not ear.client.connected


# --- who may listen -----------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_each_way_carries_events_both_ways(transport: str, cast: Cast) -> None:
    async with listening(cast.world, transports=[transport], **with_cookie(cast.account)) as ear:
        await cast.bot.http.post(f"/api/bot/{cast.bot.id}/logs", json=LOG)
        assert (await ear.wait_for("new_log"))["bot_id"] == cast.bot.id
        answer = await ear.client.call("send_message", {"bot_id": cast.bot.id, **MESSAGE}, timeout=PATIENCE_S)
        assert (answer["status"], await ear.wait_for("message_sent")) == ("queued", answer)
        assert ear.client.transport() == transport


async def test_a_token_opens_a_socket_as_a_cookie_does(cast: Cast) -> None:
    token = await access_token(cast.world, cast.account)
    _, key = await api_key(cast.world, cast.account, "events:read")
    for how in (
        {"auth": {"token": token}},
        {"auth": {"token": key}},
        {"headers": {"authorization": f"Bearer {token}"}},
        {"headers": {"x-api-key": key}},
    ):
        async with listening(cast.world, **how) as ear:
            await cast.bot.http.post(f"/api/bot/{cast.bot.id}/logs", json=LOG)
            assert (await ear.wait_for("new_log"))["bot_id"] == cast.bot.id


async def test_nobody_else_gets_in(cast: Cast) -> None:
    token = await access_token(cast.world, cast.account)
    _, narrow = await api_key(cast.world, cast.account, "bots:read")
    for how in (
        {},
        {"auth": {"token": "nonsense"}},
        {"auth": {"token": narrow}},
        {"auth": {"token": cast.bot.token}},
        {"auth": {"token": ""}},
        {"auth": {"token": {"x": 1}}},
        {"auth": [token]},
        {"headers": {"cookie": "session_token=nonsense"}},
        {"headers": {"x-bot-token": cast.bot.token}},
        # a wrong token is not made good by a right cookie
        {"auth": {"token": "nonsense"}, **with_cookie(cast.account)},
    ):
        await refused(cast.world, **how)
    await refused(cast.world, auth={"token": token + "x"})


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1.evil.example"])
async def test_a_page_of_another_origin_gets_no_socket(transport: str, origin: str, cast: Cast) -> None:
    headers = {**with_cookie(cast.account)["headers"], "origin": origin}
    await refused(cast.world, headers=headers, transports=[transport])


async def test_a_page_of_ours_gets_one(cast: Cast) -> None:
    headers = {**with_cookie(cast.account)["headers"], "origin": cast.world.running.url}
    async with listening(cast.world, headers=headers, transports=["websocket"]) as ear:
        await ear.wait_for("connection_established")


async def test_a_session_that_was_begun_without_a_credential_hears_nothing(cast: Cast) -> None:
    """Engine.IO opens before Socket.IO asks who it is: what stays below must not matter."""
    path, query = "/socket.io/", {"EIO": "4", "transport": "polling"}
    opened = await cast.world.anonymous.get(path, params=query)
    sid = json.loads(opened.text[1:])["sid"]
    await cast.bot.http.post(f"/api/bot/{cast.bot.id}/logs", json=LOG)
    forged = '42["send_message",' + json.dumps({"bot_id": cast.bot.id, **MESSAGE}) + "]"
    await cast.world.anonymous.post(path, params={**query, "sid": sid}, content=forged)
    await cast.world.anonymous.post(path, params={**query, "sid": sid}, content="40")
    heard = await cast.world.anonymous.get(path, params={**query, "sid": sid})
    assert heard.text.startswith("44"), heard.text
    assert "new_log" not in heard.text
    pending = (await cast.bot.http.get(f"/api/bot/{cast.bot.id}/commands")).json()["commands"]
    assert [command for command in pending if command["type"] == "send_message"] == []


# --- who hears what -----------------------------------------------------------------------------------


async def test_an_administrator_hears_ones_own_once(cast: Cast) -> None:
    bot = await cast.world.make_bot(cast.admin)
    async with listening(cast.world, **with_cookie(cast.admin)) as ear:
        for number in range(3):
            await bot.http.post(f"/api/bot/{bot.id}/logs", json={**LOG, "message": str(number)})
        await ear.wait_for("new_log", lambda data: data["message"] == "2")
        told = [data["message"] for name, data in ear.heard if name == "new_log" and data["bot_id"] == bot.id]
    assert told == ["0", "1", "2"]


async def test_every_socket_of_an_account_hears_the_same_in_order(cast: Cast) -> None:
    async with (
        listening(cast.world, transports=["polling"], **with_cookie(cast.account)) as polling,
        listening(cast.world, transports=["websocket"], **with_cookie(cast.account)) as one,
        listening(cast.world, **with_cookie(cast.account)) as other,
    ):
        texts = [str(number) for number in range(200)]
        for at in range(0, 200, 10):  # Python's own client reads at most 16 packets of one poll
            body = [{**LOG, "message": text} for text in texts[at : at + 10]]
            await cast.bot.http.post(f"/api/bot/{cast.bot.id}/logs", json=body)
            await polling.wait_for("new_log", lambda data, last=body[-1]: data["message"] == last["message"])
        for ear in (polling, one, other):
            await ear.wait_for("new_log", lambda data: data["message"] == "199")
            assert [data["message"] for name, data in ear.heard if name == "new_log"] == texts


async def test_a_commands_life_is_told(cast: Cast) -> None:
    async with listening(cast.world, **with_cookie(cast.account)) as ear:
        command = await make_command(cast.account, cast.bot)
        await cast.bot.http.get(f"/api/bot/{cast.bot.id}/commands", params={"lease": 60})
        body = {"status": "failed", "result": {"why": "tired"}}
        await cast.bot.http.post(f"/api/commands/{command}/ack", json=body)
        last = await ear.wait_for("command_update", lambda data: data["status"] == "failed")
        told = [data for name, data in ear.heard if name == "command_update" and data["id"] == command]
    assert [data["state"] for data in told] == ["queued", "leased", "failed"]
    assert [data["status"] for data in told] == ["pending", "pending", "failed"]
    assert (last["result"], bool(last["completed_at"])) == ({"why": "tired"}, True)


async def test_open_sockets_are_counted(cast: Cast) -> None:
    async def counted() -> int:
        return int((await cast.account.http.get("/api/stats/overview")).json()["connected_clients"])

    async with listening(cast.world, **with_cookie(cast.account)) as ear:
        await ear.wait_for("connection_established")
        assert await counted() == 1
    async with asyncio.timeout(PATIENCE_S):
        while await counted():
            await asyncio.sleep(0.01)


# --- send_message -------------------------------------------------------------------------------------

BAD_MESSAGES: dict[str, Any] = {
    "nothing": None,
    "a text": "hello",
    "a list": [1],
    "no bot": {key: value for key, value in MESSAGE.items() if key != "bot_id"},
    "no such bot": {**MESSAGE, "bot_id": "bot_none"},
    "NUL in the id": {**MESSAGE, "bot_id": "a\x00b"},
    "NUL in the text": {"message": "a\x00b"},
    "empty text": {"message": ""},
    "number for a text": {"message": 7},
    "unknown type of thread": {"thread_type": "CHANNEL"},
    "attachments that are no list": {"attachments": {}},
    "metadata that are no object": {"metadata": [1]},
    "a number of 65 bits": {"metadata": {"n": 2**64}},
    "too deep": {"metadata": {"x": json.loads("[" * 150 + "]" * 150)}},
    "too large": {"message": "x" * 300_000},
}


@pytest.mark.parametrize("change", BAD_MESSAGES.values(), ids=BAD_MESSAGES.keys())
async def test_every_bad_message_is_answered_and_the_socket_lives_on(change: Any, cast: Cast) -> None:
    good = {"bot_id": cast.bot.id, **MESSAGE}
    bad = {**good, **change} if isinstance(change, dict) and "thread_id" not in change else change
    async with listening(cast.world, **with_cookie(cast.account)) as ear:
        answer = await ear.client.call("send_message", bad, timeout=PATIENCE_S)
        assert (answer["status"], answer["command_id"]) == ("error", None)
        assert answer["error"]
        assert DOCUMENT.shapes.problems(answer, SERVER_EVENTS["message_sent"]) == []
        answer = await ear.client.call("send_message", good, timeout=PATIENCE_S)
        assert answer["status"] == "queued"


async def test_a_message_through_somebody_elses_bot_is_refused(cast: Cast, stranger: Account) -> None:
    async with listening(cast.world, **with_cookie(stranger)) as ear:
        answer = await ear.client.call("send_message", {"bot_id": cast.bot.id, **MESSAGE}, timeout=PATIENCE_S)
    assert answer["status"] == "error"
    pending = (await cast.bot.http.get(f"/api/bot/{cast.bot.id}/commands")).json()["commands"]
    assert [command for command in pending if command["type"] == "send_message"] == []


async def test_a_key_that_may_only_listen_sends_nothing(cast: Cast) -> None:
    _, key = await api_key(cast.world, cast.account, "events:read")
    async with listening(cast.world, auth={"token": key}) as ear:
        answer = await ear.client.call("send_message", {"bot_id": cast.bot.id, **MESSAGE}, timeout=PATIENCE_S)
    assert (answer["status"], "commands:write" in answer["error"]) == ("error", True)


async def test_a_client_cannot_call_the_servers_own_events(cast: Cast) -> None:
    """Somebody who says `disconnect` and stays would be forgotten, and then not closed with the session."""
    async with listening(cast.world, **with_cookie(cast.account)) as ear:
        for name, data in (("connect", {"asgi.scope": {}}), ("disconnect", None), ("connect_error", "x")):
            await ear.client.emit(name, data)
        good = {"bot_id": cast.bot.id, **MESSAGE}
        assert (await ear.client.call("send_message", good, timeout=PATIENCE_S))["status"] == "queued"
        await cast.account.http.post("/api/auth/logout")
        await closed(ear)


async def test_unknown_events_and_further_arguments_hurt_nobody(cast: Cast) -> None:
    async with listening(cast.world, **with_cookie(cast.account)) as ear:
        await ear.client.emit("no_such_event", {"x": 1})
        await ear.client.emit("new_log", {"x": 1})
        good = {"bot_id": cast.bot.id, **MESSAGE}
        answer = await ear.client.call("send_message", (good, "further", 7), timeout=PATIENCE_S)
        assert answer["status"] == "queued"


@pytest.mark.parametrize("content", ["42[", "42{}", "42[7]", "4999999999", "x", "", "\x1e\x1e", "42[\"send_message\",NaN]", "451-[\"send_message\",{\"_placeholder\":true,\"num\":0}]", "9" * 10_000], ids=lambda text: repr(text)[:30])  # fmt: skip
async def test_broken_packets_break_nothing_but_their_own_socket(content: str, cast: Cast) -> None:
    headers = with_cookie(cast.account)["headers"]
    path, query = "/socket.io/", {"EIO": "4", "transport": "polling"}
    client = cast.world.keep(cast.world.client(**headers))
    opened = await client.get(path, params=query)
    sid = json.loads(opened.text[1:])["sid"]
    await client.post(path, params={**query, "sid": sid}, content="40")
    reply = await client.post(path, params={**query, "sid": sid}, content=content)
    assert reply.status_code in (200, 400), reply.text
    assert "Traceback" not in reply.text
    async with listening(cast.world, **with_cookie(cast.account)) as ear:
        await cast.bot.http.post(f"/api/bot/{cast.bot.id}/logs", json=LOG)
        await ear.wait_for("new_log")


# --- until when ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_the_socket_ends_with_its_session_and_no_other_does(transport: str, cast: Cast) -> None:
    other = await cast.world.sign_in(cast.account.username, PASSWORD)
    async with (
        listening(cast.world, transports=[transport], **with_cookie(cast.account)) as ended,
        listening(cast.world, transports=[transport], **with_cookie(other)) as still,
    ):
        await cast.account.http.post("/api/auth/logout")
        await closed(ended)
        await cast.bot.http.post(f"/api/bot/{cast.bot.id}/logs", json=LOG)
        await still.wait_for("new_log")
        assert [name for name, _ in ended.heard if name == "new_log"] == []


async def test_a_key_at_its_end_hears_nothing_more_and_commands_nobody(cast: Cast) -> None:
    ends = clock.now() + timedelta(seconds=2)
    scopes = frozenset({"events:read", "commands:write"})
    async with cast.world.running.db.session() as session:
        _, key = await api_keys.create(
            session, user_id=cast.account.id, name="short", scopes=scopes, expires_at=ends
        )
    async with listening(cast.world, auth={"token": key}) as ear:
        await closed(ear)
    assert clock.now() >= ends


async def test_who_came_with_a_key_that_has_ended_commands_nobody(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in the moment before its socket is closed."""
    _, key = await api_key(cast.world, cast.account, "events:read", "commands:write")

    async def ended(_self: Authenticator, _caller: Principal) -> Principal:
        raise KeyRejected

    async with listening(cast.world, auth={"token": key}) as ear:
        monkeypatch.setattr(Authenticator, "renew", ended)
        answer = await ear.client.call("send_message", {"bot_id": cast.bot.id, **MESSAGE}, timeout=PATIENCE_S)
    assert (answer["status"], answer["error"]) == ("error", KeyRejected.__doc__)


async def test_a_new_password_closes_the_other_sockets(cast: Cast) -> None:
    other = await cast.world.sign_in(cast.account.username, PASSWORD)
    change = {"old_password": PASSWORD, "new_password": "another fine password"}
    async with (
        listening(cast.world, **with_cookie(cast.account)) as mine,
        listening(cast.world, **with_cookie(other)) as others,
    ):
        assert (await cast.account.http.post("/api/auth/change-password", json=change)).status_code == 200
        await closed(others)
        assert mine.client.connected


async def test_keys_stop_with_their_revocation_and_with_their_account(cast: Cast) -> None:
    key_id, key = await api_key(cast.world, cast.account, "events:read")
    _, other = await api_key(cast.world, cast.account, "events:read")
    db = cast.world.running.db
    async with (
        listening(cast.world, auth={"token": key}) as revoked,
        listening(cast.world, auth={"token": other}) as disabled,
    ):
        async with db.session() as session:
            await api_keys.revoke(session, key_id, user_id=cast.account.id)
        await closed(revoked)
        assert disabled.client.connected
        async with db.session() as session:
            actor = Principal(user_id=cast.admin.id, role=Role.admin)
            await administration.disable(session, cast.account.id, actor=actor)
        await closed(disabled)


async def test_a_deleted_account_hears_nothing_more(cast: Cast) -> None:
    async with listening(cast.world, **with_cookie(cast.account)) as ear:
        await cast.account.http.post("/api/auth/delete-account", json={"password": PASSWORD})
        await closed(ear)


# --- where it is served -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
async def at_root(
    store_templates: Templates, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Running]:
    """A server of this document alone, as clients expect that know only its base address."""
    folder = tmp_path_factory.mktemp("at-root")
    with store_templates.fresh(folder / "data") as stores:
        url = "" if stores.embedded else stores.main.render_as_string(hide_password=False)
        settings = Settings(
            _env_file=None, data_dir=folder / "data", database_url=url, admin_password=ADMIN_PASSWORD
        )
        async with run(settings, at_root="manager", works=False) as running:
            yield running


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_at_the_root_nothing_needs_a_prefix(transport: str, at_root: Running) -> None:
    async with loopback.client(base_url=at_root.url) as http:
        login = {"username": "admin", "password": ADMIN_PASSWORD}
        signed_in = await http.post("/api/auth/login", json=login)
        assert signed_in.status_code == 200
        bot = (await http.post("/api/my-bots", json={"name": "Ada"})).json()
        client = socketio.AsyncClient(reconnection=False)
        heard: asyncio.Queue[Any] = asyncio.Queue()
        client.on("new_log", heard.put)
        cookie = f"session_token={http.cookies['session_token']}"
        await client.connect(
            at_root.url, headers={"cookie": cookie}, transports=[transport], wait_timeout=PATIENCE_S
        )
        by_bot = {"authorization": f"Bearer {bot['token']}"}
        reply = await http.post(f"/api/bot/{bot['bot_id']}/logs", json=LOG, headers=by_bot)
        assert reply.status_code == 200, reply.text
        async with asyncio.timeout(PATIENCE_S):
            assert (await heard.get())["bot_id"] == bot["bot_id"]
        await client.disconnect()
        assert (await http.get("/manager/api/my-bots")).status_code == 404
        assert (await http.get("/health/ready")).status_code == 200
        schema = (await http.get("/openapi.json")).json()
        assert schema["servers"] == [{"url": "/"}]


# --- the client of browsers ---------------------------------------------------------------------------


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with npm's socket.io-client, installed by this run."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("Node or npm is not installed, so the Socket.IO client of browsers is not tried")
    folder = tmp_path_factory.mktemp("npm")
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"]
    try:
        done = subprocess.run(
            [*command, "--prefix", folder, "socket.io-client@4"],
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
            cwd=folder,
        )
    except subprocess.TimeoutExpired:
        pytest.skip("npm's registry does not answer, so the Socket.IO client of browsers is not tried")
    if done.returncode:
        pytest.skip(f"npm cannot install socket.io-client: {done.stderr.strip()[-200:]}")
    return folder


class Page:
    """The npm client in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.heard: list[list[Any]] = []

    async def wait_for(self, name: str) -> Any:
        """The data of the next event of that name."""
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            while line := await self._process.stdout.readline():
                self.heard.append(json.loads(line))
                if self.heard[-1][0] == name:
                    return self.heard[-1][1]
        raise AssertionError(f"the client ended before {name}; it heard {self.heard}")

    async def emit(self, name: str, *data: Any) -> None:
        """Let the client send an event."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([name, *data]).encode() + b"\n")
        await self._process.stdin.drain()


@asynccontextmanager
async def page(packages: Path, world: World, **options: Any) -> AsyncIterator[Page]:
    process = await asyncio.create_subprocess_exec(
        "node",
        CLIENT,
        packages,
        json.dumps({"url": world.running.url, "options": {"path": "/manager/socket.io", **options}}),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Page(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


class HeardOf:
    """What the causes of events use of a listener: sending an event, here through the npm client."""

    def __init__(self, page: Page) -> None:
        self.client = page


@pytest.mark.parametrize("transports", [["polling"], ["websocket"], ["polling", "websocket"]], ids="+".join)
async def test_the_client_of_browsers_gets_every_event(
    transports: list[str], packages: Path, cast: Cast
) -> None:
    headers = with_cookie(cast.account)["headers"]
    async with page(packages, cast.world, transports=transports, extraHeaders=headers) as browser:
        for name in SERVER_EVENTS:
            await CAUSES[name](cast, HeardOf(browser))  # type: ignore[arg-type]
            assert DOCUMENT.shapes.problems(await browser.wait_for(name), SERVER_EVENTS[name]) == []
        await cast.account.http.post("/api/auth/logout")
        assert await browser.wait_for("disconnect") == "io server disconnect"


async def test_the_client_of_browsers_signs_in_with_a_token(packages: Path, cast: Cast) -> None:
    token = await access_token(cast.world, cast.account)
    async with page(packages, cast.world, auth={"token": token}) as browser:
        await browser.wait_for("connection_established")
        await browser.emit("send_message", {"bot_id": cast.bot.id, **MESSAGE})
        sent = await browser.wait_for("message_sent")
        assert (sent["status"], await browser.wait_for("ack")) == ("queued", sent)


async def test_the_client_of_browsers_is_told_why_it_is_refused(packages: Path, world: World) -> None:
    async with page(packages, world, auth={"token": "nonsense"}) as browser:
        assert "sign in" in str(await browser.wait_for("connect_error")).lower()


async def test_the_client_of_browsers_hears_nothing_of_others(
    packages: Path, cast: Cast, stranger: Account
) -> None:
    own_bot = await cast.world.make_bot(stranger)
    headers = with_cookie(stranger)["headers"]
    async with page(packages, cast.world, extraHeaders=headers) as browser:
        await browser.wait_for("connection_established")
        for name in ("new_log", "new_message", "bot_data_sync"):
            await CAUSES[name](cast, HeardOf(browser))  # type: ignore[arg-type]
        await own_bot.http.post(f"/api/bot/{own_bot.id}/logs", json=LOG)
        assert (await browser.wait_for("new_log"))["bot_id"] == own_bot.id
        assert cast.bot.id not in json.dumps(browser.heard)


# --- clients that do not keep up ----------------------------------------------------------------------


@asynccontextmanager
async def deaf(world: World, account: Account) -> AsyncIterator[None]:
    """A WebSocket that is opened and joined, and never read from."""
    host, port = world.running.url.removeprefix("http://").split(":")
    endpoint = socket.socket()
    endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    endpoint.setblocking(False)
    loop = asyncio.get_running_loop()
    try:
        await loop.sock_connect(endpoint, (host, int(port)))
        lines = [
            "GET /manager/socket.io/?EIO=4&transport=websocket HTTP/1.1",
            f"Host: {host}:{port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            f"Cookie: session_token={account.http.cookies['session_token']}",
            "\r\n",
        ]
        await loop.sock_sendall(endpoint, "\r\n".join(lines).encode())
        assert b" 101 " in await loop.sock_recv(endpoint, 1024)
        await loop.sock_sendall(endpoint, b"\x81\x82\x00\x00\x00\x0040")  # a masked text frame, "40"
        yield
    finally:
        endpoint.close()


async def test_a_client_that_does_not_read_is_dropped_and_nobody_waits_for_it(cast: Cast) -> None:
    if not cast.world.running.db.embedded:
        pytest.skip("the store makes no difference to a slow socket")
    account, bot, sockets = cast.account, cast.bot, cast.world.running.db.parts.get(Sockets)
    async with deaf(cast.world, account), listening(cast.world, **with_cookie(account)) as ear:
        async with asyncio.timeout(PATIENCE_S):
            while sockets.connected(account.id) < 2:
                await asyncio.sleep(0.01)
        lines = [{**LOG, "message": "x" * 1000}] * 500
        sent = 0
        async with asyncio.timeout(60):
            while sockets.connected(account.id) > 1:
                reply = await bot.http.post(f"/api/bot/{bot.id}/logs", json=lines)
                assert reply.status_code == 200
                sent += len(lines)
                # whoever reads is not held up meanwhile
                await ear.wait_until(lambda all_of_them=sent: heard_logs(ear) == all_of_them)
    assert sent < 4 * engine.MOST_WAITING


def heard_logs(ear: Ear) -> int:
    return sum(name == "new_log" for name, _ in ear.heard)
