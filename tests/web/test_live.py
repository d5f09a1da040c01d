"""Live pages: one stream each, drawn for its reader, ending with the session."""

import asyncio
import json
from dataclasses import replace

import pytest

from botyard.kit.errors import NotFound
from botyard.web import live
from botyard.web.scene import Pieces, Scene
from tests.contracts.running import Running
from tests.web.person import People, Person

WAIT_S = 15


async def test_a_bot_that_comes_online_shows_at_once(ada: Person, people: People) -> None:
    bot_id, token = await ada.make_bot("Harbour pilot")
    bot = people.bot(token)

    async with asyncio.timeout(WAIT_S), ada.live("/live/fleet") as stream:
        await stream.until("Never joined")
        await bot.post(f"/bot/{bot_id}/heartbeat")
        signal = json.loads(await stream.until(bot_id, name="presence"))
        drawn = await stream.until("Online")

    assert signal == {"bot_id": bot_id, "online": True}
    assert '<hx-partial hx-target="#bots" hx-swap="innerMorph">' in drawn


async def test_a_stream_tells_nothing_of_others(ada: Person, people: People) -> None:
    stranger = await people.join()
    bot_id, token = await ada.make_bot("Ada's own")

    async with asyncio.timeout(WAIT_S), stranger.live("/live/logs") as stream:
        await people.bot(token).post(f"/bot/{bot_id}/logs", json={"type": "info", "message": "secret of ada"})
        other, other_token = await stranger.make_bot()
        await people.bot(other_token).post(f"/bot/{other}/logs", json={"type": "info", "message": "my own"})
        rows = await stream.until("my own", name="rows")

    assert "secret of ada" not in rows
    for view in ("bot", "bot-logs", "bot-commands", "bot-messages", "bot-data", "logs"):
        assert (await stranger.http.get(f"/live/{view}?bot={bot_id}")).status_code == 404


async def test_strangers_get_no_stream(people: People) -> None:
    reply = await people.nobody().http.get("/live/overview")

    assert reply.status_code == 303


async def test_new_log_lines_come_as_rows_that_match_the_filter(ada: Person, people: People) -> None:
    bot_id, token = await ada.make_bot()
    bot = people.bot(token)
    lines = [
        {"type": "info", "message": "calm water"},
        {"type": "error", "message": "high <i>water</i>"},
        {"type": "error", "message": "fire"},
    ]

    address = f"/live/bot-logs?bot={bot_id}&level=error&q=WATER"
    async with asyncio.timeout(WAIT_S), ada.live(address) as stream:
        await stream.until("bot-state")
        await bot.post(f"/bot/{bot_id}/logs", json=lines)
        rows = await stream.until("water", name="rows")

    assert rows.count("<tr") == 1
    assert "high &lt;i&gt;water" in rows


async def test_what_was_missed_is_replayed_from_the_last_event(ada: Person, people: People) -> None:
    bot_id, token = await ada.make_bot()
    bot = people.bot(token)
    address = f"/live/bot-logs?bot={bot_id}"
    async with asyncio.timeout(WAIT_S), ada.live(address) as stream:
        await stream.until("bot-state")
        await bot.post(f"/bot/{bot_id}/logs", json={"type": "info", "message": "first"})
        while (event := await stream.next())[0] != "rows":
            pass
    await bot.post(f"/bot/{bot_id}/logs", json={"type": "info", "message": "second"})

    async with asyncio.timeout(WAIT_S), ada.live(address, **{"Last-Event-ID": event[2]}) as stream:
        rows = await stream.until("second", name="rows")

    assert "first" not in rows


async def test_too_long_a_gap_is_drawn_anew_instead_of_replayed(ada: Person, people: People) -> None:
    bot_id, token = await ada.make_bot()
    lines = [{"type": "info", "message": f"line {number}."} for number in range(2_500)]
    await people.bot(token).post(f"/bot/{bot_id}/logs", json=lines)

    async with asyncio.timeout(WAIT_S), ada.live(f"/live/bot-logs?bot={bot_id}&since=e0.s0.l0.m0") as stream:
        first = await stream.until("line 2499.")

    assert 'hx-target="[data-rows]"' in first
    assert first.count("<tr") == 200


async def test_a_page_of_logs_and_its_stream_leave_no_line_out(ada: Person, people: People) -> None:
    bot_id, token = await ada.make_bot()
    bot = people.bot(token)
    await bot.post(f"/bot/{bot_id}/logs", json={"type": "info", "message": "before the page"})
    page = await ada.look(f"/fleet/{bot_id}")
    await bot.post(f"/bot/{bot_id}/logs", json={"type": "info", "message": "between page and stream"})
    (stream_address,) = [a["hx-sse:connect"] for _, a in page.elements if "hx-sse:connect" in a]

    async with asyncio.timeout(WAIT_S), ada.live(str(stream_address)) as stream:
        rows = await stream.until("between page and stream", name="rows")

    assert "before the page" in page.text
    assert "before the page" not in rows


