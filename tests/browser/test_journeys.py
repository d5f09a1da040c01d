"""What people come for, done in a real browser: by keyboard, live, and when things go wrong."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyotp
import pytest
from playwright.async_api import Page, Route, expect

from tests.browser.conftest import OpenTab, Tab
from tests.browser.yard import ADMIN_PASSWORD, PASSWORD, BotCalls, Yard, make_account, make_bot

pytestmark = pytest.mark.browser
AGENT = Path(__file__).parents[2] / "agents/python/src"


@contextmanager
def agent(url: str, token: str, folder: Path) -> Iterator[None]:
    """The echo bot of the agent library, in a process of its own."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(AGENT),
        "BOTYARD_URL": url,
        "BOTYARD_BOT_TOKEN": token,
        "BOTYARD_STATE_DIR": str(folder),
    }
    with (folder / "agent.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "botyard_agent", "echo"], env=environment, stdout=log, stderr=log
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(20)


async def focused(page: Page) -> str:
    """What the keyboard speaks to: its name, or its text."""
    return str(
        await page.evaluate(
            "document.activeElement.getAttribute('aria-label') ?? (document.activeElement.labels?.[0]"
            " ?? document.activeElement).textContent.trim()"
        )
    )


async def tab_to(page: Page, name: str) -> None:
    """Press the tab key until the element of that name has the focus."""
    for _ in range(60):
        if await focused(page) == name:
            return
        await page.keyboard.press("Tab")
    raise AssertionError(f"no way to {name} by keyboard; the focus is on {await focused(page)}")


async def test_from_a_token_to_an_answered_command_by_keyboard_alone(
    open_tab: OpenTab, empty_yard: Yard, tmp_path: Path
) -> None:
    tab = await open_tab(on=empty_yard)
    page, keys = tab.page, tab.page.keyboard
    await tab.go("/")
    assert await focused(page) == "User name or mail address"
    await keys.type("admin")
    await keys.press("Tab")
    await keys.type("the first administrator's")
    await keys.press("Enter")
    await page.wait_for_url(f"{tab.url}/welcome")

    await keys.press("Tab")
    assert await focused(page) == "Skip to content"
    await keys.press("Enter")
    await tab_to(page, "New bot")
    await keys.press("Enter")
    assert await focused(page) == "Name"
    await keys.type("Harbour pilot")
    await keys.press("Enter")
    token = await page.locator("#token").input_value()
    waiting = page.get_by_text("Waiting for its first call")
    await expect(waiting).to_be_visible()

    folder = tmp_path / "agent"
    folder.mkdir()
    with agent(f"{tab.url}/manager", token, folder):
        await expect(waiting).to_be_hidden()
        await expect(page.locator("bot-arrival [data-here]")).to_be_visible()
        await tab_to(page, "Open Harbour pilot")
        await keys.press("Enter")
        await page.wait_for_url(re.compile(r"/fleet/bot_\w+$"))
        await tab_to(page, "Send command")
        await keys.press("Enter")
        assert await focused(page) == "Command"
        await keys.type("say")
        await keys.press("Tab")
        await keys.type('{"text": "ahoy"}')
        await tab_to(page, "Send")
        await keys.press("Enter")
        await expect(page.get_by_text("Completed", exact=True)).to_be_visible()
        await tab_to(page, "say")
        await keys.press("Enter")
        await expect(page.get_by_text('"said": "ahoy"')).to_be_visible()
        await expect(page.locator("#bot-state")).to_contain_text("Online")
    await expect(page.locator("#bot-state")).to_contain_text("Offline")


async def test_log_lines_appear_pause_and_resume(tab: Tab, yard: Yard) -> None:
    bot = make_bot(yard, "Talker")
    page = tab.page
    await tab.go(f"/fleet/{bot.id}")
    await expect(page.locator("#live-state")).to_have_text("Live")
    await expect(page.get_by_text("No log lines yet")).to_be_visible()

    bot.log("the first line")
    await expect(page.get_by_text("the first line")).to_be_visible()
    await expect(page.get_by_text("No log lines yet")).to_have_count(0)
    await page.get_by_role("button", name="Pause").click()
    bot.log("held back 1", "held back 2", "held back 3")
    await expect(page.get_by_role("button", name="Resume (3 new)")).to_be_visible()
    await expect(page.get_by_text("held back 1")).to_have_count(0)
    await page.get_by_role("button", name="Resume (3 new)").click()

    texts = await page.locator("[data-rows] .text").all_inner_texts()
    assert texts == ["held back 3", "held back 2", "held back 1", "the first line"]
    await expect(page.get_by_role("button", name="Pause")).to_be_visible()


async def test_logs_are_searched_while_one_types_and_the_filter_stays_in_the_address(
    tab: Tab, yard: Yard
) -> None:
    bot = make_bot(yard, "Searched")
    page = tab.page
    bot.log("calm water", "high water", "fire")
    bot.log("burning water", level="error")
    await tab.go(f"/fleet/{bot.id}")

    await page.get_by_label("Search the messages").press_sequentially("WATER")
    await expect(page.locator("[data-rows] tr")).to_have_count(3)
    await page.wait_for_url(re.compile("q=WATER"))
    assert await focused(page) == "Search the messages"
    await expect(page.locator("#live-state")).to_have_text("Live")
    bot.log("more water", "more fire")
    await expect(page.get_by_text("more water")).to_be_visible()
    await expect(page.get_by_text("more fire")).to_have_count(0)
    await page.reload()
    await page.get_by_role("link", name="Error", exact=True).click()
    await expect(page.locator("[data-rows] tr")).to_have_count(1)
    await expect(page.get_by_text("burning water")).to_be_visible()


async def test_a_flood_of_lines_leaves_the_page_usable(tab: Tab, yard: Yard) -> None:
    bot = make_bot(yard, "Flood")
    page = tab.page
    await tab.go(f"/fleet/{bot.id}")
    await expect(page.locator("#live-state")).to_have_text("Live")

    for part in range(6):
        await asyncio.to_thread(bot.log, *(f"line {part * 500 + number:05}" for number in range(500)))

    await expect(page.get_by_text("line 02999")).to_be_visible()
    assert await page.locator("[data-rows] tr").count() <= 500
    await page.get_by_role("link", name="Commands").click()
    await expect(page.get_by_text("No commands yet")).to_be_visible()


async def test_the_fleet_changes_under_the_reader_s_eyes_and_hands(tab: Tab, yard: Yard) -> None:
    bot = make_bot(yard, "Lighthouse")
    page = tab.page
    await tab.go("/fleet?q=Lighthouse")
    find = page.get_by_label("Find a bot")
    await find.focus()
    row = page.locator(f"#bot-{bot.id}")
    await expect(row).to_contain_text("Never joined")
    link = row.get_by_role("link")
    await link.focus()

    bot.call("POST", "hello", json={"version": "7"})

    await expect(row).to_contain_text("Online")
    await expect(row).to_contain_text("agent 7")
    await expect(link).to_be_focused()
    await page.get_by_role("link", name="Offline").click()
    await expect(page.get_by_text("No bot matches")).to_be_visible()


async def test_an_opened_command_stays_open_while_it_changes(tab: Tab, yard: Yard) -> None:
    bot = make_bot(yard, "Slow")
    page = tab.page
    await tab.go(f"/fleet/{bot.id}/commands#send-command")
    await page.get_by_label("Command", exact=True).fill("report")
    await page.get_by_role("button", name="Send", exact=True).click()
    await page.locator("summary", has_text="report").click()
    await expect(page.get_by_text("Payload", exact=True).last).to_be_visible()

    command = bot.take()
    await expect(page.get_by_text("Taken", exact=True)).to_be_visible()
    bot.finish(command["id"], {"rows": 412})

    await expect(page.get_by_text('"rows": 412')).to_be_visible()
    await expect(page.locator("details[open]")).to_have_count(1)


async def test_a_conversation_shows_its_end_and_follows_it(tab: Tab, yard: Yard) -> None:
    bot = make_bot(yard, "Chatty")
    page = tab.page
    for number in range(30):
        bot.say(f"message {number}")
    await tab.go(f"/fleet/{bot.id}/messages?thread=family")
    await expect(page.get_by_text("message 29", exact=True).first).to_be_in_viewport()

    bot.say("and one more")
    await expect(page.locator(".talk").get_by_text("and one more")).to_be_in_viewport()
    await page.get_by_label("Send as Chatty").fill("Good evening")
    await page.get_by_role("button", name="Send", exact=True).click()
    await expect(page.get_by_text("The message is on its way to the bot.")).to_be_visible()

    assert bot.take()["payload"]["message"] == "Good evening"


async def test_the_second_factor_from_picture_to_sign_in(open_tab: OpenTab, yard: Yard) -> None:
    make_account(yard, "grace")
    tab = await open_tab()
    page = tab.page
    await tab.sign_in("grace", PASSWORD)
    await tab.go("/account/security")
    await page.get_by_role("button", name="Set it up").click()
    await page.get_by_role("dialog").get_by_label("Your password").fill(PASSWORD)
    await page.get_by_role("button", name="Go on").click()
    picture = page.get_by_alt_text("QR code for an authenticator app")
    await expect(picture).to_be_visible()
    assert await picture.evaluate("picture => picture.naturalWidth") > 0
    totp = pyotp.TOTP(await page.locator("#otp-secret").input_value())
    await page.get_by_label("Code", exact=True).fill(totp.now())
    await page.get_by_role("button", name="Turn it on").click()
    recovery = (await page.locator("#codes").inner_text()).split()
    await page.get_by_role("link", name="I have kept them").click()
    await page.get_by_role("button", name="Sign out", exact=True).first.click()

    await page.get_by_label("User name or mail address").fill("grace")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    code = page.get_by_label("Code of your second factor")
    await expect(code).to_be_focused()
    assert await page.get_by_label("Password").input_value() == PASSWORD
    tab.expect("401 (Unauthorized)")
    await code.fill("000000")
    await code.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("The code is wrong")
    await code.fill(recovery[0])
    await code.press("Enter")
    await page.wait_for_url(f"{tab.url}/welcome")


async def test_a_form_shows_what_is_wrong_and_keeps_what_was_typed(tab: Tab, full_bot: BotCalls) -> None:
    tab.expect("400 (Bad Request)")
    page = tab.page
    await tab.go(f"/fleet/{full_bot.id}/commands")
    opener = page.get_by_role("button", name="Send command")
    await opener.click()
    await page.get_by_label("Command", exact=True).fill("say")
    payload = page.get_by_label("Payload (optional)")
    await payload.fill("{broken")
    await page.get_by_role("button", name="Send", exact=True).click()

    await expect(page.get_by_role("alert")).to_contain_text("This is not JSON.")
    await expect(payload).to_be_focused()
    await expect(payload).to_have_attribute("aria-invalid", "true")
    await expect(payload).to_have_value("{broken")
    await page.keyboard.press("Escape")
    await expect(page.locator("dialog[open]")).to_have_count(0)
    await expect(opener).to_be_focused()


async def test_a_token_is_copied_hidden_and_shown(open_tab: OpenTab) -> None:
    tab = await open_tab(permissions=["clipboard-read", "clipboard-write"])
    await tab.enter()
    page = tab.page
    await tab.go("/fleet#new-bot")
    await page.get_by_label("Name", exact=True).fill("Copied")
    await page.get_by_role("button", name="Make the bot").click()
    token = page.locator("#token")

    await page.get_by_role("button", name="Copy").first.click()
    await expect(page.get_by_role("button", name="Copied")).to_be_visible()
    show = page.get_by_role("button", name="Show token")
    await show.click()

    assert await page.evaluate("navigator.clipboard.readText()") == await token.input_value()
    await expect(token).to_have_attribute("type", "password")
    await expect(show).to_have_attribute("aria-pressed", "false")


async def test_the_theme_follows_the_system_until_it_is_chosen_and_is_remembered(open_tab: OpenTab) -> None:
    tab = await open_tab(dark=True)
    page, root = tab.page, tab.page.locator("html")
    await tab.go("/sign-in")
    await expect(root).to_have_attribute("data-bs-theme", "dark")
    await page.emulate_media(color_scheme="light")
    await expect(root).to_have_attribute("data-bs-theme", "light")

    await page.get_by_role("button", name="Switch between light and dark").click()
    await page.reload()

    await expect(root).to_have_attribute("data-bs-theme", "dark")


async def test_the_menu_of_a_phone_opens_and_closes_by_keyboard(open_tab: OpenTab) -> None:
    tab = await open_tab(phone=True)
    await tab.enter()
    await tab.go("/about")
    page = tab.page
    await expect(page.get_by_role("link", name="Jobs")).to_be_hidden()

    await page.get_by_role("button", name="Menu").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("link", name="Jobs")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("link", name="Jobs")).to_be_hidden()
    await page.keyboard.press("Enter")
    await page.get_by_role("link", name="Jobs").click()

    await page.wait_for_url(f"{tab.url}/jobs")


