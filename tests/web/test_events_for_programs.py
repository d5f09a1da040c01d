"""The events of an account for its owner's programs: server-sent at `/events`, over a WebSocket at `/events/socket`."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy.exc import OperationalError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from botyard.core.accounts import api_keys
from botyard.core.realtime.hub import Hub
from botyard.core.realtime.replay import Page
from botyard.kit import clock
from tests.contracts.running import Running
from tests.web.person import People, Person, Stream

WAIT_S = 15
LOGS = {"name": "fleet.log_received"}


def hear(person: Person, **query: str) -> Stream:
    """The stream of somebody's events."""
    return person.live(f"/events?{urlencode(query)}")


def dial(person: Person, *, origin: str = "", **query: str) -> connect:
    """A socket with somebody's cookie, from a page of `origin` where one is given."""
    cookies = "; ".join(f"{one.name}={one.value}" for one in person.http.cookies.jar)
    headers = {"Cookie": cookies} | ({"Origin": origin} if origin else {})
    address = f"{person.url.replace('http', 'ws', 1)}/events/socket?{urlencode(query)}"
    return connect(address, additional_headers=headers, proxy=None)


async def read(socket: ClientConnection, count: int = 1) -> list[dict[str, Any]]:
    """The next events of a socket."""
    return [json.loads(await socket.recv()) for _ in range(count)]


async def ending(socket: ClientConnection) -> tuple[int, str]:
    """Code and reason with which the server closes a socket, whatever it still sends."""
    with suppress(ConnectionClosed):
        while True:
            await socket.recv()
    return socket.close_code or 0, socket.close_reason or ""


async def everything(stream: Stream) -> AsyncIterator[tuple[str, str, str]]:
    """What is still sent until a stream ends."""
    with suppress(StopAsyncIteration):
        while True:
            yield await stream.next()


async def log(people: People, bot: tuple[str, str], *messages: str) -> None:
    """Let a bot write lines, one call each."""
    bot_id, token = bot
    client = people.bot(token)
    for message in messages:
        reply = await client.post(f"/bot/{bot_id}/logs", json={"type": "info", "message": message})
        assert reply.status_code == 200, reply.text


def texts(events: Sequence[dict[str, Any]]) -> list[str]:
    """What the log lines among events say."""
    return [event["data"]["message"] for event in events]


async def test_an_event_is_one_object_whichever_way_it_is_heard(ada: Person, people: People) -> None:
    bot = await ada.make_bot()
    async with asyncio.timeout(WAIT_S), hear(ada, **LOGS) as stream, dial(ada, **LOGS) as socket:
        await stream.open()
        await log(people, bot, "the tide turns")
        name, data, cursor = await stream.next()
        (event,) = await read(socket)

    assert json.loads(data) == event
    assert (name, event["name"], event["id"]) == ("fleet.log_received", "fleet.log_received", cursor)
    assert set(event) == {"id", "name", "at", "owner_id", "data"}
    assert event["owner_id"] == ada.id
    assert (event["data"]["bot_id"], event["data"]["message"]) == (bot[0], "the tide turns")
    assert event["at"].endswith("Z")


async def test_who_comes_back_with_the_last_id_misses_nothing_and_hears_nothing_twice(
    ada: Person, people: People
) -> None:
    bot = await ada.make_bot()
    async with asyncio.timeout(WAIT_S), hear(ada, **LOGS) as stream:
        await stream.open()
        await log(people, bot, "one", "two")
        first = [await stream.next() for _ in range(2)]
    await log(people, bot, "three", "four")
    last = first[0][2]  # as if the second had not arrived
    again = ada.live("/events?name=fleet.log_received", **{"Last-Event-ID": last})
    async with asyncio.timeout(WAIT_S), again as stream, dial(ada, since=last, **LOGS) as socket:
        streamed = [await stream.next() for _ in range(3)]
        await log(people, bot, "five")
        streamed.append(await stream.next())
        sent = await read(socket, 4)

    assert texts([json.loads(data) for _, data, _ in first]) == ["one", "two"]
    assert texts([json.loads(data) for _, data, _ in streamed]) == ["two", "three", "four", "five"]
    assert texts(sent) == ["two", "three", "four", "five"]


async def test_only_what_was_asked_for_is_heard(ada: Person, people: People) -> None:
    async with asyncio.timeout(WAIT_S), dial(ada, **LOGS) as socket, dial(ada) as whole:
        await log(people, await ada.make_bot(), "asked for")
        (event,) = await read(socket)
        names = {(await read(whole))[0]["name"] for _ in range(2)}

    assert event["name"] == "fleet.log_received"
    assert "bot.created" in names