async def test_a_command_s_life_is_drawn_while_it_happens(ada: Person, people: People) -> None:
    bot_id, token = await ada.make_bot()
    bot = people.bot(token)

    async with asyncio.timeout(WAIT_S), ada.live(f"/live/bot-commands?bot={bot_id}") as stream:
        await ada.do(f"/fleet/{bot_id}/commands", type="ping")
        await stream.until("Queued")
        (command,) = (await bot.get(f"/bot/{bot_id}/commands?lease=60")).json()["commands"]
        await stream.until("Taken")
        await bot.post(f"/commands/{command['id']}/ack", json={"status": "failed", "result": {"why": "tide"}})
        drawn = await stream.until("Failed")

    assert "tide" in drawn


@pytest.mark.parametrize("view", ["overview", "welcome", "fleet", "jobs"])
async def test_pages_are_drawn_when_their_stream_begins(admin: Person, view: str) -> None:
    async with asyncio.timeout(WAIT_S), admin.live(f"/live/{view}") as stream:
        name, data, cursor = await stream.next()

    assert name == ""
    assert "hx-partial" in data
    assert cursor.startswith("e")


async def test_nothing_is_sent_again_that_looks_the_same(admin: Person, people: People) -> None:
    bot_id, token = await admin.make_bot()
    bot = people.bot(token)

    async with asyncio.timeout(WAIT_S), admin.live(f"/live/bot?bot={bot_id}") as stream:
        await stream.until("Never joined")
        await admin.do(f"/fleet/{bot_id}/commands", type="ping")  # not this page's business
        await bot.post(f"/bot/{bot_id}/heartbeat")
        found = [await stream.next(), await stream.next()]

    assert [name for name, _, _ in found] == ["presence", ""]


async def test_signing_out_ends_the_stream_with_a_word(ada: Person, people: People) -> None:
    other = await people.sign_in(ada.username, ada.password)

    async with asyncio.timeout(WAIT_S), ada.live("/live/fleet") as stream:
        await stream.until("hx-partial")
        await other.do("/account/sessions/end-others")
        await stream.until("", name="signed-out")
        with pytest.raises(StopAsyncIteration):
            await stream.next()


async def test_a_page_of_what_was_deleted_is_told_so(ada: Person) -> None:
    bot_id, _ = await ada.make_bot()

    async with asyncio.timeout(WAIT_S), ada.live(f"/live/bot?bot={bot_id}") as stream:
        await stream.until("Never joined")
        await ada.do(f"/fleet/{bot_id}/delete", password=ada.password)
        await stream.until("", name="gone")
        with pytest.raises(StopAsyncIteration):
            await stream.next()


async def test_a_stream_whose_thing_goes_without_a_word_ends_with_one(
    ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is drawn every few seconds may be deleted right before that, or between the check and the first time."""
    bot_id, _ = await ada.make_bot()

    async def vanished(_scene: Scene) -> Pieces:
        raise NotFound

    monkeypatch.setitem(live.VIEWS, "bot", replace(live.VIEWS["bot"], draw=vanished))

    async with asyncio.timeout(WAIT_S), ada.live(f"/live/bot?bot={bot_id}") as stream:
        await stream.until("", name="gone")
        with pytest.raises(StopAsyncIteration):
            await stream.next()


@pytest.mark.parametrize(
    ("view", "word"), [("fleet", "signed-out"), ("bot?bot=bot_nowhere", "gone"), ("nowhere", "gone")]
)
async def test_a_page_that_comes_back_too_late_is_told_why(
    ada: Person, people: People, view: str, word: str
) -> None:
    """A tab in the background asks again hours later; a door or an error page would be no stream to it."""
    person = people.nobody() if word == "signed-out" else ada
    accept = {"Accept": "text/html, text/event-stream", "HX-Request": "true"}

    async with asyncio.timeout(WAIT_S), person.live(f"/live/{view}", **accept) as stream:
        await stream.until("", name=word)
        with pytest.raises(StopAsyncIteration):
            await stream.next()


async def test_streams_let_the_server_go(ada: Person, running: Running) -> None:
    async with asyncio.timeout(WAIT_S), ada.live("/live/fleet") as stream:
        await stream.until("hx-partial")
        open_before = running.yard.hub.connected
    async with asyncio.timeout(WAIT_S):
        while running.yard.hub.connected >= open_before:
            await asyncio.sleep(0)

    assert open_before >= 1