async def test_a_page_is_live_also_where_the_last_of_its_scripts_comes_late(tab: Tab) -> None:
    """What opens the stream is read after what looks for streams; on a slow line there is time between the two."""
    page = tab.page

    async def late(route: Route) -> None:
        await page.evaluate(
            """() => new Promise((done) => {
                const look = () => (window.htmx ? setTimeout(() => setTimeout(done)) : setTimeout(look, 5));
                look();
            })"""
        )
        await route.continue_()

    await page.route("**/hx-sse.min.js*", late)
    await tab.enter()
    await tab.go("/fleet")

    await expect(page.locator("#live-state")).to_have_text("Live")


async def test_a_session_that_ends_elsewhere_leads_to_the_door(open_tab: OpenTab, yard: Yard) -> None:
    make_account(yard, "twice")
    here, there = await open_tab(), await open_tab()
    await here.enter("twice", PASSWORD)
    await there.enter("twice", PASSWORD)
    await here.go("/fleet")
    await expect(here.page.locator("#live-state")).to_have_text("Live")

    await there.go("/account/security")
    await there.page.get_by_role("button", name="Sign out everywhere else").click()
    await there.page.get_by_role("dialog").get_by_role("button", name="Sign out").click()

    await here.page.wait_for_url(f"{here.url}/sign-in?next=/fleet")


