"""X bots in the dashboard: made, connected, verified, posting within the cap, on a fake X."""

import asyncio
import re
from collections.abc import AsyncIterator
from decimal import Decimal
from urllib.parse import parse_qsl, urlsplit

import pytest

from botyard.core.bots import secrets
from botyard.core.bots import service as bots
from botyard.core.bots.models import Bot, BotKind
from botyard.features.studio import spend
from botyard.features.studio.registry import Platforms
from botyard.settings import Settings
from tests.contracts.running import Running
from tests.features.studio.conftest import connector, some_x
from tests.features.studio.fake_x import FakeX
from tests.features.studio.fake_x_auth import CLIENT_ID, CLIENT_SECRET, OAUTH1
from tests.web.person import Html, People, Person

__all__ = ["some_x"]


@pytest.fixture
async def fake(running: Running, some_x: FakeX) -> AsyncIterator[FakeX]:
    """The server's X is the fake, switched on."""
    parts = running.db.parts
    before, made = parts.get(Platforms), connector(some_x)
    parts.add(Platforms({"x": made}))
    settings = parts.get(Settings)
    settings.x_enabled, settings.x_monthly_cap_usd = True, Decimal(1000)
    yield some_x
    settings.x_enabled, settings.x_monthly_cap_usd = False, Decimal(0)
    parts.add(before)
    await made.close()


async def make(person: Person, name: str = "Harbour", **keys: str) -> str:
    """Make an X bot and answer its id."""
    made = await person.do("/x-bots", name=name, **(keys or OAUTH1))
    return made.headers["hx-redirect"].split("/")[2]


async def stored(running: Running, bot_id: str) -> dict[str, object]:
    async with running.db.reader() as session:
        bot = await bots.get(session, bot_id, kind=BotKind.x, owner_id=None)
        return await secrets.reveal_credentials(session, bot)


async def intent_of(person: Person, bot_id: str) -> str:
    page = await person.look(f"/x-bots/{bot_id}")
    return next(str(field["value"]) for field in page.of("input") if field.get("name") == "intent")


async def post(person: Person, bot_id: str, text: str, *, until: str = "Published") -> str:
    """Post and watch the page until it says what became of it; answers the intent."""
    intent = await intent_of(person, bot_id)
    async with person.live(f"/live/x-bot?bot={bot_id}") as live:
        await person.do(f"/x-bots/{bot_id}/posts", text=text, intent=intent)
        await live.until(until)
    return intent


async def test_keys_go_into_the_vault_and_are_never_shown(running: Running, ada: Person, fake: FakeX) -> None:
    bot_id = await make(ada)

    assert await stored(running, bot_id) == {"oauth1": OAUTH1}
    for path in ("", f"/{bot_id}", f"/{bot_id}/access"):
        source = (await ada.look(f"/x-bots{path}")).source
        assert not [secret for secret in OAUTH1.values() if secret in source]
    assert "Stored" in (await ada.look(f"/x-bots/{bot_id}/access")).text


async def test_a_name_is_given_once(ada: Person, fake: FakeX) -> None:
    await make(ada)

    reply = await ada.send("/x-bots", form="new-x-bot-form", name="Harbour")

    assert reply.status_code == 400
    assert "already" in reply.text


async def test_switched_off_it_says_so_and_calls_nobody(
    running: Running, ada: Person, admin: Person, fake: FakeX
) -> None:
    bot_id = await make(ada)
    running.db.parts.get(Settings).x_enabled = False

    reply = await ada.send(f"/x-bots/{bot_id}/verify")

    assert reply.status_code == 409
    assert "switched off" in reply.text
    assert "An administrator can switch it on" in (await ada.look("/x-bots")).text
    assert "x_enabled" in (await admin.look("/x-bots")).text
    assert fake.calls == []


async def test_verifying_shows_the_account_and_what_it_cost(ada: Person, fake: FakeX) -> None:
    bot_id = await make(ada)
    assert "costs 0.01 USD" in (await ada.look(f"/x-bots/{bot_id}/access")).text

    await ada.do(f"/x-bots/{bot_id}/verify")

    page = await ada.look(f"/x-bots/{bot_id}/access")
    assert "These keys belong to @harbour_bot" in page.text
    assert "@harbour_bot" in (await ada.look("/x-bots")).text


