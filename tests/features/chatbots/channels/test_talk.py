"""Visitors: by a channel's key and the token of one conversation, from pages of the right origins."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import select

from botyard.core.audit.models import AuditEntry
from botyard.features.chatbots import attending, conversations
from botyard.features.chatbots.channels import service, tokens, visiting
from botyard.features.chatbots.channels.errors import NoSuchChannel
from botyard.features.chatbots.runtime.types import ModelSaid
from botyard.kit.clock import FrozenClock
from botyard.kit.errors import BotyardError, Invalid
from tests.features.chatbots.channels.booth import SHOP, VISITOR, Booth, events_of
from tests.features.chatbots.conversations.room import CLUB, Parrot


async def test_a_visitor_talks_and_finds_the_conversation_again(booth: Booth) -> None:
    channel = await booth.channel()
    async with booth.page(channel) as page:
        begun = await page.begin()
        said = await page.say("open", key="first-key")
        again = await page.say("open", key="first-key")
        whole = (await page.http.get("/conversation")).json()
    async with booth.page(channel) as reloaded:
        found = await reloaded.begin()

    assert [one["text"] for one in begun["messages"]] == ["Welcome."]
    assert said == again == ["Till ten."]
    assert [(one["sender"], one["text"]) for one in whole["messages"]] == [
        ("bot", "Welcome."),
        ("user", "open"),
        ("bot", "Till ten."),
    ]
    assert whole["messages"][1]["key"] == "first-key"
    assert found["conversation"]["id"] == begun["conversation"]["id"]
    assert found["messages"] == whole["messages"]


async def test_another_message_under_a_visitors_used_key_is_refused_not_swallowed(booth: Booth) -> None:
    channel = await booth.channel()
    async with booth.page(channel) as page:
        await page.begin()
        await page.say("open", key="first-key")
        body = {"text": "cost", "key": "first-key"}
        other = await page.http.post("/messages", json=body)
        streamed = await page.http.post("/messages", json=body, headers={"accept": "text/event-stream"})
        whole = (await page.http.get("/conversation")).json()

    assert [(reply.status_code, reply.json()["code"]) for reply in (other, streamed)] == [
        (422, "idempotency_key_reused")
    ] * 2
    assert len(whole["messages"]) == 3


async def test_a_visitors_longest_key_is_stored_once(booth: Booth) -> None:
    channel, headers = await booth.channel(), {"Idempotency-Key": "k" * 255}
    async with booth.page(channel) as page:
        await page.begin()
        said = [
            (await page.http.post("/messages", json={"text": "open"}, headers=headers)).json()
            for _ in range(2)
        ]
        whole = (await page.http.get("/conversation")).json()

    assert said[0] == said[1]
    assert ("key" in whole["messages"][1], len(whole["messages"])) == (False, 3)


async def test_a_button_that_a_visitor_was_not_offered_is_refused(booth: Booth) -> None:
    channel = await booth.channel()
    async with booth.page(channel) as page:
        await page.begin()
        reply = await page.http.post("/messages", json={"choice": 7})
    assert (reply.status_code, reply.json()["code"]) == (400, "no_such_button")


async def test_a_chatbot_that_greets_nobody_has_a_line_to_show_until_something_is_said(booth: Booth) -> None:
    channel = await booth.channel()
    async with booth.page(channel) as page:
        assert (await page.begin("a visitor who is greeted"))["welcome"] == ""
        booth.answer_with(CLUB | {"settings": {}, "language": "nl"})
        lines = {
            language: (await page.begin(f"a visitor who says {language}", language))["welcome"]
            for language in ("de-AT", "", "ja")
        }
        assert lines == {
            "de-AT": "Frag mich etwas.",
            "": "Stel me gerust een vraag.",
            "ja": "Ask me anything.",
        }
        begun = await page.begin()
        await page.say("open")
        again = await page.begin()

    assert (begun["welcome"], begun["messages"]) == ("Stel me gerust een vraag.", [])
    assert (again["welcome"], len(again["messages"])) == ("", 2)


async def test_a_token_opens_its_own_conversation_and_no_other(booth: Booth, clock: FrozenClock) -> None:
    channel, other = await booth.channel(), await booth.channel()
    async with booth.page(channel) as page, booth.page(other) as elsewhere, booth.page(channel) as nobody:
        begun = await page.begin()
        token = begun["token"]
        tampered = token.replace(begun["conversation"]["id"], (await booth.begin()).id)
        statuses = {}
        for name, where, given in [
            ("right", page, token),
            ("other channel", elsewhere, token),
            ("other conversation", page, tampered),
            ("none", nobody, ""),
            ("nonsense", nobody, "a.b.c.d"),
        ]:
            headers = {"Authorization": f"Bearer {given}"}
            statuses[name] = (await where.http.get("/conversation", headers=headers)).status_code
        clock.advance(tokens.LIFETIME.total_seconds() + 1)
        statuses["old"] = (await page.http.get("/conversation")).status_code

    assert statuses.pop("right") == 200
    assert set(statuses.values()) == {401}


async def test_a_rotated_key_ends_what_was_begun_by_the_old_one(booth: Booth) -> None:
    channel = await booth.channel()
    async with booth.page(channel) as page:
        token = (await page.begin())["token"]
        async with booth.db.session() as session:
            fresh = await service.rotate_key(session, channel.id, owner_id=booth.owner_id, actor=booth.owner)
        old = await page.http.get("/conversation")
    async with booth.page(fresh) as page:
        kept = await page.http.get("/conversation", headers={"Authorization": f"Bearer {token}"})

    assert (old.status_code, kept.status_code) == (404, 401)


async def test_only_pages_of_the_channels_origins_may_talk_and_read(booth: Booth) -> None:
    channel = await booth.channel(origins=["https://Shop.example/", "http://localhost:3000"])
    seen: dict[Any, Any] = {}
    for origin in (SHOP, "https://evil.example", "null", None):
        async with booth.page(channel, origin=origin) as page:
            reply = await page.http.post("/conversations", json={"visitor": VISITOR})
            ask = {"Access-Control-Request-Method": "POST"}
            asked = await page.http.options("/messages", headers=ask) if origin else None
        seen[origin] = (
            reply.status_code,
            reply.headers.get("access-control-allow-origin"),
            asked and (asked.status_code, asked.headers.get("access-control-allow-origin")),
        )

    assert list(channel.origins) == [SHOP, "http://localhost:3000"]
    assert seen == {
        SHOP: (201, SHOP, (204, SHOP)),
        "https://evil.example": (403, None, (403, None)),
        "null": (403, None, (403, None)),
        None: (403, None, None),
    }
    assert "set-cookie" not in reply.headers
    assert "access-control-allow-credentials" not in reply.headers


async def test_a_page_with_a_wrong_key_can_read_that_it_is_wrong(booth: Booth) -> None:
    channel = await booth.change(await booth.channel(), enabled=False)
    telegram = await booth.channel("telegram")
    for each in (channel, telegram):
        async with booth.page(each) as page:
            reply = await page.look()

        assert (reply.status_code, reply.json()["code"]) == (404, "channel_not_found")
        assert reply.headers["access-control-allow-origin"] == "*"


async def test_who_sends_too_much_is_told_when_to_go_on(booth: Booth, clock: FrozenClock) -> None:
    channel = await booth.channel()
    async with booth.page(channel) as page:
        await page.begin()
        for number in range(20):
            await page.say("open", key=f"message-{number}")
        over = await page.http.post("/messages", json={"text": "open"})
        clock.advance(int(over.headers["retry-after"]))
        later = await page.http.post("/messages", json={"text": "open"})
        clock.advance(60)
        long = await page.http.post("/messages", json={"text": "x" * (visiting.MAX_TEXT + 1)})

    assert (over.status_code, later.status_code, long.status_code) == (429, 201, 400)


async def test_words_of_a_language_model_are_streamed_before_the_answer(booth: Booth) -> None:
    booth.answer_with(CLUB | {"settings": {"model": {"provider": "ollama", "model": "m"}}})
    booth.chat.language_model = Parrot(ModelSaid("All is well."))
    channel = await booth.channel()
    async with booth.page(channel) as page:
        await page.begin()
        reply = await page.http.post(
            "/messages",
            json={"text": "How is it?", "key": "first-key"},
            headers={"Accept": "text/event-stream"},
        )

    told = events_of(reply.text)
    assert "".join(data["text"] for name, data in told if name == "token") == "All is well."
    name, last = told[-1]
    assert (name, last["message"]["key"], [one["text"] for one in last["replies"]]) == (
        "sent",
        "first-key",
        ["All is well."],
    )


async def test_a_visitor_hears_a_person_and_nothing_is_missed_or_twice(booth: Booth) -> None:
    channel = await booth.channel()
    async with booth.page(channel) as page:
        begun = await page.begin()
        visit = await visiting.enter(booth.db, begun["token"])
        conversation = await booth.get(
            await conversations.get(booth.chat, visit.conversation_id, owner_id=booth.owner_id)
        )
        await page.say("I want a human")
        by = {"owner_id": booth.owner_id, "by": booth.owner_id}
        heard: list[tuple[str, Any]] = []

        async def listen(after: int, until: str) -> int:
            from botyard.edge.talk import streams

            async with asyncio.timeout(10):
                async for told in streams.happenings(
                    booth.chat, booth.bell, visit, after=after, token=begun["token"]
                ):
                    if told is None:
                        continue
                    name, data = told
                    heard.append((name, data["text"] if name == "message" else data["status"]))
                    after = data.get("seq", after)
                    if heard[-1] == ("message", until):
                        return after
            return after

        last = begun["messages"][-1]["seq"]
        first = asyncio.create_task(listen(last, "Here I am."))
        while not any(name == "state" for name, _ in heard):
            await asyncio.sleep(0)
        await attending.attend(booth.chat, conversation.id, **by)
        await attending.reply(booth.chat, conversation.id, text="Here I am.", **by)
        last = await first
        await attending.reply(booth.chat, conversation.id, text="Still there?", **by)  # nobody listens
        await listen(last, "Still there?")

    said = [text for name, text in heard if name == "message"]
    assert said[0] == "I want a human"
    assert said[-2:] == ["Here I am.", "Still there?"]
    assert len(said) == len(set(said))
    assert [text for name, text in heard if name == "state"][:2] == ["waiting", "attended"]


async def test_a_visitor_rates_ends_and_begins_anew(booth: Booth) -> None:
    channel = await booth.channel()
    async with booth.page(channel) as page:
        first = await page.begin()
        rated = (await page.http.post("/rating", json={"rating": 5})).json()
        wrong = await page.http.post("/rating", json={"rating": 6})
        ended = (await page.http.post("/end", json={})).json()
        late = await page.http.post("/messages", json={"text": "open"})
        second = await page.begin()

    assert (rated["rating"], wrong.status_code, ended["status"]) == (5, 400, "closed")
    assert (late.status_code, late.json()["code"]) == (409, "conversation_ended")
    assert second["conversation"]["id"] != first["conversation"]["id"]


async def test_channels_are_their_owners_and_each_change_is_written_down(booth: Booth) -> None:
    channel = await booth.channel()
    await booth.change(channel, name="Front page", settings={"color": "#112233", "unknown": 1})
    async with booth.db.session() as session:
        with pytest.raises(NoSuchChannel):
            await service.get(session, channel.id, owner_id=booth.owner_id + 1_000_000)
        with pytest.raises(NoSuchChannel):
            await service.delete(session, channel.id, owner_id=booth.owner_id + 1_000_000, actor=booth.owner)
    for wrong in ({"settings": {"color": "red"}}, {"origins": ["https://a.example/path"]}, {"name": " "}):
        with pytest.raises(Invalid):
            await booth.change(channel, **wrong)
    async with booth.db.session() as session:
        await service.delete(session, channel.id, owner_id=booth.owner_id, actor=booth.owner)
    async with booth.db.reader() as session:
        written = select(AuditEntry.action).where(AuditEntry.target == f"channel:{channel.id}")
        actions = list(await session.scalars(written.order_by(AuditEntry.id)))
        left = await service.list_all(session, booth.chatbot_id, owner_id=booth.owner_id)

    assert actions == ["chatbot.channel_opened", "chatbot.channel_changed", "chatbot.channel_removed"]
    assert left == []


async def test_the_bots_of_a_messenger_are_connected_once_and_their_token_is_not_shown(booth: Booth) -> None:
    channel = await booth.channel("telegram")
    with pytest.raises(BotyardError, match="connected to a chatbot already"):
        await booth.channel("telegram")
    with pytest.raises(Invalid, match="BotFather"):
        await booth.channel("telegram", token="hello")
    async with booth.db.reader() as session:
        token = await service.reveal_token(session, channel)

    assert token == booth.token
    assert token.partition(":")[2] not in repr(channel)
    assert channel.account == token.partition(":")[0]