async def test_a_tab_in_the_background_is_led_to_the_door_when_one_comes_back_to_it(
    open_tab: OpenTab, yard: Yard
) -> None:
    make_account(yard, "thrice")
    here, there = await open_tab(), await open_tab()
    await here.enter("thrice", PASSWORD)
    await there.enter("thrice", PASSWORD)
    await here.go("/fleet")
    badge = here.page.locator("#live-state")
    await expect(badge).to_have_text("Live")

    async def show(hidden: bool) -> None:
        await here.page.evaluate(
            """(hidden) => {
                Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
                document.dispatchEvent(new Event("visibilitychange"));
            }""",
            hidden,
        )

    async with here.page.expect_event("requestfailed", lambda request: "/live/fleet" in request.url):
        await show(hidden=True)
    await there.go("/account/security")
    await there.page.get_by_role("button", name="Sign out everywhere else").click()
    await there.page.get_by_role("dialog").get_by_role("button", name="Sign out").click()
    await expect(there.page.get_by_role("dialog")).to_have_count(0)
    await show(hidden=False)

    await here.page.wait_for_url(f"{here.url}/sign-in?next=/fleet")


async def test_who_looks_at_a_bot_that_somebody_deletes_is_told(open_tab: OpenTab, yard: Yard) -> None:
    bot = make_bot(yard, "Short-lived")
    tab = await open_tab()
    await tab.enter()
    await tab.go(f"/fleet/{bot.id}/settings")
    badge = tab.page.locator("#live-state")
    await expect(badge).to_have_text("Live")

    with yard.client() as http:
        http.post("/auth/login", json={"username": "admin", "password": ADMIN_PASSWORD})
        reply = http.delete(f"/my-bots/{bot.id}")
        assert reply.status_code == 200, reply.text

    await expect(badge).to_have_text("Gone")
    await expect(tab.page.get_by_text("What this page shows is gone")).to_be_visible()