async def test_refused_keys_are_told_in_x_s_words(ada: Person, fake: FakeX) -> None:
    bot_id = await make(ada, **{**OAUTH1, "access_token_secret": "wrong-secret-0123456789"})

    reply = await ada.send(f"/x-bots/{bot_id}/verify")

    assert (reply.status_code, "Unauthorized" in reply.text) == (409, True)
    page = await ada.look(f"/x-bots/{bot_id}/access")
    assert "Refused" in page.text
    assert "wrong-secret" not in page.source


async def test_keys_that_are_not_whole_are_missing_and_not_refused(ada: Person, fake: FakeX) -> None:
    bot_id = await make(ada, consumer_key="k", consumer_secret="s")

    reply = await ada.send(f"/x-bots/{bot_id}/verify")

    assert (reply.status_code, "lack access_token" in reply.text) == (409, True)
    for page in (await ada.look("/x-bots"), await ada.look(f"/x-bots/{bot_id}/access")):
        assert "Keys missing" in page.text
        assert "Refused" not in page.text
    assert fake.calls == []
    await ada.do(f"/x-bots/{bot_id}/keys", **OAUTH1)
    assert "Not verified" in (await ada.look("/x-bots")).text


async def test_a_text_is_counted_and_priced_as_x_does(ada: Person, fake: FakeX) -> None:
    bot_id = await make(ada)

    plain = (await ada.do(f"/x-bots/{bot_id}/measure", text="Guten Tag\r\n\U0001f44b")).text
    dear = (await ada.do(f"/x-bots/{bot_id}/measure", text="https://example.com/" + "a" * 200)).text
    long = (await ada.do(f"/x-bots/{bot_id}/measure", text="a" * 300)).text

    assert "12 of 280" in plain
    assert "0.015" in plain
    assert "23 of 280" in dear
    assert "0.20" in dear
    assert "too many" in long
    assert fake.calls == []


async def test_nothing_leaves_before_it_was_reviewed(ada: Person, fake: FakeX) -> None:
    bot_id = await make(ada)

    shown = await ada.do(f"/x-bots/{bot_id}/review", text="<b>Hello</b>", ai="yes", intent="intent-0001")
    refused = await ada.send(f"/x-bots/{bot_id}/review", form="write", text="a" * 300, intent="intent-0001")

    page = Html(shown.text)
    assert "<b>Hello</b>" in page.text
    assert "0.015" in page.text
    assert "made with AI" in page.text
    assert (refused.status_code, "make it shorter" in refused.text) == (400, True)
    assert fake.calls == []


async def test_a_post_is_sent_once_shown_and_taken_back(ada: Person, fake: FakeX) -> None:
    bot_id = await make(ada)
    intent = await post(ada, bot_id, "Good morning\r\nall")
    await ada.do(f"/x-bots/{bot_id}/posts", text="Good morning\r\nall", intent=intent)  # a second click

    page = await ada.look(f"/x-bots/{bot_id}")
    assert fake.made() == ["Good morning\nall"]
    assert "Published" in page.text
    figures = Html((await ada.do(f"/x-bots/{bot_id}/metrics")).text)
    assert "Good morning" in figures.text

    post_id = next(iter(fake.posts))
    async with ada.live(f"/live/x-bot?bot={bot_id}") as live:
        await ada.do(f"/x-bots/{bot_id}/posts/{post_id}/delete")
        await live.until("Deleted")
    assert fake.posts == {}


