"""Every page: who gets it, that it is whole, and that nothing in it needs an exception from the CSP."""

import pytest

from botyard.web.navigation import NAV
from botyard.web.policy import POLICY
from tests.web.person import Html, People, Person

# X sends people back to the first with a code, the others are sounds: no pages of their own.
NO_PAGES = {"GET /x-bots/connected", "GET /voices/sample", "GET /voices/speech"}
PAGES = sorted(
    key.removeprefix("GET ")
    for key in POLICY
    if key.startswith("GET ") and "{" not in key and key not in NO_PAGES
)
DOOR = ("/sign-in", "/register", "/forgot-password", "/reset-password")
OF_BOT = ("", "/messages", "/commands", "/settings", "/data", "/access")
ADMINS = [path for path in PAGES if POLICY[f"GET {path}"].roles]


def assert_whole(page: Html) -> None:
    """One heading, one main part, named fields and buttons, nothing inline."""
    assert len(page.of("h1")) == 1
    assert len(page.of("main")) == 1
    assert page.of("html")[0]["lang"] == "en"
    for tag, attributes in page.elements:
        assert "style" not in attributes, (tag, attributes)
        assert not [name for name in attributes if name.startswith("on")], (tag, attributes)
        assert tag != "style"
    assert [script for script in page.scripts if script] == []
    for script in page.of("script"):
        assert str(script["src"]).startswith("/static/")
    ids = [str(attributes["id"]) for _, attributes in page.elements if attributes.get("id")]
    assert len(ids) == len(set(ids)), sorted(each for each in ids if ids.count(each) > 1)


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_is_whole(admin: Person, path: str) -> None:
    assert_whole(await admin.look(path))


@pytest.mark.parametrize("tab", OF_BOT)
async def test_every_tab_of_a_bot_is_whole_when_empty(admin: Person, tab: str) -> None:
    bot_id, _ = await admin.make_bot()

    page = await admin.look(f"/fleet/{bot_id}{tab}")

    assert_whole(page)
    assert "Front desk" in page.text


@pytest.mark.parametrize("path", [path for path in PAGES if path not in DOOR])
async def test_strangers_are_led_to_the_door_and_back(people: People, path: str) -> None:
    reply = await people.nobody().http.get(path)

    assert reply.status_code == 303
    where = "/sign-in" if path == "/" else f"/sign-in?next={path}"
    assert reply.headers["location"] == where


@pytest.mark.parametrize("path", ADMINS)
async def test_pages_of_administrators_are_refused_to_others(ada: Person, path: str) -> None:
    page = await ada.look(path, status=403)

    assert "Not for this account" in page.text


async def test_the_rail_shows_only_what_the_reader_may_open(admin: Person, ada: Person) -> None:
    everything = {item.path for items in NAV.values() for item in items}
    shown = {str(link["href"]) for link in (await ada.look("/fleet")).of("a")}

    work = {"/", "/fleet", "/x-bots", "/chat", "/voices", "/webhooks", "/vault"}
    assert everything & shown == work | {"/jobs", "/logs"}
    assert everything <= {str(link["href"]) for link in (await admin.look("/fleet")).of("a")}


@pytest.mark.parametrize("path", [item.path for items in NAV.values() for item in items])
async def test_the_rail_says_where_one_is(admin: Person, path: str) -> None:
    links = (await admin.look(path)).of("a")

    assert path in [link["href"] for link in links if link.get("aria-current") == "page"]


async def test_another_account_s_bot_is_not_there(ada: Person, people: People, admin: Person) -> None:
    bot_id, _ = await ada.make_bot("Ada's own")
    stranger = await people.join()

    for tab in OF_BOT:
        await stranger.look(f"/fleet/{bot_id}{tab}", status=404)
    assert "Ada's own" not in (await stranger.look("/fleet")).text
    assert "Ada's own" in (await admin.look("/fleet")).text


async def test_unknown_addresses_get_a_page_that_says_so(admin: Person) -> None:
    page = await admin.look("/nowhere", status=404)

    assert "There is no such page." in page.text


async def test_a_wrong_number_in_an_address_is_no_crash(admin: Person) -> None:
    await admin.look("/fleet?page=-5", status=400)
    await admin.look("/fleet?page=7")
    await admin.look("/live/fleet?page=many", status=400)
    await admin.look("/live/logs?before=x", status=400)
    await admin.look("/live/logs?since=nowhere", status=400)
    await admin.look("/live/nothing", status=404)
    await admin.look("/fleet?page=many", status=400)
    await admin.look("/logs?before=99999999999999999999", status=400)
    await admin.look("/users/99999999999999", status=404)


async def test_what_bots_write_is_shown_and_never_obeyed(ada: Person, people: People) -> None:
    bot_id, token = await ada.make_bot("<b>bold</b>")
    evil = "<script>alert(1)</script><hx-partial hx-target='body'>gone</hx-partial>"
    bot = people.bot(token)
    await bot.post(f"/bot/{bot_id}/logs", json={"type": "info", "message": evil, "metadata": {"k": evil}})
    await bot.post(
        f"/bot/{bot_id}/messages",
        json={
            "message": evil,
            "author_id": evil,
            "author_name": evil,
            "thread_id": evil,
            "thread_type": "USER",
        },
    )
    await bot.post(
        f"/bot/{bot_id}/sync", json={"groups": [{"name": evil}], "friends": [evil], "metadata": {evil: 1}}
    )
    await bot.post(f"/bot/{bot_id}/hello", json={"version": evil[:90], "host": evil[:90]})

    for path in (*(f"/fleet/{bot_id}{tab}" for tab in OF_BOT), "/", "/fleet", "/logs"):
        page = await ada.look(path)
        assert_whole(page)
        assert "<hx-partial hx-target='body'" not in page.source, path
    assert evil in (await ada.look(f"/fleet/{bot_id}")).text