async def test_a_server_that_goes_and_comes_back_is_told_and_caught_up_with(
    open_tab: OpenTab, empty_yard: Yard
) -> None:
    tab = await open_tab(on=empty_yard)
    await tab.enter()
    bot = make_bot(empty_yard, "Patient")
    page = tab.page
    await tab.go(f"/fleet/{bot.id}")
    badge = page.locator("#live-state")
    await expect(badge).to_have_text("Live")
    for text in (
        "ERR_CONNECTION_REFUSED",
        "ERR_INCOMPLETE_CHUNKED_ENCODING",
        "Failed to fetch",
        "network error",
    ):
        tab.expect(text)

    empty_yard.stop()
    await expect(badge).to_have_text("Reconnecting")
    await page.get_by_role("button", name="Send command").click()
    await page.get_by_label("Command", exact=True).fill("ping")
    await page.get_by_role("button", name="Send", exact=True).click()
    await expect(page.get_by_text("The server did not answer.")).to_be_visible()
    empty_yard.start()
    again = BotCalls(empty_yard, bot.id, bot.token)
    again.log("while you were away")

    await expect(page.get_by_text("while you were away")).to_be_visible(timeout=60_000)
    await expect(badge).to_have_text("Live")


async def test_without_script_one_can_still_sign_in_and_read(open_tab: OpenTab, full_bot: BotCalls) -> None:
    tab = await open_tab(java_script_enabled=False)
    await tab.sign_in()
    await tab.go("/fleet")

    await tab.page.get_by_role("link", name="Front desk").click()

    await expect(tab.page.get_by_text("Rate limit near")).to_be_visible()