async def test_a_post_that_the_cap_forbids_is_not_offered(ada: Person, running: Running, fake: FakeX) -> None:
    bot_id = await make(ada)
    settings = running.db.parts.get(Settings)
    form = {"text": "Look: https://example.com", "intent": "intent-0001"}
    assert "Post it on X" in (await ada.do(f"/x-bots/{bot_id}/review", **form)).text
    async with running.db.reader() as session:
        spent = (await spend.month_summary(session, "x")).spent_usd
    settings.x_monthly_cap_usd = spent + Decimal("0.02")

    page = Html((await ada.do(f"/x-bots/{bot_id}/review", **form)).text)
    posted = await ada.send(f"/x-bots/{bot_id}/posts", **form)

    assert "It costs 0.20 USD, and 0.02 USD are left this month." in page.text
    assert "cannot be posted now" in page.text
    assert "x_monthly_cap_usd" in page.text
    assert page.of("button") == []
    assert (posted.status_code, "This call costs 0.20" in posted.text) == (409, True)
    assert "No posts yet" in (await ada.look(f"/x-bots/{bot_id}")).text
    assert fake.calls == []


async def test_posts_that_wait_show_text_and_reason_and_are_cancelled(ada: Person, fake: FakeX) -> None:
    bot_id = await make(ada)
    fake.fail("limited")
    async with ada.live(f"/live/x-bot?bot={bot_id}") as live:
        await ada.do(f"/x-bots/{bot_id}/posts", text="Limited one", intent="intent-0001")
        await live.until("Limited one")
    async with asyncio.timeout(20):
        while "no more calls until" not in (await ada.look(f"/x-bots/{bot_id}")).text:
            await asyncio.sleep(0.05)
    await ada.do(f"/x-bots/{bot_id}/posts", text="Second", intent="intent-0002")

    page = await ada.look(f"/x-bots/{bot_id}")
    assert (
        "Second It waits until an earlier post or deletion of this bot has ended. Cancel Its job Waiting"
        in page.text
    )
    for intent in ("intent-0002", "intent-0001"):
        await ada.do(f"/x-bots/{bot_id}/posts/{intent}/cancel")

    page = await ada.look(f"/x-bots/{bot_id}")
    assert page.text.count("Cancelled before it was sent.") == 2
    assert "Waiting" not in page.text
    assert fake.calls == ["POST /2/tweets"]


async def test_a_post_that_x_never_confirmed_is_settled_by_a_person(
    ada: Person, running: Running, fake: FakeX
) -> None:
    bot_id = await make(ada)
    fake.hidden = True
    fake.fail("made_then_cut")
    running.db.parts.get(Platforms).get("x").settles_s = 0
    intent = await post(ada, bot_id, "Good morning", until="Look at the account on X")
    assert "Look at the account on X" in (await ada.look(f"/x-bots/{bot_id}")).text

    here = f"/x-bots/{bot_id}/posts/{intent}/settle"
    wrong = await ada.send(here, form=f"there-{intent}", happened="yes", link="somewhere")
    await ada.do(here, happened="yes", link="https://x.com/harbour_bot/status/1900000000000000000")

    assert wrong.status_code == 400
    assert "Published" in (await ada.look(f"/x-bots/{bot_id}")).text
    assert fake.calls.count("POST /2/tweets") == 1


async def test_an_account_is_connected_by_its_owner(ada: Person, running: Running, fake: FakeX) -> None:
    bot_id = await make(ada, client_id=CLIENT_ID, client_secret=CLIENT_SECRET)
    sent = await ada.do(f"/x-bots/{bot_id}/connect")
    url = sent.headers["hx-redirect"]
    assert dict(parse_qsl(urlsplit(url).query))["redirect_uri"] == f"{ada.url}/x-bots/connected"

    came = fake.auth.consent(url)
    reply = await ada.http.get("/x-bots/connected", params=came)
    again = await ada.http.get("/x-bots/connected", params=came)

    assert (reply.status_code, reply.headers["location"]) == (303, f"/x-bots/{bot_id}/access")
    assert "connected" in (await ada.look(f"/x-bots/{bot_id}/access")).text
    assert again.status_code == 400
    await ada.do(f"/x-bots/{bot_id}/verify")