async def test_nobody_hears_of_others_but_an_administrator(
    ada: Person, admin: Person, people: People
) -> None:
    stranger = await people.join()
    theirs, own = await ada.make_bot(), await stranger.make_bot()
    async with (
        asyncio.timeout(WAIT_S),
        hear(stranger, **LOGS) as stream,
        dial(stranger, **LOGS) as socket,
        dial(admin, **LOGS) as everything,
    ):
        await stream.open()
        await log(people, theirs, "ada's own")
        await log(people, own, "the stranger's own")
        _, data, _ = await stream.next()
        heard = [json.loads(data), *await read(socket)]
        all_of_it = await read(everything, 2)

    assert texts(heard) == ["the stranger's own"] * 2
    assert texts(all_of_it) == ["ada's own", "the stranger's own"]


async def test_a_socket_is_for_those_who_are_signed_in_and_for_pages_of_this_server(
    ada: Person, people: People
) -> None:
    for attempt in (dial(people.nobody()), dial(ada, origin="https://evil.example")):
        with pytest.raises(InvalidStatus) as refused:
            await attempt
        assert refused.value.response.status_code == 403
    async with dial(ada, origin=ada.url):
        pass


async def test_both_end_with_the_session(ada: Person, people: People) -> None:
    other = await people.sign_in(ada.username, ada.password)
    async with asyncio.timeout(WAIT_S), hear(ada, **LOGS) as stream, dial(ada, **LOGS) as socket:
        await stream.open()
        await other.do("/account/sessions/end-others")
        async for _ in everything(stream):
            pass
        assert await ending(socket) == (1008, "the session has ended")


async def test_both_end_when_a_key_has_come_to_its_end(ada: Person, people: People) -> None:
    """No event tells of it: they have to look."""
    reader = people.nobody()
    async with people.running.db.session() as session:
        ends = clock.now() + timedelta(seconds=2)
        _, key = await api_keys.create(
            session, user_id=ada.id, name="short", scopes=frozenset({"events:read"}), expires_at=ends
        )
    reader.http.headers["X-API-KEY"] = key
    address = f"{ada.url.replace('http', 'ws', 1)}/events/socket"
    async with (
        asyncio.timeout(WAIT_S),
        hear(reader) as stream,
        connect(address, additional_headers={"X-API-KEY": key}, proxy=None) as socket,
    ):
        await stream.open()
        async for _ in everything(stream):
            pass
        assert await ending(socket) == (1008, "the session has ended")
    assert clock.now() >= ends


async def test_what_a_socket_sends_is_passed_over(ada: Person, people: People) -> None:
    bot = await ada.make_bot()
    async with asyncio.timeout(WAIT_S), dial(ada, **LOGS) as socket:
        await socket.send(b"\x00")
        await socket.send("hello")
        await log(people, bot, "still here")
        (event,) = await read(socket)

    assert texts([event]) == ["still here"]


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ({"name": "fleet.log_recieved"}, "Did you mean 'fleet.log_received'?"),
        ({"name": "xyzzy"}, "There is no event called 'xyzzy'."),
        ({"since": "yesterday"}, "This is no place in the event stream"),
    ],
)
async def test_what_cannot_be_heard_is_refused_in_words(
    ada: Person, query: dict[str, str], reason: str
) -> None:
    reply = await ada.http.get("/events", params=query)
    async with asyncio.timeout(WAIT_S), dial(ada, **query) as socket:
        code, said = await ending(socket)

    assert (reply.status_code, code) == (400, 1008)
    assert reason in reply.text
    assert reason in said


async def test_a_store_that_is_away_ends_them_so_that_they_are_opened_anew(
    ada: Person, people: People, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that stayed open would be silent for ever, and nobody would know."""
    bot = await ada.make_bot()
    since = running.yard.hub.cursor()
    await log(people, bot, "missed")

    async def away(*_arguments: object) -> Page:
        raise OperationalError("select", {}, OSError("connection refused"), connection_invalidated=True)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(Hub, "read", away)
        async with (
            asyncio.timeout(WAIT_S),
            hear(ada, since=since) as stream,
            dial(ada, since=since) as socket,
        ):
            with pytest.raises(StopAsyncIteration):
                await stream.next()
            code, _ = await ending(socket)
    async with asyncio.timeout(WAIT_S), dial(ada, since=since, **LOGS) as socket:
        again = await read(socket)

    assert code == 1011
    assert texts(again) == ["missed"]