async def test_settings_of_a_bot_are_edited_row_by_row(tab: Tab, yard: Yard) -> None:
    bot = make_bot(yard, "Configured")
    page = tab.page
    await tab.go(f"/fleet/{bot.id}/settings")
    await page.get_by_role("button", name="Add a setting").click()
    assert await focused(page) == "Key"
    await page.keyboard.type("every")
    await page.keyboard.press("Tab")
    await page.keyboard.type("30")
    await page.get_by_role("button", name="Add a setting").click()
    await page.keyboard.type("gone")
    await page.get_by_role("button", name="Remove this setting").last.click()
    await page.get_by_role("button", name="Save").click()

    await expect(page.get_by_text("The settings are saved.")).to_be_visible()
    assert bot.call("GET", "settings")["settings"] == {"every": 30}


async def test_deleting_asks_first_and_needs_the_password(tab: Tab, yard: Yard) -> None:
    bot = make_bot(yard, "Doomed")
    page = tab.page
    await tab.go(f"/fleet/{bot.id}/access")
    await page.get_by_role("button", name="Delete", exact=True).click()
    asked = page.get_by_role("dialog")
    await expect(asked).to_contain_text("This cannot be undone.")

    tab.expect("401 (Unauthorized)")
    await asked.get_by_label("Your password").fill("not it")
    await asked.get_by_role("button", name="Delete the bot").click()
    await expect(asked.get_by_role("alert")).to_contain_text("wrong")
    await asked.get_by_label("Your password").fill("the first administrator's")
    await asked.get_by_role("button", name="Delete the bot").click()

    await expect(page.get_by_text("Doomed is deleted.")).to_be_visible()
    await expect(page.locator(f"#bot-{bot.id}")).to_have_count(0)


async def test_the_audit_log_is_verified_on_the_page(tab: Tab) -> None:
    await tab.go("/audit")

    await tab.page.get_by_role("button", name="Verify").click()

    await expect(tab.page.get_by_text(re.compile("The log is sound: \\d+ entries"))).to_be_visible()


async def test_a_user_is_found_and_disabled_and_let_in_again(tab: Tab, yard: Yard) -> None:
    make_account(yard, "wanderer")
    page = tab.page
    await tab.go("/users")
    await page.get_by_label("Find by name or address").fill("wander")
    await expect(page.locator("#list tbody tr")).to_have_count(1)
    await page.get_by_role("link", name="wanderer").click()

    await page.get_by_role("button", name="Disable", exact=True).click()
    await page.get_by_role("button", name="Disable the account").click()
    await expect(page.get_by_text("The account is disabled.")).to_be_visible()
    await page.get_by_role("button", name="Enable").click()

    await expect(page.get_by_text("The account is enabled.")).to_be_visible()


async def test_signing_in_anew_keeps_the_pages_that_are_open(tab: Tab) -> None:
    """The new session takes the place of the one that they were opened with."""
    await tab.go("/fleet")
    await tab.page.get_by_text("Live", exact=True).wait_for()

    async with tab.page.expect_event("load"):
        await tab.enter()

    await expect(tab.page).to_have_url(f"{tab.url}/fleet")
    await expect(tab.page.get_by_role("heading", name="Fleet", level=1)).to_be_visible()