async def test_a_way_that_somebody_else_began_ends_nowhere(
    ada: Person, people: People, running: Running, fake: FakeX
) -> None:
    bot_id = await make(ada, client_id=CLIENT_ID, client_secret=CLIENT_SECRET)
    sent = await ada.do(f"/x-bots/{bot_id}/connect")
    came = fake.auth.consent(sent.headers["hx-redirect"])
    bob = await people.join()

    reply = await bob.http.get("/x-bots/connected", params=came)

    assert reply.status_code == 400
    assert "begin again" in reply.text
    assert await stored(running, bot_id) == {
        "oauth2": {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    }


async def test_an_owner_who_refuses_comes_back_unconnected(ada: Person, fake: FakeX) -> None:
    bot_id = await make(ada, client_id=CLIENT_ID)
    sent = await ada.do(f"/x-bots/{bot_id}/connect")
    state = fake.auth.consent(sent.headers["hx-redirect"])["state"]

    await ada.http.get("/x-bots/connected", params={"state": state, "error": "access_denied"})

    assert "was not allowed" in (await ada.look(f"/x-bots/{bot_id}/access")).text


async def test_new_keys_replace_the_old_and_need_verifying(
    ada: Person, running: Running, fake: FakeX
) -> None:
    bot_id = await make(ada)
    await ada.do(f"/x-bots/{bot_id}/verify")

    empty = await ada.send(f"/x-bots/{bot_id}/keys", form="keys")
    await ada.do(f"/x-bots/{bot_id}/keys", client_id=CLIENT_ID)

    assert empty.status_code == 400
    assert await stored(running, bot_id) == {"oauth2": {"client_id": CLIENT_ID}}
    assert "Not verified" in (await ada.look(f"/x-bots/{bot_id}/access")).text


async def test_a_bot_is_renamed_and_removed_with_its_keys(ada: Person, running: Running, fake: FakeX) -> None:
    bot_id = await make(ada)
    await make(ada, "Market")

    taken = await ada.send(f"/x-bots/{bot_id}/name", form="rename", name="Market")
    await ada.do(f"/x-bots/{bot_id}/name", name="Pier")
    wrong = await ada.send(f"/x-bots/{bot_id}/delete", form="delete-form", password="no")
    await ada.do(f"/x-bots/{bot_id}/delete", password=ada.password)

    assert (taken.status_code, wrong.status_code) == (400, 401)
    assert "Pier is removed" in (await ada.look("/x-bots")).text
    assert "Pier" not in (await ada.look("/x-bots")).text
    async with running.db.reader() as session:
        assert await session.get(Bot, bot_id) is None


async def test_another_account_s_x_bot_is_not_there(
    ada: Person, people: People, admin: Person, fake: FakeX
) -> None:
    bot_id = await make(ada, "Ada's own")
    bob = await people.join()

    for path in ("", "/access"):
        await bob.look(f"/x-bots/{bot_id}{path}", status=404)
    await bob.look(f"/live/x-bot?bot={bot_id}", status=404)
    for act in ("measure", "review", "posts", "metrics", "verify", "keys", "connect", "name"):
        assert (await bob.send(f"/x-bots/{bot_id}/{act}", text="x", intent="intent-0001")).status_code == 404
    assert (await bob.send(f"/x-bots/{bot_id}/posts/intent-0001/cancel")).status_code == 404
    await ada.look(f"/fleet/{bot_id}", status=404)
    assert "Ada's own" not in (await bob.look("/x-bots")).text
    assert "Ada's own" in (await admin.look("/x-bots")).text


async def test_pages_show_no_markup_of_texts(ada: Person, fake: FakeX) -> None:
    bot_id = await make(ada, "<i>bot</i>")
    await post(ada, bot_id, "<script>alert(1)</script>")

    page = await ada.look(f"/x-bots/{bot_id}")

    assert "<script>alert(1)</script>" in page.text
    assert not re.search(r"<script>alert", page.source)
    assert "<i>bot</i>" not in page.source


async def test_second_page_of_many_bots_shows_the_rest(people: People, running: Running) -> None:
    person = await people.join()
    async with running.db.session() as session:
        for number in range(51):
            await bots.create(session, owner_id=person.id, kind=BotKind.x, name=f"Harbour {number:02}")
    first, second = await person.look("/x-bots"), await person.look("/x-bots?page=1")
    assert ("Harbour 00" in first.text, "Harbour 50" in first.text) == (True, False)
    assert ("Harbour 00" in second.text, "Harbour 50" in second.text) == (False, True)
