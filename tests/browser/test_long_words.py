"""What people name without a space in it, as long as it may be: it goes on in the next line, and pushes nothing away."""

import pytest

from tests import loopback
from tests.browser.conftest import OpenTab, Tab
from tests.browser.looks import BAR, OUTGROWN, widen
from tests.browser.yard import ADMIN_PASSWORD, PASSWORD, Yard, make_account, make_bot

pytestmark = pytest.mark.browser
NAME = "q" * 30
WIDTHS = (1440, 1100, 390, 320 + BAR)
STICKS_OUT = """
[...document.querySelectorAll(".rail .me, dialog:modal")]
  .filter(box => box.checkVisibility())
  .filter(box => box.scrollWidth > box.clientWidth + 1 || box.getBoundingClientRect().right > box.closest("aside, body").getBoundingClientRect().right)
  .map(box => `${box.id || box.className} does not hold what is in it`)
"""


def send(yard: Yard, who: tuple[str, str], forms: dict[str, dict[str, str]]) -> None:
    """Fill forms in as somebody."""
    name, password = who
    with loopback.blocking_client(base_url=yard.url) as http:
        http.headers.update({"HX-Request": "true", "Origin": yard.url})
        door = {"/sign-in": {"identity": name, "password": password, "next": "/about"}}
        for path, fields in {**door, **forms}.items():
            reply = http.post(path, data=fields)
            assert reply.status_code == 200, (path, reply.text)


def name_everything(yard: Yard) -> str:
    """Long names for everything that has one; the path of a bot's pages."""
    make_account(yard, NAME)
    bot = make_bot(yard, "W" * 200, owner=NAME, password=PASSWORD)
    bot.say("N" * 400, thread="D" * 100)
    own = {
        "/account/profile": {"fullname": "U" * 200, "currency": "ZAR"},
        "/account/keys": {"name": "K" * 100, "days": "30", "scopes": "bots:read"},
        f"/fleet/{bot.id}/commands": {"type": "C" * 100, "payload": "{}", "priority": "0"},
    }
    send(yard, (NAME, PASSWORD), own)
    invited = {"email": f"{'m' * 60}@{'e' * 60}.org", "note": "n" * 200}
    send(yard, ("admin", ADMIN_PASSWORD), {"/users/invitations": invited})
    return f"/fleet/{bot.id}"


async def broken(tab: Tab, *paths: str) -> list[str]:
    """What is wider than its place on pages, at any width."""
    found: list[str] = []
    for path in paths:
        await tab.page.goto("about:blank")  # or the part behind the # alone would open nothing
        await tab.go(path)
        for width in WIDTHS:
            await widen(tab.page, width)
            wrong = [*await tab.page.evaluate(OUTGROWN), *await tab.page.evaluate(STICKS_OUT)]
            found += [f"{path[:40]}, {width} wide: {each}" for each in wrong]
    return found


async def test_a_long_word_breaks_no_page(open_tab: OpenTab, yard: Yard) -> None:
    bot = name_everything(yard)
    owner, admin = await open_tab(), await open_tab()
    await owner.enter(NAME, PASSWORD)
    await admin.enter()

    wrong = await broken(
        owner,
        "/fleet",
        f"{bot}/commands",
        f"{bot}/messages?thread={'D' * 100}",
        f"{bot}/access#delete",
        "/account/keys",
    )
    wrong += await broken(admin, "/users/invitations", f"/users?q={NAME}")
    await admin.page.get_by_role("link", name=NAME).click()
    await admin.page.locator("#about-title").wait_for()
    wrong += await broken(admin, admin.page.url.removeprefix(admin.url))

    assert "\n".join(wrong) == ""
